"""The Loki collector: what is asked and what the answers mean; then a server that speaks its API."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import NOW
from hypothesis import given
from hypothesis import strategies as st
from servers.loki import World, loki, selected, unquoted

from collectors.loki import Loki, client, patterns, spans, steps, streams
from collectors.loki.counts import Count, counts
from collectors.loki.lines import Paging
from collectors.loki.spans import SECOND, Span
from gather_diagnostics import Gap, Request, Rows, Skew, Target
from gather_diagnostics.http import querytext
from gather_diagnostics.http.errors import MalformedError
from gather_diagnostics.http.session import Session
from gather_diagnostics.tables import to_batch

ONSET = NOW - timedelta(minutes=20)
MINUTES = [NOW - timedelta(minutes=n) for n in range(120, 0, -1)]
APP = {"app": "checkout", "namespace": "shop", "pod": "checkout-1"}
Made = tuple[list[Mapping[str, Any]], list[Mapping[str, Any]], list[Gap]]


@pytest.fixture(autouse=True)
def _no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOKI_URL", raising=False)


def collector(**fields: Any) -> Loki:
    return Loki(Loki.Settings.model_validate(fields))


def collected(request: Request, world: World, **fields: Any) -> Made:
    """(lines, samples, gaps)."""
    with loki(world) as running:
        items = list(collector(url=running.url, **fields).collect(request))
    rows: dict[str, list[Mapping[str, Any]]] = {"logs": [], "metrics": []}
    for item in items:
        if isinstance(item, Rows):
            rows[item.table] += to_batch(item.table, "loki", item.rows).to_pylist()
    assert any(isinstance(i, Skew) for i in items)
    return rows["logs"], rows["metrics"], [i for i in items if isinstance(i, Gap)]


# --- the plan


def test_the_address_comes_from_settings_or_environment(
    make_request: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    (gap,) = collector().plan(make_request())
    assert isinstance(gap, Gap)
    assert (gap.cause, gap.mend) == ("not_configured", "set LOKI_URL or sources.loki.url")
    monkeypatch.setenv("LOKI_URL", "http://me:secret@logs:3100/base/")
    (target,) = collector(max_lines=7).plan(make_request())
    assert isinstance(target, Target)
    assert (target.where, target.because) == ("http://logs:3100/base", "LOKI_URL is set")
    assert "at most 7 lines and 200,000,000 bytes; Loki counts the others" in target.what


# --- LogQL


@given(st.text(max_size=40))
def test_any_text_is_one_matcher(text: str) -> None:
    whole = "".join("\ufffd" if 0xD800 <= ord(c) <= 0xDFFF else c for c in text)
    assert unquoted(querytext.quote(text)) == whole
    assert "\n" not in querytext.quote(text)
    made = f'{{a="b",{querytext.equals("app", text)}}} |~ "x"'
    chosen, rest = selected(made)
    assert rest == ' |~ "x"', "nothing of a value is read as anything else"
    line = type("Line", (), {"labels": {"a": "b", "app": whole}})
    assert chosen(line)
    regex, _ = selected(f"{{{querytext.matches('a', 'b')},{querytext.matches('app', querytext.literally(text))}}}")
    assert regex(line) or "\ufffd" in whole


@pytest.mark.parametrize(
    ("label", "values", "matcher"),
    [
        ("app", ["cart", "checkout"], 'app="checkout"'),
        ("app", ["shop/checkout"], ""),
        ("job", ["shop/checkout", "cart"], 'job=~"(.+/)?checkout"'),
        ("job", ["checkout"], 'job="checkout"'),
        ("unit", ["checkout.service"], 'unit="checkout.service"'),
        ("app", ["checkout-worker"], ""),
    ],
)
def test_the_label_that_has_the_service(label: str, values: Sequence[str], matcher: str) -> None:
    assert streams.of_label(label, values, "checkout") == matcher


def test_the_users_own_matchers() -> None:
    assert streams.selector('app="{service}"', 'a"b') == '{app="a\\"b"}'
    assert streams.selector(' {app="x", job=~"y.*"} ', "s") == '{app="x", job=~"y.*"}'


# --- times, steps, shares

PARTS = st.lists(st.tuples(st.integers(-5, 40), st.integers(0, 20)), max_size=6)


@given(PARTS)
def test_what_is_left_of_a_span(parts: list[tuple[int, int]]) -> None:
    taken = [Span(start, start + length) for start, length in parts]
    left = spans.without(Span(0, 30), taken)
    for time in range(30):
        assert sum(s.start <= time < s.end for s in left) == (not any(s.start <= time < s.end for s in taken))


def test_steps_never_read_a_line_twice(make_request: Callable[..., Request]) -> None:
    request = make_request()
    minute = spans.nanoseconds(ONSET)
    bins = [Count(Span(minute, minute + 60 * SECOND), "ERROR", 9), Count(Span(minute, minute + 60 * SECOND), None, 999)]
    for told in (bins, bins[1:], None):
        plan = steps.plan(request, told, 100)
        for number, one in enumerate(plan):
            for other in plan[:number]:
                apart = one.span.end <= other.span.start or other.span.end <= one.span.start
                assert apart or {one.errors, other.errors} == {True, False}
    assert steps.plan(request, bins, 100)[0].span == Span(minute - 120 * SECOND, minute + 300 * SECOND)


LEVELS = st.sampled_from([None, "INFO", "ERROR"])
COUNTS = st.lists(st.builds(Count, st.sampled_from([Span(0, 60), Span(60, 99)]), LEVELS, st.integers(1, 50)))
SAMPLES = st.dictionaries(st.integers(0, 120), st.integers(0, 80), max_size=4)
PATTERNS = st.lists(st.builds(patterns.Pattern, st.sampled_from("abc"), LEVELS, st.just(False), SAMPLES), max_size=4)


@given(COUNTS, PATTERNS)
def test_sharing_out_keeps_every_count(given: list[Count], found: list[patterns.Pattern]) -> None:
    scaled = [Count(Span(c.span.start * SECOND, c.span.end * SECOND), c.level, c.lines) for c in given]
    shared = list(patterns.shared(scaled, found))
    assert all(lines > 0 for _, _, _, lines in shared)
    before, after = Counter[Span](), Counter[Span]()
    for count in scaled:
        before[count.span] += count.lines
    for span, _, _, lines in shared:
        after[span] += lines
    assert after == before


def test_a_pattern_reads_like_the_lines() -> None:
    told = [
        {"pattern": "<_> INFO order <_> placed", "samples": [[1711839260, 3]]},
        {"pattern": 'ts=<_> level=error msg="no pool" took=<_>', "samples": []},
        {"pattern": "cache <_>", "samples": [], "level": "warn"},
    ]
    made = patterns.patterns(told)
    assert [(p.text, p.level, p.errors) for p in made] == [
        ("order <*> placed", "INFO", False),
        ("no pool", "ERROR", True),
        ("cache <*>", "WARNING", False),
    ]
    assert made[0].samples == {1711839260: 3}


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["pattern", "samples", "stream", "values", "level"]), inner)
    ),
)


@given(st.lists(JSON, max_size=3))
def test_odd_patterns_are_malformed_and_nothing_else(answer: list[Any]) -> None:
    try:
        patterns.patterns(answer)
    except MalformedError as error:
        assert "pattern" in str(error)


# --- lines, page by page


@given(st.lists(st.integers(0, 6), max_size=25), st.integers(1, 5))
def test_paging_gives_every_line_once_in_order(times: list[int], limit: int) -> None:
    """As Loki cuts: the earliest lines of all streams, equal times included."""
    start = spans.nanoseconds(NOW)
    lines = sorted((start + time, f"line {n}") for n, time in enumerate(times))

    class Server:
        def __init__(self) -> None:
            self.limit = limit

        def lines(self, query: str, span: Span) -> list[Any]:
            kept = [(t, text) for t, text in lines if span.start <= t < span.end][: self.limit]
            return [{"stream": {"app": "x"}, "values": [[str(t), text] for t, text in kept]}]

    paging = Paging(Server(), "{}", Span(start, start + 100))  # type: ignore[arg-type]
    got = [(e.time, e.line) for page in paging.pages() for e in page]
    assert len(got) == len(set(got))
    assert [time for time, _ in got] == sorted(time for time, _ in got)
    if max(Counter(times).values(), default=0) < limit:
        assert sorted(got) == lines
        assert not paging.crowded
    else:
        assert set(got) <= set(lines)


@given(st.lists(JSON, max_size=2))
def test_odd_streams_are_malformed_and_nothing_else(answer: list[Any]) -> None:
    class Server:
        limit = 10

        def lines(self, query: str, span: Span) -> list[Any]:
            return answer

    try:
        list(Paging(Server(), "{}", Span(0, 100)).pages())  # type: ignore[arg-type]
    except MalformedError as error:
        assert "stream" in str(error)


def write(world: World, per_minute: int = 5) -> int:
    """Everyday lines and, from ONSET on, errors with tracebacks as four lines each; the number of records."""
    lines = [(m + timedelta(seconds=n + 1), f"INFO order {n} placed") for m in MINUTES for n in range(per_minute)]
    trace = ["ERROR no pool", "Traceback (most recent call last):", '  File "pool.py", line 7, in get', "KeyError: 1"]
    at = [m + timedelta(seconds=30) for m in MINUTES if m >= ONSET]
    lines += [(t + timedelta(milliseconds=n), text) for t in at for n, text in enumerate(trace)]
    world.put(APP, sorted(lines))
    return len(lines) - 3 * len(at)


@pytest.mark.parametrize("limit", [5_000, 100, 7])
def test_lines_with_their_times_levels_and_tracebacks(
    make_request: Callable[..., Request], monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(client, "LIMIT", limit)
    world = World(max_entries=limit)
    total = write(world)
    rows, samples, gaps = collected(make_request(), world)
    assert not gaps
    assert len(rows) == total
    errors = sorted((r for r in rows if r["level"] == "ERROR"), key=lambda r: r["time"])
    assert len(errors) == 20
    assert errors[0]["time"] == ONSET + timedelta(seconds=30)
    assert errors[0]["message"].startswith("no pool\nTraceback")
    assert errors[0]["message"].endswith("KeyError: 1")
    assert {(r["service"], r["instance"]) for r in rows} == {("checkout", "checkout-1")}
    assert json.loads(errors[0]["labels"])["namespace"] == "shop"
    assert len({r["ref"] for r in rows}) == total
    first = sorted(s["time"] for s in samples if s["metric"] == "log_errors")[0]
    assert first == ONSET
    placed = [s["value"] for s in samples if json.loads(s["labels"])["level"] == "INFO"]
    assert placed == pytest.approx([5 / 60] * 120)


def test_a_server_that_gives_fewer_lines_at_once_is_obeyed(make_request: Callable[..., Request]) -> None:
    world = World(max_entries=90)
    total = write(world)
    rows, _, gaps = collected(make_request(), world)
    assert (len(rows), gaps) == (total, [])


def test_structured_metadata_is_kept_and_the_lines_own_fields_win(make_request: Callable[..., Request]) -> None:
    world = World()
    at = ONSET + timedelta(seconds=5)
    world.put(APP, [(at, "pool is empty")], trace_id="abc123", level="error", customer="c1")
    own = json.dumps({"msg": "slow", "level": "warn", "traceId": "own", "app": "mine"})
    world.put(APP, [(at + timedelta(seconds=n), own) for n in range(1, 60)], trace_id="beside")
    rows, _, _ = collected(make_request(), world)
    (plain,) = [r for r in rows if r["message"] == "pool is empty"]
    assert (plain["level"], plain["trace_id"]) == ("ERROR", "abc123")
    assert json.loads(plain["labels"])["customer"] == "c1"
    others = [r for r in rows if r is not plain]
    assert len(others) == 59
    assert {(r["level"], r["trace_id"], r["message"]) for r in others} == {("WARNING", "own", "slow")}


def test_windows_are_half_open(make_request: Callable[..., Request]) -> None:
    request = make_request()
    edge = [request.baseline.start, request.incident.start, request.incident.end - timedelta(microseconds=1)]
    world = World()
    world.put(APP, [(t, "INFO in") for t in edge] + [(request.incident.end, "INFO out")])
    rows, samples, _ = collected(request, world)
    assert sorted(r["time"] for r in rows) == edge
    assert sum(s["value"] for s in samples) * 60 == pytest.approx(3)


@pytest.mark.parametrize("labels", [{"service_name": "checkout"}, {"job": "shop/checkout"}, {"container": "checkout"}])
def test_streams_are_found_by_the_usual_labels(make_request: Callable[..., Request], labels: Any) -> None:
    world = World()
    world.put(labels, [(ONSET, "INFO mine")])
    world.put({"app": "cart"}, [(ONSET, "INFO another's")])
    rows, _, _ = collected(make_request(), world)
    assert [r["message"] for r in rows] == ["mine"]


def test_a_service_without_streams_is_told(make_request: Callable[..., Request]) -> None:
    world = World()
    world.put({"app": "cart"}, [(ONSET, "INFO another's")])
    rows, _, (gap,) = collected(make_request(), world)
    assert not rows
    assert (gap.cause, "sources.loki.selector" in gap.mend) == ("not_found", True)
    _, _, (gap,) = collected(make_request(), world, selector='app="nobody"')
    assert 'nothing matches {app="nobody"}' in gap.why
    _, _, (gap,) = collected(make_request(), world, selector='app="unclosed')
    assert (gap.cause, gap.mend) == ("invalid", "correct sources.loki.selector")


def test_a_tenant_is_sent_and_asked_for(make_request: Callable[..., Request]) -> None:
    world = World(tenant="team-checkout")
    write(world)
    rows, _, gaps = collected(make_request(), world, tenant="team-{service}")
    assert rows
    assert not gaps
    with loki(world) as running:
        checked = list(collector(url=running.url).check(make_request()))
    (gap,) = [c for c in checked if isinstance(c, Gap)]
    assert gap.cause == "denied"
    assert "sources.loki.tenant" in gap.mend


# --- what is counted where it is


def flood(world: World) -> list[tuple[datetime, str]]:
    lines = [(m + timedelta(milliseconds=1 + 700 * n), f"INFO order {n} placed") for m in MINUTES for n in range(40)]
    lines += [(m + timedelta(milliseconds=2 + 900 * n), f"DEBUG cache {n} is warm") for m in MINUTES for n in range(20)]
    lines += [(ONSET + timedelta(seconds=3 * n), f"ERROR no pool for order {n}") for n in range(300)]
    world.put(APP, sorted(lines))
    return lines


@pytest.mark.parametrize(("limit", "kept"), [("max_lines", 300), ("max_lines", 3_000), ("max_bytes", 20_000)])
def test_every_line_is_read_or_counted_and_none_is_both(
    make_request: Callable[..., Request], limit: str, kept: int
) -> None:
    world = World()
    lines = flood(world)
    request = make_request()
    rows, _, (gap,) = collected(request, world, **{limit: kept})
    counted = [r for r in rows if r["count"]]
    read = [r for r in rows if not r["count"]]
    assert 0 < len(read) <= kept
    by_level, told = Counter[str](), Counter[str]()
    for _, text in lines:
        by_level[text.split()[0]] += 1
    for row in rows:
        told[row["level"]] += row["count"] or 1
    assert told == by_level
    assert min(r["time"] for r in read if r["level"] == "ERROR") == ONSET
    near = {r["level"] for r in read if abs(r["time"] - ONSET) < timedelta(minutes=2)}
    assert near == {"INFO", "DEBUG", "ERROR"}, "what was written around the first error"
    assert {r["message"] for r in counted} <= {"order <*> placed", "cache <*> is warm", "no pool for order <*>", "<*>"}
    known = sum(r["count"] for r in counted if r["message"] != "<*>")
    assert known > 0.95 * sum(r["count"] for r in counted)
    for row in counted:
        assert any(row["time"] in w and row["until"] in w for w in (request.baseline, request.incident))
    assert gap.cause == "truncated"
    assert f"{len(lines) - len(read):,} others were counted in place, by pattern and minute" in gap.why
    assert f"{len(lines):,} lines" in gap.why, "of the index"


def test_without_patterns_lines_are_counted_by_level_and_that_is_said(make_request: Callable[..., Request]) -> None:
    world = World(detects_patterns=False, has_stats=False)
    lines = flood(world)
    rows, _, (gap,) = collected(make_request(), world, max_lines=300)
    assert sum(r["count"] or 1 for r in rows) == len(lines)
    assert {r["message"] for r in rows if r["count"]} == {"<*>"}
    assert "by level and minute (it detects no patterns: pattern_ingester.enabled of Loki 3 or newer)" in gap.why


def test_without_levels_the_words_of_errors_lead_to_the_first(make_request: Callable[..., Request]) -> None:
    world = World(detects_levels=False)
    lines = flood(world)
    rows, samples, (gap,) = collected(make_request(), world, max_lines=300)
    assert sum(r["count"] or 1 for r in rows) == len(lines)
    assert min(s["time"] for s in samples if s["metric"] == "log_errors") == ONSET
    assert min(r["time"] for r in rows if r["level"] == "ERROR") == ONSET
    assert gap.cause == "truncated"


def test_only_what_is_documented_is_asked(make_request: Callable[..., Request]) -> None:
    """The server refuses parameters it does not know; here: which paths, and that times are nanoseconds."""
    world = World()
    flood(world)
    with loki(world) as running:
        items = list(collector(url=running.url, max_lines=300).collect(make_request()))
    assert not [i for i in items if isinstance(i, Gap) and i.cause != "truncated"]
    paths = {urlsplit(p).path.removeprefix("/loki/api/v1/") for p in running.paths}
    assert paths == {
        "labels", "label/app/values", "series", "query_range", "query", "index/stats", "patterns",
    }  # fmt: skip
    for path in running.paths:
        for name, (value, *_) in parse_qs(urlsplit(path).query).items():
            assert name not in ("start", "end", "time") or len(value) == 19


def test_a_part_of_a_minute_is_counted_by_itself() -> None:
    world = World()
    start = spans.nanoseconds(ONSET)
    for second in range(130):
        world.put_at(start + second * SECOND, APP, "INFO x")
    with loki(world) as running:
        asked = client.Client(running.url, Session(30))
        made = counts(asked, '{app="checkout"}', Span(start + 5 * SECOND, start + 130 * SECOND))
        assert [c.lines for c in made] == [60, 60, 5]
        assert made[2].span == Span(start + 125 * SECOND, start + 130 * SECOND)
        (only,) = counts(asked, '{app="checkout"}', Span(start, start + 1))
        assert only.lines == 1
