from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from pydantic import BaseModel

from gather_diagnostics import (
    Evidence,
    Finding,
    Gap,
    Raw,
    Request,
    Rows,
    Skew,
    Support,
    Target,
    analyzer,
    plugins,
    runner,
    tables,
)
from gather_diagnostics.errors import PluginError
from gather_diagnostics.redaction import Redactor


class Open:
    """A redactor that hides nothing: what redaction does has its own tests."""

    report: ClassVar[dict[str, Any]] = {}

    def text(self, value: str, place: str) -> str:
        return value

    def batch(self, table: str, batch: Any) -> Any:
        return batch

    def look_ahead(self, texts: Any, how: str) -> None: ...


class Settings(BaseModel):
    pass


def collector(collect: Any, plan: Any = None, source: str = "toy") -> Any:
    class Toy:
        name: ClassVar[str] = source
        tables: ClassVar[frozenset[str]] = frozenset({"logs"})
        Settings: ClassVar[type[BaseModel]] = Settings

        def __init__(self, settings: object = None) -> None: ...

        def plan(self, request: Request) -> Any:
            return plan(request) if plan else [Target("lines", "here", "it is a test")]

        def check(self, request: Request) -> Any:
            return [Gap(source, "a line", "denied", "no", "ask")]

        def collect(self, request: Request) -> Any:
            return collect(request)

    return Toy()


def line(request: Request, n: int = 0, **more: Any) -> dict[str, Any]:
    return {"time": request.incident.start + timedelta(seconds=n), "ref": f"f:{n}", "message": f"line {n}", **more}


def sample(request: Request, n: int) -> dict[str, Any]:
    time = request.incident.start + timedelta(seconds=n)
    return {"time": time, "ref": "f:1", "metric": "queue_depth", "stat": "value", "value": float(n), "unit": "1"}


def run(request: Request, **sources: Any) -> runner.Collected:
    return runner.collect(request, sources, Open())


def statuses(collected: runner.Collected) -> dict[str, str]:
    return {c.source: c.status for c in collected.coverage}


def good(request: Request) -> Iterator[Rows | Raw | Gap]:
    yield Rows("logs", [line(request, n) for n in range(3)])
    yield Raw("answer.json", "{}")


def test_a_good_source_is_complete(make_request) -> None:
    collected = run(make_request(), toy=collector(good))
    assert statuses(collected) == {"toy": "complete"}
    assert len(collected.tables["logs"]) == 3
    assert collected.tables["logs"]["template"].nunique() == 1
    assert collected.raws == {"toy/answer.json": "{}"}
    assert collected.gaps == ()


def test_one_that_hangs_neither_stops_nor_delays_the_others(make_request) -> None:
    def hangs(request: Request) -> Iterator[Rows]:
        yield Rows("logs", [line(request)])
        threading.Event().wait(30)

    started = time.monotonic()
    collected = run(make_request(source_seconds=0.5), slow=collector(hangs), toy=collector(good))
    assert time.monotonic() - started < 5
    assert statuses(collected) == {"slow": "partial", "toy": "complete"}
    assert [(g.source, g.cause) for g in collected.gaps] == [("slow", "timeout")]
    assert len(collected.tables["logs"]) == 4


def test_what_comes_after_the_deadline_goes_nowhere(make_request) -> None:
    release = threading.Event()

    def late(request: Request) -> Iterator[Rows]:
        release.wait(10)
        yield Rows("logs", [line(request)])

    collected = run(make_request(source_seconds=0.2), slow=collector(late))
    release.set()
    time.sleep(0.1)
    assert statuses(collected) == {"slow": "failed"}
    assert "logs" not in collected.tables


@pytest.mark.parametrize("when", ["plan", "collect", "middle"])
def test_one_that_raises_becomes_a_gap_that_owns_up(make_request, when: str) -> None:
    def breaks(request: Request) -> Any:
        if when == "middle":
            yield Rows("logs", [line(request)])
        raise ZeroDivisionError("a toy broke")

    def plan(request: Request) -> Any:
        raise ZeroDivisionError("a toy broke")

    seen: list[BaseException] = []
    bad = collector(breaks, plan if when == "plan" else None)
    collected = runner.collect(make_request(), {"bad": bad, "toy": collector(good)}, Open(), on_bug=seen.append)
    gap = collected.gaps[0]
    assert (gap.source, gap.cause) == ("bad", "failed")
    assert "ZeroDivisionError: a toy broke" in gap.why
    assert "test_runner.py" in gap.why
    assert "bug" in gap.mend
    assert statuses(collected) == {"bad": "partial" if when == "middle" else "failed", "toy": "complete"}
    assert isinstance(seen[0], ZeroDivisionError)


