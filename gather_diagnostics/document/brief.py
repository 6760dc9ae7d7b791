"""The first screen in words: what, since when, how bad, where to look, which change, what could not be seen.

Markdown, HTML and the terminal say the same because they say this. Silence is never taken for health: every answer
that rests on an unread source says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gather_diagnostics.document.clock import clock, date_clock, local
from gather_diagnostics.document.escaping import cut

View = Mapping[str, Any]
IDLE = "not in use"
"""Stands for all sources that nobody configured, where there are several."""

SEVERE = ("critical", "high")
PLACES = ("dependencies", "workload_health", "saturation")
"""Questions whose severe findings say where to look first."""
_TOLD = {"onset", "changes", "latency", "error_rate", *PLACES}

STATES = {
    "complete": "read",
    "partial": "read in part",
    "failed": "not seen",
    "not_used": "not seen",
}
"""A source's Coverage status in the words of the document."""


def source_state(coverage: View) -> str:
    """'read', 'read, nothing there', 'read in part', 'not seen', 'not seen (not in use)'."""
    state = STATES.get(coverage["status"], "not seen")
    if coverage["status"] == "complete" and not any(coverage["rows"].values()) and not coverage["history"]:
        return "read, nothing there"
    return f"{state} (not in use)" if coverage["status"] == "not_used" else state


def rows_words(coverage: View) -> str:
    """'2,000,000 logs (like lines folded, kept as 41,000 rows), 3 events'; empty without rows."""
    kept = {table: f" (like lines folded, kept as {count:,} rows)" for table, count in coverage["kept"].items()}
    words = [f"{count:,} {table}{kept.get(table, '')}" for table, count in coverage["rows"].items() if count]
    older = [f"{coverage['history']:,} older commits"] if coverage["history"] else []
    return ", ".join([*words, *older])


def broken(document: View) -> list[View]:
    """Findings that say what is broken, the worst kind first: failing requests, then slow ones, then others."""
    overall = [f for f in document["error_rate"] if f["id"] == "error_rate" and f["details"].get("changed")]
    if not overall:
        overall = [f for f in document["error_rate"] if f["id"] == "log_errors" and f["details"].get("changed")]
    slow = [f for f in document["latency"] if not placed(f) and slower(f)]
    slow.sort(key=lambda f: (-float(f["details"].get("ratio") or 0.0), f["id"]))
    others = [f for f in document["findings"] if f["question"] not in _TOLD and f["severity"] in SEVERE]
    found = [*overall, *slow[:1], *others[:2]]
    return found or _places(document)[:2]


def look_first(document: View) -> list[View]:
    """At most two severe findings on what else may be the place of the trouble, the worst first."""
    told = broken(document)
    return [f for f in _places(document) if f not in told][:2]


def _places(document: View) -> list[View]:
    found = [f for f in document["findings"] if f["question"] in PLACES and f["severity"] in SEVERE]
    return sorted(found, key=lambda f: (SEVERE.index(f["severity"]), PLACES.index(f["question"])))


def placed(finding: View) -> bool:
    """Does it say where: an endpoint that got worse, or the slice of the traffic that carries it?"""
    return ":endpoint:" in finding["id"] or finding["id"].endswith(":slice")


def slower(finding: View) -> bool:
    """Did latency leave its baseline, upwards?"""
    details = finding["details"]
    return bool(details.get("changed")) and float(details.get("ratio") or 2.0) > 1.0


def what(document: View) -> str:
    """What is broken, in one or two sentences."""
    found = broken(document)
    if found:
        return " ".join(f["headline"] for f in found)
    onset = document["onset"]
    if onset and onset["time"]:
        return "Something left its baseline (see since when), but neither failing nor slow requests stand out."
    if not answered(document):
        return "This can't be told: neither metrics nor logs of the service came in."
    return "Nothing that was seen is outside its baseline."


def answered(document: View) -> list[str]:
    """Which of the questions about health have an answer: 'failing requests', 'latency', 'error lines'."""
    ids = {f["id"] for f in document["findings"]}
    kinds = {"failing requests": "error_rate", "latency": "latency:", "error lines": "log_errors"}
    return [words for words, start in kinds.items() if any(i.startswith(start) for i in ids)]


def unanswered(document: View) -> list[str]:
    """Questions an on-call asks that nothing here answers, as sentences."""
    ids = {f["id"] for f in document["findings"]}
    sentences = []
    if "error_rate" not in ids:
        also = " (error lines in the logs were counted instead)" if "log_errors" in ids else ""
        sentences.append(f"The share of failing requests was not seen{also}.")
    if not any(i.startswith("latency:") for i in ids):
        sentences.append("Latency was not seen.")
    if not document["tables"].get("logs"):
        sentences.append("No log line was seen.")
    if not document["changes_seen"]:
        sentences.append("No change was seen: none was made, or none in a source that was read.")
    return sentences


