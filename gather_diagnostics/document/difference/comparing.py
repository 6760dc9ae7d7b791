"""What differs between two bundles, as a dict that JSON takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gather_diagnostics.document.difference.measures import measured, overall
from gather_diagnostics.document.difference.windows import Spans, spans
from gather_diagnostics.document.view import iso, view
from gather_diagnostics.model import Evidence, Window
from gather_diagnostics.patterns.masking import MASK
from gather_diagnostics.selection import ERROR_LEVELS, is_history, lines_by, lines_in, of_service, within

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
MOST_PATTERNS = 20
MOST_CHANGES = 20
RATIO = 2.0
CHANCE = 0.001
"""Probability under equal rates below which a pattern is held for more or less frequent."""

View = Mapping[str, Any]


def compare(before: Evidence, after: Evidence) -> dict[str, Any]:
    """Better, worse or unchanged, and why; pure, with times in UTC as ISO 8601."""
    chosen = spans(before, after)
    measures = measured(before, after, chosen)
    documents = view(before), view(after)
    return {
        "schema": SCHEMA,
        "service": after.request.service,
        "verdict": overall(measures),
        "notes": list(chosen.notes),
        "before": _side(before, chosen.before),
        "after": _side(after, chosen.after),
        "measures": measures,
        "patterns": _patterns(before, after, chosen, documents),
        "restarts": _restarts(before, after),
        "suspects": {"before": _suspect(documents[0]), "after": _suspect(documents[1])},
        "changes": list(_new_changes(before, after))[:MOST_CHANGES],
        "gaps": _gaps(*documents),
    }


def _side(evidence: Evidence, window: Window) -> dict[str, Any]:
    return {
        "service": evidence.request.service,
        "asked": iso(evidence.request.asked),
        "window": {"start": iso(window.start), "end": iso(window.end)},
    }


def _patterns(
    before: Evidence, after: Evidence, chosen: Spans, documents: tuple[View, View]
) -> list[dict[str, Any]] | None:
    """Error patterns of either bundle, the most telling first; None where one of them has no logs.

    Patterns are made for each bundle by itself, so a line counts for a pattern of the other one that fits it.
    """
    logs = [_errors(evidence) for evidence in (before, after)]
    if logs[0] is None or logs[1] is None:
        return None
    old = [str(p["template"]) for p in documents[0]["log_patterns"]]
    now = [str(template) for template in lines_by(within(logs[1], chosen.after), "template").index[:MOST_PATTERNS]]
    new = [t for t in now if not any(t == o or _fits(o, t) or _fits(t, o) for o in old)]
    minutes = [window.length.total_seconds() / 60 for window in (chosen.before, chosen.after)]
    found: list[dict[str, Any]] = []
    for template in (*old, *new):
        was = lines_in(_like(within(logs[0], chosen.before), template))
        there = lines_in(_like(within(logs[1], chosen.after), template))
        known = len(_like(logs[0], template)) > 0
        state = _state(was, there, minutes, known)
        found.append({"template": template, "before": was, "after": there, "state": state})
    found.sort(key=lambda p: (_STATES.index(p["state"]), -max(p["before"], p["after"]), p["template"]))
    return found[:MOST_PATTERNS]


_STATES = ("new", "more", "gone", "fewer", "unchanged", "unknown")


def _errors(evidence: Evidence) -> pd.DataFrame | None:
    if not len(evidence.tables.get("logs", ())):
        return None
    logs = of_service(evidence.tables["logs"], evidence.request.service)
    return logs[logs["level"].isin(ERROR_LEVELS) & logs["template"].notna()]


def _like(rows: pd.DataFrame, template: str) -> pd.DataFrame:
    """Rows of the pattern, and those of another pattern that is a case of it or the other way round."""
    kin = [t for t in rows["template"].unique() if t == template or _fits(template, t) or _fits(t, template)]
    return rows[rows["template"].isin(kin)]


def _fits(template: str, text: str) -> bool:
    """Are the fixed parts of the template in the text, in their order and from end to end?

    By searching and not by a regular expression: a stranger's template could make one run for ever.
    """
    first, *parts = template.split(MASK)
    if not parts:
        return template == text
    *parts, last = parts
    end = len(text) - len(last)
    place = len(first)
    if not text.startswith(first) or not text.endswith(last) or not any((first, last, *parts)):
        return False
    for part in parts:
        found = text.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return place <= end


def _state(was: int, now: int, minutes: list[float], known: bool) -> str:
    """By the conditional binomial test for two Poisson rates (Przyborowski and Wilenski, Biometrika 31, 1940)."""
    from scipy.stats import binomtest

    if not was and not now:
        return "unchanged"
    if now and not known:
        return "new"
    share = minutes[1] / (minutes[0] + minutes[1])
    chance = float(binomtest(now, now + was, share).pvalue)
    if not now:
        return "gone" if chance < CHANCE else "unknown"
    ratio = (now / minutes[1]) / (was / minutes[0]) if was else RATIO
    if chance < CHANCE and ratio >= RATIO:
        return "more"
    return "fewer" if chance < CHANCE and ratio <= 1 / RATIO else "unchanged"


def _restarts(before: Evidence, after: Evidence) -> dict[str, Any] | None:
    """Replicas that both bundles know, and how often they were restarted in between; None where one saw none."""
    sides = [_restarted(evidence) for evidence in (before, after)]
    if not sides[0] or not sides[1]:
        return None
    first, second = sides
    more = {
        name: second[name] - first[name] for name in sorted(first.keys() & second.keys()) if second[name] > first[name]
    }
    return {
        "before": sum(first.values()),
        "after": sum(second.values()),
        "restarted": more,
        "replaced": len(first.keys() - second.keys()),
        "new": len(second.keys() - first.keys()),
    }


def _restarted(evidence: Evidence) -> dict[str, int]:
    """Replica to restarts since it was made."""
    if not len(evidence.tables.get("workloads", ())):
        return {}
    rows = evidence.tables["workloads"]
    latest = rows.sort_values("time").groupby("name")["restarts"].last().dropna()
    return {str(name): int(count) for name, count in latest.items()}


def _suspect(document: View) -> dict[str, Any] | None:
    if not document["stands_out"] or not document["changes"]:
        return None
    first = document["changes"][0]
    return {key: first[key] for key in ("id", "kind", "summary", "author", "probability", "effective")}


def _new_changes(before: Evidence, after: Evidence) -> Iterator[dict[str, Any]]:
    """Changes that the second bundle has and the first has not: the mitigation, as a rule."""
    frames = [evidence.tables.get("changes") for evidence in (before, after)]
    if frames[1] is None:
        return
    known = set() if frames[0] is None else set(frames[0]["id"])
    rows = frames[1][~is_history(frames[1])]
    for record in rows[~rows["id"].isin(known)].to_dict("records"):
        author = record["author"] if isinstance(record["author"], str) else None
        yield {
            "id": str(record["id"]),
            "time": iso(record["time"].to_pydatetime()),
            "kind": str(record["kind"]),
            "summary": str(record["summary"]),
            "author": author,
        }


def _gaps(before: View, after: View) -> dict[str, list[dict[str, str]]]:
    """Gaps that were mended, and those that are new: what one bundle could not see, the other may show as a change."""
    sides = [
        {(g["source"], g["wanted"], g["cause"]): g["why"] for g in document["gaps"]} for document in (before, after)
    ]
    names = ("source", "wanted", "cause", "why")

    def only(which: int) -> list[dict[str, str]]:
        mine, other = sides[which], sides[1 - which]
        return [dict(zip(names, (*key, why), strict=True)) for key, why in mine.items() if key not in other]

    return {"mended": only(0), "new": only(1)}
