"""Roll back: undo the change that is suspected, and say of the last deploy why undoing it would not help. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gather_diagnostics.document import brief
from gather_diagnostics.response.facts import Change, fit
from gather_diagnostics.response.mitigation import obstacles
from gather_diagnostics.response.mitigation.proposals import Proposal, both, command, given, kubectl, proposal
from gather_diagnostics.response.mitigation.situation import Situation
from gather_diagnostics.response.mitigation.ways import Way, in_repository, way

MOST_REASONS = 3
CONFIGURATION = ("ConfigMap", "Secret")


def proposals(s: Situation) -> Iterator[Proposal]:
    if s.question and s.question.kind in ("deploy", "commit", "config", "infra"):
        yield from _undo(s, s.question)
    if s.deploy and s.deploy is not s.question and not (s.question and s.rollout(s.question) is s.deploy):
        yield from list(_undo(s, s.deploy))[:1]


def _undo(s: Situation, change: Change) -> Iterator[Proposal]:
    rollout = s.rollout(change)
    against = obstacles.of_undoing(s, change, rollout)
    for number, each in enumerate(_ways(s, change, rollout)):
        yield _told(s, change, each, [*against, *each.against], MOST_REASONS if number == 0 else 0)


def _ways(s: Situation, change: Change, rollout: Change | None) -> Iterator[Way]:
    if change.details.get("kind") in CONFIGURATION and change.kind == "config":
        yield _restore(s, change)
    elif rollout is None:
        yield from [_infrastructure(change)] if change.kind == "infra" else in_repository(s, change)
    elif s.gitops and rollout.platform in ("kubernetes", "helm"):
        yield from list(in_repository(s, change)) or [_in_git(s)]
        yield _put_back(s, way(s, rollout))
    else:
        yield way(s, rollout)


def _in_git(s: Situation) -> Way:
    """Where a controller makes the cluster what git says, git is where one goes back."""
    return Way(
        f"Revert the commit that {s.gitops} deploys, and push.",
        command("git", "revert", "--no-edit", given(s.facts, "commit")),
        f"{s.gitops} takes it over at its next synchronisation.",
        "Revert the revert: " + command("git", "revert", "--no-edit", "HEAD"),
    )


def _put_back(s: Situation, by_hand: Way) -> Way:
    held = f"{s.gitops} owns the workload and would put it back as git has it: revert in git instead."
    return replace(by_hand, against=(held, *by_hand.against))


def _restore(s: Situation, change: Change) -> Way:
    """What a ConfigMap held before stands nowhere in the cluster."""
    kind = str(change.details["kind"])
    name = given({"configmap": str(change.details.get("name", ""))}, "configmap")
    thing = f"{kind.lower()}/{name}"
    apply = command(*kubectl(s.facts, "apply", f"--filename=<file with {kind} as it was>"))
    restart = command(*kubectl(s.facts, "rollout", "restart", given(s.facts, "workload")))
    save = command(*kubectl(s.facts, "get", thing, "--output=yaml"))
    risk = "The cluster does not keep what was in it: take it from version control. The restart replaces every pod."
    if s.gitops:
        risk += f" {s.gitops} puts back what git has: change it there."
    return Way(
        f"Restore {thing} as it was, and restart the workload.", both(apply, restart), risk, f"Save it first: {save}"
    )


def _infrastructure(change: Change) -> Way:
    return Way(
        f"Undo “{change.summary[:100]}”.",
        command(
            "<your infrastructure command>",
            change.previous if fit(change.previous) and change.previous else "<previous>",
        ),
        "What it replaced may be gone for good: look at what it did before undoing it.",
        "Make the change again.",
    )


def _told(s: Situation, change: Change, each: Way, against: Sequence[str], reasons: int) -> Proposal:
    its = s.candidate(change)
    why: list[str] = []
    if its and not against:
        why = [f"{brief.percent(its['probability'])} probable: {brief.candidate_name(its)}"]
        why += brief.reasons(its, "for", reasons)
    dimension, value = s.carried
    if dimension == "version":
        why.append(f"The trouble is isolated to version {value}.")
    if s.dependency and s.suspect:
        why.append(f"Beware, a dependency failed before: {s.dependency['headline']}")
    return proposal(
        "roll_back", each.what, each.command, why=why, risk=each.risk, undo=each.undo, against=against,
        findings=[its] if its else [],
    )  # fmt: skip
