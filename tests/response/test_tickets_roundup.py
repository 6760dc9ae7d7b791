"""A bundle on an issue of a real Roundup tracker, end to end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from servers.parcels import amended, attach, bundled, forget
from servers.tracker import PASSWORD, USER, Tracker, tracker

from gather_diagnostics import InputError
from gather_diagnostics.bundle import Written
from gather_diagnostics.errors import SendError
from gather_diagnostics.response.tickets.addresses import target

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ops() -> Iterator[Tracker]:
    with tracker() as ops:
        yield ops


@pytest.fixture
def environ(ops: Tracker) -> dict[str, str]:
    return {"ROUNDUP_URL": ops.url, "ROUNDUP_USER": USER, "ROUNDUP_PASSWORD": PASSWORD}


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return bundled(tmp_path / "out")


def linked(ops: Tracker, issue: str, what: str) -> list[str]:
    return [one["id"] for one in ops.admin("GET", f"issue/{issue}")["attributes"][what]]


def test_a_message_and_the_archive(ops: Tracker, environ: dict[str, str], written: Written) -> None:
    issue = ops.issue()
    receipt = attach(written.folder, f"roundup:issue{issue}", environ)

    (text,) = ops.contents(issue, "messages")
    assert "checkout" in text
    assert "The whole evidence is attached" in text
    assert re.search(r"\[gather_diagnostics-[0-9a-f]{16}-[0-9a-f]{16}\]\s*$", text)
    (file,) = linked(ops, issue, "files")
    assert written.archive
    assert ops.admin("GET", f"file/{file}")["attributes"]["type"] == "application/gzip"
    page = requests.get(f"{ops.url}file{file}/", auth=(USER, PASSWORD), timeout=10)
    assert page.content == written.archive.read_bytes()
    assert receipt.url == f"{ops.url}issue{issue}"
    assert len(receipt.sent) == 2


@pytest.mark.parametrize("remembers", [True, False])
def test_again_changes_nothing(ops: Tracker, environ: dict[str, str], written: Written, remembers: bool) -> None:
    issue = ops.issue()
    attach(written.folder, f"roundup:issue{issue}", environ)
    if not remembers:
        forget(written.folder)
    receipt = attach(written.folder, f"roundup:issue{issue}", environ)

    assert len(linked(ops, issue, "messages")) == len(linked(ops, issue, "files")) == 1
    assert (receipt.sent, receipt.updated, len(receipt.already)) == ((), (), 2)


def test_an_amended_bundle_updates_the_message_and_adds_the_archive(
    ops: Tracker, environ: dict[str, str], written: Written
) -> None:
    issue = ops.issue()
    attach(written.folder, f"roundup:issue{issue}", environ)
    (before,) = ops.contents(issue, "messages")
    receipt = attach(amended(written).folder, f"roundup:issue{issue}", environ)

    (after,) = ops.contents(issue, "messages")
    assert after[-19:] != before[-19:]
    assert len(linked(ops, issue, "files")) == 2
    assert receipt.updated == ("comment",)


def test_what_others_wrote_and_other_issues_stay(ops: Tracker, environ: dict[str, str], written: Written) -> None:
    first, second = ops.issue(), ops.issue()
    message = ops.admin("POST", "msg", json={"author": "admin", "date": "2026-03-14", "content": "I look into it"})[
        "id"
    ]
    tag = ops.admin("GET", f"issue/{first}")["@etag"]
    link = {"@op": "add", "messages": [message], "@etag": tag}
    ops.admin("PATCH", f"issue/{first}", json=link)
    attach(written.folder, f"roundup:issue{first}", environ)
    attach(written.folder, f"roundup:issue{second}", environ)

    assert len(linked(ops, first, "messages")) == 2
    assert "I look into it" in ops.contents(first, "messages")
    assert len(linked(ops, second, "messages")) == len(linked(ops, second, "files")) == 1


KILLED_AT = ["_posted:file", "_posted:msg", "_link:files", "_link:messages"]
DYING = """
import os, signal, sys
from pathlib import Path
from servers.parcels import attach
from gather_diagnostics.response.tickets.targets import roundup
method, _, argument = sys.argv[3].partition(":")
whole = getattr(roundup._Sending, method)
def dying(self, what, *rest):
    if what == argument and sys.argv[4] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = whole(self, what, *rest)
    if what == argument:
        os.kill(os.getpid(), signal.SIGKILL)
    return result