def test_a_row_that_does_not_fit_is_named_and_the_rest_stays(make_request) -> None:
    def mixed(request: Request) -> Iterator[Rows]:
        yield Rows("logs", [line(request, 0), line(request, 1, level=7), line(request, 2)])

    collected = run(make_request(), toy=collector(mixed))
    assert collected.tables["logs"]["ref"].tolist() == ["f:0", "f:2"]
    assert collected.gaps[0].cause == "invalid"
    assert "1 of 3 rows" in collected.gaps[0].why
    assert "'level'" in collected.gaps[0].why


@pytest.mark.parametrize(
    "item",
    ["text", Rows("nonsense", [{"a": 1}]), Raw("../up", ""), Raw("/abs", ""), Raw("", ""), Gap("x", "y", "bad", "z")],
)
def test_a_plug_in_that_breaks_its_contract_is_at_fault(make_request, item: Any) -> None:
    collected = run(make_request(), toy=collector(lambda request: iter([item])))
    assert collected.gaps[0].cause == "failed"


def test_no_target_means_not_in_use(make_request) -> None:
    def plan(request: Request) -> list[Gap]:
        return [Gap("toy", "lines", "not_configured", "nobody said where", "set sources.toy.path")]

    source = collector(good, plan)
    assert statuses(run(make_request(), toy=source)) == {"toy": "not_used"}
    asked = runner.collect(make_request(), {"toy": source}, Open(), asked_for=["toy"])
    assert statuses(asked) == {"toy": "failed"}


def test_an_empty_answer_is_an_answer(make_request) -> None:
    assert statuses(run(make_request(), toy=collector(lambda request: iter(())))) == {"toy": "complete"}


def test_ctrl_c_keeps_what_is_there(make_request) -> None:
    def interrupted(request: Request) -> Iterator[Rows]:
        yield Rows("logs", [line(request)])
        time.sleep(0.2)
        _thread.interrupt_main()
        threading.Event().wait(10)

    collected = run(make_request(source_seconds=20), slow=collector(interrupted))
    assert collected.interrupted
    assert len(collected.tables["logs"]) == 1
    assert collected.gaps[0].cause == "interrupted"


def test_a_source_that_cannot_be_imported_is_a_gap(make_request) -> None:
    collected = run(make_request(), toy=Gap("toy", "the whole source", "failed", "it broke"))
    assert statuses(collected) == {"toy": "failed"}


def test_a_survey_reads_nothing_but_may_ask(make_request) -> None:
    def never(request: Request) -> Any:
        raise AssertionError("a survey must not collect")

    sources = {"toy": collector(never)}
    planned = runner.survey(make_request(), sources, Open(), check=False)["toy"]
    assert [t.what for t in planned.targets] == ["lines"]
    assert planned.gaps == ()
    assert runner.survey(make_request(), sources, Open(), check=True)["toy"].gaps[0].cause == "denied"


def evidence(request: Request, **tables: Any) -> Evidence:
    return Evidence(request, tables, (), ())


@pytest.fixture
def analyzers(monkeypatch: pytest.MonkeyPatch):
    """Only these analyzers exist."""

    def install(**functions: Any) -> None:
        monkeypatch.setattr(plugins, "names", lambda group: tuple(functions))
        monkeypatch.setattr(plugins, "load", lambda group, name: functions[name])

    return install


def test_analyzers_run_after_those_they_build_on(make_request, analyzers) -> None:
    @analyzer(needs=(), after=("first",))
    def second(request: Request, tables: Any, findings: Any) -> Iterator[Finding]:
        yield Finding("second", "second", f"after {findings['first'][0].headline}", 1.0)

    @analyzer(needs=())
    def first(request: Request, tables: Any) -> Iterator[Finding]:
        yield Finding("first", "first", "the first", 1.0)

    analyzers(second=second, first=first)
    assert [f.headline for f in runner.analyze(evidence(make_request())).findings] == ["the first", "after the first"]


def test_analyzers_see_declared_tables_alone_and_are_skipped_without_them(make_request, analyzers) -> None:
    import pandas as pd

    @analyzer(needs=("logs",), uses=("metrics",))
    def nosy(request: Request, tables: Any) -> Iterator[Finding]:
        yield Finding("nosy", "nosy", ",".join(tables), 1.0)

    analyzers(nosy=nosy)
    some = pd.DataFrame({"a": [1]})
    assert runner.analyze(evidence(make_request(), logs=some, changes=some)).findings[0].headline == "logs"
    skipped = runner.analyze(evidence(make_request(), logs=some.iloc[:0]))
    assert [(g.source, g.cause) for g in skipped.gaps] == [("analyzer:nosy", "skipped")]


