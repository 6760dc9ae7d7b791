"""What every plug-in owes, built in or a stranger's: whatever is installed is policed."""

from __future__ import annotations

import inspect
import random
import re
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import documentsample
import pandas as pd
import pytest
from evidencesample import sample_evidence
from incidents import commit, deploy, lines, samples, tables
from pydantic import BaseModel

from gather_diagnostics import Askable, Collector, Evidence, Finding, Gap, Request, Target, plugins, runner
from gather_diagnostics.tables import TABLES

COLLECTORS = plugins.names(plugins.COLLECTORS)
ANALYZERS = plugins.names(plugins.ANALYZERS)


@pytest.fixture(params=COLLECTORS)
def kind(request: pytest.FixtureRequest) -> Any:
    return plugins.load(plugins.COLLECTORS, request.param)


def test_collectors_are_named_as_registered(kind: Any) -> None:
    assert kind.name in COLLECTORS
    assert plugins.load(plugins.COLLECTORS, kind.name) is kind
    assert kind.tables <= set(TABLES)
    assert kind.__doc__


def test_settings_have_defaults_and_say_what_they_mean(kind: Any) -> None:
    assert issubclass(kind.Settings, BaseModel)
    assert kind.Settings.model_config.get("extra") == "forbid", "a misspelt setting must be an error"
    kind.Settings()
    for name, field in kind.Settings.model_fields.items():
        assert field.description, f"{kind.name}.{name} has no description"


def test_a_collector_fulfils_the_contract(kind: Any) -> None:
    assert isinstance(kind(kind.Settings()), Collector)


