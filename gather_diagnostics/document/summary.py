"""The terminal summary: one 80x24 screen with what an on-call needs first, and where the rest is.

Plain text when piped: no colours, and in an encoding without the signs used here, ASCII in their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from gather_diagnostics.document import brief, impact
from gather_diagnostics.document.clock import clock, date_clock
from gather_diagnostics.document.escaping import cut, encodable, terminal

LABEL = 10
ROWS = 23
"""Of a 24-line terminal, one is left for the prompt."""
STYLES = {
    "critical": "bold red", "high": "bold red", "medium": "yellow", "complete": "green", "partial": "yellow",
    "failed": "red", "not_used": "dim",
}  # fmt: skip

View = Mapping[str, Any]
Line = tuple[str, str, str, int]
"""Label, words, style, and how many screen lines it may take."""


def print_summary(document: View, where: str, console: Console | None = None) -> None:
    """Print the summary of `view`'s dict; `where` is the bundle's folder. Default console: stdout."""
    console = console or Console(highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        for row in _rows(document, console):
            console.print(row, no_wrap=True, overflow="ignore", crop=False)
        # The path is printed whole, however long: it gets copied.
        console.print(f"{'Bundle':<{LABEL}}{terminal(where)}", markup=False, highlight=False, soft_wrap=True)
    console.file.write(encodable(captured.get(), console.encoding))


def _rows(document: View, console: Console) -> list[Any]:
    """The lines as rich Texts, each fitting the width; all are cut shorter before there are too many for a screen."""
    rows: list[Any] = []
    for most, of_bold in ((ROWS, ROWS), (2, 2), (1, 2), (1, 1)):
        lines = ((line, of_bold if line[2].startswith("bold") else most) for line in _lines(document))
        rows = [row for line, allowed in lines for row in _wrapped(line, allowed, console)]
        if len(rows) < ROWS:
            break
    return rows


def _wrapped(line: Line, most: int, console: Console) -> Iterator[Text]:
    label, words, style, own = line
    most = min(most, own)
    width = max(40, console.width) - LABEL - 1
    pieces = Text(terminal(words)).wrap(console, width)
    for number, piece in enumerate(pieces[:most], start=1):
        piece.rstrip()
        if number == most < len(pieces):
            piece.truncate(width - 2)
            piece.append("…")
        piece.stylize(style)
        yield Text(f"{label if number == 1 else '':<{LABEL}}", style="dim").append_text(piece)


def _lines(document: View) -> Iterator[Line]:
    if document["demo"]:
        yield "Demo", document["demo"], "bold yellow", 1
    if document["interrupted"]:
        yield "Partial", "interrupted: this is what had come in by then", "bold yellow", 1
    yield "Service", f"{cut(document['service'], 40)}, {date_clock(document['asked'])} UTC", "bold", 1
    yield "Read", _sources(document), "", 2
    yield "Broken", brief.what(document), "bold", 4
    if document["log_patterns"]:
        yield "Errors", brief.error_words(document["log_patterns"][0]), "", 2
    yield "Since", brief.since(document), "", 2
    yield "How bad", impact.how_bad(document), STYLES.get(impact.rank(document), ""), 2
    for number, finding in enumerate(brief.look_first(document)):
        yield "" if number else "Look at", finding["headline"], "", 2
    yield from _first(document)
    yield from _suspect(document)
    yield from _not_seen(document)


def _first(document: View) -> Iterator[Line]:
    """The first mitigation with its command, and the runbook."""
    for action in [a for a in document["priority_actions"] if a["kind"] == "mitigate"][:1]:
        yield "Do first", action["action"], "bold", 2
        if action["command"]:
            yield "", action["command"].splitlines()[0], "bold", 2
    for action in [a for a in document["priority_actions"] if a["kind"] == "runbook"][:1]:
        yield "Runbook", action["action"], "", 1


def _sources(document: View) -> str:
    words = []
    for covered in (c for c in document["coverage"] if c["status"] != "not_used"):
        rows = sum(covered["rows"].values())
        state = brief.source_state(covered)
        folded = rows - sum(covered["rows"][table] - kept for table, kept in covered["kept"].items())
        kept = f", kept as {folded:,}" if folded < rows else ""
        words.append(f"{covered['source']} {state}" + (f" ({rows:,} rows{kept})" if rows else ""))
    return " · ".join(words) or "no source was in use"


def _suspect(document: View) -> Iterator[Line]:
    first = brief.suspect(document)
    if first is None:
        yield "Suspect", f"none stands out. {brief.suspect_words(document)}", "", 3
        for change in brief.contenders(document):
            yield "", f"? {brief.percent(change['probability'])} {brief.candidate_name(change)}", "", 1
        return
    at = clock(first["effective"] or first["time"])
    summary = brief.candidate_name({**first, "summary": cut(first["summary"], 90)})
    yield "Suspect", f"{brief.percent(first['probability'])} {summary}, in effect {at} UTC", "bold", 2
    for words in brief.reasons(first, "for", 3):
        yield "", f"+ {words}", "", 2
    for words in brief.reasons(first, "against", 2) or ["nothing was found against it"]:
        yield "", f"− {words}", "dim", 1


def _not_seen(document: View) -> Iterator[Line]:
    label = "Not seen"
    for words in brief.unanswered(document)[:2]:
        yield label, words, "yellow", 1
        label = ""
    gaps = brief.not_seen(document)
    if not gaps and label:
        yield label, "nothing that was asked for; what no source covers is not known", "dim", 1
    for gap in gaps[:2]:
        words = gap["wanted"] if gap["source"] == brief.IDLE else gap["why"]
        yield label, f"{gap['source']}: {words}", "yellow", 1
        label = ""
    if len(gaps) > 2:
        yield "", f"{len(gaps) - 2} more, with mends: evidence.html", "dim", 1
