"""The collector `logfiles`: which files it finds, what it keeps of them, what it says of the rest."""

from __future__ import annotations

import errno
import gzip
import io
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard
from logreading import line, logfiles, messages, orders, run
from pydantic import ValidationError

from collectors.logfiles import LogFiles, collector, opening
from gather_diagnostics import Gap, Request, Target, Window

DATA = Path(__file__).parents[1] / "data" / "logfiles"
MakeRequest = Callable[..., Request]


@pytest.fixture
def text(now: datetime) -> str:
    return orders(now)


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

    monkeypatch.setattr(opening, "open", refuse, raising=False)
    source = logfiles(tmp_path / "*.log")
    rows, (gap,) = run(source, make_request())
    assert (len(rows), gap.cause) == (200, "denied")
    assert gap.mend == f"sudo setfacl -m u:$USER:r {tmp_path}/a.log"
    assert [g.cause for g in source.check(make_request())] == ["denied"]


def test_check_is_silent_when_all_is_well(text: str, tmp_path: Path, make_request: MakeRequest) -> None:
    (tmp_path / "a.log").write_text(text)
    assert list(logfiles(tmp_path / "*").check(make_request())) == []


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


@pytest.mark.parametrize(
    ("ahead", "said"), [(timedelta(minutes=-60), None), (timedelta(minutes=1), None), (timedelta(hours=1), "60 min"),
                        (timedelta(days=3), None)]
)  # fmt: skip
def test_lines_younger_than_the_last_write(
    ahead: timedelta, said: str | None, tmp_path: Path, now: datetime, make_request: MakeRequest
) -> None:
    """A zone read wrongly shows in old files too; a made-up date of the file does not count."""
    newest = now - timedelta(hours=1, minutes=30)
    path = tmp_path / "a.log"
    path.write_text(f"{newest:%Y-%m-%d %H:%M:%S} INFO x\n")
    written = (newest - ahead).timestamp()
    os.utime(path, (written, written))
    rows, gaps = run(logfiles(path), make_request())
    assert [r["time"] for r in rows] == [newest], "nothing is moved"
    if said is None:
        assert gaps == []
    else:
        (gap,) = gaps
        assert (gap.cause, f"lies {said} after the file was last written" in gap.why) == ("invalid", True)
        assert "sources.logfiles.timezone" in gap.mend


def test_year_less_stamps_take_the_files_year(tmp_path: Path, make_request: MakeRequest) -> None:
    path = tmp_path / "syslog.log"
    path.write_text("Mar 14 03:10:00 web-1 checkout[7]: ERROR gone\n")
    rows, gaps = run(logfiles(path), make_request())
    assert gaps == []
    assert rows[0]["time"] == datetime(2026, 3, 14, 3, 10, tzinfo=UTC)
    assert (rows[0]["instance"], rows[0]["service"]) == ("web-1", "checkout")
