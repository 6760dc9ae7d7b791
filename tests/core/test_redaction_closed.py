"""Everything of the evidence passes the redactor, and what can't be looked through is left out and named."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

import documentsample
import pyarrow as pa
import pytest
from conftest import NOW
from redactionwork import HIDDEN

from benchmarks.planting import MAKERS
from gather_diagnostics import Gap, Raw, Request, Rows, Target
from gather_diagnostics.document import render, view
from gather_diagnostics.model import Coverage, Finding, KnownError
from gather_diagnostics.redaction import Redactor, redacted
from gather_diagnostics.redaction import redactor as redactors
from gather_diagnostics.redaction.messages import hidden, hidden_traceback
from gather_diagnostics.runner import collect

SAID = f"db_password={HIDDEN}"
TOKEN = MAKERS["github-token"](random.Random(1)).value


class Telling:
    """A source that says the secret in every way there is."""

    name: ClassVar[str] = "telling"
    tables: ClassVar[frozenset[str]] = frozenset({"logs", "changes"})

    def plan(self, request: Request) -> Iterable[Target | Gap]:
        yield Target(SAID, f"https://shop:{HIDDEN}@example.com", SAID)

    def check(self, request: Request) -> Iterable[Gap]:
        return ()

    def collect(self, request: Request) -> Iterator[Rows | Raw | Gap]:
        row = {"time": NOW, "ref": SAID, "message": SAID, "labels": {"password": HIDDEN}, "instance": SAID}
        yield Rows("logs", [row])
        yield Rows("logs", [{**row, "level": 5, "message": SAID}])
        yield Raw("answer.txt", SAID)
        yield Gap("telling", SAID, "invalid", SAID, SAID)
        raise RuntimeError(SAID)


def _whole(collected: Any) -> str:
    tables = [frame.to_string() for frame in collected.tables.values()]
    return repr((tables, collected.raws, collected.coverage, collected.gaps))


def test_whatever_a_source_says_is_redacted(make_request: Any) -> None:
    collected = collect(make_request(), {"telling": Telling()}, Redactor())
    assert HIDDEN not in _whole(collected)
    assert {g.cause for g in collected.gaps} == {"invalid", "failed"}
    assert any("it broke: RuntimeError" in g.why for g in collected.gaps)


@pytest.mark.parametrize("error", [ValueError, RecursionError, AttributeError, OSError, MemoryError, AssertionError])
def test_a_redactor_that_breaks_passes_nothing_on(
    make_request: Any, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(*_: object) -> Iterator[Any]:
        raise error(SAID)

    monkeypatch.setattr(redactors.shapes, "spans", fail)
    collected = collect(make_request(), {"telling": Telling()}, Redactor())
    assert HIDDEN not in _whole(collected)
    assert len(collected.tables["logs"]) == 1, "and nothing else is lost"
    assert "[redacted:unreadable:" in collected.raws["telling/answer.txt"]


def test_an_engine_that_breaks_passes_nothing_on(make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> pa.Array:
        raise pa.ArrowInvalid(SAID)

    monkeypatch.setattr(Redactor, "_match", fail)
    collected = collect(make_request(), {"telling": Telling()}, Redactor())
    assert HIDDEN not in _whole(collected)
    assert collected.tables["logs"]["message"].str.startswith("db_password=[redacted:password:").all()


def test_request_gaps_findings_and_names_of_files_pass_it_too() -> None:
    request = replace(
        documentsample.incident().request,
        description=SAID, owner=f"Ada https://a:{HIDDEN}@b.example", severity=SAID, dependencies=(f"x {TOKEN}",),
        runbooks=(f"https://wiki:{HIDDEN}@wiki.example/x",),
        known_errors=(KnownError("own", (f"x {TOKEN}",), f"see {TOKEN}", TOKEN, example=SAID),),
    )  # fmt: skip
    evidence = replace(
        documentsample.incident(),
        request=request,
        demo=TOKEN,
        gaps=(Gap("analyzer:x", SAID, "failed", f"it broke: {SAID}", SAID),),
        coverage=(Coverage("x", (Target(SAID, SAID, SAID),), {}, 0.0, "complete"),),
        findings=(Finding("x", "x", f"found {TOKEN}", 0.5, details={"deep": [{TOKEN: TOKEN}]}),),
        raws={f"git/{TOKEN}.diff": "x"},
        redactions={"password": {"logs.message": 3}},
    )
    redactor = Redactor()
    clean = redacted(evidence, redactor)
    whole = repr(clean) + "".join(map(str, render(view(clean)).values()))
    assert HIDDEN not in whole
    assert TOKEN not in whole
    assert clean.redactions["password"] == {"gap": 3, "logs.message": 3, "request": 3, "target": 3}
    assert next(iter(clean.raws)).startswith("git/redacted-github-token-")
    again = redacted(clean, redactor)
    assert again.redactions == clean.redactions, "nothing is counted twice"
    assert replace(again, tables={}) == replace(clean, tables={})


def test_what_is_left_out_is_named() -> None:
    evidence = replace(documentsample.incident(), redactions={"unreadable": {"logs.message": 2, "raw/git": 1}})
    clean = redacted(redacted(evidence, Redactor()), Redactor())
    found = [g for g in clean.gaps if g.source == "redaction"]
    assert [(g.wanted, g.cause) for g in found] == [
        ("2 texts of logs.message", "invalid"),
        ("1 text of raw/git", "invalid"),
    ]


def test_what_a_plain_run_says_is_as_it_was() -> None:
    evidence = documentsample.incident()
    clean = redacted(evidence, Redactor())
    assert json.dumps(view(clean), default=str) == json.dumps(view(evidence), default=str)


def test_tracebacks_and_messages_for_the_terminal() -> None:
    try:
        try:
            raise ValueError(SAID)
        except ValueError as error:
            raise RuntimeError(f"connecting to https://shop:{HIDDEN}@example.com") from error
    except RuntimeError as error:
        text = hidden_traceback(error)
    assert HIDDEN not in text
    assert "RuntimeError: connecting to https://shop:[redacted:" in text
    assert "direct cause" in text
    assert hidden("all is well") == "all is well"
