"""Redirect: hold back the traffic that is too much, or that carries the trouble, so that the rest is served. Pure.

Which proxy or gateway does that is in no evidence, so the commands leave it to the reader.
"""

from __future__ import annotations

from collections.abc import Iterator

from gather_diagnostics.response.facts import fit
from gather_diagnostics.response.mitigation.proposals import Proposal, command, given, proposal
from gather_diagnostics.response.mitigation.situation import Situation
from gather_diagnostics.response.mitigation.traffic import rates, surge

LIMIT = "<your rate limit command>"
REDIRECT = "<your traffic command>"
LIMITED = ("tenant", "caller")


def proposals(s: Situation) -> Iterator[Proposal]:
    yield from _surge(s)
    yield from _part(s)


def _surge(s: Situation) -> Iterator[Proposal]:
    """More requests than usual, and something of ours full."""
    full = s.saturated("cpu", "cpu_throttling", "threads", "connections", "queue", "memory", "concurrency", "throttles")
    times = surge(s.evidence)
    if not full or times == 1:
        return
    before, now = rates(s.evidence)
    service = given(s.facts, "service")
    yield proposal(
        "redirect", f"Limit the requests to {service} to {before:.4g} a second, as it served before.",
        command(LIMIT, service, f"{before:.4g}/s"),
        why=[f"{now:.4g} requests a second come in, {times:.1f} times the baseline.", *(f["headline"] for f in full)],
        risk="Requests above the limit are turned away: answer them with 429 and Retry-After.",
        undo=command(LIMIT, service, "off"), against=s.over, findings=full,
    )  # fmt: skip


def _part(s: Situation) -> Iterator[Proposal]:
    """One tenant, caller, zone or region that carries the trouble."""
    dimension, value = s.carried
    scope = s.finding("scope")
    if scope is None or not fit(value):
        return
    if dimension in LIMITED:
        yield proposal(
            "redirect", f"Limit the requests of the {dimension} {value}.", command(LIMIT, dimension, value),
            why=[scope["headline"]],
            risk=f"That {dimension} is served less. It spares the others only if its requests burden them.",
            undo=command(LIMIT, dimension, value, "off"), against=[*s.over, *_harmless(s)], findings=[scope],
        )  # fmt: skip
    elif dimension in ("zone", "region"):
        yield proposal(
            "redirect", f"Send the traffic of the {dimension} {value} elsewhere.",
            command(REDIRECT, "away-from", value),
            why=[scope["headline"]],
            risk="The others take its load: see that they have room.",
            undo=command(REDIRECT, "back-to", value), against=s.over, findings=[scope],
        )  # fmt: skip


def _harmless(s: Situation) -> list[str]:
    """Only its own requests fail: nobody is spared by turning them away."""
    if s.saturated("cpu", "cpu_throttling", "threads", "connections", "queue", "memory", "concurrency"):
        return []
    return ["Only its own requests fail and nothing of the service is full: turning them away spares nobody."]
