"""What stands behind the answers: other findings, the timeline, quoted rows, coverage, gaps, how it was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gather_diagnostics.document import brief, clock
from gather_diagnostics.document.building import Building, grid, says
from gather_diagnostics.document.clock import date_clock
from gather_diagnostics.document.limits import near, other_findings, shortened
from gather_diagnostics.document.pieces import (
    Block,
    Bullets,
    Cell,
    Grid,
    Item,
    Line,
    Link,
    Paragraph,
    Quote,
    Quotes,
    Strong,
    Text,
)

View = Mapping[str, Any]


def other(m: Building) -> Iterator[Block]:
    if found := other_findings(m.d):
        yield Bullets(tuple(Item(m.claim(f)) for f in found[: m.limits.others]))
        if len(found) > m.limits.others:
            yield says(f"{len(found) - m.limits.others:,} more are in evidence.html.")


def timeline(m: Building) -> Iterator[Block]:
    if not m.d["timeline"]:
        yield says("Nothing is known to have happened in what was read.")
        return
    shown = near(m.d["timeline"], m.d["onset"], m.limits.timeline)
    if shown:
        rows = [
            ((date_clock(e["time"]),), (m.sentence(e["kind"]),), (m.code(e["what"]),),
             (m.rows([{"table": e["table"], "rows": [e["row"]]}] if e["table"] else [], bare=True),))
            for e in shown
        ]  # fmt: skip
        yield grid(("UTC", "Kind", "What", "Row"), rows)
    if left := len(m.d["timeline"]) - len(shown) + m.d["timeline_omitted"]:
        yield says(f"{left:,} entries farther from the onset are left out; they are in evidence.html and the tables.")


def evidence(m: Building) -> Iterator[Block]:
    quotes = m.d["quotes"]
    if not quotes:
        yield says("No claim points to a row.")
        return
    shown = quotes[: m.limits.quotes]
    if shown:
        yield says("The rows that the claims above point to, by table and row number in the bundle.")
        yield Quotes(tuple(_quote(m, q) for q in shown))
    if more := len(quotes) - len(shown):
        which = "more are" if shown else "quoted rows are"
        yield says(f"{more} {which} cut here to keep this document short: see evidence.html in the bundle.")


def _quote(m: Building, q: View) -> Quote:
    ref = Link(shortened(q["ref"], 120), q["ref"], code=True)
    line: Line = (f"{date_clock(q['time'])} UTC ", m.code(q["text"]), " ", ref)
    return Quote(f"{q['table']}-{q['row']}", f"{q['table']} {q['row']}", line)


def coverage(m: Building) -> Iterator[Block]:
    rows = tuple(_covered(m, c) for c in m.d["coverage"])
    if rows:
        yield Grid(("Source", "State", "Asked for", "Came", "Seconds"), rows, frozenset({4}))
    else:
        yield says("No source was asked.")


def _covered(m: Building, c: View) -> tuple[Cell, ...]:
    targets = c["targets"][: m.limits.targets]
    asked: list[Line] = [
        (m.sentence(t["what"]), " from ", m.code(t["where"]), ", because ", m.sentence(t["because"])) for t in targets
    ]
    if len(c["targets"]) > len(targets):
        asked.append((f"and {len(c['targets']) - len(targets)} more",))
    if c["skew"] is not None:
        asked.append((f"its clock is {brief.skew_words(c['skew'])}",))
    return (
        ((m.sentence(c["source"]),),),
        ((brief.source_state(c),),),
        tuple(asked) or (("nothing: no target was found",),),
        ((Text(brief.rows_words(c) or "nothing"),),),
        ((f"{c['seconds']:.1f}",),),
    )


def gaps(m: Building) -> Iterator[Block]:
    gaps = brief.all_gaps(m.d)
    if not gaps:
        yield says("No source and no analyzer reported a gap.")
        return
    yield Bullets(tuple(Item(_gap(m, gap)) for gap in gaps[: m.limits.gaps]))
    if len(gaps) > m.limits.gaps:
        yield says(f"{len(gaps) - m.limits.gaps} more are in evidence.json.")


def _gap(m: Building, gap: View) -> Line:
    mend: Line = (" Mend: ", m.code(gap["mend"])) if gap["mend"] else ()
    cause = gap["cause"].replace("_", " ")
    return (
        Strong(m.words(gap["source"])),
        " ",
        m.sentence(gap["wanted"]),
        f" ({cause}): ",
        m.sentence(gap["why"]),
        *mend,
    )


def made(m: Building) -> Iterator[Block]:
    tool, windows = m.d["tool"], m.d["windows"]
    spans = {
        name: clock.span(windows[name]["start"], windows[name]["end"]) for name in ("incident", "baseline", "changes")
    }
    yield Paragraph((
        Text(f"{tool['name']} {shortened(tool['version'], 40)}"), ". Incident window ", Text(spans["incident"]),
        "; baseline ", Text(spans["baseline"]), "; changes ", Text(spans["changes"]), ".",
    ))  # fmt: skip
    tables = ", ".join(f"{name} ({rows:,} rows)" for name, rows in m.d["tables"].items()) or "none"
    yield Paragraph(("Tables in the bundle: ", Text(tables), "."))
    if m.d["redactions"]:
        yield Paragraph(("Redacted before anything was analyzed: ", m.sentence(_redacted(m.d["redactions"])), "."))
    else:
        yield says("Nothing was redacted: no known kind of secret was found.")
    yield says("Probabilities and confidences are estimates; every claim links to the rows behind it.")


def _redacted(redactions: Mapping[str, Mapping[str, int]]) -> str:
    """'bearer token (3: logs.message 2, raw/git 1)'."""
    told = []
    for kind, places in redactions.items():
        where = ", ".join(f"{place} {count:,}" for place, count in places.items())
        told.append(f"{kind} ({sum(places.values()):,}: {where})")
    return ", ".join(told)
