"""What now: runbooks that match the findings, mitigations, severity, and all that people send.

    runbooks/     what a runbook is, which ones fit, names filled in
    facts/        names known from the evidence
    mitigation/   proposals with exact commands
    severity/  escalation.py    how severe, who is told when
    whys/         the five whys
    walking/  journal.py        a runbook step by step, and what was done
    updates/      texts for stakeholders
    postmortem/   the blameless draft
    recovery/     is it over?
    tickets/      a bundle attached to what people work in

Nothing here changes production, and nothing collects: what has to be asked anew is handed in as a callable.
"""

from gather_diagnostics.response.responding import Respond, responder, warm

__all__ = ["Respond", "responder", "warm"]
