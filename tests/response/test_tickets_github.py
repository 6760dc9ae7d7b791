"""GitHub in particular: pages, Enterprise Server, limits, and comments of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from documentsample import hostile, large
from servers.forgetickets import github
from servers.prometheus import saying, stub
from servers.tickets import TOKEN, Ticket, refusal, words
from servers.ticketserver import Fault, Reply
from trackerwork import attached, forgetful, packed

from gather_diagnostics.document import view
from gather_diagnostics.errors import SendError
from gather_diagnostics.response.tickets.addresses import target


@pytest.mark.slow
def test_ours_is_found_behind_hundreds_of_comments(tmp_path: Path) -> None:
    ticket = Ticket(comments=[{"id": n, "body": f"note {n}", "html_url": ""} for n in range(250)])
    with github(ticket) as running:
        receipt = attached("github", running.url, packed(tmp_path))
        again = attached("github", running.url, packed(tmp_path, seed=1))
    assert len(ticket.comments) == 251
    assert (receipt.sent, again.updated) == (("comment",), ("comment",))
    assert again.url == "https://github.com/acme/shop/issues/12#issuecomment-3250"


@pytest.mark.slow
def test_a_next_page_on_another_server_is_not_asked_for(tmp_path: Path) -> None:
    with stub(saying(200, "[]")) as elsewhere, github(Ticket()) as running:
        link = {"Link": f'<{elsewhere.url}/next>; rel="next"'}
        running.faults.append(Fault("GET", "/comments", Reply(200, [], link)))
        attached("github", running.url, packed(tmp_path))
        assert elsewhere.paths == []


@pytest.mark.slow
@pytest.mark.parametrize("evidence", [large, hostile])
def test_any_document_fits(evidence: object, tmp_path: Path) -> None:
    assert callable(evidence)
    ticket = Ticket()
    with github(ticket) as running:
        attached("github", running.url, packed(tmp_path, document=view(evidence())))
    assert len(words(ticket)[0]) <= 65_536


@pytest.mark.slow
def test_what_names_people_or_issues_reaches_nobody(tmp_path: Path) -> None:
    ticket = Ticket()
    document = {**packed(tmp_path).document, "description": "ask @ada, see #7 and https://evil.example.com <b>x</b>"}
    with github(ticket) as running:
        attached("github", running.url, packed(tmp_path, document=document))
    assert "@ada" not in words(ticket)[0]
    assert "#7" not in words(ticket)[0]
    assert "<b>" not in words(ticket)[0]


@pytest.mark.slow
@pytest.mark.parametrize("same", [True, False])
def test_a_comment_of_a_colleague_is_left_alone(same: bool, tmp_path: Path) -> None:
    ticket = Ticket()
    with github(ticket) as running:
        attached("github", running.url, packed(tmp_path, links=("https://a.example.com/1",)))
        ticket.comments[0]["of_another"] = True
        package = packed(tmp_path, seed=0 if same else 1, links=("https://a.example.com/2",))
        receipt = attached("github", running.url, package)
        again = attached("github", running.url, package)
    assert receipt.already == (("comment",) if same else ())
    assert len(ticket.comments) == (1 if same else 2)
    assert again.sent == again.updated == ()


@pytest.mark.slow
def test_a_limit_on_an_update_is_no_refusal(tmp_path: Path) -> None:
    ticket, state = Ticket(), forgetful()
    with github(ticket) as running:
        attached("github", running.url, packed(tmp_path), state)
        words_ = {"message": "You have exceeded a secondary rate limit."}
        running.faults.append(Fault("PATCH", "/comments", refusal(403, words_, Retry_After="60")))
        with pytest.raises(SendError, match=r"secondary rate limit.*run again after"):
            attached("github", running.url, packed(tmp_path, seed=1), state)
        assert len(ticket.comments) == 1


@pytest.mark.slow
def test_a_locked_conversation_is_told(tmp_path: Path) -> None:
    with (
        github(Ticket(locked=True)) as running,
        pytest.raises(SendError, match=r"issue is locked.*; GITHUB_TOKEN may not write"),
    ):
        attached("github", running.url, packed(tmp_path))


@pytest.mark.slow
def test_a_deleted_issue_is_told(tmp_path: Path) -> None:
    with github(Ticket()) as running:
        running.faults.append(Fault("GET", "", refusal(410, {"message": "This issue was deleted"})))
        with pytest.raises(SendError, match="answers 410: This issue was deleted; #12 was deleted"):
            attached("github", running.url, packed(tmp_path))


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({"GITHUB_TOKEN": "a", "GH_TOKEN": "b", "GH_ENTERPRISE_TOKEN": "c"}, "GITHUB_TOKEN"),
        ({"GH_TOKEN": "b"}, "GH_TOKEN"),
        ({"GITHUB_API_URL": "https://git.acme.com/api/v3", "GITHUB_TOKEN": "a"}, "GITHUB_TOKEN"),
        (
            {"GITHUB_API_URL": "https://git.acme.com/api/v3", "GITHUB_TOKEN": "a", "GH_ENTERPRISE_TOKEN": "c"},
            "GH_ENTERPRISE_TOKEN",
        ),
    ],
)
def test_tokens_are_those_of_the_server(environ: Mapping[str, str], variable: str, tmp_path: Path) -> None:
    assert f"with the token in {variable}" in target("github:acme/shop#12", environ).plan(packed(tmp_path))


@pytest.mark.slow
def test_the_link_to_a_store_is_told(tmp_path: Path) -> None:
    ticket = Ticket()
    package = packed(tmp_path, links=("https://s3.example.com/evidence.tar.gz?sig=1",))
    with github(ticket) as running:
        attached("github", running.url, package)
        attached("github", running.url, replace(package, links=("javascript:alert(1)",)))
    assert "javascript" not in words(ticket)[0]
    assert len(ticket.comments) == 1
    assert TOKEN not in words(ticket)[0]
