"""A comparison in words, as blocks of a text form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gather_diagnostics.document import brief
from gather_diagnostics.document.clock import clock, date_clock, span
from gather_diagnostics.document.escaping import cut
from gather_diagnostics.document.pieces import Block, Bullets, Callout, Fact, Facts, Grid, Item, Line, Paragraph, Text
from gather_diagnostics.document.sparkline import amount

View = Mapping[str, Any]

_VERDICTS = {
    "better": "Better",
    "worse": "Worse",
    "mixed": "Partly better, partly worse",
    "unchanged": "Unchanged",
    "unknown": "It can't be told whether it is better: the bundles have no measure with enough samples in common",
}
_PATTERNS = {
    "gone": "gone", "new": "new", "more": "more frequent", "fewer": "less frequent", "unchanged": "as before",
    "unknown": "not seen again, which may be chance",
}  # fmt: skip


def tell(found: View) -> list[Block]:
    """The verdict and its measures first."""
    return [*_head(found), *_measures(found), *_patterns(found), *_rest(found)]


def _head(found: View) -> Iterator[Block]:
    yield Paragraph((Text(f"{cut(found['service'], 120)}: {_verdict(found)}"),))
    yield from (Callout((Text(note),)) for note in found["notes"])
    facts = []
    for name, side in (("Before", found["before"]), ("After", found["after"])):
        words = span(side["window"]["start"], side["window"]["end"])
        facts.append(Fact(name, ((Text(f"{words}, of the bundle of {date_clock(side['asked'])} UTC"),),)))
    yield Facts(tuple(facts))


def _verdict(found: View) -> str:
    known = [m["at_baseline"] for m in found["measures"] if m["at_baseline"] is not None]
    words = _VERDICTS[found["verdict"]]
    if not known or found["verdict"] == "unknown":
        return f"{words}."
    if all(known):
        return f"{words}; all that was measured is at its baseline."
    above = [m["words"] for m in found["measures"] if m["at_baseline"] is False]
    return f"{words}; still above the baseline: {', '.join(above)}."


def _measures(found: View) -> Iterator[Block]:
    rows: list[tuple[Line, ...]] = [_measure(m) for m in found["measures"]]
    if rows:
        cells = tuple(tuple((line,) for line in row) for row in rows)
        yield Grid(("Measure", "Before", "After", "Baselines", "Verdict", "As usual"), cells, frozenset({1, 2}))


def _measure(m: View) -> tuple[Line, ...]:
    usual = ", ".join(dict.fromkeys(amount(level, m["unit"]) for level in m["baselines"]))
    verdict = "can't be told" if m["verdict"] == "unknown" else m["verdict"]
    back = {True: "yes", False: "no", None: "—"}[m["at_baseline"]]
    values = [amount(m[side], m["unit"]) for side in ("before", "after")]
    return (m["words"],), (values[0],), (values[1],), (usual,), (verdict,), (back,)


def _patterns(found: View) -> Iterator[Block]:
    if found["patterns"] is None:
        yield Paragraph(("Error patterns can't be compared: not both bundles have log lines.",))
    elif not found["patterns"]:
        yield Paragraph(("No error pattern in either.",))
    else:
        yield Paragraph(("Error patterns:",))
        yield Bullets(tuple(Item((Text(_pattern(p)),)) for p in found["patterns"]))


def _pattern(p: View) -> str:
    return f"{_PATTERNS[p['state']]}: “{cut(p['template'], 160)}”, {p['before']:,} lines before, {p['after']:,} after"


def _rest(found: View) -> Iterator[Block]:
    facts = [Fact("Restarts", ((Text(_restarts(found["restarts"])),),))]
    sides = ("before", "after")
    facts += [Fact(f"Suspect {side}", ((Text(_suspect(found["suspects"][side])),),)) for side in sides]
    changes: list[Line] = [(Text(_change(c)),) for c in found["changes"]]
    facts.append(Fact("New changes", tuple(changes) or (("none that the first bundle has not",),)))
    for name, label in (("mended", "Gaps mended"), ("new", "Gaps new")):
        gaps: list[Line] = [(Text(f"{g['source']}: {g['wanted']}: {g['why']}"),) for g in found["gaps"][name]]
        facts.append(Fact(label, tuple(gaps) or (("none",),)))
    yield Facts(tuple(facts))


def _restarts(found: View | None) -> str:
    if found is None:
        return "not both bundles saw replicas"
    told = [f"{name} {count} more" for name, count in found["restarted"].items()]
    swapped = (
        f"; {found['replaced']} replicas are gone and {found['new']} new" if found["replaced"] or found["new"] else ""
    )
    return f"{', '.join(told[:10]) or 'none of those in both bundles'}{swapped}"


def _suspect(found: View | None) -> str:
    if found is None:
        return "none stands out"
    at = f", in effect {clock(found['effective'])} UTC" if found["effective"] else ""
    return f"{brief.percent(found['probability'])} {brief.candidate_name(found)}{at}"


def _change(found: View) -> str:
    return f"{date_clock(found['time'])} UTC {brief.candidate_name(found)}"
