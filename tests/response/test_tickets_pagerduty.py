"""PagerDuty in particular: in whose name, kinds of tokens, notes that can't be changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from documentsample import large
from servers.desktickets import pagerduty
from servers.tickets import TOKEN, Ticket, words
from trackerwork import TRACKERS, attached, packed

from gather_diagnostics.document import view
from gather_diagnostics.errors import InputError, SendError
from gather_diagnostics.response.tickets.addresses import target


@pytest.mark.slow
def test_a_token_of_an_oauth_app_goes_as_bearer(tmp_path: Path) -> None:
    ticket = Ticket()
    with pagerduty(ticket) as running:
        receipt = attached("pagerduty", running.url, packed(tmp_path), PAGERDUTY_TOKEN=f"pdus+{TOKEN}")
    assert running.calls[-1].headers["Authorization"] == f"Bearer pdus+{TOKEN}"
    assert receipt.url == "https://acme.pagerduty.com/incidents/Q1W2E3R4T5Y6U7"


@pytest.mark.slow
def test_a_sender_who_is_no_user_is_told(tmp_path: Path) -> None:
    with (
        pagerduty(Ticket()) as running,
        pytest.raises(SendError, match="Requester User Not Found; look whether PAGERDUTY_FROM is"),
    ):
        attached("pagerduty", running.url, packed(tmp_path), PAGERDUTY_FROM="bob@example.com")


@pytest.mark.parametrize(
    ("sender", "why"), [("", "is not set"), ("ada", "is no e-mail address"), ("a@b.c\nX: y", "is no")]
)
def test_a_sender_is_needed(sender: str, why: str) -> None:
    with pytest.raises(InputError, match=f"PAGERDUTY_FROM {why}"):
        target("pagerduty:Q1W2E3R4T5Y6U7", {"PAGERDUTY_FROM": sender})


def test_by_default_it_is_the_public_server(tmp_path: Path) -> None:
    one = target("pagerduty:Q1W2E3R4T5Y6U7", {**TRACKERS["pagerduty"].environ(""), "PAGERDUTY_API_URL": ""})
    assert "at https://api.pagerduty.com, in the name of ada@example.com" in one.plan(packed(tmp_path))[0]


@pytest.mark.slow
def test_where_notes_can_not_be_changed_another_state_is_a_second_note(tmp_path: Path) -> None:
    ticket = Ticket(locked=True)
    with pagerduty(ticket) as running:
        attached("pagerduty", running.url, packed(tmp_path))
        same = attached("pagerduty", running.url, packed(tmp_path, links=("https://new.example.com/x",)))
        amended = attached("pagerduty", running.url, packed(tmp_path, seed=1))
        again = attached("pagerduty", running.url, packed(tmp_path, seed=1))
    assert same.already == ("comment",)
    assert amended.sent == ("comment",)
    assert again.already == ("comment",)
    assert len(ticket.comments) == 2


@pytest.mark.slow
def test_a_long_document_is_cut_and_says_so(tmp_path: Path) -> None:
    ticket = Ticket()
    with pagerduty(ticket) as running:
        attached("pagerduty", running.url, packed(tmp_path, document=view(large())))
    assert len(words(ticket)[0]) <= 10_000
    assert "The rest was cut" in words(ticket)[0]