def test_planning_sends_nothing(kind: Any, make_request: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("plan must not open a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROMETHEUS_URL", "http://prometheus.invalid:9090")
    for item in kind(kind.Settings()).plan(make_request()):
        assert isinstance(item, Target | Gap)
        if isinstance(item, Gap):
            assert item.why
            assert item.mend, "a gap says what would mend it"


@pytest.mark.parametrize("query", ["", " \n"])
def test_what_is_no_question_is_refused_unsent(
    kind: Any, make_request: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, query: str
) -> None:
    """Of collectors that answer single questions."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a question that is none must not open a connection")

    if not hasattr(kind, "ask"):
        return
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROMETHEUS_URL", "http://prometheus.invalid:9090")
    collector = kind(kind.Settings())
    assert isinstance(collector, Askable)
    assert kind.ask.__doc__, "it says what may be asked, and in which columns the answer comes"
    found = list(collector.ask(make_request(), query))
    assert found
    for item in found:
        assert isinstance(item, Gap)
        assert item.why
        assert item.mend


def test_settings_never_show_a_secret(kind: Any) -> None:
    for name, field in kind.Settings.model_fields.items():
        # A folder or a switch may speak of secrets ('bearer_token_file', 'secrets: true') without being one.
        if field.annotation is not bool and re.search(r"(password|token|secret)s?$", name):
            shown = repr(kind.Settings.model_validate({name: "hunter2hunter2"}))
            assert "hunter2" not in shown


@pytest.fixture
def case(make_request: Any) -> tuple[Request, dict[str, Any]]:
    request = make_request()
    onset = request.incident.end - timedelta(minutes=23)
    return request, tables(
        changes=[deploy(onset - timedelta(minutes=3), "v2", "a"), commit(onset - timedelta(hours=1), "a", "a/pool.py")],
        logs=lines(request.baseline.start, request.incident.end, 20, "order {n} placed")
        + lines(onset, request.incident.end, 5, "no pool {n}", level="ERROR"),
        metrics=samples(request, "latency", "p95", 0.2, after=1, onset=onset)
        + samples(request, "error_rate", "ratio", 0.002, after=0.1, onset=onset, unit="ratio"),
    )


def answers(request: Request, frames: dict[str, Any], order: tuple[str, ...]) -> dict[str, tuple[Finding, ...]]:
    """Run the analyzers in this order, each after those it builds on."""
    found: dict[str, tuple[Finding, ...]] = {}

    def answer(name: str) -> None:
        function = plugins.load(plugins.ANALYZERS, name)
        spec = plugins.spec_of(function)
        for earlier in spec.after:
            if earlier not in found:
                answer(earlier)
        seen = {t: frames[t] for t in sorted(spec.needs | spec.uses) if t in frames}
        if spec.needs <= set(seen):
            arguments = (
                (request, seen) if not spec.after else (request, seen, {q: found.get(q, ()) for q in spec.after})
            )
            found[name] = tuple(function(*arguments))

    for name in order:
        answer(name)
    return found


def test_analyzers_are_pure(case: tuple[Request, dict[str, Any]]) -> None:
    request, frames = case
    before = {name: frame.copy() for name, frame in frames.items()}
    first = answers(request, frames, ANALYZERS)
    assert answers(request, frames, ANALYZERS) == first
    assert answers(request, frames, ANALYZERS[::-1]) == first
    for name, frame in frames.items():
        assert frame.equals(before[name]), f"an analyzer changed the table {name}"


@pytest.mark.parametrize("name", ANALYZERS)
def test_analyzers_survive_empty_and_null_tables(
    name: str, make_request: Any, case: tuple[Request, dict[str, Any]]
) -> None:
    _, frames = case
    frames = {n: f.iloc[:1].assign(**{c: None for c in ("service",) if c in f}) for n, f in frames.items()}
    for finding in answers(make_request(), frames, (name,)).get(name, ()):
        check(finding, frames)


@pytest.mark.parametrize("name", ANALYZERS)
def test_findings_are_sound(name: str, case: tuple[Request, dict[str, Any]]) -> None:
    request, frames = case
    found = answers(request, frames, (name,)).get(name, ())
    assert found, "on an incident with every table there is something to say"
    assert len({f.id for f in found}) == len(found), "ids are unique"
    for finding in found:
        check(finding, frames)


def check(finding: Finding, frames: dict[str, Any]) -> None:
    assert finding.question
    assert finding.headline.endswith(".")
    assert "\n" not in finding.headline
    assert 0 <= finding.confidence <= 1
    for support in finding.supports:
        assert 0 < len(support.rows) <= 20
        assert all(0 <= row < len(frames[support.table]) for row in support.rows)


def test_analyzers_say_what_they_answer() -> None:
    for name in ANALYZERS:
        assert inspect.getdoc(plugins.load(plugins.ANALYZERS, name))


def whole(request: Request) -> Evidence:
    """An incident that every analyzer has something to say of."""
    onset = request.incident.end - timedelta(minutes=23)
    calls = {"caller": request.service, "callee": "payments", "service": "payments"}
    pod = {"time": request.asked, "kind": "Pod", "ref": "pod", "restarts": 4, "node": "node-1"}
    event = {
        "time": onset + timedelta(minutes=1),
        "ref": "event",
        "kind": "kubernetes",
        "severity": "Warning",
        "count": 3,
    }
    frame = '  File "/srv/a/pool.py", line 7, in get\n    wait()'
    trace = f"no pool {{n}}\nTraceback (most recent call last):\n{frame}\nKeyError: 1"
    bad = {"level": "ERROR", "service": request.service, "instance": "checkout-1"}
    frames = tables(
        changes=[deploy(onset - timedelta(minutes=3), "v2", "a"), commit(onset - timedelta(hours=1), "a", "a/pool.py")],
        logs=lines(request.baseline.start, request.incident.end, 20, "order {n} placed", instance="checkout-2")
        + lines(onset, request.incident.end, 5, trace, **bad)
        + lines(onset, request.incident.end, 9, "payments:8080: connection refused", seed=2, **bad)
        + lines(onset, request.incident.end, 9, "failed login for user u{n} from 203.0.113.9", seed=3, level="WARNING")
        + lines(onset, request.incident.end, 9, "disk is full", seed=4, level="ERROR", service="payments"),
        metrics=samples(request, "latency", "p95", 0.2, after=1, onset=onset)
        + samples(request, "error_rate", "ratio", 0.002, after=0.1, onset=onset, unit="ratio")
        + samples(request, "error_rate", "ratio", 0.002, after=0.1, onset=onset, unit="ratio", endpoint="/pay")
        + samples(request, "error_rate", "ratio", 0.002, unit="ratio", endpoint="/cart", seed=2)
        + samples(request, "memory", "max", 4e8, after=9e8, onset=onset, unit="bytes", instance="checkout-1")
        + samples(request, "error_rate", "ratio", 0.002, after=0.3, onset=onset, unit="ratio", **calls),
        events=[event | {"reason": "BackOff", "object": "Pod/checkout-1", "message": "restarting failed container"}],
        workloads=[
            pod | {"name": "checkout-1", "phase": "CrashLoopBackOff", "ready": False, "limits": {"memory": 1e9}},
            pod | {"name": "checkout-2", "phase": "Running", "ready": True, "limits": {"memory": 1e9}},
        ],
        topology=[{"time": request.asked, "ref": "mesh", "caller": "checkout", "callee": "payments", "weight": 1.0}],
    )
    return Evidence(request, frames, (), ())


EVIDENCES: dict[str, Callable[[Request], Evidence]] = {
    "everything": whole,
    "logs alone": lambda request: replace(whole(request), tables={"logs": whole(request).tables["logs"]}),
    "metrics alone": lambda request: replace(whole(request), tables={"metrics": whole(request).tables["metrics"]}),
    "of a document": lambda request: documentsample.incident(),
    "of a bundle": lambda request: sample_evidence(request.asked),
    "nothing": lambda request: Evidence(request, {}, (), ()),
}


def told(evidence: Evidence) -> dict[str, tuple[Finding, ...]]:
    """Findings by the question, as the runner has the analyzers answer."""
    found = runner.analyze(evidence, _raise)
    return {name: found.findings_of(name) for name in ANALYZERS}


def _raise(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize("name", EVIDENCES)
def test_findings_hang_on_the_evidence_alone(name: str, make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not on what ran before, nor on the order in which analyzers are registered: `after` says what they build on."""
    evidence = EVIDENCES[name](make_request())
    before = {table: frame.copy(deep=True) for table, frame in evidence.tables.items()}
    first = told(evidence)
    assert any(first.values()), "there is something to say"
    assert told(evidence) == first
    built_in = list(plugins.BUILT_IN)
    random.Random(1).shuffle(built_in)
    monkeypatch.setattr(plugins, "BUILT_IN", tuple(built_in))
    assert told(evidence) == first
    monkeypatch.setattr(plugins, "BUILT_IN", tuple(reversed(built_in)))
    assert told(replace(evidence, tables=before)) == first
    for table, frame in evidence.tables.items():
        pd.testing.assert_frame_equal(frame, before[table])


def test_every_analyzer_is_held_to_that(make_request: Any) -> None:
    found = told(whole(make_request()))
    assert [name for name in plugins.names(plugins.ANALYZERS) if not found[name]] == []
    assert any(f.id.startswith("dependencies:") for f in found["dependencies"])
    assert any(f.id.startswith("workload_health:") for f in found["workload_health"])
