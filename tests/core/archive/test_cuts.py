"""However an archive is cut, and in whatever order its parts come back: the same table, and no line lost."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from archivework import START, here, lines_of, run, shuffled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gather_diagnostics import Request, Window
from gather_diagnostics.archive import counting, cuts
from gather_diagnostics.archive.counting import Partial
from gather_diagnostics.archive.cuts import Part, parts, span
from gather_diagnostics.archive.files import listed
from gather_diagnostics.archive.passing import Pass
from gather_diagnostics.errors import NoSourceError
from gather_diagnostics.logparse import Context, parse, split
from gather_diagnostics.selection import lines_in

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 20, tzinfo=UTC)
WINDOW = Window(START, NOW)
REQUEST = Request("shop", NOW, WINDOW, WINDOW, WINDOW)

DATED = (
    b"2026-03-14T00:00:%02dZ INFO order placed",
    b"2026-03-14 00:01:%02d,123 ERROR no connection from pool",
    b'{"time":"2026-03-14T00:02:%02dZ","level":"info","msg":"cache refreshed","tenant":"a"}',
    b"2026-03-14T00:03:%02dZ panic: no such thing",
    b"Mar 14 00:04:%02d web-1 sshd[12]: session opened",
    b"2026-03-14T00:05:%02d.123456789Z stdout F a long line",
    b"2026-03-14T00:06:%02d.123456789Z stderr F Traceback (most recent call last):",
    b'{"log":"worker began\\n","stream":"stdout","time":"2026-03-14T00:07:%02dZ"}',
    b"2026-03-14T00:08:%02dZ     at com.shop.Cart.pay(Cart.java:7)",
    b"\x1b[32m2026-03-14 00:09:%02d\x1b[0m WARN disk nearly full\r",
)
WRAPPED = (
    b"2026-03-14T00:05:%02d.123456789Z stdout P the front of",
    b"2026-03-14T00:05:%02d.123456789Z stderr P the other front of",
    b"2026-03-14T00:05:%02d.123456789Z stdout F a long line",
    b"2026-03-14T00:05:%02d.123456789Z stderr F ValueError: no money",
    b"2026-03-14T00:06:%02d.123456789Z stderr F Traceback (most recent call last):",
    b'2026-03-14T00:06:%02d.123456789Z stderr F   File "a.py", line 3, in pay',
)
BARE = (
    b"", b"   ", b"Traceback (most recent call last):", b'  File "a.py", line 3, in pay', b"ValueError: no money",
    b"goroutine 1 [running]:", b"main.main()", b"\tat com.shop.Cart.pay(Cart.java:7)", b"}", b"just words",
    b"\xef\xbb\xbfwith a mark in front", b"\xff\xfe no text", b"12345", b'{"broken": ',
)  # fmt: skip


def dated(forms: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    return st.builds(lambda form, second: form % second, st.sampled_from(forms), st.integers(0, 59))


# A runtime wraps all lines of a file, so that fronts of lines stand in no other.
TEXTS = st.one_of(
    st.lists(st.one_of(dated(DATED), st.sampled_from(BARE)), max_size=60), st.lists(dated(WRAPPED), max_size=40)
)


@given(lines=TEXTS, block=st.integers(30, 3000), end=st.sampled_from([b"", b"\n"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_blocks_hold_the_records_of_the_whole_file(lines: list[bytes], block: int, end: bytes) -> None:
    data = b"\n".join(lines) + end
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "app.log").write_bytes(data)
        for file in listed(folder):
            context = Context(reference=file.changed)
            found = [found for part in parts([file], block) if (found := span(part))]
            assert [s.start for s in found] + [len(data)] == [0] + [s.stop for s in found], "no gap, no overlap"
            pieces = [data[s.start : s.stop] for s in found]
            whole = [about(r) for r in parse(split([data]), context)]
            assert [about(r) for piece in pieces for r in parse(split([piece]), context)] == whole


def about(record: object) -> dict[str, object]:
    """All of a record but where it stands."""
    names = [name for name in record.__slots__ if name not in ("line", "place")]  # type: ignore[attr-defined]
    return {name: getattr(record, name) for name in names}


@pytest.mark.slow
@given(st.lists(TEXTS, min_size=1, max_size=4), st.integers(30, 2000), st.integers(0, 99))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_neither_cuts_nor_order_show_in_the_table(files: list[list[bytes]], block: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, lines in enumerate(files):
            (Path(folder) / f"web-{number}.log").write_bytes(b"\n".join(lines))
        try:
            whole = run(folder, REQUEST)
        except NoSourceError:
            with pytest.raises(NoSourceError):
                run(folder, REQUEST, shuffled(seed), block=block)
            return
        cut = run(folder, REQUEST, shuffled(seed), block=block)
    pd.testing.assert_frame_equal(lines_of(cut), lines_of(whole))
    assert (cut.gaps, cut.request, cut.redactions) == (whole.gaps, whole.request, whole.redactions)
    assert cut.coverage[0].targets == whole.coverage[0].targets


@pytest.mark.slow
@given(TEXTS, st.integers(100, 2000), st.integers(1, 12), st.integers(0, 99))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_grain_of_the_whole_does_not_depend_on_that_of_the_parts(
    lines: list[bytes], block: int, most: int, seed: int
) -> None:
    """Where there are too many rows, and a part alone is folded more coarsely."""
    work = Pass("shop", (), b"k" * 32, most)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "app.log").write_bytes(b"\n".join(lines))
        files = listed(folder)
        whole = counting.merged([*here(work, list(parts(files)))], (), most)
        pieces = list(shuffled(seed)(work, list(parts(files, block))))
        middle = seed % (len(pieces) + 1)
        halves = [counting.merged(half, (), most) for half in (pieces[:middle], pieces[middle:])]
        cut = counting.merged(halves, (), most)
    assert cut.rung == whole.rung
    assert rows(cut) == rows(whole)


def rows(partial: Partial) -> list[dict[str, object]]:
    """Without where in the file a line stands, which is told by part here."""
    order = [(name, "ascending") for name in ("time", "template", "level", "instance", "message", "count")]
    return partial.rows.sort_by(order).drop_columns(["ref"]).to_pylist()


@given(TEXTS, st.integers(30, 2000))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_line_is_lost_from_the_counts(lines: list[bytes], block: int) -> None:
    data = b"\n".join(lines)
    window = Window(datetime(2026, 3, 14, 0, 1, tzinfo=UTC), datetime(2026, 3, 14, 0, 3, tzinfo=UTC))
    work = Pass("shop", (window,), b"k" * 32)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "app.log").write_bytes(data)
        file = listed(folder)
        whole = counting.merged(list(here(work, list(parts(file, block)))), work.edges)
    counts = whole.counts
    records = list(parse(split([data]), Context(reference=file[0].changed))) if file else []
    assert counts["lines"] == data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
    assert counts["lines"] == counts["blank"] + sum(record.lines for record in records)
    kept = lines_in(whole.rows.to_pandas()) if whole.rows.num_rows else 0
    assert counts["records"] == counts["untimed"] + counts["outside"] + kept
    assert kept == sum(r.time is not None and r.time in window for r in records)


def test_plain_files_are_cut_and_container_logs_are_not(tmp_path: Path) -> None:
    """Otherwise the tests above might never have cut anything."""
    (tmp_path / "app.log").write_bytes(
        b"".join(b"2026-03-14 00:01:%02d INFO order placed\n" % (n % 60) for n in range(500))
    )
    wrapped = (b"2026-03-14T00:05:%02d.123456789Z stdout F a line\n" % (n % 60) for n in range(500))
    (tmp_path / "cri.log").write_bytes(b"".join(wrapped))
    found = Counter(part.file.path.rpartition("/")[2] for part in parts(listed(str(tmp_path)), 1000) if span(part))
    assert found == {"app.log": 19, "cri.log": 1}


def test_a_record_belongs_to_the_block_in_which_it_begins(tmp_path: Path) -> None:
    one = b"2026-03-14 00:01:00 ERROR it broke\n" + b"\tat com.shop.Cart.pay(Cart.java:7)\n" * 20
    (tmp_path / "app.log").write_bytes(one * 5)
    (file,) = listed(str(tmp_path))
    spans = [found for part in parts([file], 100) if (found := span(part))]
    assert [s.start % len(one) for s in spans] == [0] * 5
    evidence = run(tmp_path, REQUEST, block=100)
    assert evidence.tables["logs"]["count"].tolist() == [5]
    assert evidence.tables["logs"]["message"][0].count("\n") == 20


def test_refs_name_the_line_in_the_file(tmp_path: Path) -> None:
    lines = [b"2026-03-14 00:%02d:00 INFO order placed" % minute for minute in range(60)]
    (tmp_path / "app.log").write_bytes(b"\n".join(lines))
    frame = lines_of(run(tmp_path, REQUEST, block=200))
    assert frame["ref"].tolist() == [f"{tmp_path}/app.log:{number}" for number in range(1, 61)]


def test_a_lost_part_would_be_noticed(tmp_path: Path) -> None:
    """The comparison of counts can fail."""
    (tmp_path / "app.log").write_bytes(b"".join(b"2026-03-14 00:01:00 INFO order %d placed\n" % n for n in range(500)))

    def forgetful(work: Pass, todo: Sequence[Part]) -> Iterator[Partial]:
        return here(work, todo[1:])

    assert lines_in(lines_of(run(tmp_path, REQUEST, forgetful, block=1000))) < 500
    assert cuts.BLOCK > 1000
