"""docs/schema/: what is published is what is written, and a file that is not so is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import documentsample as sample
import pytest
from jsonschema import Draft202012Validator

from gather_diagnostics import Evidence, Gap, pipeline
from gather_diagnostics.bundle.manifest import SCHEMA_VERSION
from gather_diagnostics.document import view
from gather_diagnostics.document.claims.comparing import ShapeError, parse
from gather_diagnostics.document.schemafiles import as_text, schemas
from gather_diagnostics.document.view import SCHEMA, to_json

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "schema"
LATER = {"Document": {"response"}, "Action": {"command"}}
"""Shape to keys that were added after their schema was published: never required, so older documents stay valid."""
SAMPLES = ("incident", "healthy", "blind", "hostile")


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((FOLDER / name).read_text()))


def wrong(name: str, document: Any) -> list[str]:
    return [f"{list(e.absolute_path)}: {e.message}" for e in validator(name).iter_errors(document)]


def test_what_is_published_is_what_is_declared() -> None:
    for name, schema in schemas().items():
        assert (FOLDER / name).read_text() == as_text(schema), (
            f"docs/schema/{name} is not what is declared: python -m gather_diagnostics.document.schemafiles docs/schema"
        )
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_file_of_a_bundle_is_as_its_schema_says(name: str, tmp_path: Path) -> None:
    folder = pipeline.deliver(getattr(sample, name)(), tmp_path).folder
    for file, number in (("evidence", SCHEMA), ("findings", SCHEMA_VERSION), ("manifest", SCHEMA_VERSION)):
        document = json.loads((folder / f"{file}.json").read_text())
        assert wrong(f"{file}-{number}.json", document) == []


def odd_evidence() -> Iterator[Evidence]:
    whole = sample.incident()
    yield replace(whole, interrupted=True)
    yield replace(whole, gaps=(*whole.gaps, Gap("x", "all", "interrupted", "Ctrl-C")) * 2)
    yield replace(whole, tables={}, findings=(), coverage=())
    # Analyzers of other people leave keys out and have more.
    yield replace(whole, findings=tuple(replace(f, details={"change": "x", "odd": 1}) for f in whole.findings))
    signals = {"signals": [{"words": "something", "odd": 1}]}
    yield replace(whole, findings=tuple(replace(f, details=signals) for f in whole.findings))


@pytest.mark.parametrize("number", range(5))
def test_so_are_partial_and_odd_ones(number: int) -> None:
    document = view(list(odd_evidence())[number])
    assert wrong(f"evidence-{SCHEMA}.json", json.loads(to_json(document))) == []
    assert parse(to_json(document).encode())["schema"] == SCHEMA


def test_shapes_of_ours_are_closed_and_whole() -> None:
    """Of what the tool writes no key is left out, and none is there that is not declared."""
    for schema in schemas().values():
        for shape in (schema, *schema["$defs"].values()):
            if "properties" in shape:
                assert shape["additionalProperties"] is False
                later = LATER.get(shape["title"], set())
                assert set(shape["required"]) == set(shape["properties"]) - later


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(extra=1),
        lambda d: d.pop("claims"),
        lambda d: d.update(schema=2),
        lambda d: d.update(asked="yesterday"),
        lambda d: d["findings"][0].update(confidence=1.5),
        lambda d: d["findings"][0].update(severity="awful"),
        lambda d: d["findings"][0]["supports"].append({"table": "logs", "rows": [-1], "total": 1}),
        lambda d: d["claims"][0].update(kind="rumour"),
        lambda d: d["claims"][1].update(checks=[{}]),
        lambda d: d["timeline"][0].pop("id"),
    ],
)
def test_what_is_not_so_is_refused_by_the_schema_and_by_us(change: Any) -> None:
    document = json.loads(to_json(view(sample.incident())))
    change(document)
    assert wrong(f"evidence-{SCHEMA}.json", document)
    with pytest.raises(ShapeError, match=r"evidence\.json is not as its schema says"):
        parse(json.dumps(document).encode())
