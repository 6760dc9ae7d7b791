"""When, what, where and why: the four questions, each as blocks of a text form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gather_diagnostics.document import brief, clock, sparkline
from gather_diagnostics.document.building import Building, grid, says
from gather_diagnostics.document.chart import TITLES
from gather_diagnostics.document.clock import date_clock
from gather_diagnostics.document.pieces import (
    Block,
    Bullets,
    Code,
    Grid,
    Item,
    Jump,
    Line,
    Link,
    Paragraph,
    Strong,
    Text,
)

View = Mapping[str, Any]


def when(m: Building) -> Iterator[Block]:
    onset = m.d["onset"]
    if not onset:
        yield Paragraph(("The question was not answered: see ", Jump("gaps", "gaps"), "."))
        return
    yield Paragraph(m.claim(onset))
    if signals := onset["signals"][: m.limits.others]:
        rows = [
            ((clock.clock(s["time"]),), (Text(s["kind"].replace("_", " ")),), (m.sentence(s["words"]),),
             (f"{s['strength']:.2f}",))
            for s in signals
        ]  # fmt: skip
        yield grid(("UTC", "Signal", "What was seen", "Strength"), rows, 3)
    if isolated := onset["isolated"][: m.limits.others]:
        yield says("Seen earlier, or without a second signal, and not taken for the onset:")
        yield Bullets(tuple(Item((f"{clock.clock(s['time'])} ", m.sentence(s["words"]))) for s in isolated))
    if onset["checked"]:
        yield Paragraph(("Looked at: ", m.sentence("; ".join(map(str, onset["checked"]))), "."))


def what(m: Building) -> Iterator[Block]:
    whole = [f for f in m.d["error_rate"] + m.d["latency"] if not brief.placed(f)]
    if whole:
        yield Bullets(tuple(Item(m.claim(f)) for f in whole[: m.limits.others]))
    else:
        yield says(
            "Neither failing requests nor latency could be compared: no metrics and no logs of the service came in."
        )
    found = sparkline.sparks(m.d)
    yield from _curves(m, found)
    if m.d["log_patterns"]:
        yield _patterns(m, found)
    elif m.d["tables"].get("logs"):
        yield says("No error pattern in the logs is new or surges.")


def _curves(m: Building, found: list[sparkline.Spark]) -> Iterator[Block]:
    rows = [
        ((Text(_named(s)),), (Code(s.bars),), (sparkline.amount(s.before, s.unit),),
         (sparkline.amount(s.since, s.unit),), (sparkline.amount(s.peak, s.unit),))
        for s in found if s.chart not in sparkline.SPARSE
    ]  # fmt: skip
    if rows:
        time, what = sparkline.marked(m.d)
        yield grid(("Curve", "Baseline and incident", "Before", "Since", "Highest"), rows, 2, 3, 4)
        yield says(
            f"{sparkline.MARK} is {what}, {clock.clock(time)} UTC, before and since are medians; curves begin at 0,"
            f" and {sparkline.HOLE} is a hole in the data."
        )


def _named(spark: sparkline.Spark) -> str:
    if spark.chart == "saturation":
        return f"{spark.name}, of limit"
    title = TITLES.get(spark.chart, spark.chart)
    return title if spark.name in ("ratio", "rate", "error lines") else f"{title}, {spark.name}"


def _patterns(m: Building, found: list[sparkline.Spark]) -> Grid:
    rows: list[tuple[Line, ...]] = []
    for p in m.d["log_patterns"]:
        spark = sparkline.of_pattern(found, p["template"])
        baseline = f"{p['baseline']:,}" if p["new"] is not None else "not seen"
        new: Line = (" ", Strong("new")) if p["new"] else ()
        rows.append((
            (m.code(p["template"]), *new), (Code(spark.bars) if spark else "—",), (f"{p['incident']:,}",), (baseline,),
            (clock.clock(p["first"]),), (clock.clock(p["last"]),), (m.rows(p["supports"], bare=True),),
        ))  # fmt: skip
    header = (
        "Error pattern, new or surging", "Baseline and incident", "Lines in the incident", "in the baseline",
        "First, UTC", "Last, UTC", "Rows",
    )  # fmt: skip
    return grid(header, rows, 2, 3)


def where(m: Building) -> Iterator[Block]:
    places = [f for f in m.d["error_rate"] + m.d["latency"] if brief.placed(f)]
    if places:
        yield Bullets(tuple(Item(m.claim(f)) for f in places[: m.limits.others]))
    elif m.d["tables"].get("metrics"):
        yield says("No single endpoint stands out in what was read.")
    else:
        yield says("No metrics came in, so endpoints could not be compared.")


def why(m: Building) -> Iterator[Block]:
    yield Paragraph((m.sentence(brief.suspect_words(m.d)),))
    if not m.d["changes"]:
        return
    yield Bullets(tuple(_candidate(m, c) for c in m.d["changes"][: m.limits.candidates]), numbered=True)
    more = len(m.d["changes"]) - m.limits.candidates
    left = f" {more} less likely candidates are in evidence.json." if more > 0 else ""
    yield says(f"None of these: {brief.percent(m.d['none_probability'])}.{left}")


def _candidate(m: Building, c: View) -> Item:
    line: list[Any] = [Strong(brief.percent(c["probability"])), " ", m.sentence(c["kind"]), " ", m.code(c["summary"])]
    line += _by(m, c)
    line.append(f", in effect {date_clock(c['effective'] or c['time'])} UTC")
    line += [", ", m.code(brief.revision(c["revision"]))] if c["revision"] else []
    line += [" after ", m.code(brief.revision(c["previous"]))] if c["previous"] else []
    line += [" ", Link("link", c["url"])] if c["url"] else []
    under: list[Line] = [("for: ", m.sentence(words)) for words in brief.reasons(c, "for", 6)]
    against: list[Line] = [("against: ", m.sentence(words)) for words in brief.reasons(c, "against", 6)]
    under += against or [("against: nothing was found",)]
    under += [
        ("carries ", m.code(brief.revision(member["revision"] or member["id"])), " ", m.code(member["summary"]),
         *_by(m, member))
        for member in c["members"][:3]
    ]  # fmt: skip
    return Item((*line, m.rows(c["supports"])), tuple(under))


def _by(m: Building, change: View) -> Line:
    return (" by ", m.code(change["author"])) if change["author"] else ()
