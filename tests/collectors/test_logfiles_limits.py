"""The collector `logfiles` with more than it may keep, and with files too big to be read whole."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from logreading import line, logfiles, orders, run

from collectors.logfiles import reading, seeking
from collectors.logfiles.neighbourhood import Neighbourhood
from collectors.logfiles.sieve import Sieve
from gather_diagnostics import Gap, Request, Window, unpacking
from gather_diagnostics.logparse import Record

MakeRequest = Callable[..., Request]


@pytest.fixture
def text(now: datetime) -> str:
    return orders(now)


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
    assert 450 < kinds.count("info") < 550
    led = {f"info {n}" for n in range(2800, 2900)}
    assert led <= {r["message"] for r in rows}, "what led to the first error is not thinned"
    infos = [r["time"] for r in rows if r["message"].startswith("info")]
    assert max(infos) > now - timedelta(minutes=7), "thinned ones are spread to the end"
    assert gap.cause == "truncated"
    assert "2,700 lines from before the incident window" in gap.why
    assert f"{2900 - kinds.count('info'):,} lines below WARNING" in gap.why
    assert "max_lines" in gap.mend


def dropped(gap: Gap) -> int:
    return sum(int(n.replace(",", "")) for n in re.findall(r"([\d,]+) (?:further )?lines(?! would)", gap.why))


@pytest.mark.parametrize("crowd", ["INFO", "WARNING"])
def test_the_first_error_of_each_file_is_kept_with_its_neighbours(
    crowd: str, tmp_path: Path, now: datetime, make_request: MakeRequest
) -> None:
    """A crowd fills the limit before the error comes, in a file and in the one rotated before it."""
    minute = timedelta(minutes=1)
    for name, start in (("a.log", now - 20 * minute), ("a.log.1", now - 40 * minute)):
        lines = [line(start + timedelta(milliseconds=100 * n), f"{name} {n}", crowd) for n in range(6000)]
        lines[4000] = line(start + timedelta(seconds=400), f"{name} the first", "ERROR")
        (tmp_path / name).write_text("".join(lines))
    rows, (gap,) = run(logfiles(tmp_path / "a.log*", max_lines=4100), make_request())
    assert len(rows) <= 4100
    for name in ("a.log", "a.log.1"):
        around = {f"{name} {n}" for n in range(3900, 4101)} - {f"{name} 4000"} | {f"{name} the first"}
        assert around <= {r["message"] for r in rows}
    assert gap.cause == "truncated"
    assert dropped(gap) + len(rows) == 12_000, "what was left out is counted right"


def test_an_error_before_the_incident_is_not_its_first(
    tmp_path: Path, now: datetime, make_request: MakeRequest
) -> None:
    lines = [line(now - timedelta(minutes=90), "an old one", "ERROR")]
    lines += [line(now - timedelta(seconds=3000 - n), f"info {n}") for n in range(2000)]
    lines += [line(now - timedelta(seconds=900), "the first", "ERROR")]
    (tmp_path / "a.log").write_text("".join(lines))
    rows, _ = run(logfiles(tmp_path / "a.log", max_lines=1000), make_request())
    assert {f"info {n}" for n in range(1900, 2000)} | {"the first"} <= {r["message"] for r in rows}


@given(st.lists(st.sampled_from(["INFO", "WARNING", "ERROR", "CRITICAL", None]), max_size=400), st.integers(1, 60))
def test_no_more_than_allowed_is_kept_and_nothing_twice(levels: list[str | None], limit: int) -> None:
    end = datetime(2026, 3, 14, tzinfo=UTC)
    hour = timedelta(hours=1)
    window = Window(end - hour, end)
    request = Request("checkout", end, window, window.shifted(-hour), window)
    first = int((end - hour).timestamp() * 1e6)
    sieve = Sieve(request, limit)
    neighbourhood: Neighbourhood[Record] = Neighbourhood(sieve)
    records = [Record(n, time_us=first + n, level=level) for n, level in enumerate(levels)]
    kept = [r.line for record in records for r in neighbourhood.sifted(record)]
    assert len(kept) <= limit
    assert len(kept) == len(set(kept))
    told = sum(map(dropped, sieve.gaps()))
    assert told == len(records) - len(kept)


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
    real = reading.records

    def counting(chunks: Iterable[bytes], *args: Any, **named: Any) -> Iterator[Any]:
        return real((sizes.append(len(c)) or c for c in chunks), *args, **named)  # type: ignore[func-returns-value]

    monkeypatch.setattr(reading, "records", counting)
    return sizes


@pytest.mark.slow
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
    assert sorted(rows, key=lambda row: row["time"]) == whole
    assert rows[0]["time"] == min(r["time"] for r in rows if r["time"] in request.baseline), "the newest range first"
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


@pytest.mark.slow
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("content", [b"\0" * 200_000, b"no time here\n" * 20_000, b"x" * 300_000])
def test_big_files_without_times(content: bytes, tmp_path: Path, make_request: MakeRequest) -> None:
    (tmp_path / "a.log").write_bytes(content)
    rows, gaps = run(logfiles(tmp_path / "a.log"), make_request())
    assert rows == []
    assert "no timestamp recognised" in gaps[-1].why
