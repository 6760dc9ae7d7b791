"""What findings say of the tables, as checks that anybody can recompute. docs/EVIDENCE.md explains their form.

The figures are those the analyzers gave in `details`. What they got by a test or a model (a trend, a probability, which
slice carries a rise) is no check: it is recomputed by running the analyzers again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gather_diagnostics.document.claims.figures import find
from gather_diagnostics.model import Evidence
from gather_diagnostics.selection import ERROR_LEVELS

Check = dict[str, Any]
Condition = dict[str, Any]
Finding = Mapping[str, Any]

ROUNDED = 1e-6
"""Figures are given to six digits after the point,"""
ROUGHLY = 1e-4
"""those by the minute to four."""


def one_of(column: str, *values: str | None) -> Condition:
    """The column holds one of the values; None stands for an empty cell."""
    return {"column": column, "values": list(values)}


def filled(column: str) -> Condition:
    """The column holds anything at all."""
    return {"column": column, "values": None}


def check(
    name: str,
    measure: str,
    table: str,
    value: float | str,
    *,
    where: Sequence[Condition] = (),
    of: Sequence[Condition] | None = None,
    window: Mapping[str, str] | None = None,
    rows: Sequence[int] | None = None,
    column: str | None = None,
    tolerance: float = 0.0,
    sentence: str = "",
) -> Check:
    """A check in the document's form; its figure is looked for in the sentence."""
    return {
        "name": name,
        "measure": measure,
        "table": table,
        "column": column,
        "where": list(where),
        "of": None if of is None else list(of),
        "window": None if window is None else dict(window),
        "rows": None if rows is None else list(rows),
        "value": value,
        "tolerance": tolerance,
        "figure": find(sentence, value),
    }


def errors_of(service: str, *more: Condition) -> list[Condition]:
    """The service's error lines, and those that do not say whose they are."""
    return [one_of("service", None, service), one_of("level", *ERROR_LEVELS), *more]


def of_finding(evidence: Evidence, finding: Finding, baseline: Mapping[str, str]) -> list[Check]:
    """The checks of one finding; none for what rests on a model, and for a stranger's analyzer."""
    service = evidence.request.service
    match finding["question"]:
        case "latency" if finding["details"].get("stat") and "slices" not in finding["details"]:
            where = [*_served(service, "latency", finding["id"]), one_of("stat", finding["details"]["stat"])]
            return list(_moved(finding, where, baseline, "median"))
        case "error_rate" if finding["details"].get("basis") == "metrics" and "slices" not in finding["details"]:
            return list(_moved(finding, _failing(evidence, finding["id"]), baseline, "mean"))
        case "error_rate" if finding["id"] == "log_errors":
            return list(_lines(finding, service, baseline))
        case "known_errors" | "stack_frames":
            return list(_kind_of_line(finding))
        case "scope":
            return list(_hit(evidence, finding))
        case "onset":
            return list(_began(evidence, finding))
        case "changes":
            return list(_made(finding))
    return []


def _served(service: str, metric: str, id_: str) -> list[Condition]:
    """Samples of the service as a whole, or of the endpoint that the finding's id names."""
    endpoint = id_.partition(":endpoint:")[2] or None
    empty = [one_of(column, None) for column in ("instance", "version", "caller", "callee")]
    return [one_of("metric", metric), one_of("service", None, service), *empty, one_of("endpoint", endpoint)]


def _failing(evidence: Evidence, id_: str) -> list[Condition]:
    """Where nothing measures the service as a whole, its replicas stand for it."""
    from gather_diagnostics.document.claims.recomputing import chosen

    service = evidence.request.service
    whole = _served(service, "error_rate", id_)
    if ":endpoint:" in id_ or "metrics" not in evidence.tables or len(chosen(evidence.tables, "metrics", whole)):
        return whole
    replicas = [filled("instance"), one_of("callee", None, service)]
    return [one_of("metric", "error_rate"), one_of("service", None, service), *replicas]


