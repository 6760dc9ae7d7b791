"""Which kind of root cause the evidence points to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gather_diagnostics.document.brief import answered, suspect
from gather_diagnostics.response.whys.links import Link, at_onset

View = Mapping[str, Any]

OF_CHANGES: Mapping[str, tuple[str, str]] = {
    "config": ("configuration", "the first suspect is a change of configuration"),
    "flag": ("configuration", "the first suspect is a feature flag"),
    "infra": ("infrastructure", "the first suspect is a change of infrastructure"),
    "scale": ("infrastructure", "the first suspect is a change of scale"),
    "commit": ("code bug", "the first suspect is a commit"),
    "deploy": ("deployment", "the first suspect is a deploy, and nothing points into a line of its code"),
}
"""By kind of the change that stands out."""
OF_RUNBOOKS: Mapping[str, str] = {
    "db-outage": "infrastructure",
    "node-failure": "infrastructure",
    "disk-full": "infrastructure",
    "dns-tls": "infrastructure",
    "certificate-expiry": "infrastructure",
    "config-change": "configuration",
}
"""By the runbook that a known error names. Others (slow calls, full pools, memory) have causes of every kind."""
DATA_RUNBOOK = "data-corruption"
_NODES = ("workload_health:NodeNotReady", "workload_health:Evicted")


def category(document: View, links: Sequence[Link]) -> dict[str, str]:
    """{name, why}; 'unknown' where nothing points to one."""
    name, why = next(_pointers(document, links), ("unknown", "nothing that was seen points to one kind of cause"))
    if not links:
        why = "nothing is wrong in what was seen" if answered(document) else "too little was seen to tell"
    return {"name": name, "why": f"{why[0].upper()}{why[1:]}."}


def _pointers(document: View, links: Sequence[Link]) -> Iterator[tuple[str, str]]:
    """What points to a category, the strongest first."""
    chain = {link.kind: link.source for link in links}
    known = chain.get("known_errors", {}).get("details", {})
    if known.get("runbook") == DATA_RUNBOOK:
        yield "data", f"the logs say that data is damaged ({known.get('error')})"
    change = suspect(document)
    if change and links:
        if any(reason["part"] == "frames" for reason in change["for"]):
            yield "code bug", "code that the first suspect changed is where it fails"
        if change["kind"] in OF_CHANGES:
            yield OF_CHANGES[change["kind"]]
    if known.get("runbook") in OF_RUNBOOKS:
        yield OF_RUNBOOKS[known["runbook"]], f"a known error says so: “{known.get('meaning', '').rstrip('.')}”"
    beneath = chain.get("dependencies", {})
    if beneath.get("details", {}).get("order") == "before":
        yield "infrastructure", "a dependency failed before the service did"
    gone = [f for f in document["findings"] if f["id"] in _NODES and at_onset(document, f["details"].get("since"))]
    if links and gone:
        yield "infrastructure", "a node failed as it began"
