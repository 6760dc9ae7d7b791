"""`gather_diagnostics attach`: what goes where, in words and in JSON, and with which exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from servers.parcels import bundled
from servers.slack import CHANNEL, Workspace, slack
from servers.webhooks import SECRET, Receiver, receiver

from gather_diagnostics import VerificationError
from gather_diagnostics.bundle import Written
from gather_diagnostics.cli.attach import attach

Run = Any


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with slack() as workspace:
        yield workspace


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as hook:
        yield hook


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return bundled(tmp_path / "out")


@pytest.fixture(autouse=True)
def _tokens(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gather_diagnostics.response.tickets.client.PAUSE", 0.0)
    monkeypatch.setenv("GATHER_DIAGNOSTICS_WEBHOOK_SECRET", SECRET)
    for name, value in workspace.environ.items():
        monkeypatch.setenv(name, value)


def run(*arguments: object) -> int:
    result = attach.main([str(a) for a in arguments], prog_name="attach", standalone_mode=False)
    assert isinstance(result, int)
    return result


def test_a_line_for_each_target(
    workspace: Workspace, hook: Receiver, written: Written, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "share").mkdir()
    share = (tmp_path / "share").as_uri()
    code = run(written.folder, "--to", f"slack:{CHANNEL}", "--to", f"{hook.server.url}/in", "--to", share)

    said = capsys.readouterr()
    first, second, third = said.out.splitlines()
    assert code == 0
    assert said.err == ""
    assert first.startswith(f"{share}: sent {written.folder.name}-")
    assert second.startswith(f"slack:{CHANNEL}: sent {written.folder.name}.tar.gz (")
    assert "-> https://team.slack.com/archives/" in second
    assert third == f"{hook.payloads[0]['title'] and third.partition(': ')[0]}: sent summary"
    assert hook.payloads[0]["archive"]["links"][0].startswith(share)


def test_json(hook: Receiver, written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    for state in ("sent", "unchanged"):
        assert run(written.folder, "--to", f"{hook.server.url}/in", "--format", "json") == 0
        told = json.loads(capsys.readouterr().out)
        assert told["bundle"] == written.folder.name
        assert told["targets"][0]["state"] == state


def test_a_dry_run_sends_and_writes_nothing(
    workspace: Workspace, hook: Receiver, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(written.folder.parent.iterdir())
    arguments = (written.folder, "--to", f"slack:{CHANNEL}", "--to", f"{hook.server.url}/in", "--dry-run")
    assert run(*arguments) == 0
    out = capsys.readouterr().out
    assert f"slack:{CHANNEL}:\n  message with the first screen" in out
    assert "signed with the secret in GATHER_DIAGNOSTICS_WEBHOOK_SECRET" in out
    assert SECRET not in out
    assert run(*arguments, "--format", "json") == 0
    assert {one["state"] for one in json.loads(capsys.readouterr().out)["targets"]} == {"planned"}
    assert hook.server.received == workspace.server.received == []
    assert sorted(written.folder.parent.iterdir()) == before


def test_some_failed_and_the_others_went(
    workspace: Workspace, hook: Receiver, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    hook.server.faults += [("/in", "refuse")] * 9
    arguments = (written.folder, "--to", f"{hook.server.url}/in", "--to", f"slack:{CHANNEL}")
    assert run(*arguments) == 2
    first, second = capsys.readouterr().out.splitlines()
    assert ": failed: the webhook answers 500" in first
    assert "run again later" in first
    assert "sent" in second
    hook.server.faults.clear()
    assert run(*arguments) == 0
    assert "there already" in capsys.readouterr().out.splitlines()[1]
    assert len(workspace.messages) == len(workspace.shown()) == 1


def test_none_went(hook: Receiver, written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    hook.server.faults += [("/in", "refuse")] * 9
    assert run(written.folder, "--to", f"{hook.server.url}/in", "--format", "json") == 3
    (told,) = json.loads(capsys.readouterr().out)["targets"]
    assert told["state"] == "failed"
    assert "answers 500" in told["error"]


def test_what_a_server_says_cant_hide_a_secret_or_act_on_the_terminal(
    workspace: Workspace, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    from servers.faulty import Reply, faulty

    said = json.dumps({"message": "\x1b[2J you sent Authorization: Bearer abcdef0123456789abcdef0123456789"}).encode()
    with faulty(lambda _: Reply(400, said)) as server:
        assert run(written.folder, "--to", f"{server.url}/in") == 3
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "abcdef0123456789" not in out


def test_a_bundle_that_does_not_verify_goes_nowhere(hook: Receiver, written: Written) -> None:
    (written.folder / "evidence.md").write_text("forged")
    with pytest.raises(VerificationError) as raised:
        run(written.folder, "--to", f"{hook.server.url}/in")
    assert raised.value.exit_code == 4
    assert hook.server.received == []


def test_a_private_bundle_in_a_public_place_is_warned_of(written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    run(written.folder, "--to", "github:shop/checkout#12", "--dry-run")
    assert "warning: github:shop/checkout#12 may be read by" in capsys.readouterr().err
    bundled(written.folder.parent, name=f"{written.folder.name}-shared")
    run(written.folder, "--to", "github:shop/checkout#12", "--dry-run", "--shared")
    said = capsys.readouterr()
    assert said.err == ""
    assert "github:shop/checkout#12" in said.out


def test_the_shared_bundle_goes_in_its_stead(hook: Receiver, written: Written) -> None:
    bundled(written.folder.parent, name=f"{written.folder.name}-shared")
    run(written.folder, "--to", f"{hook.server.url}/in", "--shared")
    assert hook.payloads[0]["bundle"] == f"{written.folder.name}-shared"
    assert hook.payloads[0]["shared"] is True


def test_no_target() -> None:
    with pytest.raises(click.UsageError) as raised:
        run("bundle")
    assert "--to" in raised.value.format_message()
