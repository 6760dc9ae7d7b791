"""`gather_diagnostics recovery`: log files and a real Prometheus that get well again, stay ill, get worse, go away."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import documentsample as sample
import pytest
from servers.prometheus import openmetrics, prometheus

from gather_diagnostics import BundleError, pipeline
from gather_diagnostics.bundle import read, verify, write
from gather_diagnostics.cli import gather
from gather_diagnostics.cli.recovery import recovery
from gather_diagnostics.document import render, view

TOKEN = "ghp_" + "a1B2" * 9


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(gather.commands, "recovery", recovery)


def write_log(path: Path, *, ill: tuple[int, int], message: str = "pool exhausted", every: int = 2) -> None:
    """Two hours of lines until now; errors between so many seconds ago."""
    now = datetime.now(UTC)
    with path.open("w") as out:
        for ago in range(7200, 0, -1):
            stamp = (now - timedelta(seconds=ago)).isoformat()
            out.write(f"{stamp} INFO order {ago} placed\n")
            if ill[0] >= ago > ill[1] and ago % every == 0:
                out.write(f"{stamp} ERROR order {ago} failed: {message}\n")


@pytest.fixture
def bundle(run, tmp_path: Path) -> Path:
    """Of half an hour with errors in a log file, which a diagnostics.yaml names."""
    (tmp_path / "diagnostics.yaml").write_text("sources: {logfiles: {paths: [app.log]}}\n")
    write_log(tmp_path / "app.log", ill=(1800, 0))
    ran = run("--service", "checkout", "--source", "logfiles", "--format", "json", "--quiet")
    return Path(ran.json["bundle"])


def journal(path: Path) -> list[tuple[str, str]]:
    frame = read(path).tables["journal"]
    assert set(frame["kind"]) == {"recovery"}
    return list(zip(frame["outcome"], frame["answer"], strict=True))


# On log files


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ill", "every", "message", "code", "state", "word"),
    [
        ((1800, 400), 2, "pool exhausted", 0, "recovered", "RECOVERED"),
        ((1800, 0), 2, "pool exhausted", 4, "not_recovered", "NOT RECOVERED"),
        ((1800, 0), 1, "pool exhausted", 4, "worse", "WORSE"),
        ((300, 0), 2, f"the disk is full {TOKEN}", 4, "not_recovered", "NOT RECOVERED"),
    ],
)
def test_logs_tell_whether_it_is_over(
    run,
    bundle: Path,
    tmp_path: Path,
    ill: tuple[int, int],
    every: int,
    message: str,
    code: int,
    state: str,
    word: str,
) -> None:
    write_log(tmp_path / "app.log", ill=ill, every=every, message=message)
    ran = run("recovery", bundle, "--watch", "3s", "--every", "1s")
    assert ran.code == code, ran.err
    assert f"\n{word} (watched for 3 seconds, 4 looks).\n" in ran.out
    assert ran.err.count(" UTC  ") == 4
    assert ran.err.startswith("checkout is watched for 3 seconds, every 1 second, and compared with ")
    assert TOKEN not in ran.out + ran.err
    ((outcome, answer),) = journal(bundle)
    assert (outcome, answer.startswith(word)) == (state, True)
    for place in (bundle, bundle.with_name(f"{bundle.name}.tar.gz")):
        assert verify(place) == []
    assert "Is it over? " + state.replace("_", " ") in " ".join(
        run("show", bundle, "--section", "timeline").out.split()
    )


@pytest.mark.slow
def test_it_gets_well_while_it_is_watched(bundle: Path, tmp_path: Path) -> None:
    """And is not called well as long as a look of the last third saw it ill."""
    write_log(tmp_path / "app.log", ill=(1800, 0))
    command = [sys.executable, "-c", "from gather_diagnostics.cli import *; from gather_diagnostics.cli.recovery import"
               " recovery; gather.add_command(recovery); main()", "recovery", str(bundle)]  # fmt: skip
    process = subprocess.Popen(
        [*command, "--watch", "12s", "--every", "1s", "--format", "json"], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr
    while " UTC  not yet" not in process.stderr.readline():
        pass
    write_log(tmp_path / "next.log", ill=(1800, 400))
    (tmp_path / "next.log").replace(tmp_path / "app.log")
    out, err = process.communicate(timeout=60)
    told = json.loads(out)
    states = [one["state"] for one in told["looks"]]
    assert (process.returncode, told["state"]) == (0, "recovered"), err
    assert (states[0], states[-1]) == ("not_yet", "recovered")


@pytest.mark.slow
def test_a_source_that_is_gone_is_not_health(run, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "app.log").unlink()
    ran = run("recovery", bundle, "--once")
    assert ran.code == 2
    assert "NOT SEEN (one look at the last 5 minutes)." in ran.out
    assert "no file matches" in ran.out
    assert "mend: correct sources.logfiles.paths" in ran.out
    assert [outcome for outcome, _ in journal(bundle)] == ["unknown"]


@pytest.mark.slow
def test_json_is_alone_on_stdout(run, bundle: Path, tmp_path: Path) -> None:
    write_log(tmp_path / "other.log", ill=(1800, 400))
    (tmp_path / "app.log").unlink()
    ran = run("recovery", bundle, "--once", "--logs", "other.log", "--format", "json")
    assert (ran.code, ran.json["state"], ran.json["service"]) == (0, "recovered", "checkout"), ran.err
    assert ran.json["verdict"] == "RECOVERED (one look at the last 5 minutes)."
    assert [c["id"] for c in ran.json["looks"][0]["criteria"]] == ["error_lines", "patterns", "patterns:new"]
    assert ran.json["notes"] == [f"The journal is in {bundle}."]


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_keeps_what_is_known(bundle: Path, tmp_path: Path, sign: int) -> None:
    command = [sys.executable, "-c", "from gather_diagnostics.cli import *; from gather_diagnostics.cli.recovery import"
               " recovery; gather.add_command(recovery); main()", "recovery", str(bundle)]  # fmt: skip
    process = subprocess.Popen(
        [*command, "--watch", "10m"], cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stderr
    while " UTC  " not in process.stderr.readline().partition("compared")[0]:
        pass
    process.send_signal(sign)
    time.sleep(0.05)
    process.send_signal(sign)  # somebody in a hurry
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "INTERRUPTED after 1 look; so far: not yet." in out
    assert [outcome for outcome, _ in journal(bundle)] == ["not_recovered"]
    assert verify(bundle) == []


@pytest.mark.slow
def test_where_the_journal_can_not_be_kept_the_verdict_is_told(run, bundle: Path, monkeypatch) -> None:
    def full(*arguments: object) -> None:
        raise BundleError("the disk is full")

    monkeypatch.setattr(pipeline, "amend", full)
    ran = run("recovery", bundle, "--once")
    assert ran.code == 1
    assert "NOT RECOVERED" in ran.out
    assert "The journal was not written." in ran.out
    assert "the disk is full" in ran.err


@pytest.mark.slow
def test_on_a_terminal_there_is_one_table(run, bundle: Path, monkeypatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    ran = run("recovery", bundle, "--watch", "2s", "--every", "1s")
    assert ran.code == 4
    assert "not yet, 0:0" in shown.getvalue()
    assert "Error patterns of the incident" in shown.getvalue()


# On a real Prometheus


def history(now: float, ill: tuple[float, float], share: float) -> str:
    """Two hours of requests: one in a thousand fails, `share` of them between so many seconds ago; 20 a second."""
    times = [now - ago for ago in range(7500, -1, -15)]
    series = {"200": [], "500": []}
    good = bad = 0.0
    for at in times:
        failing = share if ill[0] >= now - at > ill[1] else 0.001
        good, bad = good + 300 * (1 - failing), bad + 300 * failing
        series["200"].append((at, good))
        series["500"].append((at, bad))
    labels = {"service": "checkout", "instance": "a:1"}
    return openmetrics(
        {"http_requests": ("counter", [("http_requests_total", labels | {"code": c}, s) for c, s in series.items()])}
    )


@pytest.fixture
def served(tmp_path: Path) -> Callable[..., Iterator[str]]:
    def serve(ill: tuple[float, float], share: float = 0.2):
        path = tmp_path / f"history-{ill}-{share}.om"
        path.write_text(history(time.time(), ill, share))
        return prometheus(path)

    return serve


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ill", "share", "code", "state"),
    [((1800, 700), 0.2, 0, "recovered"), ((1800, 0), 0.2, 4, "not_yet"), ((1800, 0), 0.7, 4, "worse")],
)
def test_prometheus_tells_whether_it_is_over(
    run, served, monkeypatch, ill: tuple[float, float], share: float, code: int, state: str
) -> None:
    with served((1800, 0)) as url:
        monkeypatch.setenv("PROMETHEUS_URL", url)
        bundle = run("--service", "checkout", "--source", "prometheus", "--format", "json", "--quiet").json["bundle"]
    with served(ill, share) as url:
        monkeypatch.setenv("PROMETHEUS_URL", url)
        ran = run("recovery", bundle, "--watch", "2s", "--every", "1s", "--format", "json")
    assert (ran.code, ran.json["state"]) == (code, state), ran.out
    told = {c["id"]: c["sentence"] for c in ran.json["looks"][-1]["criteria"]}
    assert "0.10% before the incident, 2" in told["error_rate"] or "0.10% before the incident, 1" in told["error_rate"]


@pytest.mark.slow
def test_a_prometheus_that_is_gone_is_not_health(run, served, monkeypatch) -> None:
    with served((1800, 0)) as url:
        monkeypatch.setenv("PROMETHEUS_URL", url)
        bundle = run("--service", "checkout", "--source", "prometheus", "--format", "json", "--quiet").json["bundle"]
    ran = run("recovery", bundle, "--once")
    assert ran.code == 2, ran.out
    assert "prometheus" in ran.out
    monkeypatch.delenv("PROMETHEUS_URL")
    ran = run("recovery", bundle, "--once", "--format", "json")
    assert (ran.code, ran.json["looks"][0]["state"]) == (2, "not_seen")


@pytest.mark.slow
def test_the_usual_time_is_not_asked_for_again(run, served, monkeypatch) -> None:
    """Each look burdens the sources with its own minutes only."""
    with served((1800, 0)) as url:
        monkeypatch.setenv("PROMETHEUS_URL", url)
        bundle = run("--service", "checkout", "--source", "prometheus", "--format", "json", "--quiet").json["bundle"]
    asked: list[object] = []
    collect = pipeline.gather

    def watching(request, *arguments, **options):  # type: ignore[no-untyped-def]
        asked.append(request)
        return collect(request, *arguments, **options)

    monkeypatch.setattr(pipeline, "gather", watching)
    run("recovery", bundle, "--once")
    (request,) = asked
    assert request.incident.length == timedelta(minutes=5)
    assert request.incident.end - request.changes.start <= timedelta(minutes=6)
    assert (request.baseline.end, request.seasonal) == (request.incident.start, ())


# What can't be done


@pytest.fixture
def written(tmp_path: Path) -> Path:
    evidence = sample.incident()
    return write(evidence, render(view(evidence)), tmp_path / "bundles").folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "there is no bundle at nowhere"),
        (["BUNDLE", "--watch", "soon"], "--watch takes a duration"),
        (["BUNDLE", "--every", "0s"], "--every"),
        (["BUNDLE", "--logs", "-"], "standard input can be read once"),
        (["BUNDLE", "--config", "nowhere.yaml"], "can't read the configuration"),
    ],
)
def test_mistakes_are_sentences(run, written: Path, arguments: list[str], words: str) -> None:
    ran = run("recovery", *[str(written) if a == "BUNDLE" else a for a in arguments])
    assert (ran.code, ran.out) == (1, "")
    assert words in ran.err
    assert "Traceback" not in ran.err


def test_a_staged_incident_can_not_be_watched(run, tmp_path: Path) -> None:
    from dataclasses import replace

    evidence = replace(sample.incident(), demo="This is a demo.")
    folder = write(evidence, render(view(evidence)), tmp_path / "bundles").folder
    ran = run("recovery", folder)
    assert (ran.code, ran.out) == (1, "")
    assert "is staged" in ran.err


def test_a_bundle_that_was_changed_is_not_compared_with(run, written: Path) -> None:
    (written / "evidence.md").write_text("changed")
    ran = run("recovery", written, "--once")
    assert (ran.code, ran.out) == (4, "")
    assert "is not as it was written" in ran.err


def test_a_bundle_that_can_not_be_amended_is_told_before_the_watch(run, written: Path, monkeypatch) -> None:
    access = os.access
    monkeypatch.setattr(os, "access", lambda place, mode: not mode & os.W_OK and access(place, mode))
    ran = run("recovery", written)
    assert (ran.code, ran.out) == (1, "")
    assert "copy the bundle to a folder that you may write to" in ran.err


def test_a_bundle_of_sources_that_are_not_here_is_not_seen(run, written: Path) -> None:
    ran = run("recovery", written, "--once")
    assert ran.code == 2, ran.err
    assert "NOT SEEN" in ran.out


def test_help_names_the_exit_codes(run) -> None:
    out = " ".join(run("recovery", "--help").out.split())
    for code in ("0 recovered", "4 not recovered", "2 it could not be seen", "1 a bundle", "130 interrupted"):
        assert code in out
