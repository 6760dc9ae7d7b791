"""The links of the chain, each from one kind of evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

from gather_diagnostics.document.brief import SEVERE, broken, percent, reasons, suspect
from gather_diagnostics.document.clock import clock, when
from gather_diagnostics.document.escaping import cut
from gather_diagnostics.document.view import RANKS

View = Mapping[str, Any]

WHY: Mapping[str, str] = {
    "error_rate": "Why did requests fail?",
    "log_errors": "Why did it log more errors?",
    "latency": "Why were answers slow?",
    "pattern": "Why did the service log that?",
    "stack_frames": "Why did that code fail?",
    "known_errors": "Why did that happen?",
    "dependencies": "Why did that dependency fail?",
    "with us": "Did that dependency fail by itself, and why?",
    "saturation": "Why did that resource run out?",
    "workload_health": "Why did the replicas fail?",
    "change": "Why did no test, review or gradual rollout catch that change before it did harm?",
}
"""The question that an answer of this kind raises."""
_ELSE = "Why did that happen?"
_BENEATH = ("dependencies", "workload_health", "saturation")
_BEFORE = timedelta(minutes=1)
_AFTER = timedelta(minutes=5)
"""How far around the onset's interval an error may begin to belong to it."""
_SHORT = 160
_RISEN = ("new", "risen")


@dataclass(frozen=True, slots=True)
class Link:
    kind: str
    """A key of WHY."""
    question: str
    answer: str
    findings: tuple[str, ...]
    supports: Sequence[View]
    source: View
    """The finding, pattern or change it tells of."""

    def as_dict(self) -> dict[str, Any]:
        return {
            "question": self.question,
            "answer": self.answer,
            "findings": list(self.findings),
            "supports": [dict(support) for support in self.supports],
        }


def links(document: View) -> tuple[list[Link], list[str]]:
    """The links in order, and the questions that nothing answers."""
    found: list[Link] = []
    question = "What went wrong?"
    for kind, answer, source in _answers(document):
        ids = tuple(source[key] for key in ("finding", "id") if key in source and kind != "pattern")[:1]
        found.append(Link(kind, question, answer, ids, source["supports"], source))
        question = WHY.get(kind, _ELSE)
    return found, [question, *_missing(document, {link.kind for link in found})] if found else []


def _answers(document: View) -> Iterator[tuple[str, str, View]]:
    """(kind, answer, where it is from)"""
    symptom = _symptom(document)
    if symptom is None:
        return
    yield _kind(symptom), symptom["headline"], symptom
    pattern = _pattern(document)
    if pattern:
        yield "pattern", _pattern_words(pattern), pattern
    own = (_risen(document, question, pattern) for question in ("stack_frames", "known_errors"))
    for finding in (*own, *_beneath(document)):
        if finding and finding["id"] != symptom["id"]:
            words = _frame_words(finding) if finding["question"] == "stack_frames" else finding["headline"]
            yield _kind(finding), words, finding
    change = suspect(document)
    if change:
        yield "change", _change_words(change), change


def _missing(document: View, kinds: set[str]) -> Iterator[str]:
    if "pattern" not in kinds:
        yield "Which error lies behind it? No kind of error line began when it did."
    elif not kinds & {"stack_frames", "with us", *_BENEATH}:
        yield "Where in the code does it arise? No stack trace that began then stands in the logs."
    if "change" not in kinds:
        told = document["verdict"] or "No change was ranked."
        yield f"Which change, if any, set it off? {told}"


def _symptom(document: View) -> View | None:
    found = broken(document)
    if found:
        return found[0]
    began = document["onset"] and document["onset"]["time"]
    return next((f for f in document["findings"] if f["id"] == "onset"), None) if began else None


def at_onset(document: View, time: str | None) -> bool:
    """Did what began then begin with the incident?"""
    onset = document["onset"] or {}
    earliest, latest, began = when(onset.get("earliest")), when(onset.get("latest")), when(time)
    return bool(earliest and latest and began and earliest - _BEFORE <= began <= latest + _AFTER)


def _pattern(document: View) -> View | None:
    return next((p for p in document["log_patterns"] if at_onset(document, p["first"])), None)


def _risen(document: View, question: str, pattern: View | None) -> View | None:
    """The answer that is about lines of the pattern, else the first that began with the incident."""
    there = [f for f in document["findings"] if f["question"] == question and f["details"].get("state") in _RISEN]
    there = [f for f in there if at_onset(document, f["time"])]
    same = [f for f in there if pattern and _log_rows(f) & _log_rows(pattern)]
    return next(iter(same or there), None)


def _log_rows(about: View) -> set[int]:
    return {row for support in about["supports"] if support["table"] == "logs" for row in support["rows"]}


def _beneath(document: View) -> Iterator[View]:
    """What failed below the service: a dependency that did not fail after it; else its replicas, and what ran out."""
    by_question = {q: [f for f in document["findings"] if f["question"] == q] for q in _BENEATH}
    failing = [f for f in by_question["dependencies"] if f["details"].get("order") in ("before", "with")]
    # One that the error lines do not name only says again what they say.
    named = sorted((f for f in failing if not f["id"].endswith(":unnamed")), key=_order)
    if named:
        yield named[0]
        return
    for question in ("workload_health", "saturation"):
        severe = [f for f in by_question[question] if f["severity"] in SEVERE]
        yield from sorted(severe, key=lambda f: (str(f["details"].get("since") or "~"), f["id"]))[:1]


def _order(dependency: View) -> tuple[str, int]:
    """Those that failed before the service, then the most severe."""
    return dependency["details"]["order"], RANKS.index(dependency["severity"])


def _kind(finding: View) -> str:
    """The key of WHY for an answer that is a finding."""
    if finding["question"] == "dependencies" and finding["details"].get("order") == "with":
        return "with us"
    return "log_errors" if finding["id"] == "log_errors" else str(finding["question"])


def _pattern_words(pattern: View) -> str:
    before = f"{pattern['baseline']:,}" if pattern["baseline"] else "none"
    template = cut(pattern["template"], _SHORT)
    return (
        f"It logged “{template}”: {pattern['incident']:,} lines since {clock(pattern['first'])} UTC, {before} before."
    )


def _frame_words(finding: View) -> str:
    details = finding["details"]
    frame = details.get("frame") or {}
    path = PurePosixPath(str(details.get("file") or frame.get("path") or "")).as_posix()
    place = f" in {frame['function']} ({path}:{frame['line']})" if frame else ""
    message = cut(str(details.get("message", "")), _SHORT)
    return f"{details['exception']} “{message}” was raised{place}: {details['count']:,} times."


def _change_words(change: View) -> str:
    words = "; ".join(reasons(change, "for", 3))
    name = f"{change['kind']} “{cut(change['summary'], _SHORT)}”"
    probable = percent(change["probability"])
    at = clock(change["effective"] or change["time"])
    return f"Most likely {name} did it ({probable} probable), in effect {at} UTC{f': {words}' if words else ''}."
