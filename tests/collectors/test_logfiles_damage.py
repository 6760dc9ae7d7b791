"""The collector `logfiles` with files that are damaged, absurd, or changed while they are read."""

from __future__ import annotations

import errno
import gzip
import io
import os
import random
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard
from logreading import logfiles, messages, orders, run

from collectors.logfiles import collector, reading
from gather_diagnostics import Request, unpacking

MakeRequest = Callable[..., Request]


@pytest.fixture
def text(now: datetime) -> str:
    return orders(now)


def noise(text: str) -> bytes:
    """The lines with incompressible ends, so that a damaged byte lies in the middle of the data."""
    dice = random.Random(7)
    return b"".join(f"{t} {dice.randbytes(300).hex()}\n".encode() for t in text.splitlines())


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor(write_checksum=True).compress])
@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_damaged_compressed_files_keep_the_lines_before(
    pack: Callable[[bytes], bytes], damage: str, text: str, tmp_path: Path, make_request: MakeRequest
) -> None:
    raw = noise(text)
    packed = pack(raw)
    half = len(packed) // 2
    path = tmp_path / "a.log"
    path.write_bytes(packed[:half] + (b"" if damage == "cut" else b"\xff" * 4000))
    rows, (gap,) = run(logfiles(path), make_request())
    whole = [r for r in rows if len(r["message"]) == len("order 000 ") + 600]
    assert gap.cause == "invalid"
    assert str(path) in gap.why
    assert "it is damaged after" in gap.why
    assert f"line {len(rows)}" in gap.why or f"line {len(rows) + 1}" in gap.why
    assert " -t " in gap.mend
    assert [r["message"][:9] for r in whole] == [f"order {n:03}" for n in range(len(whole))]
    # zstd comes in blocks of 128 KiB: of a file of one block nothing stays, see the test of a longer one.
    assert len(whole) >= 90 if pack is gzip.compress else len(raw) < 131_072


def test_lines_before_damage_in_a_long_zstd_file_stay(text: str, tmp_path: Path, make_request: MakeRequest) -> None:
    raw = noise(text * 5)
    packed = zstandard.ZstdCompressor().compress(raw)
    (tmp_path / "a.log").write_bytes(packed[: len(packed) - 2000])
    rows, (gap,) = run(logfiles(tmp_path / "a.log"), make_request())
    assert gap.cause == "invalid"
    assert len(rows) > 700


def test_bombs_are_bounded(tmp_path: Path, make_request: MakeRequest, text: str) -> None:
    bombs = {"a.gz": gzip.compress(bytes(80 << 20), 9), "a.zst": zstandard.ZstdCompressor().compress(bytes(80 << 20))}
    for name, bomb in bombs.items():
        path = tmp_path / name
        path.write_bytes(bomb)
        with path.open("rb", buffering=0) as stream:
            sizes = [len(chunk) for chunk in unpacking.unpacker(bomb[:4])(stream)]  # type: ignore[misc]
        assert sum(sizes) == 80 << 20
        assert max(sizes) <= 32 << 20
        _, gaps = run(logfiles(path, max_bytes=1 << 20), make_request())
        assert ("truncated", "raise sources.logfiles.max_bytes") in [(g.cause, g.mend) for g in gaps]


@pytest.mark.slow
def test_a_line_of_50_mb(tmp_path: Path, now: datetime, make_request: MakeRequest) -> None:
    path = tmp_path / "a.log"
    moment = (now - timedelta(minutes=1)).isoformat()
    with path.open("w") as stream:
        stream.write(f"{moment} ERROR {'x' * (50 << 20)}\n{moment} INFO fine\n")
    rows, (gap,) = run(logfiles(path), make_request())
    assert [len(r["message"]) < 66_000 for r in rows] == [True, True]
    assert rows[0]["message"].endswith(f"…[cut, {(50 << 20) + len(moment) + 7} bytes]")
    assert (gap.cause, rows[1]["ref"]) == ("truncated", f"{path}:2")
    assert gap.why.startswith(f"1 line of {path} longer than 65,536 bytes (the longest: 52,4")


def test_invalid_utf8_is_no_gap(tmp_path: Path, now: datetime, make_request: MakeRequest) -> None:
    (tmp_path / "a.log").write_bytes(f"{(now - timedelta(minutes=1)).isoformat()} caf".encode() + b"\xe9\x00\n")
    assert messages(logfiles(tmp_path / "a.log"), make_request()) == ["caf\ufffd\x00"]


class Hooked:
    """The file `a.log`; `then` runs after the first read of more than a few bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> None:
        real = unpacking.plain

        def plain(stream: Any, *length: int) -> Iterator[bytes]:
            for n, chunk in enumerate(real(stream, *length)):
                yield chunk
                if n == 0:
                    then()

        monkeypatch.setattr(reading, "plain", plain)


def test_rotated_away_while_reading(
    monkeypatch: pytest.MonkeyPatch, text: str, tmp_path: Path, make_request: MakeRequest
) -> None:
    path = tmp_path / "a.log"
    path.write_text(text)

    def rotate() -> None:
        path.rename(tmp_path / "a.log.1")
        path.write_text("")

    Hooked(monkeypatch, rotate)
    rows, (gap,) = run(logfiles(path), make_request())
    assert (len(rows), gap.cause) == (200, "truncated")
    assert "rotated away while it was read" in gap.why


def test_removed_while_reading(
    monkeypatch: pytest.MonkeyPatch, text: str, tmp_path: Path, make_request: MakeRequest
) -> None:
    path = tmp_path / "a.log"
    path.write_text(text)
    Hooked(monkeypatch, path.unlink)
    rows, (gap,) = run(logfiles(path), make_request())
    assert (len(rows), gap.cause) == (200, "truncated")


def test_emptied_while_reading(
    monkeypatch: pytest.MonkeyPatch, text: str, tmp_path: Path, make_request: MakeRequest
) -> None:
    path = tmp_path / "a.log"
    path.write_text(text)
    Hooked(monkeypatch, lambda: os.truncate(path, 0))
    _, (gap,) = run(logfiles(path), make_request())
    assert "copytruncate" in gap.why


def test_gone_between_finding_and_opening(
    monkeypatch: pytest.MonkeyPatch, text: str, tmp_path: Path, make_request: MakeRequest
) -> None:
    monkeypatch.setattr(collector, "_files", lambda paths, service: [str(tmp_path / "gone.log")])
    rows, (gap,) = run(logfiles(tmp_path / "gone.log"), make_request())
    assert (rows, gap.cause) == ([], "not_found")


def test_a_failing_disk_keeps_what_was_read(
    monkeypatch: pytest.MonkeyPatch, text: str, tmp_path: Path, make_request: MakeRequest
) -> None:
    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error")

    (tmp_path / "a.log").write_text(text)
    Hooked(monkeypatch, fail)
    rows, (gap,) = run(logfiles(tmp_path / "a.log"), make_request())
    assert (len(rows), gap.cause, gap.why) == (200, "invalid", f"{tmp_path}/a.log can't be read: Input/output error")


def test_gzip_output_held_back_by_zlib_is_not_lost(tmp_path: Path, make_request: MakeRequest) -> None:
    packed = zlib.compress(b"a" * (3 * unpacking.CHUNK + 17), 9, wbits=31)
    chunks = list(unpacking.unpacker(packed[:4])(io.BytesIO(packed)))  # type: ignore[misc]
    assert sum(map(len, chunks)) == 3 * unpacking.CHUNK + 17