def since(document: View) -> str:
    """Since when, in UTC and in the reader's zone, with the interval."""
    onset = document["onset"]
    if onset is None:
        return "This can't be told: the question was not answered."
    if not onset["time"]:
        return str(onset["headline"])
    there = local(onset["time"], document["timezone"])
    words = f"{date_clock(onset['time'])} UTC{f' ({there})' if there else ''}"
    if onset["before_window"]:
        return f"{words} or earlier: it was under way when the window opens."
    if onset["earliest"] != onset["time"] or onset["latest"] != onset["time"]:
        words += f", between {clock(onset['earliest'])} and {clock(onset['latest'])} UTC"
    return f"{words}; confidence {onset['confidence']:.2f}."


def suspect(document: View) -> View | None:
    """The first suspect, where one stands out."""
    return document["changes"][0] if document["stands_out"] and document["changes"] else None


def contenders(document: View) -> list[View]:
    """Where none stands out, the three likeliest that are worth a look (5 % and more)."""
    if suspect(document):
        return []
    return [c for c in document["changes"][:3] if float(c["probability"] or 0.0) >= 0.05]


def suspect_words(document: View) -> str:
    """One sentence on the changes where none stands out."""
    if document["verdict"]:
        return str(document["verdict"])
    if not document["changes_seen"]:
        return "No change was seen, which is not the same as none made: see what could not be seen."
    return f"{document['changes_seen']:,} changes came in and were not ranked."


_HASH = re.compile(r"[0-9a-f]{20,64}")


def revision(text: str) -> str:
    """A commit's hash in ten digits; versions and images as they are."""
    return text[:10] if _HASH.fullmatch(text) else text


def candidate_name(change: View) -> str:
    """'deploy “checkout-v2.14.1” by Amara'."""
    by = f" by {change['author']}" if change["author"] else ""
    return f"{change['kind']} “{change['summary']}”{by}"


def percent(probability: float | None) -> str:
    """'87 %'; never 0 or 100, which no evidence is."""
    if probability is None:
        return "—"
    if probability < 0.01:
        return "< 1 %"
    return "> 99 %" if probability > 0.99 else f"{probability * 100:.0f} %"


def all_gaps(document: View) -> list[View]:
    """Gaps of sources that failed, then of those cut short, of analyzers, of sources that are not in use."""
    status = {c["source"]: c["status"] for c in document["coverage"]}
    order = {"failed": 0, "partial": 1, "complete": 2, "not_used": 4}
    return sorted(document["gaps"], key=lambda g: order.get(status.get(g["source"], ""), 3))


def not_seen(document: View) -> list[View]:
    """The same for the first screen: several sources that are not in use are told as one."""
    status = {c["source"]: c["status"] for c in document["coverage"]}
    gaps = all_gaps(document)
    unused = [g for g in gaps if status.get(g["source"]) == "not_used"]
    if len(unused) < 2:
        return gaps
    names = ", ".join(dict.fromkeys(g["source"] for g in unused))
    why = "nobody configured them and nothing of them was found here"
    one = {"source": IDLE, "wanted": names, "cause": "not_configured", "why": why, "mend": ""}
    return [*gaps[: -len(unused)], one]


def idle(document: View) -> str:
    """Sources that are not in use: 'forge, kubernetes'."""
    return ", ".join(c["source"] for c in document["coverage"] if c["status"] == "not_used")


def reasons(change: View, key: str, most: int) -> list[str]:
    """The weightiest `for` or `against` of a candidate, in words."""
    parts: Sequence[View] = change[key]
    ordered = sorted(parts, key=lambda p: -abs(float(p.get("weight") or 0.0)))
    return [str(p.get("words", "")) for p in ordered[:most]]


def evidence_links(document: View, supports: Sequence[View], most: int = 3) -> list[tuple[str, str]]:
    """(anchor, words) of the quoted rows of some supports: ('logs-123', 'logs 123')."""
    quoted = {(q["table"], q["row"]) for q in document["quotes"]}
    pairs = ((s["table"], row) for s in supports for row in s["rows"])
    unique = dict.fromkeys(pair for pair in pairs if pair in quoted)
    return [(f"{table}-{row}", f"{table} {row}") for table, row in list(unique)[:most]]


def error_words(pattern: View) -> str:
    """'“no connection from pool <*>”: 1,647 lines, 0 in the baseline'."""
    template = cut(pattern["template"], 100)
    return f"“{template}”: {pattern['incident']:,} lines, {pattern['baseline']:,} in the baseline"


def skew_words(seconds: float) -> str:
    """'2.5 s ahead of the one here; times are corrected'."""
    if abs(seconds) < 2:
        return "the same as here"
    return f"{abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'} the one here; times are corrected"
