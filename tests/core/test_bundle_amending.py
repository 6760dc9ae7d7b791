"""A bundle with more in it takes the old one's place: whole or as before, and what was there stays as it was."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import documentsample as sample
import pytest
from bundlework import assert_same, contents
from evidencesample import DOCUMENTS, sample_evidence

from gather_diagnostics import BundleError, Evidence, VerificationError, pipeline
from gather_diagnostics.bundle import Amended, Written, amend, amending, claimed, exchanging, read, sign, verify, write
from gather_diagnostics.document import render, view
from gather_diagnostics.redaction import Redactor
from gather_diagnostics.response.journal import Entry, entered

NEW = {"evidence.md": b"# amended\n", "evidence.json": b'{"service": "checkout", "journal": 1}\n'}


@pytest.fixture
def evidence(now: datetime) -> Evidence:
    return sample_evidence(now)


@pytest.fixture
def written(evidence: Evidence, tmp_path: Path) -> Written:
    return write(evidence, {**DOCUMENTS, "notes.txt": b"kept"}, tmp_path / "out")


def more(evidence: Evidence, count: int = 1) -> Evidence:
    return entered(evidence, [entry(evidence.request.asked + timedelta(seconds=n)) for n in range(count)], Redactor())


def entry(time: datetime, **fields: Any) -> Entry:
    known: dict[str, Any] = {"source": "runbook", "ref": "runbook:bad-deploy#suspect", "kind": "check",
                             "title": "Is the deploy the suspect?", "outcome": "yes", "runbook": "bad-deploy",
                             "step": "suspect", "answer": "Change number 0 went out 3 min before"}  # fmt: skip
    return Entry(time=time, **known | fields)


def amended(written: Path, evidence: Evidence) -> Amended:
    return amend(written, more(evidence), NEW, Redactor())


# What is in it


@pytest.mark.parametrize("given", ["folder", "archive"])
def test_both_copies_hold_more_whichever_was_named(evidence: Evidence, written: Written, given: str) -> None:
    done = amended(getattr(written, given), evidence)
    assert done == Amended(written.folder, written.archive)
    for bundle in (written.folder, written.archive):
        assert bundle is not None
        assert verify(bundle) == []
        assert_same(read(bundle), more(evidence))
    assert (written.folder / "evidence.md").read_bytes() == NEW["evidence.md"]
    assert [p.name for p in sorted(written.folder.parent.iterdir())] == [
        written.folder.name, f"{written.folder.name}.tar.gz",
    ]  # fmt: skip


def test_what_says_the_same_stays_byte_by_byte(evidence: Evidence, written: Written) -> None:
    before = contents(written.folder)
    amended(written.folder, evidence)
    after = contents(written.folder)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {*NEW, "tables/journal.parquet", "manifest.json", "SHA256SUMS"}
    assert before.keys() <= after.keys()


def test_tables_of_another_version_stay_as_it_wrote_them(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same rows, in bytes that this version would not write."""
    import pyarrow.parquet as pq

    write_table = pq.write_table
    monkeypatch.setattr(pq, "write_table", lambda t, out, **o: write_table(t, out, **o | {"compression": "gzip"}))
    old = write(evidence, DOCUMENTS, tmp_path)
    monkeypatch.undo()
    before = contents(old.folder)
    amended(old.folder, evidence)
    after = contents(old.folder)
    assert [n for n in before if n.startswith(("tables/", "raw/", "findings")) and before[n] != after[n]] == []
    assert_same(read(old.folder), more(evidence))


def test_what_was_proposed_stays_as_it_was(tmp_path: Path) -> None:
    evidence = sample.incident()
    assert evidence.response
    bundle = write(evidence, render(view(evidence)), tmp_path).folder
    before = (bundle / "response.json").read_bytes()
    pipeline.amend(bundle, [entry(evidence.request.asked)], Redactor())
    assert (bundle / "response.json").read_bytes() == before
    document = json.loads((bundle / "evidence.json").read_bytes())
    assert document["response"] == json.loads(before)


def test_a_table_with_new_rows_is_written_anew(evidence: Evidence, written: Written) -> None:
    amended(written.folder, evidence)
    amend(written.folder, more(evidence, 3), {}, Redactor())
    assert len(read(written.folder).tables["journal"]) == 3
    assert verify(written.folder) == []
    assert (written.folder / "evidence.md").read_bytes() == NEW["evidence.md"]


def test_amending_the_same_twice_changes_nothing(evidence: Evidence, written: Written) -> None:
    amended(written.folder, evidence)
    assert written.archive
    before = contents(written.folder), written.archive.read_bytes()
    amended(written.folder, evidence)
    assert (contents(written.folder), written.archive.read_bytes()) == before


