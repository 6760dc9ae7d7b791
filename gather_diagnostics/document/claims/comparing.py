"""A document against the bundle it came with: what in it the tables, the findings or its other forms contradict."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from gather_diagnostics import plugins
from gather_diagnostics.document.claims.recomputing import differs
from gather_diagnostics.document.claims.texts import unlike
from gather_diagnostics.document.escaping import cut

if TYPE_CHECKING:
    from gather_diagnostics.model import Evidence

View = Mapping[str, Any]
Analyze = Callable[["Evidence"], "Evidence"]

MOST_CHECKS = 5_000
"""A document has some hundred; a stranger's must not keep anybody busy for hours."""
MOST_TOLD = 20
"""Problems of one kind: a figure that is wrong in one place is often wrong in ten."""
TEXTS = ("evidence.md", "evidence.html")
_ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What findings that no analyzer of ours would make can lead to."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of it."""

    problems: tuple[str, ...]
    claims: int = 0
    figures: int = 0
    """Recomputed from the tables."""
    unmade: str = ""
    """Why findings and documents were not made anew; empty where they were."""
    unknown: tuple[str, ...] = ()
    """Ids of runbooks in the response that do not fit here, or are not known: nobody can vouch for their commands."""


class ShapeError(ValueError):
    """evidence.json is not of the shape that its schema declares."""


def parse(text: bytes) -> dict[str, Any]:
    """evidence.json as a dict. Raises ShapeError."""
    from pydantic import ValidationError

    from gather_diagnostics.document.schema import Document

    try:
        Document.model_validate_json(text, strict=True)
        found: dict[str, Any] = json.loads(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:120]
        raise ShapeError(f"evidence.json is not as its schema says: {place}: {first['msg'][:200]}") from error
    except ValueError as error:
        raise ShapeError("evidence.json is no JSON") from error
    return found


def compare(files: Mapping[str, bytes], evidence: Evidence, analyze: Analyze) -> Compared:
    """All that contradicts. `files` are the bundle's documents by name, `analyze` makes findings and response anew.

    A document of this version is made anew, and must come out the same; of another version, every claim is recomputed
    and the texts must have the sentences as evidence.json has them.
    """
    from gather_diagnostics import __version__

    try:
        document = parse(files["evidence.json"])
    except ShapeError as error:
        return Compared((str(error),))
    figures = sum(len(c["checks"]) for c in document["claims"])
    if figures > MOST_CHECKS:
        return Compared((f"evidence.json has {figures} checks; more than {MOST_CHECKS} are not recomputed",))
    problems = [*_first(_claims(document, evidence)), *_first(_findings(document, evidence))]
    version = document["tool"]["version"]
    unmade = ""
    unknown: tuple[str, ...] = ()
    if version == __version__:
        again = analyze(replace(evidence, findings=(), response=None))
        problems += [*_anew(document, files, evidence), *_first(_analyzed(evidence, again))]
        problems += _first(_responded(evidence.response, again.response))
        unknown = _strangers(evidence.response, again.response)
    else:
        unmade = f"it was written by version {cut(ascii(version), 40)} and this is {__version__}"
        for name in TEXTS:
            problems += _first(unlike(name, files[name].decode("utf-8", "replace"), document["claims"]))
    return Compared(tuple(dict.fromkeys(problems)), len(document["claims"]), figures, unmade, unknown)


def _first(problems: Iterable[str]) -> list[str]:
    return list(islice(problems, MOST_TOLD))


def _claims(document: View, evidence: Evidence) -> Iterator[str]:
    known = {f.id for f in evidence.findings}
    for claim in document["claims"]:
        name = f"evidence.json, {cut(ascii(claim['id']), 100)}"
        for finding in claim["findings"]:
            if finding not in known:
                yield f"{name}: there is no finding {cut(ascii(finding), 80)}"
        if claim["at"] is not None and _at(document, claim["at"]) != claim["sentence"]:
            yield f"{name}: another sentence stands at {cut(ascii(claim['at']), 80)}"
        for support in claim["supports"]:
            rows = len(evidence.tables.get(support["table"], ()))
            if not all(row < rows for row in support["rows"]):
                yield f"{name}: it rests on rows that {cut(ascii(support['table']), 40)} does not have"
        for check in claim["checks"]:
            if wrong := differs(check, claim["sentence"], evidence.tables):
                yield f"{name}: {cut(ascii(wrong), 200)}"


def _at(document: View, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) leads to; None where it leads nowhere. No key of the document needs escapes."""
    found: Any = document
    for part in pointer.split("/")[1:]:
        if isinstance(found, list):
            found = found[int(part)] if part.isdecimal() and int(part) < len(found) else None
        else:
            found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _findings(document: View, evidence: Evidence) -> Iterator[str]:
    """The document's findings against findings.json, and its two lists of some of them against the whole list."""
    from gather_diagnostics.document.view import shown

    yield from _differences(
        [shown(f) for f in evidence.findings], document["findings"], "findings", "findings.json has"
    )
    for question in ("latency", "error_rate"):
        wanted = [f for f in document["findings"] if f["question"] == question]
        yield from _differences(wanted, document[question], question, "its findings have")


