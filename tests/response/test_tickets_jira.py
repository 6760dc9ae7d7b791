"""Jira in particular: Cloud and Data Center, what is asked first, and what Cloud does to comments."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from servers.jiratickets import jira
from servers.tickets import MAIL, TOKEN, Ticket, refusal, words
from servers.ticketserver import Fault
from trackerwork import attached, forgetful, packed

from gather_diagnostics.errors import InputError, SendError
from gather_diagnostics.response.tickets.addresses import target


@pytest.mark.slow
def test_cloud_takes_the_mail_and_an_api_token(tmp_path: Path) -> None:
    ticket = Ticket()
    with jira(ticket, cloud=True) as running:
        receipt = attached("jira", running.url, packed(tmp_path), JIRA_TOKEN="", JIRA_API_TOKEN=TOKEN, JIRA_EMAIL=MAIL)
    assert len(ticket.comments) == 1
    assert receipt.url == f"{running.url}/browse/OPS-12?focusedCommentId=20000"


def test_cloud_without_a_mail_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    environ = {"JIRA_URL": "https://acme.atlassian.net", "JIRA_TOKEN": TOKEN}
    with pytest.raises(InputError, match="JIRA_EMAIL is not set"):
        target("jira:OPS-12", environ)
    assert "of ada@example.com" in target("jira:OPS-12", {**environ, "JIRA_EMAIL": MAIL}).plan(packed(tmp_path))[2]


def test_keys_may_be_typed_in_small_letters() -> None:
    one = target("jira:ops-12", {"JIRA_URL": "https://jira.example.com"})
    assert one.address == "jira:OPS-12"


def test_an_unset_address_is_told() -> None:
    with pytest.raises(InputError, match=r"JIRA_URL is not set: set it to .* e.g. https://acme.atlassian.net"):
        target("jira:OPS-12", {})


@pytest.mark.slow
@pytest.mark.parametrize("remembered", [True, False])
def test_what_cloud_rewords_is_found_again_by_its_mark(remembered: bool, tmp_path: Path) -> None:
    ticket, package, state = Ticket(rewords=True), packed(tmp_path), forgetful()
    with jira(ticket) as running:
        attached("jira", running.url, package, state)
        first = words(ticket)
        receipt = attached("jira", running.url, package, state if remembered else None)
        assert words(ticket) == first
        assert ("comment" in receipt.already) == remembered
        assert len(ticket.files) == 1


@pytest.mark.slow
def test_the_limit_is_asked_for_and_the_upload_spared(tmp_path: Path) -> None:
    ticket = Ticket(largest=1000)
    with jira(ticket) as running:
        receipt = attached("jira", running.url, packed(tmp_path))
    assert "GET /rest/api/2/attachment/meta" in running.asked()
    assert not any("attachments" in asked for asked in running.wrote())
    assert receipt.left_out[0].startswith("the archive, 40.0 kB, is larger than the 1.0 kB that Jira takes")


@pytest.mark.slow
def test_a_jira_without_attachments_still_gets_the_comment(tmp_path: Path) -> None:
    ticket = Ticket(enabled=False)
    with jira(ticket) as running:
        receipt = attached("jira", running.url, packed(tmp_path))
    assert receipt.sent == ("comment",)
    assert "takes no attachments" in receipt.left_out[0]
    assert "is attached" not in words(ticket)[0]


@pytest.mark.slow
@pytest.mark.parametrize("status", [403, 413])
def test_an_upload_that_is_refused_leaves_the_comment(status: int, tmp_path: Path) -> None:
    ticket = Ticket()
    with jira(ticket) as running:
        running.faults.append(Fault("POST", "/attachments", refusal(status, {"errorMessages": ["No."]})))
        receipt = attached("jira", running.url, packed(tmp_path))
    assert receipt.sent == ("comment",)
    assert f"Jira answers {status}: No." in receipt.left_out[0]
    assert "is attached" not in words(ticket)[0]


@pytest.mark.slow
def test_an_attachment_of_that_name_with_another_size_is_another_one(tmp_path: Path) -> None:
    package = packed(tmp_path)
    ticket = Ticket(files=[(f"{package.name}-{package.sha256[:12]}.tar.gz", b"torn")])
    with jira(ticket) as running:
        attached("jira", running.url, package)
    assert [len(content) for _, content in ticket.files] == [4, package.size]


@pytest.mark.slow
def test_ours_is_found_behind_hundreds_of_comments(tmp_path: Path) -> None:
    ticket = Ticket(comments=[{"id": str(n), "body": f"note {n}"} for n in range(250)])
    with jira(ticket) as running:
        attached("jira", running.url, packed(tmp_path))
        receipt = attached("jira", running.url, packed(tmp_path, seed=1))
    assert len(ticket.comments) == 251
    assert "comment" in receipt.updated


@pytest.mark.slow
def test_a_comment_that_we_may_not_change_gets_a_second_one_for_another_state_only(tmp_path: Path) -> None:
    ticket = Ticket(rewords=True)
    with jira(ticket) as running:
        attached("jira", running.url, packed(tmp_path))
        ticket.locked = True
        same = attached("jira", running.url, packed(tmp_path))
        amended = attached("jira", running.url, packed(tmp_path, seed=1))
    assert "comment" in same.already
    assert "comment" in amended.sent
    assert len(ticket.comments) == 2


@pytest.mark.slow
def test_a_comment_that_somebody_deleted_is_written_again(tmp_path: Path) -> None:
    ticket, package, state = Ticket(), packed(tmp_path), forgetful()
    with jira(ticket) as running:
        attached("jira", running.url, package, state)
        ticket.comments.clear()
        receipt = attached("jira", running.url, package, state)
    assert receipt.sent == ("comment",)
    assert len(ticket.comments) == 1


@pytest.mark.slow
def test_the_cause_that_jira_gives_is_told(tmp_path: Path) -> None:
    with jira(Ticket()) as running:
        reason = "CAPTCHA_CHALLENGE; login-url=https://jira.example.com/login.jsp"
        fault = refusal(403, {"errorMessages": ["Basic auth with password is not allowed."]})
        running.faults.append(Fault("GET", "/issue", fault))
        with pytest.raises(SendError, match="Jira answers 403: Basic auth with password is not allowed"):
            attached("jira", running.url, packed(tmp_path))
        running.faults.append(Fault("GET", "/issue", refusal(403, {}, X_Authentication_Denied_Reason=reason)))
        with pytest.raises(SendError, match="has to log in by hand once"):
            attached("jira", running.url, packed(tmp_path))


def test_without_the_library_it_is_told_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jira", None)
    with pytest.raises(SendError, match="the Python package 'jira' is not installed"):
        attached("jira", "https://jira.example.com", packed(tmp_path))
