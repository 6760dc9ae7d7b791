"""ServiceNow in particular: tables, OAuth, journals that show HTML and can't be changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from documentsample import large
from servers.desktickets import SYS_ID, servicenow
from servers.tickets import TOKEN, Ticket, refusal, words
from servers.ticketserver import Fault
from trackerwork import attached, forgetful, packed

from gather_diagnostics.document import view
from gather_diagnostics.errors import SendError
from gather_diagnostics.response.tickets.addresses import target
from gather_diagnostics.response.tickets.targets.servicenow import ServiceNow


@pytest.mark.slow
def test_oauth_goes_as_bearer_and_the_page_is_told(tmp_path: Path) -> None:
    ticket = Ticket()
    with servicenow(ticket, oauth=True) as running:
        receipt = attached(
            "servicenow",
            running.url,
            packed(tmp_path),
            SERVICENOW_USERNAME="",
            SERVICENOW_PASSWORD="",
            SERVICENOW_TOKEN=TOKEN,
        )
    assert receipt.url == f"{running.url}/nav_to.do?uri=incident.do?sys_id={SYS_ID}"


@pytest.mark.slow
def test_no_line_of_a_log_becomes_html(tmp_path: Path) -> None:
    ticket, evil = Ticket(), "[code]<script>alert(1)</script>[/code] [CODE]<b>"
    document = {**packed(tmp_path).document, "description": evil}
    with servicenow(ticket) as running:
        attached("servicenow", running.url, packed(tmp_path, document=document))
    assert "code]<script>" in words(ticket)[0]
    assert "[code]" not in words(ticket)[0].lower()
    assert "[/code]" not in words(ticket)[0].lower()


@pytest.mark.slow
def test_a_note_keeps_to_the_length_of_a_journal(tmp_path: Path) -> None:
    ticket = Ticket()
    with servicenow(ticket) as running:
        attached("servicenow", running.url, packed(tmp_path, document=view(large())))
    assert len(words(ticket)[0]) <= 4000
    assert "The rest was cut" in words(ticket)[0]


@pytest.mark.slow
def test_who_may_not_write_is_told_the_role(tmp_path: Path) -> None:
    with (
        servicenow(Ticket(locked=True)) as running,
        pytest.raises(SendError, match=r"ACL Exception Update Failed.*give the role itil"),
    ):
        attached("servicenow", running.url, packed(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("status", [403, 413, 415])
def test_an_attachment_that_is_refused_leaves_the_note(status: int, tmp_path: Path) -> None:
    ticket = Ticket()
    with servicenow(ticket) as running:
        running.faults.append(Fault("POST", "/attachment/file", refusal(status, {"error": {"message": "No."}})))
        receipt = attached("servicenow", running.url, packed(tmp_path))
    assert receipt.sent == ("comment",)
    assert f"ServiceNow answers {status}: No." in receipt.left_out[0]
    assert "is attached" not in words(ticket)[0]


@pytest.mark.slow
def test_an_upload_whose_answer_was_lost_is_not_repeated(tmp_path: Path) -> None:
    ticket, package, state = Ticket(), packed(tmp_path), forgetful()
    with servicenow(ticket) as running:
        running.faults.append(Fault("POST", "/attachment/file", None, late=True))
        with pytest.raises(SendError, match="is not reached"):
            attached("servicenow", running.url, package, state)
        receipt = attached("servicenow", running.url, package, state)
    assert receipt.sent == ("comment",)
    assert len(ticket.files) == 1


@pytest.mark.parametrize(
    ("number", "table"), [("INC0012345", "incident"), ("PRB0000001", "problem"), ("CHG0030001", "change_request")]
)
def test_the_number_tells_the_table(number: str, table: str) -> None:
    one = target(f"servicenow:{number}", {"SERVICENOW_URL": "https://acme.service-now.com"})
    assert isinstance(one, ServiceNow)
    assert (one.number, one.table) == (number, table)