def _anew(document: View, files: Mapping[str, bytes], evidence: Evidence) -> list[str]:
    from gather_diagnostics.document import render, view
    from gather_diagnostics.document.view import to_json

    try:
        made = json.loads(to_json(view(evidence)))
        problems = _first(_differences(made, document, "", "the bundle gives"))
        texts = render(made)
    except _ODD as error:
        return [f"no document can be made of this bundle: {cut(ascii(str(error)), 200)}"]
    for name in TEXTS:
        if texts[name] != files[name]:
            problems.append(_line(name, texts[name], files[name]))
    return problems


def _responded(then: View | None, now: View | None) -> Iterator[str]:
    """What is proposed, and would be typed into a shell, against what follows from the evidence: mitigations, whys, and
    the runbooks that are known here. Severity and escalation are as the writer's team has them."""
    if then is None or now is None:
        return
    for part in ("mitigations", "whys"):
        yield from _differences(now[part], then[part], f"response.{part}", "the evidence gives")
    known = {book["id"]: book for book in now["runbooks"]}
    for book in (book for book in then["runbooks"] if book["id"] in known):
        place = f"response.runbooks, {cut(ascii(book['id']), 80)}"
        # Which one is the first, whose steps are told, hangs on which others are known.
        there = known[book["id"]] if book["steps"] else {**known[book["id"]], "steps": []}
        if book["steps"] and not there["steps"]:
            continue
        yield from _differences(there, book, place, "the runbook and the evidence give")


def _strangers(then: View | None, now: View | None) -> tuple[str, ...]:
    known = {book["id"]: book["steps"] for book in (now or {"runbooks": ()})["runbooks"]}
    told = (then or {"runbooks": ()})["runbooks"]
    return tuple(book["id"] for book in told if book["id"] not in known or (book["steps"] and not known[book["id"]]))


def _line(name: str, made: bytes, found: bytes) -> str:
    """Where a text first differs from what it should be."""
    wanted, lines = (text.decode("utf-8", "replace").split("\n") for text in (made, found))
    pairs = enumerate(zip(wanted, lines, strict=False), 1)
    number, (wish, line) = next(((n, p) for n, p in pairs if p[0] != p[1]), (min(len(wanted), len(lines)), ("", "")))
    start = max(0, next((i for i, (a, b) in enumerate(zip(wish, line, strict=False)) if a != b), 0) - 30)
    return (
        f"{name}, line {number}: it says {_words(line[start:])} where the bundle gives {_words(wish[start:])}"
    )  # fmt: skip


def _analyzed(evidence: Evidence, again: Evidence) -> Iterator[str]:
    """What the analyzers find now, against what the bundle says they found.

    Left out are questions that an analyzer failed at, then or now, and those of analyzers that are not installed here.
    """
    from gather_diagnostics.document.view import shown

    failed = {g.source.removeprefix("analyzer:") for e in (evidence, again) for g in e.gaps if g.cause == "failed"}
    ours = {entry.name for entry in plugins.BUILT_IN if entry.group == plugins.ANALYZERS}
    asked = (ours | {f.question for f in evidence.findings}) & set(plugins.names(plugins.ANALYZERS)) - failed
    then, now = ({f.id: shown(f) for f in e.findings if f.question in asked} for e in (evidence, again))
    for id_ in sorted(then.keys() | now.keys()):
        name = f"findings.json, {cut(ascii(id_), 100)}"
        if id_ not in now:
            yield f"{name}: the analyzers do not find this in the tables"
        elif id_ not in then:
            yield f"{name}: it is missing, and the analyzers find it in the tables"
        else:
            yield from _differences(now[id_], then[id_], name, "the analyzers give")


def _differences(made: Any, found: Any, path: str, who: str) -> Iterator[str]:
    """Each place where `found` is not as it should be, as a sentence."""
    match made, found:
        case dict(), dict():
            for key in sorted(made.keys() | found.keys()):
                place = f"{path}.{key}" if path else key
                if key not in found:
                    yield f"{_named(place)} is missing, and {who} it"
                elif key not in made:
                    yield f"{_named(place)} is there, and {who} no such thing"
                else:
                    yield from _differences(made[key], found[key], place, who)
        case list(), list() if len(made) == len(found):
            for place, (wish, item) in enumerate(zip(made, found, strict=True)):
                yield from _differences(wish, item, f"{path}[{place}]", who)
        case list(), list():
            yield f"{_named(path)} has {len(found)} entries, and {who} {len(made)}"
        case (int() | float(), int() | float()) if not isinstance(made, bool) and not isinstance(found, bool):
            # Another processor may add up in another order.
            if abs(made - found) > 1e-6 * max(1e-3, abs(made)):
                yield f"{_named(path)} is {found}, and {who} {made}"
        case _ if made != found or type(made) is not type(found):
            yield f"{_named(path)} is {_words(found)}, and {who} {_words(made)}"


def _named(path: str) -> str:
    return path if path.startswith("findings.json") else f"evidence.json, {cut(ascii(path)[1:-1], 120)}"


def _words(value: object) -> str:
    return cut(ascii(value), 90)
