"""`runbook run`: on a bundle and live, alone and with a person, to the end and until it is interrupted."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import documentsample as sample
import pytest
from gitworld import World

from gather_diagnostics import BundleError, pipeline, runner
from gather_diagnostics.bundle import Written, read, verify, write
from gather_diagnostics.document import render, view

TOKEN = "ghp_" + "a1B2" * 9
HEAD = """---
id: {id}
title: A runbook of ours
kind: cause
when: {{all: ["onset: time != null"]}}
escalation: service owner
last_reviewed: 2026-11-01
---
How it is recognised.
"""
BEGAN = '## Did it begin?\n```check\nid: began\nif: "onset: time != null"\n```\n'
DECIDE = "## Is the way back open?\n```decide\nid: open\nthen: roll-back\nelse: over\n```\n"
ACT = (
    "## Roll back\nTell the others first.\n```act\nid: roll-back\n"
    "command: 'kubectl rollout undo deployment/{{ service }} -n {{ namespace }}'\n"
    "risk: Replicas are replaced.\nundo: Roll forward.\n```\n"
)
VERIFY = "## Is it over?\n```verify\nid: over\n```\n"
QUERY = "## Is it up?\n```check\nid: up\nprometheus: 'up{job={{ service | promql }}}'\nexpect: 'value == 1'\n```\n"


@pytest.fixture
def written(tmp_path: Path) -> Written:
    evidence = sample.incident()
    return write(evidence, render(view(evidence)), tmp_path / "bundles")


@pytest.fixture
def books(tmp_path: Path) -> Callable[..., Path]:
    """books(steps, id='ours'): a folder with a runbook of these steps."""

    def make(*steps: str, id_: str = "ours") -> Path:
        folder = tmp_path / "books"
        folder.mkdir(exist_ok=True)
        (folder / f"{id_}.md").write_text(HEAD.format(id=id_) + "\n".join(("", *steps)))
        return folder

    return make


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """typed('y', ...): the lines a person types, after which the input ends."""

    def type_(*lines: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))

    return type_


def journal(bundle: Path) -> list[tuple[Any, ...]]:
    frame = read(bundle).tables["journal"]
    return list(zip(frame["step"], frame["outcome"], frame["answer"], strict=True))


# Offline


def test_alone_it_answers_what_it_can_and_leaves_the_rest(run, written: Written, books) -> None:
    folder = books(BEGAN, QUERY, DECIDE, ACT, VERIFY)
    ran = run("runbook", "run", "ours", "--bundle", written.folder, "--runbooks", folder, "--non-interactive")
    assert ran.code == 2, ran.err
    assert ran.err == ""
    assert ran.out.startswith(
        "1. Did it begin?  [check]\n      if onset: time != null\n   -> yes. The evidence says so: "
    )
    assert '      prometheus: up{job="checkout"}\n' in ran.out
    assert "-> unknown. prometheus was not asked, since nothing is asked offline. It is left open.\n" in ran.out
    assert "   Tell the others first.\n      $ kubectl rollout undo deployment/checkout -n <namespace>\n" in ran.out
    assert (
        "   Risk: Replicas are replaced.\n   To undo: Roll forward.\n   -> skipped. It is left to a person.\n"
        in ran.out
    )
    assert ran.out.endswith(
        f"ours was walked; 4 of 5 steps are left to a person.\nThe journal is in {written.folder}.\n"
    )
    for bundle in (written.folder, written.archive):
        assert bundle is not None
        assert verify(bundle) == []
        assert [step for step, _, _ in journal(bundle)] == ["began", "up", "open", "roll-back", "over"]
    assert "Roll back: skipped" in run("show", written.folder, "--section", "timeline").out


@pytest.mark.slow
def test_the_documents_agree_with_the_amended_tables(run, books, tmp_path: Path) -> None:
    evidence = sample.incident()
    evidence = runner.analyze(replace(evidence, coverage=(), response=None))
    bundle = write(evidence, render(view(evidence)), tmp_path).folder
    run("runbook", "run", "ours", "--bundle", bundle, "--runbooks", books(BEGAN, ACT), "--non-interactive")
    assert len(journal(bundle)) == 2
    ran = run("verify", "--claims", bundle)
    assert ran.code == 0, ran.err


def test_with_a_person_it_asks(run, written: Written, books, typed) -> None:
    typed("y", "d", f"undone with {TOKEN}", "maybe", "n")
    folder = books(BEGAN, DECIDE, ACT, VERIFY)
    ran = run("runbook", "run", "ours", "--bundle", written.archive, "--runbooks", folder)
    assert ran.code == 4, ran.err
    assert ran.err.count("Is it so? [y]es, [n]o, Enter: not known: ") == 3
    assert ran.err.count("Did you do it? [d]one, [s]kipped: ") == 1
    assert "   -> yes. A person says yes. Going on with roll-back.\n" in ran.out
    assert "ours was walked, and it did not help: call the service owner.\n" in ran.out
    _, opened, acted, over = journal(written.folder)
    assert opened[1:] == ("yes", "A person says yes. Going on with roll-back.")
    assert acted[:2] == ("roll-back", "done")
    assert acted[2].startswith("undone with [redacted:")
    assert TOKEN not in ran.out
    assert over[:2] == ("over", "no")


def test_all_is_well_is_zero(run, written: Written, books, typed) -> None:
    typed("y")
    ran = run("runbook", "run", "ours", "--bundle", written.folder, "--runbooks", books(BEGAN, VERIFY))
    assert (ran.code, ran.out.count("-> yes")) == (0, 2)
    assert "ours was walked, and nothing was left open." in ran.out


def test_json_is_alone_on_stdout(run, written: Written, books, typed) -> None:
    typed("n", "y")
    folder = books(BEGAN, DECIDE, ACT, VERIFY)
    ran = run("runbook", "run", "ours", "--bundle", written.folder, "--runbooks", folder, "--format", "json")
    assert ran.code == 0
    told = ran.json
    assert {k: told[k] for k in ("runbook", "bundle", "exit_code")} == {
        "runbook": "ours", "bundle": str(written.folder), "exit_code": 0,
    }  # fmt: skip
    assert [(s["number"], s["id"], s["outcome"]) for s in told["steps"]] == [
        (1, "began", "yes"), (2, "open", "no"), (3, "over", "yes"),
    ]  # fmt: skip
    assert told["notes"] == [f"The journal is in {written.folder}."]
    assert "1. Did it begin?" in ran.err


def test_when_the_input_ends_what_was_done_is_kept(run, written: Written, books, typed) -> None:
    typed("y")
    ran = run("runbook", "run", "ours", "--bundle", written.folder, "--runbooks", books(BEGAN, DECIDE, ACT, VERIFY))
    assert ran.code == 130
    assert "Interrupted after 2 steps of ours." in ran.out
    assert [step for step, _, _ in journal(written.folder)] == ["began", "open"]
    assert verify(written.folder) == []


def test_a_second_walk_is_added(run, written: Written, books) -> None:
    folder = books(BEGAN)
    for _ in range(2):
        arguments = ("--bundle", written.folder, "--runbooks", folder, "--non-interactive")
        assert run("runbook", "run", "ours", *arguments).code == 0
    assert [step for step, _, _ in journal(written.folder)] == ["began", "began"]


def test_a_shipped_runbook_can_be_walked(run, written: Written) -> None:
    ran = run("runbook", "run", "bad-deploy", "--bundle", written.folder, "--non-interactive", "--format", "json")
    assert ran.code in (2, 4)
    assert {"check", "decide", "act", "verify"} == {step["kind"] for step in ran.json["steps"]}


# What can't be done


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["no-such", "--bundle", "BUNDLE"], 1, "there is no runbook 'no-such'"),
        (["ours"], 1, "say which service is in trouble (--service NAME), or give a bundle (--bundle)"),
        (["ours", "--bundle", "nowhere"], 1, "there is no bundle at nowhere"),
        (["ours", "--bundle", "BUNDLE", "--service", "cart"], 1, "is of the service 'checkout'"),
        (["ours", "--bundle", "BUNDLE", "--runbooks", "nowhere"], 1, "nowhere"),
    ],
)
def test_mistakes_are_sentences(run, written: Written, books, arguments: list[str], code: int, words: str) -> None:
    folder = books(BEGAN)
    given = [str(written.folder) if a == "BUNDLE" else a for a in arguments]
    ran = run("runbook", "run", *given, "--runbooks", folder, "--non-interactive")
    assert ran.code == code
    assert words in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""


def test_a_bundle_that_was_changed_is_not_walked(run, written: Written, books) -> None:
    (written.folder / "evidence.md").write_text("changed")
    ran = run("runbook", "run", "ours", "--bundle", written.folder, "--runbooks", books(BEGAN), "--non-interactive")
    assert (ran.code, ran.out) == (4, "")
    assert "is not as it was written" in ran.err


def test_a_bundle_that_can_not_be_amended_is_told_before_the_walk(run, written: Written, books, monkeypatch) -> None:
    access = os.access
    monkeypatch.setattr(os, "access", lambda place, mode: not mode & os.W_OK and access(place, mode))
    ran = run("runbook", "run", "ours", "--bundle", written.folder, "--runbooks", books(BEGAN), "--non-interactive")
    assert (ran.code, ran.out) == (1, "")
    assert "copy the bundle to a folder that you may write to" in ran.err


@pytest.mark.parametrize("format_", ["text", "json"])
def test_where_the_journal_can_not_be_kept_the_walk_is_told_all_the_same(
    run, written: Written, books, monkeypatch, format_: str
) -> None:
    def full(*arguments: object) -> None:
        raise BundleError("the disk is full")

    monkeypatch.setattr(pipeline, "amend", full)
    ran = run(
        "runbook", "run", "ours", "--bundle", written.folder, "--runbooks", books(BEGAN), "--non-interactive",
        "--format", format_,
    )  # fmt: skip
    assert ran.code == 1
    assert "the disk is full" in ran.err
    assert "The journal was not written." in ran.out
    assert "began" in ran.out or "Did it begin?" in ran.out
    if format_ == "json":
        assert ran.json["steps"][0]["outcome"] == "yes"


def test_a_decision_that_leads_nowhere_is_told_at_once(run, written: Written, books) -> None:
    ran = run("runbook", "run", "ours", "--bundle", written.folder, "--runbooks", books(BEGAN, DECIDE))
    assert (ran.code, ran.out) == (1, "")
    assert "then: there is no step 'roll-back'" in ran.err


# Live


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A repository with two commits, and a log with errors since the second."""
    now = datetime.now(UTC)
    world = World(tmp_path / "shop")
    world.commit(now - timedelta(days=2), "First", {"pool.py": "size = 50\n"})
    world.commit(now - timedelta(minutes=31), "Smaller pool", {"pool.py": "size = 5\n"})
    lines = [f"{(now - timedelta(seconds=s)).isoformat()} INFO fine" for s in range(7000, 1800, -5)]
    lines += [f"{(now - timedelta(seconds=s)).isoformat()} ERROR pool exhausted" for s in range(1800, 0, -1)]
    (tmp_path / "app.log").write_text("\n".join(lines) + "\n")
    (tmp_path / "diagnostics.yaml").write_text(
        "sources:\n  logfiles: {paths: [app.log]}\n  git: {repo: shop}\n"
        "  prometheus: {url: 'http://127.0.0.1:9'}\nresponse: {runbooks: [books]}\n"
    )
    return tmp_path


