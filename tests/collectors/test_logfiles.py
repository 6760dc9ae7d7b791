"""The collector `logfiles`: finds, opens, decompresses, skips, keeps, and says what it could not read."""

from __future__ import annotations

import errno
import gzip
import io
import os
import random
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard
from pydantic import ValidationError

from collectors.logfiles import LogFiles, collector, reading, seeking, unpacking
from gather_diagnostics import Gap, Request, Rows, Target, Window
from gather_diagnostics.tables import to_batch

DATA = Path(__file__).parents[1] / "data" / "logfiles"
MakeRequest = Callable[..., Request]


def logfiles(*paths: Path | str, **settings: Any) -> LogFiles:
    return LogFiles(LogFiles.Settings(paths=[str(p) for p in paths], **settings))


def run(source: LogFiles, request: Request) -> tuple[list[dict[str, Any]], list[Gap]]:
    rows: list[dict[str, Any]] = []
    gaps: list[Gap] = []
    for item in source.collect(request):
        if isinstance(item, Rows):
            rows += to_batch(item.table, source.name, item.rows).to_pylist()
        else:
            gaps.append(item)
    return rows, gaps


def messages(source: LogFiles, request: Request) -> list[str]:
    rows, gaps = run(source, request)
    assert gaps == []
    return [row["message"] for row in rows]


def line(moment: datetime, text: str, level: str = "INFO") -> str:
    return f"{moment.isoformat()} {level} {text}\n"


@pytest.fixture
def text(now: datetime) -> str:
    """200 lines, one every 20 seconds up to the end of the incident window."""
    start = now - timedelta(seconds=20 * 200)
    return "".join(line(start + timedelta(seconds=20 * n), f"order {n:03}") for n in range(200))


def test_rows_lie_in_the_windows_and_lead_back_to_their_line(
    tmp_path: Path, now: datetime, make_request: MakeRequest
) -> None:
    week = timedelta(days=7)
    request = make_request(seasonal=(Window(now - week - timedelta(hours=1), now - week),))
    moments = [now - week - timedelta(minutes=5), now - timedelta(hours=3), now - timedelta(hours=2),
               now - timedelta(minutes=1), now]  # fmt: skip
    path = tmp_path / "a.log"
    path.write_text("".join(line(m, f"n{n}") for n, m in enumerate(moments)))
    rows, gaps = run(logfiles(path), request)
    assert gaps == []
    assert [(r["message"], r["time"], r["ref"]) for r in rows] == [
        ("n0", moments[0], f"{path}:1"),
        ("n2", moments[2], f"{path}:3"),
        ("n3", moments[3], f"{path}:4"),
    ]
    assert {(r["service"], r["instance"], r["source"], r["level"]) for r in rows} == {
        ("checkout", "a.log", "logfiles", "INFO")
    }


def test_mixed_formats_with_the_services_they_name(make_request: MakeRequest) -> None:
    rows, gaps = run(logfiles(DATA / "mixed.log", DATA / "shared.log"), make_request())
    assert gaps == []
    assert len(rows) == 15 + 2
    assert [r["service"] for r in rows if "shared" in r["ref"]] == ["payments", "checkout"]
    assert {r["ref"].rpartition(":")[2] for r in rows if "Traceback" in r["message"]} == {"20"}


@pytest.mark.parametrize("pack", ["plain", "gzip", "gzip members", "zstd", "zstd frames"])
def test_compression_is_told_by_content_not_by_name(
    pack: str, text: str, tmp_path: Path, make_request: MakeRequest
) -> None:
    raw = text.encode()
    zstd = zstandard.ZstdCompressor().compress
    half = len(raw) // 2
    packed = {
        "plain": raw,
        "gzip": gzip.compress(raw),
        "gzip members": gzip.compress(raw[:half]) + gzip.compress(b"") + gzip.compress(raw[half:]) + b"\0" * 512,
        "zstd": zstd(raw),
        "zstd frames": zstd(raw[:half]) + zstd(raw[half:]),
    }[pack]
    (tmp_path / "app.log.misleading").write_bytes(packed)
    assert messages(logfiles(tmp_path / "*.log*"), make_request())[-180:] == [f"order {n:03}" for n in range(20, 200)]


