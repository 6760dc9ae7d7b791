"""What could not be read, of all bundles; sources that nobody configured apart from those that failed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gather_diagnostics.document.brief import all_gaps
from gather_diagnostics.response.postmortem.accounts import Account, Incident

View = Mapping[str, Any]


def missed(incident: Incident) -> list[tuple[Account, View]]:
    """Each gap once, with the first bundle that has it. An analyzer without its table follows from another gap."""
    found: dict[tuple[str, ...], tuple[Account, View]] = {}
    for account in incident.accounts:
        unused = _unused(account)
        for gap in all_gaps(account.document):
            if gap["source"] not in unused and gap["cause"] != "skipped":
                key = tuple(gap[name] for name in ("source", "wanted", "cause", "why"))
                found.setdefault(key, (account, gap))
    return list(found.values())


def unread(incident: Incident) -> list[str]:
    """Sources that are in use in no bundle."""
    used = {c["source"] for a in incident.accounts for c in a.document["coverage"] if c["source"] not in _unused(a)}
    return sorted({name for a in incident.accounts for name in _unused(a)} - used)


def _unused(account: Account) -> set[str]:
    return {c["source"] for c in account.document["coverage"] if c["status"] == "not_used"}