def test_nothing_is_ever_taken_away(evidence: Evidence, written: Written) -> None:
    amend(written.folder, more(evidence, 2), NEW, Redactor())
    before = contents(written.folder)
    for fewer in (evidence, more(evidence), replace(more(evidence, 2), raws={})):
        with pytest.raises(BundleError, match=r"has more of (journal|raw/\S+) by now: try again"):
            amend(written.folder, fewer, NEW, Redactor())
    assert contents(written.folder) == before


# Which of the two copies


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_a_single_copy_stays_single(evidence: Evidence, written: Written, kind: str) -> None:
    assert written.archive
    if kind == "folder":
        written.archive.unlink()
        assert amended(written.folder, evidence) == Amended(written.folder, None)
    else:
        shutil.rmtree(written.folder)
        assert amended(written.archive, evidence) == Amended(written.archive, written.archive)
    assert [p.name for p in written.folder.parent.iterdir()] == [getattr(written, kind).name]
    assert "journal" in read(getattr(written, kind)).tables


@pytest.mark.parametrize("given", ["folder", "archive"])
def test_a_neighbour_with_something_else_in_it_is_left_alone(evidence: Evidence, tmp_path: Path, given: str) -> None:
    one = write(evidence, DOCUMENTS, tmp_path)
    assert one.archive
    other = write(evidence, {"evidence.md": b"other"}, tmp_path / "other")
    assert other.archive
    os.replace(other.archive, one.archive)
    left = one.archive if given == "folder" else one.folder
    before = hashlib.sha256(left.read_bytes()).digest() if left.is_file() else contents(left)
    done = amended(getattr(one, given), evidence)
    (note,) = done.notes
    assert note.startswith(f"{left.name} was left as it is")
    assert (hashlib.sha256(left.read_bytes()).digest() if left.is_file() else contents(left)) == before
    assert "journal" in read(getattr(one, given)).tables


def test_a_renamed_bundle_keeps_its_names(evidence: Evidence, written: Written, tmp_path: Path) -> None:
    assert written.archive
    folder, archive = tmp_path / "INC-42", tmp_path / "from-alice.tgz"
    shutil.move(written.folder, folder)
    shutil.move(written.archive, archive)
    amended(folder, evidence)
    amended(archive, evidence)
    assert verify(folder) == verify(archive) == []
    assert json.loads((folder / "manifest.json").read_bytes())["name"] == written.folder.name


def test_a_link_to_a_bundle_stays_one(evidence: Evidence, written: Written, tmp_path: Path) -> None:
    link = tmp_path / "latest"
    link.symlink_to(written.folder)
    assert amended(link, evidence).folder == written.folder
    assert link.is_symlink()
    assert "journal" in read(link).tables


# What may not be amended


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_a_bundle_that_does_not_verify_stays_as_it_is(evidence: Evidence, written: Written, kind: str) -> None:
    bundle = getattr(written, kind)
    victim = bundle / "evidence.md" if kind == "folder" else bundle
    victim.write_bytes(victim.read_bytes()[:-9])
    before = victim.read_bytes()
    with pytest.raises(VerificationError, match="is not amended"):
        amended(bundle, evidence)
    assert victim.read_bytes() == before
    assert "journal" not in os.listdir(written.folder / "tables")


