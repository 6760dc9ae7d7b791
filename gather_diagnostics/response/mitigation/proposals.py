"""A proposal as the document has it, and commands that hold any text safely. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gather_diagnostics.response.facts import NAMES, fit

KINDS = ("roll_back", "scale", "fail_over", "disable", "redirect")
"""In the order in which they are tried: from what undoes the cause to what only spares the users."""

Proposal = dict[str, Any]
Facts = Mapping[str, str]
View = Mapping[str, Any]


def proposal(
    kind: str,
    what: str,
    command: str,
    *,
    why: Iterable[str],
    risk: str,
    undo: str,
    against: Sequence[str] = (),
    findings: Iterable[View] = (),
) -> Proposal:
    """`against`: why it will not help; with one such reason it does not, and they stand before the others.

    `findings`: views of findings or of changes that it rests on.
    """
    its = list(findings)
    return {
        "kind": kind,
        "what": what,
        "command": command,
        "why": list(dict.fromkeys([*against, *why])),
        "helps": not against,
        "risk": risk,
        "undo": undo,
        "findings": list(dict.fromkeys(f.get("finding") or f["id"] for f in its)),
        "supports": [dict(s) for f in its for s in f["supports"]],
    }


def given(facts: Facts, name: str) -> str:
    """The value of a name, '<name>' where it is unknown or may stand in no command."""
    value = facts.get(name)
    return value if value is not None and fit(value) else f"<{name}>"


def command(*words: str) -> str:
    """One line for a POSIX shell that reads back as exactly these words."""
    return shlex.join(words)


def both(*commands: str) -> str:
    """One after the other, the next only where the one before succeeded."""
    return " && ".join(commands)


def kubectl(facts: Facts, *words: str) -> list[str]:
    """kubectl in the service's namespace, in the context that was read where it is known.

    Values stand behind '=' or '<kind>/', where nothing can be read as an option.
    Source: kubernetes.io/docs/reference/kubectl/generated/
    """
    return ["kubectl", *_context(facts), f"--namespace={given(facts, 'namespace')}", *words]


def cluster_wide(facts: Facts, *words: str) -> list[str]:
    """kubectl for what is in no namespace: nodes."""
    return ["kubectl", *_context(facts), *words]


def _context(facts: Facts) -> list[str]:
    return [f"--context={given(facts, 'context')}"] if "context" in facts else []


def aws(facts: Facts, *words: str) -> list[str]:
    """Source: docs.aws.amazon.com/cli/latest/reference/"""
    return ["aws", *words, f"--region={given(facts, 'region')}"]


def explained(made: Proposal, several: Mapping[str, Sequence[str]]) -> Proposal:
    """With a word on each name that the reader has to fill in."""
    holes = [name for name in NAMES if f"<{name}>" in made["command"]]
    words = []
    for name in holes:
        if name in several:
            shown = ", ".join(v for v in several[name][:5])
            words.append(f"Fill in <{name}>: the evidence names {len(several[name])} ({shown}).")
        else:
            words.append(f"Fill in <{name}>: the evidence does not tell it.")
    return made | {"why": made["why"] + words}
