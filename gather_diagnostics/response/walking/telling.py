"""A walk as lines for a terminal, and as JSON. Whatever a source or a runbook says can't act there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gather_diagnostics.document.escaping import terminal
from gather_diagnostics.errors import EXIT_INTERRUPTED, VerificationError
from gather_diagnostics.response.runbooks.model import Runbook
from gather_diagnostics.response.walking.ground import Reply
from gather_diagnostics.response.walking.walk import Taken

View = Mapping[str, Any]

INDENT = "   "
KINDS: Mapping[str, str] = {"check": "check", "decide": "decision", "act": "for you to do", "verify": "did it help?"}
"""What a step's kind is called."""


def opening(number: int, step: View, hint: str) -> str:
    """The step before it is answered. A command stands alone in its line, to be copied."""
    lines = [f"{number}. {_line(step['title'])}  [{KINDS[step['kind']]}]", *_body(step, hint)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _body(step: View, hint: str) -> Iterator[str]:
    yield from (f"{INDENT}{line}" for line in _lines(step["prose"]))
    sign = "$ " if step["kind"] == "act" else ""
    yield from (f"{INDENT}{INDENT}{sign}{line}" for line in _lines(step["text"]))
    if hint:
        yield f"{INDENT}{_line(hint)}"
    for name, key in (("Risk", "risk"), ("To undo", "undo")):
        if step[key]:
            yield f"{INDENT}{name}: {_line(step[key])}"


def findings(reply: Reply) -> str:
    """What could be found out so far, for a person who is to say the rest."""
    return _rows(reply) + (f"{INDENT}{_line(reply.words)}\n" if reply.words else "")


def closing(reply: Reply, seen: str = "") -> str:
    """What it came to; `seen` are words of it that were told before, and the rows with them."""
    words = reply.words.removeprefix(seen).strip()
    told = f". {_line(words)}" if words else "."
    return f"{'' if seen else _rows(reply)}{INDENT}-> {reply.outcome.replace('_', ' ')}{told}\n"


def _rows(reply: Reply) -> str:
    return "".join(f"{INDENT}{INDENT}{_line(line)}\n" for line in reply.lines)


def verdict(runbook: Runbook, taken: Sequence[Taken], code: int) -> str:
    """What the walk came to, in a sentence or two."""
    if code == EXIT_INTERRUPTED:
        return f"Interrupted after {len(taken)} step{'' if len(taken) == 1 else 's'} of {runbook.id}."
    if code == VerificationError.exit_code:
        whom = f": call the {runbook.escalation}" if runbook.escalation else ""
        return f"{runbook.id} was walked, and it did not help{whom}."
    if left := sum(t.reply.outcome in ("unknown", "skipped") for t in taken):
        return f"{runbook.id} was walked; {left} of {len(taken)} steps {'is' if left == 1 else 'are'} left to a person."
    if missed := sum(bool(t.reply.missed) for t in taken):
        return f"{runbook.id} was walked; of {missed} of {len(taken)} steps not every source could be asked."
    return f"{runbook.id} was walked, and nothing was left open."


def as_json(taken: Taken) -> dict[str, Any]:
    """The step with its answer, for programs."""
    reply = taken.reply
    return {
        "number": taken.number,
        **{key: taken.step[key] for key in ("id", "kind", "title", "text", "risk", "undo")},
        "time": taken.entry.time.isoformat(),
        "outcome": reply.outcome,
        "answer": reply.words,
        "missed": reply.missed,
        "details": dict(reply.details),
    }


def _line(text: object) -> str:
    return terminal(str(text))


def _lines(text: str) -> list[str]:
    return terminal(text.strip(), lines=True).split("\n") if text.strip() else []