LAST = "## Who was last?\n```check\nid: last\ngit: 'log -n 1'\nexpect: 'rows >= 1'\n```\n"


@pytest.mark.slow
def test_live_the_evidence_is_gathered_and_sources_are_asked(run, place: Path, books) -> None:
    books(BEGAN, LAST, QUERY)
    ran = run(
        "runbook", "run", "ours", "--service", "checkout", "--non-interactive", "--format", "json", "--out", "out"
    )
    assert ran.code == 2, ran.err
    began, last, up = ran.json["steps"]
    assert (began["outcome"], last["outcome"], up["outcome"]) == ("yes", "yes", "unknown")
    assert last["missed"] == ""
    assert "Smaller pool" in " ".join(last["details"]["answer"])
    assert up["missed"].startswith("prometheus could not be asked: ")
    bundle = Path(ran.json["bundle"])
    assert bundle.parent == place / "out"
    assert verify(bundle) == verify(bundle.with_name(f"{bundle.name}.tar.gz")) == []
    assert [step for step, _, _ in journal(bundle)] == ["began", "last", "up"]


@pytest.mark.slow
def test_gathering_that_was_interrupted_leaves_a_bundle_and_no_walk(run, place: Path, books, monkeypatch) -> None:
    collect = pipeline.collect
    monkeypatch.setattr(pipeline, "collect", lambda *a, **o: replace(collect(*a, **o), interrupted=True))
    books(BEGAN)
    ran = run("runbook", "run", "ours", "--service", "checkout", "--non-interactive", "--out", "out")
    assert (ran.code, ran.out) == (130, "")
    (bundle,) = (p for p in (place / "out").iterdir() if p.is_dir())
    assert verify(bundle) == []
    assert "journal" not in read(bundle).tables


