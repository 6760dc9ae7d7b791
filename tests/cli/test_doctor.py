from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gather_diagnostics.cli.doctor import OURS, shadowed


def test_all_is_well(run, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text(f"{datetime.now(UTC).isoformat()} INFO fine\n")
    (tmp_path / "diagnostics.yaml").write_text("sources:\n  logfiles: {paths: [app.log]}\n")
    ran = run("doctor", "--service", "checkout")
    assert ran.code == 0, ran.out
    assert "logfiles: ready" in ran.out
    assert "prometheus: not in use" in ran.out


def test_what_is_missing_is_named_with_its_mend(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_URL", "http://127.0.0.1:9")
    ran = run("doctor", "--service", "checkout")
    assert ran.code == 2
    assert "prometheus: trouble" in ran.out
    assert "127.0.0.1:9 is not reached" in ran.out
    assert "mend: " in ran.out
    answer = run("doctor", "--service", "checkout", "--format", "json").json["sources"]["prometheus"]
    assert answer["used"]
    assert answer["gaps"][0]["cause"] == "unreachable"


def test_nothing_in_use(run) -> None:
    ran = run("doctor", "--service", "checkout")
    assert ran.code == 3
    assert ran.err.startswith("error: no source is in use")


def test_sources_ask_nobody(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_URL", "http://127.0.0.1:9")
    ran = run("sources", "--service", "checkout")
    assert ran.code == 0
    assert "prometheus: in use" in ran.out
    assert "not reached" not in ran.out


def test_a_stranger_that_ships_our_packages_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    owners = {"collectors": ["gather-diagnostics", "evil"], "analyzers": ["gather-diagnostics"]}
    monkeypatch.setattr(importlib.metadata, "packages_distributions", lambda: owners)
    (warning,) = shadowed()
    assert "'collectors' is also shipped by evil" in warning
    assert set(OURS) == {"gather_diagnostics", "collectors", "analyzers", "runbooks"}


def test_a_policy_that_does_not_exist(run) -> None:
    ran = run("policy", "fortran")
    assert ran.code == 1
    assert "there is no policy for 'fortran'" in ran.err


def test_sources_outside_and_inside_a_repository(run) -> None:
    assert "git: not in use" in run("sources", "--service", "checkout").out
    subprocess.run(["git", "init", "-q"], check=True)
    assert "git: in use" in run("sources", "--service", "checkout").out
