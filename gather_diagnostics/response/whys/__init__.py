"""The five whys, as far as evidence goes: symptom, error, code, what lies beneath, change; the rest stays open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gather_diagnostics.response.whys.category import category
from gather_diagnostics.response.whys.links import links

__all__ = ["chain"]


def chain(document: Mapping[str, Any]) -> dict[str, Any]:
    """The key `response.whys` of evidence.json for the dict of `document.view`.

    Every link answers the question that the one before it raises, and says which findings and rows it rests on. Where
    nothing answers, the question stands in `open`. All is empty where nothing is wrong. The method is Toyota's, as
    Ohno describes it in Toyota Production System (1988), chapter 2; no link names a person.
    """
    found, unanswered = links(document)
    return {
        "links": [link.as_dict() for link in found],
        "open": unanswered,
        "category": category(document, found),
    }