def test_without_a_source_there_is_nothing_to_walk(run, books, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("runbook", "run", "ours", "--service", "x", "--runbooks", books(BEGAN), "--non-interactive")
    assert ran.code == 3
    assert "no source could be read" in ran.err


# In a terminal


def at_the_prompt(arguments: list[str], cwd: Path) -> tuple[subprocess.Popen[bytes], int]:
    """The command in a terminal of its own, once it asks."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "gather_diagnostics", "runbook", "run", *arguments],
        cwd=cwd, stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
        # As in any terminal: under nohup the tests themselves ignore it, and would hand that on.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )  # fmt: skip
    os.close(follower)
    seen = b""
    end = time.monotonic() + 60
    while b"[n]o" not in seen and time.monotonic() < end:
        try:
            seen += os.read(leader, 4096) if select.select([leader], [], [], 0.2)[0] else b""
        except OSError:  # it has ended
            break
    assert b"[n]o" in seen, seen
    return process, leader


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_at_a_prompt_it_keeps_what_was_done(written: Written, books, tmp_path: Path, sign: int) -> None:
    folder = books(BEGAN, DECIDE, ACT, VERIFY)
    process, leader = at_the_prompt(["ours", "--bundle", str(written.folder), "--runbooks", str(folder)], tmp_path)
    process.send_signal(sign)
    time.sleep(0.05)
    process.send_signal(sign)  # somebody in a hurry
    assert process.wait(60) == 130
    os.close(leader)
    assert [step for step, _, _ in journal(written.folder)] == ["began"]
    for bundle in (written.folder, written.archive):
        assert bundle is not None
        assert verify(bundle) == []


@pytest.mark.slow
def test_a_terminal_that_goes_away_ends_it_as_well(written: Written, books, tmp_path: Path) -> None:
    folder = books(BEGAN, DECIDE, ACT, VERIFY)
    process, leader = at_the_prompt(["ours", "--bundle", str(written.folder), "--runbooks", str(folder)], tmp_path)
    os.close(leader)
    process.wait(60)
    assert [step for step, _, _ in journal(written.folder)] == ["began"]
    assert verify(written.folder) == []


def test_help_names_the_exit_codes(run) -> None:
    out = " ".join(run("runbook", "run", "--help").out.split())
    for code in ("0 walked", "2 something", "4 a verify step", "1 a runbook", "3 no source", "130 interrupted"):
        assert code in out
    assert json.dumps(out).count("--non-interactive") == 1