def test_rotated_files_and_links_are_each_read_once(text: str, tmp_path: Path, make_request: MakeRequest) -> None:
    lines = text.splitlines(keepends=True)
    (tmp_path / "app.log").write_text("".join(lines[150:]))
    (tmp_path / "app.log.1").write_text("".join(lines[100:150]))
    (tmp_path / "app.log.2.gz").write_bytes(gzip.compress("".join(lines[:100]).encode()))
    (tmp_path / "link.log").symlink_to(tmp_path / "app.log")
    found = messages(logfiles(tmp_path / "app.log*", tmp_path / "**/*.log"), make_request())
    assert sorted(found) == [f"order {n:03}" for n in range(200)]


def test_the_newest_file_comes_first(text: str, tmp_path: Path, make_request: MakeRequest) -> None:
    lines = text.splitlines(keepends=True)
    for age, (name, part) in enumerate([("b.log", lines[:1]), ("a.log", lines[1:2]), ("c.log", lines[2:3])]):
        (tmp_path / name).write_text(part[0])
        os.utime(tmp_path / name, (1_000_000 - age, 1_000_000 - age))
    assert messages(logfiles(tmp_path / "*"), make_request()) == ["order 000", "order 001", "order 002"]


def test_service_in_paths_is_no_pattern(text: str, tmp_path: Path, make_request: MakeRequest) -> None:
    (tmp_path / "check[1].log").write_text(text)
    (tmp_path / "check1.log").write_text(text)
    (target,) = logfiles(tmp_path / "{service}.log").plan(make_request(service="check[1]"))
    assert isinstance(target, Target)
    assert "1 file," in target.what
    rows, _ = run(logfiles(tmp_path / "{service}.log"), make_request(service="check[1]"))
    assert {r["instance"] for r in rows} == {"check[1].log"}


def test_instance_is_the_pod_where_the_path_names_it(text: str, tmp_path: Path, make_request: MakeRequest) -> None:
    pod = tmp_path / "pods" / "shop_checkout-7d9f-x2_0a1b" / "app" / "0.log"
    pod.parent.mkdir(parents=True)
    pod.write_text("".join(f"{t.replace(' ', ' stdout F ', 1)}\n" for t in text.splitlines()))
    container = tmp_path / "containers" / "checkout-8c-k4_shop_app-0123abcd.log"
    container.parent.mkdir()
    container.write_text(text)
    rows, _ = run(logfiles(tmp_path / "pods/*_{service}-*/*/*.log*", tmp_path / "containers/*"), make_request())
    assert {r["instance"] for r in rows} == {"checkout-7d9f-x2", "checkout-8c-k4"}
    assert {r["level"] for r in rows} == {"INFO"}


def test_zone_of_stamps_without_one(tmp_path: Path, now: datetime, make_request: MakeRequest) -> None:
    (tmp_path / "a.log").write_text("2026-03-14 04:10:00 in Berlin\n")
    rows, gaps = run(logfiles(tmp_path / "a.log", timezone="Europe/Berlin"), make_request())
    assert (rows[0]["time"], gaps) == (now - timedelta(minutes=10), [])