def test_there_has_to_be_one(evidence: Evidence, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no bundle"):
        amended(tmp_path / "nowhere", evidence)
    with pytest.raises(BundleError, match="there is no bundle"), claimed(tmp_path / "no" / "where"):
        pass


def test_no_secret_gets_in(evidence: Evidence, written: Written) -> None:
    before = contents(written.folder)
    token = "ghp_" + "a1B2" * 9
    with pytest.raises(VerificationError, match="what looks like secrets") as error:
        amend(written.folder, more(evidence), {"evidence.md": token.encode()}, Redactor())
    assert token not in str(error.value)
    assert contents(written.folder) == before


def test_a_signature_is_gone_and_this_is_said(evidence: Evidence, written: Written, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    sign(written, key)
    done = amended(written.folder, evidence)
    (note,) = done.notes
    assert "signature" in note
    assert "sign it again" in note
    for bundle in (written.folder, written.archive):
        assert bundle is not None
        assert verify(bundle) == []
        assert "journal" in read(bundle).tables
    assert not (written.folder / "SHA256SUMS.sig").exists()
    sign(Written(done.folder, done.archive), key)
    assert verify(written.folder) == []


# Through the pipe


@pytest.fixture
def real(evidence: Evidence, tmp_path: Path) -> Written:
    return write(evidence, render(view(evidence)), tmp_path / "real")


def test_the_documents_tell_the_journal(real: Written, evidence: Evidence) -> None:
    at = evidence.request.asked + timedelta(minutes=4)
    token = "ghp_" + "a1B2" * 9
    steps = [entry(at), entry(at + timedelta(minutes=1), kind="act", title="Roll back", outcome="done",
                              answer=f"rolled back with {token}")]  # fmt: skip
    pipeline.amend(real.folder, steps, Redactor())
    document = json.loads((real.folder / "evidence.json").read_bytes())
    told = [e for e in document["timeline"] if e["table"] == "journal"]
    assert [(e["kind"], e["time"]) for e in told] == [
        ("check", "2026-03-14T03:24:00+00:00"), ("act", "2026-03-14T03:25:00+00:00"),
    ]  # fmt: skip
    assert told[0]["what"] == "Is the deploy the suspect? yes. Change number 0 went out 3 min before"
    assert told[1]["what"].startswith("Roll back: done. rolled back with [redacted:")
    assert "Roll back: done" in (real.folder / "evidence.md").read_text()
    assert document["tables"]["journal"] == 2
    assert {"journal.answer": 1} in document["redactions"].values()
    everything = b"".join(contents(real.folder).values())
    assert token.encode() not in everything


def test_the_journal_grows_and_its_neighbours_do_not_change(real: Written, evidence: Evidence) -> None:
    before = contents(real.folder)
    for minute in range(3):
        pipeline.amend(real.folder, [entry(evidence.request.asked + timedelta(minutes=minute))], Redactor())
    after = contents(real.folder)
    assert [n for n in before if n.startswith(("tables/", "raw/", "findings")) and before[n] != after[n]] == []
    assert len(read(real.folder).tables["journal"]) == 3


@pytest.mark.slow
def test_who_amends_at_the_same_moment_loses_nothing(real: Written, evidence: Evidence) -> None:
    def one(number: int) -> None:
        at = evidence.request.asked + timedelta(minutes=number)
        pipeline.amend(real.folder, [entry(at, title=f"step {number}")], Redactor())

    threads = [threading.Thread(target=one, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read(real.folder).tables["journal"]["title"]) == [f"step {n}" for n in range(4)]
    assert verify(real.folder) == []
    assert real.archive
    assert_same(read(real.archive), read(real.folder))


# When something goes wrong in between


def failing(monkeypatch: pytest.MonkeyPatch, name: str, number: int, below: Path) -> list[str]:
    """The `number`th call of os.<name> (1-based) below a folder fails as if the file system had gone read-only."""
    real, seen = getattr(os, name), []

    def call(*arguments: Any, **options: Any) -> Any:
        if str(arguments[0]).startswith(str(below)):
            seen.append(str(arguments[0]))
            if len(seen) == number:
                raise OSError(errno.EROFS, "Read-only file system")
        return real(*arguments, **options)

    monkeypatch.setattr(os, name, call)
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("exchanges", [True, False])
def test_every_failing_rename_leaves_whole_bundles(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanges: bool
) -> None:
    failed = 0
    for name in ("rename", "replace", "mkdir"):
        for number in range(1, 20):
            folder = tmp_path / f"{exchanges}-{name}-{number}"
            old = write(evidence, DOCUMENTS, folder)
            with monkeypatch.context() as patch:
                if not exchanges:
                    patch.setattr(exchanging, "_call", lambda new, place: None)
                seen = failing(patch, name, number, folder)
                try:
                    amended(old.folder, evidence)
                except BundleError as error:
                    assert "read-only file system" in str(error)
                    failed += 1
            assert verify(old.folder) == verify(folder / f"{old.folder.name}.tar.gz") == []
            assert not [p for p in folder.iterdir() if p.name.startswith(".")]
            if len(seen) < number:
                break
    assert failed >= (6 if exchanges else 8)


def test_a_folder_that_can_not_be_exchanged_is_moved(
    evidence: Evidence, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchanging, "_call", lambda new, place: None)
    (written.folder.parent / f"{written.folder.name}.before").mkdir()
    amended(written.folder, evidence)
    assert "journal" in read(written.folder).tables
    assert sorted(p.name.removeprefix(written.folder.name) for p in written.folder.parent.iterdir()) == [
        "", ".before", ".tar.gz",
    ]  # fmt: skip


def test_a_file_system_that_knows_no_exchange_is_told_by_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answering(number: int) -> Callable[[Path, Path], Callable[[], int]]:
        def call() -> int:
            exchanging.ctypes.set_errno(number)
            return -1

        return lambda new, place: call

    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    monkeypatch.setattr(exchanging, "_call", answering(errno.EACCES))
    with pytest.raises(PermissionError):
        exchanging.put_in_place(one, other)
    monkeypatch.setattr(exchanging, "_call", answering(errno.EINVAL))
    (one / "new").touch()
    exchanging.put_in_place(one, other)
    assert (other / "new").exists()
    assert one.exists()


_KILLED_AT_EACH_STEP = """
import os, shutil, signal, sys
from datetime import UTC, datetime
from pathlib import Path
import pandas, pyarrow.parquet
from evidencesample import DOCUMENTS, sample_evidence
from test_bundle_amending import NEW, more
from gather_diagnostics.bundle import amend, exchanging, write
from gather_diagnostics.redaction import Redactor

evidence = sample_evidence(datetime(2026, 3, 14, 3, 20, tzinfo=UTC))
parent, exchanges = Path(sys.argv[1]), sys.argv[2] == "True"
later, redactor = more(evidence), Redactor()
FILES = {"open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "os.scandir", "os.listdir"}
if not exchanges:
    exchanging._call = lambda new, place: None

def kill_at(last, below):
    steps = 0
    def count(event, arguments):
        nonlocal steps
        # Until it begins to build the new one it only reads.
        if event in FILES and (".partial-" in str(arguments[0]) or steps and str(arguments[0]).startswith(below)):
            steps += 1
            if steps > last:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)

step, status = 0, 9
old = write(evidence, DOCUMENTS, parent / "old").folder
while os.WIFSIGNALED(status):
    folder = parent / f"{step:03d}"
    shutil.copytree(old.parent, folder)
    if not (child := os.fork()):
        kill_at(step, str(folder))
        amend(folder / old.name, later, NEW, redactor)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    step += 1
print(step, os.WEXITSTATUS(status))
"""


@pytest.mark.slow
@pytest.mark.parametrize("exchanges", [True, False])
def test_killed_before_each_single_step(evidence: Evidence, tmp_path: Path, exchanges: bool) -> None:
    """Every open, mkdir, rename and removal in turn is the one that it does not live to do."""
    tests = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", _KILLED_AT_EACH_STEP, tmp_path, str(exchanges)],
        env=os.environ | {"PYTHONPATH": f"{tests.parent}:{tests}:{tests / 'core'}"},
        capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    steps, status = map(int, done.stdout.split())
    assert status == 0
    assert steps > 40
    known: dict[object, str] = {}
    seen = [state(folder, evidence, known) for folder in sorted(tmp_path.iterdir()) if folder.name != "old"]
    assert len(seen) == steps
    assert seen[0] == ("old", "old")
    assert seen[-1] == ("new", "new")
    assert {("old", "old"), ("new", "old"), ("new", "new")} <= set(seen)
    assert set(seen) <= {("old", "old"), ("new", "old"), ("new", "new"), ("before", "old")}
    assert (("before", "old") in seen) == (not exchanges)


def state(folder: Path, evidence: Evidence, known: dict[object, str]) -> tuple[str, str]:
    """Which bundle folder and archive are; 'before' where the old folder is at the name beside it."""
    shown = {p.name.removeprefix("evidence-checkout-20260314T032000Z"): p for p in sorted(folder.iterdir())}
    assert len([name for name in shown if name.startswith(".evidence")]) <= 1
    place = kind(shown.get("") or shown[".before"], evidence, known)
    return ("before" if "" not in shown else place), kind(shown[".tar.gz"], evidence, known)


def kind(bundle: Path, evidence: Evidence, known: dict[object, str]) -> str:
    """Which of the two a bundle is, whole; the same bytes are looked at once."""
    files = frozenset(contents(bundle).items()) if bundle.is_dir() else bundle.read_bytes()
    if files not in known:
        assert verify(bundle) == []
        found = read(bundle)
        known[files] = "new" if "journal" in found.tables else "old"
        assert_same(found, more(evidence) if known[files] == "new" else evidence)
    return known[files]


def test_the_lock_is_held_while_somebody_amends(written: Written) -> None:
    order: list[str] = []

    def other() -> None:
        with claimed(written.folder):
            order.append("other")

    thread = threading.Thread(target=other)
    with amending.claimed(written.folder):
        thread.start()
        thread.join(0.3)
        order.append("first")
    thread.join()
    assert order == ["first", "other"]


def test_an_entry_needs_a_zone(evidence: Evidence) -> None:
    entries: Sequence[Entry] = [entry(datetime(2026, 3, 14))]
    with pytest.raises(ValueError, match="timezone-aware"):
        entered(evidence, entries, Redactor())
    assert entered(evidence, [], Redactor()) is evidence
