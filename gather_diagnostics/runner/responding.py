"""The response to evidence; what is wrong with a runbook, or with us, is a gap: no evidence may be lost over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gather_diagnostics.errors import GatherError
from gather_diagnostics.model import Evidence, Gap
from gather_diagnostics.runner.faults import bug

if TYPE_CHECKING:
    from gather_diagnostics.response import Respond

SOURCE = "response"


def respond(
    evidence: Evidence,
    document: Mapping[str, Any],
    how: Respond,
    on_bug: Callable[[BaseException], None] | None = None,
) -> Evidence:
    """The evidence with its response made anew. `document` is `document.answered` of it."""
    gaps = tuple(gap for gap in evidence.gaps if gap.source != SOURCE)
    try:
        return replace(evidence, gaps=gaps, response=how(evidence, document))
    except GatherError as error:
        mend = "mend it, and run gather_diagnostics analyze on this bundle"
        gap = Gap(SOURCE, "what to do", "invalid", str(error), mend)
    except Exception as error:  # noqa: BLE001 - as in analyzing.py
        gap = bug(SOURCE, "what to do", error)
        if on_bug:
            on_bug(error)
    return replace(evidence, response=None, gaps=(*gaps, gap))
