"""`runbook list|show|lint|match` as a person types them."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import documentsample as sample
import pytest

from gather_diagnostics.bundle import Written, write
from gather_diagnostics.cli import gather
from gather_diagnostics.cli.runbook import runbook
from gather_diagnostics.document import render, view

OWN = """\
---
id: own
title: One of our own
kind: cause
when:
  all: ["error_rate: details.changed == true"]
owner: team-shop
last_reviewed: 2026-11-01
---
How one recognises it.

## Restart
Ask first.
```act
command: kubectl -n {{ namespace }} rollout restart deployment/{{ service }}
risk: Replicas restart.
undo: Nothing to undo.
```
## Did it help?
```verify
recovery: true
```
"""


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(gather.commands, "runbook", runbook)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    evidence = sample.incident()
    return write(evidence, render(view(evidence)), tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own.md").write_text(OWN)
    return tmp_path / "own"


def test_list_tells_where_each_is_from(run, own: Path) -> None:
    ran = run("runbook", "list", "--runbooks", own)
    assert (ran.code, ran.err) == (0, "")
    lines = {line.split()[0]: line for line in ran.out.splitlines()}
    assert lines["bad-deploy"].endswith("shipped")
    assert lines["own"].endswith(str(own))
    told = {row["id"]: row for row in run("runbook", "list", "--runbooks", own, "--format", "json").json}
    assert told["own"] == {
        "id": "own", "kind": "cause", "last_reviewed": "2026-11-01", "owner": "team-shop", "title": "One of our own",
        "from": str(own),
    }  # fmt: skip


def test_folders_of_the_configuration_are_read(run, own: Path, tmp_path: Path) -> None:
    (tmp_path / "diagnostics.yaml").write_text("response: {runbooks: [own]}\n")
    assert "One of our own" in run("runbook", "list").out


def test_show_leaves_open_what_nobody_knows(run, own: Path) -> None:
    ran = run("runbook", "show", "own", "--runbooks", own)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("# One of our own\n\n`own`, cause, owner team-shop, reviewed 2026-11-01\n\nHow one")
    assert "## 1. Restart\n\n*act* `restart`\n\nAsk first.\n\n```text\nkubectl -n <namespace> rollout" in ran.out
    assert "Risk: Replicas restart." in ran.out
    assert "gather_diagnostics recovery" in ran.out


def test_show_fills_in_from_a_bundle(run, own: Path, written: Written) -> None:
    for bundle in (written.folder, written.archive):
        out = run("runbook", "show", "own", "--runbooks", own, "--bundle", bundle).out
        assert "rollout restart deployment/checkout" in out


def test_what_is_not_there_is_one_sentence(run, own: Path, tmp_path: Path) -> None:
    for arguments, words in (
        (["show", "owm", "--runbooks", own], "did you mean own?"),
        (["list", "--runbooks", tmp_path / "nowhere"], "there is no folder"),
        (["lint", tmp_path / "nowhere"], "can't read the folder"),
        (["match", tmp_path], "manifest.json"),
        (["show", "own", "--runbooks", own, "--bundle", tmp_path], "manifest.json"),
    ):
        ran = run("runbook", *arguments)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith("error: ")
        assert words in ran.err
        assert len(ran.err.splitlines()) == 1


def test_lint_finds_nothing_in_sound_ones(run, own: Path) -> None:
    for arguments in ([own], [own / "own.md"], ["--runbooks", own]):
        ran = run("runbook", "lint", *arguments)
        assert (ran.code, ran.out) == (0, "")
        assert "nothing to mend" in ran.err


def test_lint_tells_file_and_line(run, own: Path) -> None:
    (own / "own.md").write_text(OWN.replace("{{ namespace }}", "{{ space }}").replace("error_rate:", "error_rat:"))
    (own / "torn.md").write_text("---\n")
    ran = run("runbook", "lint", own)
    assert ran.code == 1
    places = [line.split(": ")[0] for line in ran.out.splitlines()]
    assert places == [f"{own / 'own.md'}:6", f"{own / 'own.md'}:15", f"{own / 'torn.md'}:1"]
    assert ran.err == "2 runbooks read, 3 to mend\n"


def test_a_warning_alone_is_no_failure(run, own: Path) -> None:
    (own / "own.md").write_text(OWN.replace("2026-11-01", "2019-11-01"))
    ran = run("runbook", "lint", own)
    assert ran.code == 0
    assert f"{own / 'own.md'}:8: warning: the last review was" in ran.out


def test_match_ranks_with_reasons(run, own: Path, written: Written) -> None:
    for bundle in (written.folder, written.archive):
        ran = run("runbook", "match", bundle, "--runbooks", own)
        assert (ran.code, ran.err) == (0, "")
        assert "own: One of our own (cause, 0." in ran.out
        assert "   error_rate: details.changed == true\n      error_rate: " in ran.out
    told = run("runbook", "match", written.folder, "--runbooks", own, "--format", "json").json
    assert told["service"] == "checkout"
    ranked = {book["id"]: book for book in told["runbooks"]}
    assert ranked["own"]["because"][0]["findings"] == ["error_rate"]
    assert [bool(book["steps"]) for book in told["runbooks"]] == [True] + [False] * (len(ranked) - 1)


def test_nothing_fits_where_nothing_is_wrong(run, tmp_path: Path) -> None:
    evidence = sample.healthy()
    bundle = write(evidence, render(view(evidence)), tmp_path).folder
    ran = run("runbook", "match", bundle)
    assert (ran.code, ran.out) == (0, "No runbook fits.\n")


def test_texts_of_others_cannot_act_on_a_terminal(run, own: Path) -> None:
    (own / "own.md").write_text(
        OWN.replace("One of our own", '"\\e[2Jgone"').replace("Ask first.", "Ask\x1b[2J \u202efirst.")
    )
    for arguments in (["list"], ["show", "own"]):
        out = run("runbook", *arguments, "--runbooks", own).out
        assert "\x1b" not in out
        assert "\u202e" not in out


@pytest.mark.slow
def test_on_a_terminal_a_runbook_is_laid_out(own: Path, tmp_path: Path) -> None:
    long = "deployment/{{ service }}"
    (own / "own.md").write_text(OWN.replace(long, f"{long} --with-a-long-option=that-is-wider-than-it"))
    shown = on_terminal(tmp_path, "show", "own", "--runbooks", str(own), NO_COLOR="1")
    assert "One of our own" in shown
    assert "# One" not in shown
    assert (
        "kubectl -n <namespace> rollout restart deployment/<service> --with-a-long-option=that-is-wider-than-it"
        in shown
    )
    assert "\x1b[1" in on_terminal(tmp_path, "show", "own", "--runbooks", str(own))


def on_terminal(place: Path, *arguments: str, **environment: str) -> str:
    """What a person sees, through a pager that only passes on."""
    (place / "less").write_text("#!/bin/sh\nexec cat\n")
    (place / "less").chmod(0o755)
    master, slave = pty.openpty()
    program = "import sys; from gather_diagnostics.cli import main; main(['runbook', *sys.argv[1:]])"
    known = {"PAGER": str(place / "less"), "TERM": "xterm", "COLUMNS": "80", "LANG": "C.UTF-8"}
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=slave, stdin=slave, env=os.environ | known | environment
    ) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:  # Linux' way to say that the other end is closed
                break
            if not piece:
                break
            shown += piece
    assert process.returncode == 0
    return shown.decode()
