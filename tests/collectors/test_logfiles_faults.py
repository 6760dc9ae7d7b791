"""What can go wrong with log files: each ends in time, the others finish, the gap says cause and mend."""

from __future__ import annotations

import gzip
import io
import os
import resource
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import zstandard
from servers.faults import judged

from collectors.logfiles import LogFiles
from gather_diagnostics import Gap, Request
from gather_diagnostics.runner import Collected

MINUTE = timedelta(minutes=1)
MakeRequest = Callable[..., Request]


def run(request: Request, folder: Path, *paths: Path | str) -> tuple[list[str], tuple[Gap, ...]]:
    """Messages of the faulty source, and its gaps."""
    found = judged(request, LogFiles(LogFiles.Settings(paths=[str(p) for p in paths])), folder)
    return messages(found), found.gaps


def messages(found: Collected) -> list[str]:
    return [m for m in found.tables["logs"]["message"] if m != "all is well"]


@pytest.fixture
def text(now: datetime) -> str:
    """3,000 lines of the incident window, one a second."""
    start = now - timedelta(seconds=3000)
    return "".join(f"{(start + timedelta(seconds=n)).isoformat()} INFO order {n:04}\n" for n in range(3000))


@contextmanager
def another_user(*opened: Path) -> Iterator[None]:
    """Root reads everything, so those who test as root are somebody else meanwhile."""
    if os.geteuid() != 0:
        yield
        return
    modes = {p: p.stat().st_mode for p in opened}
    try:
        for path, mode in modes.items():
            path.chmod(mode | stat.S_IXGRP | stat.S_IXOTH)
        os.seteuid(65534)
        yield
    finally:
        os.seteuid(0)
        for path, mode in modes.items():
            path.chmod(mode)


def test_without_a_fault_all_is_complete(text: str, tmp_path: Path, make_request: MakeRequest) -> None:
    (tmp_path / "a.log").write_text(text)
    found, gaps = run(make_request(), tmp_path, tmp_path / "a.log")
    assert (len(found), gaps) == (3000, ())


def test_permission_denied_by_the_system(text: str, tmp_path: Path, make_request: MakeRequest) -> None:
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o644)
    (tmp_path / "a.log").chmod(0)
    beside = tmp_path / "beside"
    beside.mkdir()
    beside.chmod(0o777)
    with another_user(tmp_path, *list(tmp_path.parents)[:3]):
        found, (gap,) = run(make_request(), beside, tmp_path / "a.log", tmp_path / "b.log")
    assert len(found) == 3000
    assert (gap.cause, gap.mend) == ("denied", f"sudo setfacl -m u:$USER:r {tmp_path}/a.log")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor(level=1).compress])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_truncated_archives(
    pack: Callable[[bytes], bytes], share: float, text: str, tmp_path: Path, make_request: MakeRequest
) -> None:
    packed = pack(text.encode())
    path = tmp_path / "a.log"
    path.write_bytes(packed[: max(4, int(len(packed) * share))])
    (tmp_path / "b.log").write_text(text)
    found, (gap,) = run(make_request(), tmp_path, path, tmp_path / "b.log")
    assert len(found) >= 3000, "the file beside it is whole"
    assert gap.cause == "invalid"
    assert str(path) in gap.why
    assert f"-t {path}" in gap.mend


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["shrinks", "vanishes", "is replaced"])
def test_a_file_that_changes_while_it_is_read(fault: str, text: str, tmp_path: Path, make_request: MakeRequest) -> None:
    """The file is read in steps by the real code; the change happens between the first rows and the rest."""
    path = tmp_path / "a.log"
    with path.open("w") as stream:
        for _ in range(200):
            stream.write(text)
    items = LogFiles(LogFiles.Settings(paths=[str(path)])).collect(make_request())
    next(items)
    if fault == "shrinks":
        os.truncate(path, 1000)
    else:
        path.unlink()
    if fault == "is replaced":
        path.write_text(text)
    gaps = [i for i in items if isinstance(i, Gap)]
    assert [g.cause for g in gaps] == ["truncated"]
    assert all(g.mend for g in gaps)


def test_a_file_that_vanishes_between_planning_and_reading(
    text: str, tmp_path: Path, make_request: MakeRequest
) -> None:
    path = tmp_path / "a.log"
    path.write_text(text)
    source = LogFiles(LogFiles.Settings(paths=[str(path)]))
    assert list(source.plan(make_request()))
    path.unlink()
    (gap,) = source.plan(make_request())
    assert isinstance(gap, Gap)
    assert (gap.cause, bool(gap.mend)) == ("not_found", True)


@pytest.mark.parametrize("written", [False, True])
def test_a_fifo_that_never_ends(written: bool, text: str, tmp_path: Path, make_request: MakeRequest) -> None:
    fifo = tmp_path / "a.log"
    os.mkfifo(fifo)
    (tmp_path / "b.log").write_text(text)
    writer = os.open(fifo, os.O_RDWR | os.O_NONBLOCK) if written else None
    try:
        if writer is not None:
            os.write(writer, text[:1000].encode())
        found, (gap,) = run(make_request(source_seconds=3.0), tmp_path, fifo, tmp_path / "b.log")
    finally:
        if writer is not None:
            os.close(writer)
    assert len(found) == 3000
    assert (gap.cause, "is not a regular file" in gap.why) == ("invalid", True)
    assert gap.mend == f"see what it is: ls -ld {fifo}"


