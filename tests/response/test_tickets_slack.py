"""A bundle in a Slack channel: one message, one file in its thread, however often it is attached."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.parcels import amended, attach, bundled, forget, large
from servers.slack import CHANNEL, NAME, Workspace, slack

from gather_diagnostics import InputError
from gather_diagnostics.bundle import Written
from gather_diagnostics.errors import SendError
from gather_diagnostics.response.tickets.addresses import target
from gather_diagnostics.response.tickets.model import Limits, Receipt
from gather_diagnostics.response.tickets.resuming import remembered

TO = f"slack:{CHANNEL}"


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setattr("gather_diagnostics.response.tickets.client.PAUSE", 0.0)
    with slack() as workspace:
        yield workspace


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return bundled(tmp_path / "out")


def once(workspace: Workspace) -> None:
    """One message, one file, and that in the message's thread."""
    assert len(workspace.messages) == 1
    assert len(workspace.shown()) == 1
    assert workspace.shown()[0][0] == next(iter(workspace.messages))


def test_message_with_the_first_screen_and_the_archive_in_its_thread(workspace: Workspace, written: Written) -> None:
    receipt = attach(written.folder, TO, workspace.environ)

    once(workspace)
    (message,) = workspace.messages.values()
    assert "checkout" in message["text"]
    assert message["metadata"]["event_payload"]["service"] == "checkout"
    assert "attached" in message["blocks"][-1]["elements"][0]["text"]
    (file,) = workspace.files.values()
    assert written.archive
    assert file["content"] == written.archive.read_bytes()
    assert receipt.url.startswith("https://team.slack.com/archives/")
    assert receipt.sent == (receipt.sent[0], "comment")
    assert receipt.sent[0].startswith(f"{written.folder.name}.tar.gz (")


def test_again_changes_nothing(workspace: Workspace, written: Written) -> None:
    attach(written.folder, TO, workspace.environ)
    receipt = attach(written.folder, TO, workspace.environ)

    once(workspace)
    assert (receipt.sent, receipt.updated, len(receipt.already)) == ((), (), 2)


def test_from_another_machine_the_message_is_found_by_its_metadata(workspace: Workspace, written: Written) -> None:
    attach(written.folder, TO, workspace.environ)
    forget(written.folder)
    receipt = attach(written.folder, TO, workspace.environ)

    once(workspace)
    assert receipt.updated == ("comment",)


def test_an_amended_bundle_updates_the_message_and_adds_the_archive(workspace: Workspace, written: Written) -> None:
    attach(written.folder, TO, workspace.environ)
    receipt = attach(amended(written).folder, TO, workspace.environ)

    assert len(workspace.messages) == 1
    assert len({name for _, name in workspace.shown()}) == 2
    assert receipt.updated == ("comment",)
    assert len(receipt.sent) == 1


def test_a_deleted_message_is_posted_anew(workspace: Workspace, written: Written) -> None:
    attach(written.folder, TO, workspace.environ)
    workspace.messages.clear()
    workspace.messages["1.0"] = {"type": "message", "ts": "1.0", "text": "of a person"}
    receipt = attach(written.folder, TO, workspace.environ)

    assert len(workspace.messages) == 2
    assert len(receipt.sent) == 2


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["throttle", "busy"])
@pytest.mark.parametrize(
    "path", ["/api/chat.post", "/api/files.get", "/upload/", "/api/files.complete", "/api/chat.getP"]
)
def test_what_is_throttled_waits(workspace: Workspace, written: Written, path: str, fault: str) -> None:
    workspace.server.faults.append((path, fault))  # type: ignore[arg-type]
    attach(written.folder, TO, workspace.environ)

    once(workspace)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["drop", "lose", "refuse"])
@pytest.mark.parametrize("path", ["/api/chat.post", "/api/files.get", "/upload/", "/api/files.complete"])
def test_what_broke_off_goes_on(workspace: Workspace, written: Written, path: str, fault: str) -> None:
    workspace.server.faults += [(path, fault)] * 5  # type: ignore[list-item]
    with pytest.raises(SendError):
        attach(written.folder, TO, workspace.environ)
    workspace.server.faults.clear()
    attach(written.folder, TO, workspace.environ)

    once(workspace)
    receipt = attach(written.folder, TO, workspace.environ)
    assert not receipt.sent
    once(workspace)


def test_a_bot_that_may_only_write(workspace: Workspace, written: Written) -> None:
    workspace.denied = dict.fromkeys(("conversations.history", "conversations.replies"), "channels:history")
    attach(written.folder, TO, workspace.environ)
    attach(written.folder, TO, workspace.environ)

    once(workspace)


def test_a_channel_by_its_name(workspace: Workspace, written: Written) -> None:
    attach(written.folder, f"slack:{NAME}", workspace.environ)
    attach(written.folder, f"slack:{NAME}", workspace.environ)

    once(workspace)


def test_no_secret_is_kept_beside_the_bundle(workspace: Workspace, written: Written) -> None:
    attach(written.folder, TO, workspace.environ)
    (state,) = written.folder.parent.glob(".*.attached.jsonl")
    text = state.read_text()

    assert workspace.environ["SLACK_BOT_TOKEN"] not in text
    assert "/upload/" not in text
    assert state.stat().st_mode & 0o777 == 0o600
    assert [json.loads(line)["part"] for line in text.split("\n") if line] == ["message", "upload", "archive"]


@pytest.mark.parametrize(
    ("environ", "cure"),
    [
        ({"SLACK_BOT_TOKEN": ""}, "keyring set gather_diagnostics SLACK_BOT_TOKEN"),
        ({"SLACK_BOT_TOKEN": "xoxb-old"}, "SLACK_BOT_TOKEN is no token of this workspace"),
    ],
)
def test_a_wrong_token(workspace: Workspace, written: Written, environ: dict[str, str], cure: str) -> None:
    with pytest.raises(SendError, match=cure):
        attach(written.folder, TO, workspace.environ | environ)


def test_a_missing_scope_is_named(workspace: Workspace, written: Written) -> None:
    workspace.denied["files.getUploadURLExternal"] = "files:write"
    with pytest.raises(SendError, match="give the app the scope files:write"):
        attach(written.folder, TO, workspace.environ)


def test_an_archive_that_is_too_large_is_told_and_not_sent(
    workspace: Workspace, written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gather_diagnostics.response.tickets.targets.slack.LIMITS", Limits(file=1000, text=3000))
    receipt = sent_large(workspace, written, tmp_path)

    assert not workspace.files
    assert "larger than the 1.0 kB that Slack takes" in receipt.left_out[0]
    (message,) = workspace.messages.values()
    assert "SHA-256" in message["blocks"][-1]["elements"][0]["text"]


def sent_large(workspace: Workspace, written: Written, tmp_path: Path) -> Receipt:
    to = target(TO, workspace.environ)
    with large(written.folder, 5000, tmp_path) as package, remembered(written.folder) as state:
        assert any("larger" in sentence for sentence in to.plan(package))
        return to.send(package, state.of(package.origin, to.address))


@pytest.mark.parametrize("address", ["slack:", "slack:ops", "slack:C1", "slack:#a b", "slack:https://x"])
def test_no_channel(address: str) -> None:
    with pytest.raises(InputError, match="slack:C0123456789"):
        target(address, {})
