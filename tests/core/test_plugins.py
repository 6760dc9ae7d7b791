from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

import gather_diagnostics
from gather_diagnostics import plugins
from gather_diagnostics.errors import GatherError, PluginError


def test_the_public_names_are_these() -> None:
    assert gather_diagnostics.__all__ == sorted(gather_diagnostics.__all__)
    for name in gather_diagnostics.__all__:
        assert hasattr(gather_diagnostics, name)


def test_importing_costs_nothing_heavy() -> None:
    heavy = "{'pandas', 'pyarrow', 'numpy', 'pydantic', 'git', 'requests', 'rich', 'jinja2', 'yaml'}"
    code = f"import sys, gather_diagnostics.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_built_ins_come_first() -> None:
    assert plugins.names(plugins.COLLECTORS)[:3] == ("git", "forge", "kubernetes")
    assert plugins.names(plugins.ANALYZERS)[:4] == ("onset", "changes", "latency", "error_rate")


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(PluginError, match="no collector 'gti'; there are git, forge"):
        plugins.load(plugins.COLLECTORS, "gti")


def test_two_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = EntryPoint("git", "stranger.git:Git", plugins.COLLECTORS)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [stranger])
    with pytest.raises(PluginError, match=r"collectors\.git:Git .* and stranger\.git:Git"):
        plugins.names(plugins.COLLECTORS)


def test_what_is_installed_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def installed(group: str) -> list[EntryPoint]:
        asked.append(group)
        return [EntryPoint("uptime", "math:sqrt", group)]

    monkeypatch.setattr(plugins, "entry_points", installed)
    assert "uptime" in plugins.names(plugins.ANALYZERS)
    assert plugins.load(plugins.ANALYZERS, "uptime")(4) == 2
    assert asked == [plugins.ANALYZERS]


def test_a_function_without_the_decorator_is_no_analyzer() -> None:
    with pytest.raises(PluginError, match="decorate it"):
        plugins.spec_of(len)


def test_every_error_of_ours_has_a_documented_exit_code() -> None:
    codes = {
        c.__name__: c.exit_code for c in (GatherError, *_below(GatherError)) if c.__module__ == GatherError.__module__
    }
    assert codes == {
        "GatherError": 1,
        "InputError": 1,
        "ConfigError": 1,
        "PluginError": 1,
        "BundleError": 1,
        "NoSourceError": 3,
        "SendError": 3,
        "VerificationError": 4,
    }
    for name in codes:
        assert name in gather_diagnostics.errors.__doc__


def _below(cls: type) -> list[type]:
    return [c for sub in cls.__subclasses__() if sub.__module__ == cls.__module__ for c in (sub, *_below(sub))]