@pytest.mark.slow
@pytest.mark.parametrize("drip", [False, True])
def test_a_pipe_on_standard_input_that_hangs(
    drip: bool, text: str, tmp_path: Path, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`kubectl logs -f | gather_diagnostics --logs -` never ends: what came until the deadline is kept."""
    reader, writer = os.pipe()
    ended = threading.Event()

    def drops() -> None:
        lines = text.splitlines(keepends=True)
        os.write(writer, "".join(lines[:500]).encode())
        for line in lines[500:]:
            if ended.wait(0.01) or not drip:
                return
            os.write(writer, line.encode())

    thread = threading.Thread(target=drops, daemon=True)
    with io.TextIOWrapper(os.fdopen(reader, "rb")) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        thread.start()
        found, gaps = run(make_request(source_seconds=1.5), tmp_path, "-")
        ended.set()
        thread.join(5)
        os.close(writer)
        # Whoever was left behind at the deadline must be through with the pipe before it is closed.
        time.sleep(0.3)
    assert [g.cause for g in gaps] == ["timeout"]
    assert "--deadline" in gaps[0].mend
    assert len(found) <= 3000


@pytest.mark.slow
def test_a_filesystem_that_hangs(
    text: str, tmp_path: Path, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read that does not return, as from a dead NFS server; there is no other way to have one here."""
    from collectors.logfiles import opening

    path = tmp_path / "hangs" / "a.log"
    path.parent.mkdir()
    path.write_text(text)
    released = threading.Event()
    real = open

    class Stuck(io.FileIO):
        def read(self, size: int = -1) -> bytes:  # type: ignore[override]
            released.wait(20)
            return b""

    def stuck(name: str, *args: object, **kwargs: object) -> object:
        return Stuck(name) if name == str(path) else real(name, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(opening, "open", stuck, raising=False)
    try:
        found, gaps = run(make_request(source_seconds=1.0), tmp_path, path)
    finally:
        released.set()
    assert (found, [g.cause for g in gaps]) == ([], ["timeout"])


@pytest.mark.slow
def test_an_absurdly_large_line_in_bounded_memory(now: datetime, tmp_path: Path, make_request: MakeRequest) -> None:
    path = tmp_path / "a.log"
    moment = (now - MINUTE).isoformat()
    with path.open("wb") as stream:
        stream.write(f"{moment} ERROR ".encode())
        for _ in range(300):
            stream.write(b"x" * (1 << 20))
        stream.write(f"\n{moment} INFO fine\n".encode())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found, gaps = run(make_request(source_seconds=20.0), tmp_path, path)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 150, "MiB, for a line of 300"
    assert [len(m) < 70_000 for m in sorted(found)] == [True, True]
    assert [(g.cause, "max_line_bytes" in g.mend) for g in gaps] == [("truncated", True)]


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0), zstandard.ZstdCompressor().compress(b"")])
def test_an_empty_file_is_an_answer(content: bytes, tmp_path: Path, make_request: MakeRequest) -> None:
    (tmp_path / "a.log").write_bytes(content)
    found, gaps = run(make_request(), tmp_path, tmp_path / "a.log")
    assert (found, gaps) == ([], ())


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_clock_ten_minutes_off(minutes: int, now: datetime, tmp_path: Path, make_request: MakeRequest) -> None:
    """Ahead it can be told; behind it is a quiet file like any other, and nothing is claimed."""
    moments = [now - 5 * MINUTE + n * timedelta(seconds=10) + minutes * MINUTE for n in range(31)]
    (tmp_path / "a.log").write_text("".join(f"{m.isoformat()} INFO x\n" for m in moments))
    found, gaps = run(make_request(), tmp_path, tmp_path / "a.log")
    if minutes < 0:
        assert (len(found), gaps) == (31, ())
        return
    (gap,) = gaps
    assert (gap.cause, "10 min in the future" in gap.why) == ("invalid", True)
    assert "timedatectl" in gap.mend


@pytest.mark.parametrize("what", ["directory", "socket", "device", "broken link", "loop"])
def test_what_is_no_file(
    what: str, text: str, tmp_path: Path, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    path = tmp_path / "x.log"
    listener = socket.socket(socket.AF_UNIX)
    match what:
        case "directory":
            path.mkdir()
        case "socket":
            monkeypatch.chdir(tmp_path)  # the path of a socket may have 107 bytes
            listener.bind("x.log")
        case "device":
            path.symlink_to("/dev/zero")
        case "broken link":
            path.symlink_to(tmp_path / "nowhere")
        case "loop":
            path.symlink_to(path)
    (tmp_path / "b.log").write_text(text)
    try:
        found, gaps = run(make_request(source_seconds=5.0), tmp_path, path, tmp_path / "b.log")
    finally:
        listener.close()
    assert len(found) == 3000
    assert len(gaps) == 1
    assert gaps[0].cause in ("invalid", "not_found")
