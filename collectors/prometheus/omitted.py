"""What guards against too many series leave out: summed up or named, so that it is no gap. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable

from collectors.prometheus.discovery import Found
from collectors.prometheus.others import MOST_SERIES, Choice
from collectors.prometheus.queries import MOST_ENDPOINTS, OTHER, Busiest
from gather_diagnostics import Raw

FILE = "left_out.json"
LIMITS = (
    f"the {MOST_ENDPOINTS} endpoints with most requests and the {MOST_ENDPOINTS} with most errors, the rest summed up"
    f" as '{OTHER}'; of unknown metrics the {{unknown}} that changed most; {FILE} names the others"
)
"""What is asked for at most, in words."""


def raw(many: Iterable[tuple[Found, str]], busiest: Busiest, choice: Choice) -> Raw | None:
    """A record of what was left out, by name; None where nothing was.

    `many` are the metrics with too many endpoints and the endpoints' label.
    """
    endpoints = [
        {"metric": found.counted, "label": label, "values": len(found.labels[label]), "told": busiest[found.counted]}
        for found, label in many
        if found.counted in busiest
    ]
    if not (endpoints or choice.left_out or choice.crowded):
        return None
    crowded = {"more_series_than": MOST_SERIES, "metrics": choice.crowded}
    told = {"endpoints": endpoints, "other_metrics": choice.left_out, "crowded": crowded}
    return Raw(FILE, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