def test_an_analyzer_that_raises_is_a_gap_and_the_rest_goes_on(make_request, analyzers) -> None:
    @analyzer(needs=())
    def bad(request: Request, tables: Any) -> Iterator[Finding]:
        raise KeyError("x")

    @analyzer(needs=())
    def fine(request: Request, tables: Any) -> Iterator[Finding]:
        yield Finding("fine", "fine", "fine", 1.0)

    analyzers(bad=bad, fine=fine)
    result = runner.analyze(evidence(make_request()))
    assert [f.id for f in result.findings] == ["fine"]
    assert result.gaps[0].cause == "failed"
    assert runner.analyze(result).gaps == result.gaps, "analysing twice does not pile up gaps"


@pytest.mark.parametrize(
    "wrong",
    [
        {"confidence": float("nan")},
        {"confidence": 1.5},
        {"severity": "horrible"},
        {"supports": (Support("logs", (3,)),)},
        {"supports": (Support("logs", ()),)},
        {"supports": (Support("nowhere", (0,)),)},
    ],
)
def test_a_finding_that_cannot_be_traced_is_refused(make_request, analyzers, wrong) -> None:
    import pandas as pd

    @analyzer(needs=())
    def bad(request: Request, tables: Any) -> Iterator[Finding]:
        yield Finding(**{"id": "bad", "question": "bad", "headline": "bad.", "confidence": 0.5} | wrong)

    analyzers(bad=bad)
    result = runner.analyze(evidence(make_request(), logs=pd.DataFrame({"a": [1, 2]})))
    assert result.findings == ()
    assert result.gaps[0].cause == "failed"


@pytest.mark.parametrize(("ahead", "moved"), [(600.0, 600), (-90.0, -90), (0.7, 0)])
def test_times_of_a_skewed_source_are_corrected(make_request, ahead: float, moved: int) -> None:
    request = make_request()

    def skewed(request: Request) -> Iterator[Rows | Skew]:
        yield Rows("logs", [line(request)])
        yield Skew(ahead)

    collected = run(request, toy=collector(skewed), other=collector(good, source="other"))
    rows = collected.tables["logs"].set_index("source")
    assert rows.loc["toy", "time"] == request.incident.start - timedelta(seconds=moved)
    assert rows.loc["other", "time"].min() == request.incident.start
    assert {c.source: c.skew for c in collected.coverage} == {"toy": ahead, "other": None}


def test_raws_that_collide_are_refused(make_request) -> None:
    collected = run(make_request(), toy=collector(lambda request: iter([Raw("a", "1"), Raw("a/b", "2")])))
    assert collected.raws == {"toy/a": "1"}
    assert collected.gaps[0].cause == "failed"


def test_analyzers_that_wait_for_each_other_are_named(make_request, analyzers) -> None:
    @analyzer(needs=(), after=("b",))
    def a(request: Request, tables: Any, findings: Any) -> Iterator[Finding]:
        yield from ()

    @analyzer(needs=(), after=("a",))
    def b(request: Request, tables: Any, findings: Any) -> Iterator[Finding]:
        yield from ()

    analyzers(a=a, b=b)
    with pytest.raises(PluginError, match="a -> b -> a"):
        runner.analyze(evidence(make_request()))


def test_what_a_source_said_is_looked_through_for_secrets_while_others_are_read(monkeypatch, make_request) -> None:
    request, redactor = make_request(), Redactor()
    row = {"time": request.asked, "ref": "a:1", "message": "it failed"}
    toy = collector(lambda request: iter([Rows("logs", [row]), Raw("a.txt", "as it came")]))
    runner.collect(request, {"toy": toy}, redactor)
    for thread in threading.enumerate():
        if thread.name == "collect-toy":
            thread.join(10)
    monkeypatch.setattr(Redactor, "_match", None)
    assert redactor.showing(pa.array(["it failed", "as it came", "toy", "a:1"])) == {}


def test_what_a_source_said_is_put_in_order_while_others_are_read(monkeypatch, make_request) -> None:
    put: list[str] = []

    def early(request: Request) -> Iterator[Rows]:
        yield Rows("logs", [line(request, n) for n in (5, 1)])
        yield Rows("logs", [line(request, n) for n in (4, 0)])
        yield Rows("metrics", [sample(request, n) for n in (2, 0, 1)])
        yield Rows("events", [])

    def late(request: Request) -> Iterator[Rows]:
        for thread in threading.enumerate():
            if thread.name == "collect-early":
                thread.join(10)
        yield Rows("logs", [line(request, n) for n in (3, 2)])

    def ordered(table: str, batches: Any) -> pa.Table:
        put.append(table)
        return tables.ordered(table, batches)

    monkeypatch.setattr("gather_diagnostics.runner.reading.ordered", ordered)
    collected = run(make_request(), early=collector(early), late=collector(late))
    assert put[:3] == ["logs", "metrics", "events"]
    assert list(collected.tables["logs"]["message"]) == [f"line {n}" for n in range(6)]
    assert list(collected.tables["metrics"]["value"]) == [0, 1, 2]
    assert len(collected.tables["events"]) == 0
