"""GitLab in particular: merge requests, uploads, and where it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from servers.forgetickets import gitlab
from servers.tickets import TOKEN, Ticket, words
from servers.ticketserver import Fault, Reply
from trackerwork import attached, forgetful, packed

from gather_diagnostics.errors import SendError
from gather_diagnostics.response.tickets.addresses import target
from gather_diagnostics.response.tickets.targets.gitlab import GitLab


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "kind"), [("gitlab:acme/shop#12", "issues"), ("gitlab:acme/shop!12", "merge_requests")]
)
def test_issues_and_merge_requests_get_a_note_with_the_upload(address: str, kind: str, tmp_path: Path) -> None:
    ticket, package = Ticket(), packed(tmp_path)
    with gitlab(ticket) as running:
        receipt = attached("gitlab", running.url, package, address=address)
    (text,) = words(ticket)
    assert running.wrote() == [
        "POST /api/v4/projects/acme%2Fshop/uploads",
        f"POST /api/v4/projects/acme%2Fshop/{kind}/12/notes",
    ]
    assert re.search(r"\nArchive: \[(evidence-\S+\.tar\.gz)\]\(/uploads/[0-9a-f]{32}/\1\)\n<!-- ", text)
    assert receipt.url == f"{running.url}/acme/shop/-/{kind}/12#note_300"


@pytest.mark.slow
def test_the_link_to_an_earlier_upload_is_kept(tmp_path: Path) -> None:
    ticket, package = Ticket(), packed(tmp_path)
    with gitlab(ticket) as running:
        attached("gitlab", running.url, package)
        before = words(ticket)
        receipt = attached("gitlab", running.url, package)
    assert words(ticket) == before
    assert len(receipt.already) == 2


@pytest.mark.slow
def test_system_notes_are_none_of_ours(tmp_path: Path) -> None:
    package = packed(tmp_path)
    ticket = Ticket(comments=[{"id": 1, "system": True, "body": f"closed <!-- {package.stamp} -->"}])
    with gitlab(ticket) as running:
        receipt = attached("gitlab", running.url, package)
    assert "comment" in receipt.sent
    assert len(ticket.comments) == 2


@pytest.mark.slow
@pytest.mark.parametrize("url", ["/uploads/x) [click](https://evil.example.com", "", "https://evil.example.com/x"])
def test_an_odd_path_of_an_upload_is_told_and_goes_into_no_text(url: str, tmp_path: Path) -> None:
    ticket = Ticket()
    with gitlab(ticket) as running:
        running.faults.append(Fault("POST", "/uploads", Reply(201, {"url": url})))
        with pytest.raises(SendError, match="does not say where it is"):
            attached("gitlab", running.url, packed(tmp_path))
    assert ticket.comments == []


@pytest.mark.slow
def test_a_note_of_a_colleague_is_left_alone(tmp_path: Path) -> None:
    ticket, state = Ticket(), forgetful()
    with gitlab(ticket) as running:
        attached("gitlab", running.url, packed(tmp_path))
        ticket.comments[0]["of_another"] = True
        attached("gitlab", running.url, packed(tmp_path, seed=1), state)
        again = attached("gitlab", running.url, packed(tmp_path, seed=1), state)
    assert len(ticket.comments) == 2
    assert again.sent == again.updated == ()


@pytest.mark.slow
def test_a_large_archive_is_streamed_whole(tmp_path: Path) -> None:
    ticket, package = Ticket(largest=10**8), packed(tmp_path, size=5_000_001)
    with gitlab(ticket) as running:
        attached("gitlab", running.url, package)
    assert ticket.files[0][1] == package.archive.read_bytes()


@pytest.mark.slow
def test_guests_are_told_the_role(tmp_path: Path) -> None:
    with (
        gitlab(Ticket(locked=True)) as running,
        pytest.raises(SendError, match=r"answers 403.*the scope 'api' and the role Reporter"),
    ):
        attached("gitlab", running.url, packed(tmp_path))


@pytest.mark.parametrize(
    ("environ", "api"),
    [
        ({}, "https://gitlab.com/api/v4"),
        ({"GITLAB_URL": "https://git.acme.com/"}, "https://git.acme.com/api/v4"),
        ({"GITLAB_URL": "https://acme.com/gitlab/api/v4"}, "https://acme.com/gitlab/api/v4"),
        ({"CI_API_V4_URL": "https://ci.acme.com/api/v4"}, "https://ci.acme.com/api/v4"),
        (
            {"CI_API_V4_URL": "https://ci.acme.com/api/v4", "GITLAB_URL": "https://git.acme.com"},
            "https://git.acme.com/api/v4",
        ),
    ],
)
def test_where_it_is(environ: Mapping[str, str], api: str) -> None:
    one = target("gitlab:acme/group/shop#12", {**environ, "GITLAB_TOKEN": TOKEN})
    assert isinstance(one, GitLab)
    assert (one.api, one.project) == (api, "acme/group/shop")


def test_a_plan_tells_of_the_upload_or_why_not(tmp_path: Path) -> None:
    one = target("gitlab:acme/shop!12", {"GITLAB_TOKEN": TOKEN})
    package = packed(tmp_path)
    assert f"{package.name}-{package.sha256[:12]}.tar.gz (40.0 kB) uploaded to acme/shop" in one.plan(package)
    large = " ".join(one.plan(replace(package, size=200_000_000)))
    assert "larger than the 104.9 MB that GitLab takes" in large