def _moved(finding: Finding, where: Sequence[Condition], baseline: Mapping[str, str], measure: str) -> Iterator[Check]:
    """A metric before and now, and its peak."""
    details, span = finding["details"], finding["span"]
    windows = {"baseline": (measure, baseline), "incident": (measure, span), "peak": ("max", span)}
    for name, (how, window) in windows.items():
        if isinstance(details.get(name), int | float) and window:
            yield check(
                name, how, "metrics", float(details[name]), where=where, window=window, tolerance=ROUNDED,
                sentence=finding["headline"],
            )  # fmt: skip
    if details.get("peak_time") and span:
        time = str(details["peak_time"])
        yield check("peak_time", "time_of_max", "metrics", time, where=where, window=span, sentence=finding["headline"])


def _lines(finding: Finding, service: str, baseline: Mapping[str, str]) -> Iterator[Check]:
    """Error lines a minute, and their share of all lines."""
    details, span, where = finding["details"], finding["span"], errors_of(service)
    for name, window in (("baseline", baseline), ("incident", span)):
        if details.get(name) is not None and window:
            yield check(
                name, "lines_a_minute", "logs", float(details[name]), where=where, window=window, tolerance=ROUGHLY,
                sentence=finding["headline"],
            )  # fmt: skip
    for name, window in (("baseline_share", baseline), ("share", span)):
        if details.get(name) is not None and window:
            value, of = float(details[name]), [one_of("service", None, service)]
            yield check(name, "share", "logs", value, where=where, of=of, window=window, tolerance=ROUNDED)


def _kind_of_line(finding: Finding) -> Iterator[Check]:
    """How many lines, and the first: as far as the finding's own rows, the earliest first, tell."""
    details = finding["details"]
    rows = next((s for s in finding["supports"] if s["table"] == "logs"), None)
    if rows is None or not details.get("first"):
        return
    first, sentence = str(details["first"]), finding["headline"]
    yield check("first", "first", "logs", first, rows=rows["rows"], sentence=sentence)
    if rows["total"] == len(rows["rows"]) and isinstance(details.get("count"), int):
        yield check("count", "lines", "logs", details["count"], rows=rows["rows"], sentence=sentence)


def _hit(evidence: Evidence, finding: Finding) -> Iterator[Check]:
    """Error lines since it began, and whose."""
    from gather_diagnostics.document.claims.recomputing import chosen

    details, span, sentence = finding["details"], finding["span"], finding["headline"]
    if not span or details.get("error_lines") is None or "logs" not in evidence.tables:
        return
    where = errors_of(evidence.request.service)
    lines = int(details["error_lines"])
    yield check("error_lines", "lines", "logs", lines, where=where, window=span, sentence=sentence)
    named = chosen(evidence.tables, "logs", where, span)["request_id"].notna().any()
    columns = {"users": "tenant", "requests_with_errors": "request_id" if named else "trace_id"}
    for name, column in columns.items():
        if details.get(name):
            value = int(details[name])
            yield check(
                name, "different", "logs", value, where=where, window=span, column=column, sentence=sentence
            )  # fmt: skip


def _began(evidence: Evidence, finding: Finding) -> Iterator[Check]:
    """Its time, where it is that of a log line; one inside a folded row, or of a metric's change point, is computed."""
    supports, signals = finding["supports"], finding["details"].get("signals")
    if not (finding["time"] and signals and signals[0].get("kind") == "log_pattern" and supports):
        return
    row = supports[0]["rows"][0]
    single = evidence.tables["logs"]["count"].isna() if "logs" in evidence.tables else {}
    if supports[0]["table"] == "logs" and single.get(row, False):
        yield check("time", "first", "logs", finding["time"], rows=[row], sentence=finding["headline"])


def _made(finding: Finding) -> Iterator[Check]:
    """When a candidate was made."""
    details, rows = finding["details"], finding["supports"]
    if details.get("change") and details.get("time") and rows and rows[0]["table"] == "changes":
        where = [one_of("id", str(details["change"]))]
        yield check("time", "first", "changes", str(details["time"]), where=where, rows=rows[0]["rows"][:1])