setattr(roundup._Sending, method, dying)
attach(Path(sys.argv[1]), sys.argv[2], os.environ)
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", KILLED_AT)
def test_killed_midway_and_resumed(
    ops: Tracker, environ: dict[str, str], written: Written, step: str, when: str
) -> None:
    issue = ops.issue()
    path = os.pathsep.join(["tests", "."])
    died = subprocess.run(
        [sys.executable, "-c", DYING, str(written.folder), f"roundup:issue{issue}", step, when],
        env={**os.environ, **environ, "PYTHONPATH": path}, timeout=60, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL, died.stderr

    receipt = attach(written.folder, f"roundup:issue{issue}", environ)
    assert len(linked(ops, issue, "messages")) == len(linked(ops, issue, "files")) == 1
    assert len(receipt.sent) + len(receipt.already) == 2
    assert len(attach(written.folder, f"roundup:issue{issue}", environ).already) == 2


def test_two_at_once_do_not_tread_on_each_other(
    ops: Tracker, environ: dict[str, str], written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody changes the issue between reading its ETag and writing: the change is made again, and both stay."""
    from gather_diagnostics.response.tickets.targets import roundup

    issue = ops.issue()
    whole = roundup._Sending._get
    titles = iter(["taken", "taken again"])

    def crossed(self: roundup._Sending, path: str) -> object:
        found = whole(self, path)
        if path.startswith("issue/") and (title := next(titles, "")):
            ops.admin("PUT", path, json={"title": title, "@etag": ops.admin("GET", path)["@etag"]})
        return found

    monkeypatch.setattr(roundup._Sending, "_get", crossed)
    attach(written.folder, f"roundup:issue{issue}", environ)

    assert ops.admin("GET", f"issue/{issue}")["attributes"]["title"] == "taken again"
    assert len(linked(ops, issue, "messages")) == len(linked(ops, issue, "files")) == 1


@pytest.mark.parametrize(
    ("item", "change", "said"),
    [
        ("issue999", {}, "404: no such issue 999; check the item"),
        ("rumour1", {}, "404: Class rumour not found; check the item"),
        ("user1", {}, "takes no messages and files: give an issue"),
        ("issue1", {"ROUNDUP_PASSWORD": "wrong"}, "401: Invalid Login.*check ROUNDUP_USER and ROUNDUP_PASSWORD"),
        ("issue1", {"ROUNDUP_PASSWORD": ""}, "set ROUNDUP_PASSWORD, or keep it"),
        ("issue1", {"ROUNDUP_URL": "http://127.0.0.1:1/ops"}, "Roundup at http://127.0.0.1:1 is not reached"),
    ],
)
def test_what_goes_wrong_is_told_with_its_cure(
    ops: Tracker, environ: dict[str, str], written: Written, item: str, change: dict[str, str], said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("gather_diagnostics.response.tickets.client.PAUSE", 0.0)
    ops.issue()
    with pytest.raises(SendError, match=said):
        attach(written.folder, f"roundup:{item}", environ | change)


def test_without_a_tracker() -> None:
    with pytest.raises(InputError, match="ROUNDUP_URL is not set"):
        target("roundup:issue1", {})


@pytest.mark.parametrize("address", ["roundup:", "roundup:issue", "roundup:12", "roundup:issue0", "roundup:issue/1"])
def test_no_item(address: str) -> None:
    with pytest.raises(InputError, match="roundup:issue12"):
        target(address, {})
