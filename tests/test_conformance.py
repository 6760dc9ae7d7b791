"""What every plug-in owes, built in or a stranger's: whatever is installed is policed."""

from __future__ import annotations

import inspect
import re
import socket
from typing import Any

import pytest
from incidents import commit, deploy, lines, samples, tables
from pydantic import BaseModel

from gather_diagnostics import Collector, Finding, Gap, Request, Target, plugins
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


def test_settings_never_show_a_secret(kind: Any) -> None:
    for name, field in kind.Settings.model_fields.items():
        # A folder or a switch may speak of secrets ('bearer_token_file', 'secrets: true') without being one.
        if field.annotation is not bool and re.search(r"(password|token|secret)s?$", name):
            shown = repr(kind.Settings.model_validate({name: "hunter2hunter2"}))
            assert "hunter2" not in shown


@pytest.fixture
def case(make_request: Any) -> tuple[Request, dict[str, Any]]:
    from datetime import timedelta

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
