"""The document's claims: every sentence that states a fact, with what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gather_diagnostics.document import brief, impact
from gather_diagnostics.document.claims.ids import digest, unique
from gather_diagnostics.document.claims.statements import Check, check, errors_of, of_finding, one_of
from gather_diagnostics.model import Evidence
from gather_diagnostics.tables import JOURNAL, TABLES

View = Mapping[str, Any]
Claim = dict[str, Any]


def claims(evidence: Evidence, document: View) -> list[Claim]:
    """All claims in the order of the document. Ids are made of what a claim is about, never of its place."""
    baseline = document["windows"]["baseline"]
    told = [
        *_first_screen(evidence, document),
        *(_finding(evidence, f, i, baseline) for i, f in enumerate(document["findings"])),
        *_signals(document),
        *_reasons(document),
        *_patterns(document),
        *_timeline(document),
        *_coverage(document),
        *_tables(document),
        *(
            _claim(f"claim:{g['id']}", "gap", g["why"], f"/gaps/{i}/why", findings=())
            for i, g in enumerate(document["gaps"])
        ),
    ]
    return unique(told)


def _claim(
    id_: str,
    kind: str,
    sentence: str,
    at: str | None,
    *,
    findings: Sequence[str],
    supports: Sequence[View] = (),
    checks: Sequence[Check] = (),
) -> Claim:
    return {
        "id": id_,
        "kind": kind,
        "sentence": sentence,
        "at": at,
        "findings": list(findings),
        "supports": [dict(s) for s in supports],
        "checks": list(checks),
    }


def _first_screen(evidence: Evidence, document: View) -> Iterator[Claim]:
    """What it says in its own words; the other sentences of it are findings' headlines."""
    yield _since(evidence, document)
    # What is within its baseline is said of a severity as well, so that an answer of 'nothing' rests on something.
    ids = [f["id"] for f in document["findings"] if f["severity"] == document["severity"]["proposed"]]
    ids += [f["id"] for f in document["findings"] if f["id"] in ("scope", "error_rate", "log_errors")]
    yield _claim("claim:how-bad", "impact", impact.how_bad(document), None, findings=list(dict.fromkeys(ids)))
    for sentence in brief.unanswered(document):
        yield _claim(f"claim:unseen:{digest(sentence)}", "unseen", sentence, None, findings=())


def _since(evidence: Evidence, document: View) -> Claim:
    sentence = brief.since(document)
    onset = next((f for f in document["findings"] if f["id"] == "onset"), None)
    if onset is None:
        return _claim("claim:since", "since", sentence, None, findings=())
    checks = of_finding(evidence, {**onset, "headline": sentence}, document["windows"]["baseline"])
    rests = {"findings": [onset["id"]], "supports": onset["supports"], "checks": checks}
    return _claim("claim:since", "since", sentence, None, **rests)


def _finding(evidence: Evidence, finding: View, place: int, baseline: Mapping[str, str]) -> Claim:
    return _claim(
        f"claim:{finding['id']}",
        "finding",
        finding["headline"],
        f"/findings/{place}/headline",
        findings=[finding["id"]],
        supports=finding["supports"],
        checks=of_finding(evidence, finding, baseline),
    )


def _signals(document: View) -> Iterator[Claim]:
    """What the onset was told from, and what was not taken for it."""
    onset = document["onset"] or {"signals": (), "isolated": ()}
    windows, service = document["windows"], document["service"]
    for part in ("signals", "isolated"):
        for place, signal in enumerate(onset[part]):
            words = signal["words"]
            checks = []
            if signal["kind"] == "log_pattern":
                where = errors_of(service, one_of("template", signal["what"]))
                for name in ("incident", "baseline"):
                    # How many there are, only the words say: what is checked is that the words have it right.
                    checks += _said(document, name, where, windows[name], signal["what"], words)
            id_ = f"claim:signal:{digest(signal['kind'], signal['what'], signal['time'])}"
            yield _claim(id_, "signal", words, f"/onset/{part}/{place}/words", findings=["onset"], checks=checks)


def _said(
    document: View, name: str, where: Sequence[View], window: Mapping[str, str], template: str, words: str
) -> list[Check]:
    """A pattern's lines as a signal tells them, where the patterns of the document count them too."""
    pattern = next((p for p in document["log_patterns"] if p["template"] == template), None)
    if pattern is None:
        return []
    made = check(
        name, "lines", "logs", pattern[name], where=[dict(w) for w in where], window=window, sentence=words
    )  # fmt: skip
    return [made] if made["figure"] else []


def _reasons(document: View) -> Iterator[Claim]:
    """What speaks for and against each candidate."""
    for place, change in enumerate(document["changes"]):
        for side in ("for", "against"):
            for number, reason in enumerate(change[side]):
                yield _claim(
                    f"claim:reason:{digest(change['id'], side, reason['part'], reason['words'])}",
                    "reason",
                    reason["words"],
                    f"/changes/{place}/{side}/{number}/words",
                    findings=[change["finding"]],
                    supports=change["supports"],
                )


def _patterns(document: View) -> Iterator[Claim]:
    windows = document["windows"]
    for pattern in document["log_patterns"]:
        sentence = brief.error_words(pattern)
        where = errors_of(document["service"], one_of("template", pattern["template"]))
        checks = [
            check(name, "lines", "logs", pattern[name], where=where, window=windows[name], sentence=sentence)
            for name in ("incident", "baseline")
        ]
        checks += [
            check(name, name, "logs", pattern[name], where=where, window=windows["incident"])
            for name in ("first", "last")
        ]
        supports = pattern["supports"]
        yield _claim(f"claim:{pattern['id']}", "pattern", sentence, None, findings=(), supports=supports, checks=checks)


def _timeline(document: View) -> Iterator[Claim]:
    """When each entry happened: the time of its row; that of the onset and its signals is the finding's."""
    for place, entry in enumerate(document["timeline"]):
        checks, supports, findings = [], [], []
        if entry["table"] is not None:
            supports = [{"table": entry["table"], "rows": [entry["row"]], "total": 1}]
        if entry["kind"] in ("onset", "signal"):
            findings = ["onset"]
        elif supports:
            checks = [check("time", "first", entry["table"], entry["time"], rows=[entry["row"]])]
        at = f"/timeline/{place}/what"
        id_ = f"claim:{entry['id']}"
        yield _claim(id_, "event", entry["what"], at, findings=findings, supports=supports, checks=checks)


def _coverage(document: View) -> Iterator[Claim]:
    for covered in document["coverage"]:
        words = brief.rows_words(covered)
        sentence = f"{covered['source']}: {brief.source_state(covered)}{f': {words}' if words else ''}."
        checks = []
        for table, count in covered["rows"].items():
            kept = covered["kept"].get(table, count + (covered["history"] if table == "changes" else 0))
            where = [one_of("source", covered["source"])]
            checks.append(check(table, "rows", table, kept, where=where, sentence=sentence))
        yield _claim(f"claim:source:{covered['source']}", "coverage", sentence, None, findings=(), checks=checks)


def _tables(document: View) -> Iterator[Claim]:
    """Every table's rows, and that there are none in the others: an absence is a fact, too."""
    for table in TABLES:
        count = document["tables"].get(table, 0)
        if table == JOURNAL and not count:
            continue  # no source fills it
        sentence = f"{count:,} rows of {table} came in." if count else f"No row of {table} came in."
        checks = [check("rows", "rows", table, count, sentence=sentence)]
        yield _claim(f"claim:table:{table}", "table", sentence, None, findings=(), checks=checks)