@pytest.mark.parametrize("bad", [{"timezone": "Mars/Olympus"}, {"timezone": "../etc"}, {"max_lines": 0}, {"path": []}])
def test_wrong_settings_are_errors(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LogFiles.Settings(**bad)


def usual(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.setattr(collector, "USUAL", tuple(f"{root}{place}" for place in collector.USUAL))


def test_usual_places(monkeypatch: pytest.MonkeyPatch, text: str, tmp_path: Path, make_request: MakeRequest) -> None:
    usual(monkeypatch, tmp_path)
    (gap,) = logfiles().plan(make_request())
    assert isinstance(gap, Gap)
    assert gap.cause == "not_configured"
    assert f"{tmp_path}/var/log/checkout/*.log*" in gap.why
    assert "services.checkout.sources.logfiles.paths" in gap.mend
    (tmp_path / "var/log/checkout").mkdir(parents=True)
    (tmp_path / "var/log/checkout/app.log").write_text(text)
    (tmp_path / "var/log/other.log").write_text(text)
    (target,) = logfiles().plan(make_request())
    assert isinstance(target, Target)
    assert (target.because, target.where) == ("a usual place", f"{tmp_path}/var/log/checkout/*.log*")
    assert target.what == f"log lines of checkout in 1 file, {len(text):,} bytes"
    assert len(messages(logfiles(), make_request())) == 200


def test_no_file_matches(tmp_path: Path, make_request: MakeRequest) -> None:
    gaps = list(logfiles(tmp_path / "*.log", tmp_path / "app.txt").plan(make_request()))
    assert [(g.cause, g.why) for g in gaps if isinstance(g, Gap)] == [
        ("not_found", f"no file matches {tmp_path}/*.log"),
        ("not_found", f"no file matches {tmp_path}/app.txt"),
    ]


def test_a_directory(text: str, tmp_path: Path, make_request: MakeRequest) -> None:
    (gap,) = logfiles(tmp_path).plan(make_request())
    assert isinstance(gap, Gap)
    assert (gap.cause, gap.why) == ("invalid", f"{tmp_path} is a directory")
    assert gap.mend == f"name the files in it: {tmp_path}/*.log*"
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.log").write_text(text)
    assert len(messages(logfiles(tmp_path / "*"), make_request())) == 200


def test_a_pipe_does_not_block(tmp_path: Path, make_request: MakeRequest) -> None:
    os.mkfifo(tmp_path / "a.log")
    rows, (gap,) = run(logfiles(tmp_path / "a.log"), make_request())
    assert (rows, gap.cause) == ([], "invalid")
    assert "is not a regular file" in gap.why


def test_permission_denied(
    monkeypatch: pytest.MonkeyPatch, text: str, tmp_path: Path, make_request: MakeRequest
) -> None:
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text(text)

    def refuse(path: str, *args: Any, **kwargs: Any) -> Any:
        if path.endswith("a.log"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return open(path, *args, **kwargs)

    monkeypatch.setattr(reading, "open", refuse, raising=False)
    source = logfiles(tmp_path / "*.log")
    rows, (gap,) = run(source, make_request())
    assert (len(rows), gap.cause) == (200, "denied")
    assert gap.mend == f"sudo setfacl -m u:$USER:r {tmp_path}/a.log"
    assert [g.cause for g in source.check(make_request())] == ["denied"]


def test_check_is_silent_when_all_is_well(text: str, tmp_path: Path, make_request: MakeRequest) -> None:
    (tmp_path / "a.log").write_text(text)
    assert list(logfiles(tmp_path / "*").check(make_request())) == []


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


def piped(monkeypatch: pytest.MonkeyPatch, text: str, tty: bool = False) -> io.TextIOWrapper:
    stream = io.TextIOWrapper(io.BytesIO(text.encode()))
    stream.isatty = lambda: tty  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", stream)
    return stream


def test_standard_input(monkeypatch: pytest.MonkeyPatch, text: str, make_request: MakeRequest) -> None:
    stream = piped(monkeypatch, text)
    source = logfiles("-", "-")
    (target,) = source.plan(make_request())
    assert isinstance(target, Target)
    assert list(source.check(make_request())) == []
    assert stream.buffer.tell() == 0, "planning and checking must leave it unread"
    rows, gaps = run(source, make_request())
    assert (len(rows), gaps) == (200, [])
    assert (rows[0]["ref"], rows[0]["instance"]) == ("stdin:1", "stdin")


def test_a_terminal_is_not_read(monkeypatch: pytest.MonkeyPatch, text: str, make_request: MakeRequest) -> None:
    piped(monkeypatch, text, tty=True)
    (gap,) = logfiles("-").plan(make_request())
    assert isinstance(gap, Gap)
    assert gap.cause == "not_configured"
    assert run(logfiles("-"), make_request())[0] == []


def test_no_timestamps(tmp_path: Path, make_request: MakeRequest) -> None:
    path = tmp_path / "a.log"
    path.write_text("\nserver started\nserver stopped\n")
    rows, (gap,) = run(logfiles(path), make_request())
    assert (rows, gap.cause) == ([], "invalid")
    assert gap.why == f"no timestamp recognised in {path}; the first line is 'server started'"
    assert "ISO 8601" in gap.mend


def test_an_empty_file_is_no_gap(tmp_path: Path, make_request: MakeRequest) -> None:
    (tmp_path / "a.log").write_text("")
    assert messages(logfiles(tmp_path / "a.log"), make_request()) == []


def test_lines_outside_the_windows_are_no_gap(tmp_path: Path, now: datetime, make_request: MakeRequest) -> None:
    (tmp_path / "a.log").write_text(line(now - timedelta(days=3), "old"))
    assert messages(logfiles(tmp_path / "a.log"), make_request()) == []


@pytest.mark.parametrize(("minutes", "said"), [(1, None), (3, "3 min"), (125, "2 h 5 min")])
def test_clock_skew(minutes: int, said: str | None, tmp_path: Path, now: datetime, make_request: MakeRequest) -> None:
    moments = [now - timedelta(minutes=5), now + timedelta(minutes=minutes)]
    (tmp_path / "a.log").write_text("".join(f"{m:%Y-%m-%d %H:%M:%S} INFO x\n" for m in moments))
    rows, gaps = run(logfiles(tmp_path / "a.log"), make_request())
    assert len(rows) == 1
    if said is None:
        assert gaps == []
    else:
        assert gaps[0].cause == "invalid"
        assert f"lies {said} in the future" in gaps[0].why
        assert "sources.logfiles.timezone" in gaps[0].mend


def test_max_lines_drops_the_everyday_first(tmp_path: Path, now: datetime, make_request: MakeRequest) -> None:
    start = now - timedelta(minutes=120)
    lines = [line(start + timedelta(seconds=n), f"base {n}") for n in range(3000)]
    lines += [line(now - timedelta(seconds=3000 - n), f"info {n}") for n in range(2900)]
    lines += [line(now - timedelta(seconds=60 - n), f"bad {n}", "ERROR") for n in range(50)]
    (tmp_path / "a.log").write_text("".join(lines))
    rows, (gap,) = run(logfiles(tmp_path / "a.log", max_lines=1000), make_request())
    kinds = [r["message"].split()[0] for r in rows]
    assert len(rows) <= 1000
    assert kinds.count("bad") == 50
    assert kinds.count("base") == 300
    assert 350 < kinds.count("info") < 450
    infos = [r["time"] for r in rows if r["message"].startswith("info")]
    assert max(infos) > now - timedelta(minutes=7), "thinned ones are spread to the end"
    assert gap.cause == "truncated"
    assert "2,700 lines from before the incident window" in gap.why
    assert f"{2900 - kinds.count('info'):,} lines below WARNING" in gap.why
    assert "max_lines" in gap.mend


def test_max_lines_is_a_hard_limit(tmp_path: Path, now: datetime, make_request: MakeRequest) -> None:
    (tmp_path / "a.log").write_text("".join(line(now - timedelta(minutes=1), f"bad {n}", "ERROR") for n in range(30)))
    rows, (gap,) = run(logfiles(tmp_path / "a.log", max_lines=10), make_request())
    assert len(rows) == 10
    assert "20 further lines" in gap.why


def test_time_runs_out(tmp_path: Path, text: str, make_request: MakeRequest) -> None:
    (tmp_path / "a.log").write_text(text)
    rows, (gap,) = run(logfiles(tmp_path / "a.log"), make_request(source_seconds=0.0))
    assert (len(rows), gap.cause) == (200, "timeout")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files from 100 KB on count as big; a bisection ends at 4 KiB."""
    monkeypatch.setattr(reading, "BISECT_FROM", 100_000)
    monkeypatch.setattr(seeking, "CHUNK", 4096)
    monkeypatch.setattr(unpacking, "CHUNK", 4096)


def big(now: datetime, days: int = 9) -> Iterable[str]:
    """A line every 20 s, the newest at `now`; every 50th has a second line."""
    for n in range(days * 4320, -1, -1):
        more = "  and more\n" if n % 50 == 0 else ""
        yield line(now - timedelta(seconds=20 * n), f"n{n} {'x' * (n % 90)}") + more


def parsed_bytes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sizes: list[int] = []
    real = reading.split

    def counting(chunks: Iterable[bytes], *args: Any) -> Iterator[bytes]:
        return real((sizes.append(len(c)) or c for c in chunks), *args)  # type: ignore[func-returns-value]

    monkeypatch.setattr(reading, "split", counting)
    return sizes


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("ending", [timedelta(0), timedelta(days=4)])
def test_big_sorted_files_are_bisected(
    ending: timedelta, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, now: datetime, make_request: MakeRequest
) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(big(now + ending)))
    day = timedelta(days=1)
    incident = make_request().incident
    request = replace(make_request(seasonal=(incident.shifted(-day), incident.shifted(-30 * day))), asked=now + ending)
    sizes = parsed_bytes(monkeypatch)
    rows, gaps = run(logfiles(path), request)
    assert sum(sizes) < path.stat().st_size / 10
    monkeypatch.setattr(reading, "BISECT_FROM", 1 << 60)
    whole, _ = run(logfiles(path), request)
    assert rows == whole
    assert len(rows) == 3 * 180
    assert gaps == []


@pytest.mark.usefixtures("small")
def test_big_unsorted_files_are_read_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, now: datetime, make_request: MakeRequest
) -> None:
    lines = list(big(now, days=3))
    random.Random(3).shuffle(lines)
    (tmp_path / "a.log").write_text("".join(lines))
    sizes = parsed_bytes(monkeypatch)
    rows, _ = run(logfiles(tmp_path / "a.log"), make_request())
    assert len(rows) == 2 * 180
    assert sum(sizes) == (tmp_path / "a.log").stat().st_size


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("content", [b"\0" * 200_000, b"no time here\n" * 20_000, b"x" * 300_000])
def test_big_files_without_times(content: bytes, tmp_path: Path, make_request: MakeRequest) -> None:
    (tmp_path / "a.log").write_bytes(content)
    rows, gaps = run(logfiles(tmp_path / "a.log"), make_request())
    assert rows == []
    assert "no timestamp recognised" in gaps[-1].why


def test_year_less_stamps_take_the_files_year(tmp_path: Path, make_request: MakeRequest) -> None:
    path = tmp_path / "syslog.log"
    path.write_text("Mar 14 03:10:00 web-1 checkout[7]: ERROR gone\n")
    rows, gaps = run(logfiles(path), make_request())
    assert gaps == []
    assert rows[0]["time"] == datetime(2026, 3, 14, 3, 10, tzinfo=UTC)
    assert (rows[0]["instance"], rows[0]["service"]) == ("web-1", "checkout")


def test_gzip_output_held_back_by_zlib_is_not_lost(tmp_path: Path, make_request: MakeRequest) -> None:
    packed = zlib.compress(b"a" * (3 * unpacking.CHUNK + 17), 9, wbits=31)
    chunks = list(unpacking.unpacker(packed[:4])(io.BytesIO(packed)))  # type: ignore[misc]
    assert sum(map(len, chunks)) == 3 * unpacking.CHUNK + 17
