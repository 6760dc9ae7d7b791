"""docs/schema/: the JSON Schemas (2020-12) of evidence.json, findings.json and manifest.json.

`python -m gather_diagnostics.document.schemafiles docs/schema` writes them; a test compares them with what is there.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """File name to schema."""
    from pydantic import TypeAdapter

    from gather_diagnostics import model
    from gather_diagnostics.bundle import manifest
    from gather_diagnostics.bundle.reading import Findings
    from gather_diagnostics.document.schema import Document
    from gather_diagnostics.document.view import SCHEMA

    told = _told(model) | _told(manifest)
    bundled = {"findings": Findings, "manifest": manifest.Manifest}
    found = {f"evidence-{SCHEMA}.json": Document.model_json_schema()}
    for name, kind in bundled.items():
        shape = TypeAdapter(kind).json_schema(mode="serialization")
        found[f"{name}-{manifest.SCHEMA_VERSION}.json"] = _closed(shape, told)
    return {name: {"$schema": DIALECT, "$id": f"urn:gather_diagnostics:{name}", **s} for name, s in found.items()}


def write(folder: Path) -> None:
    """Write all of them; schemas of earlier numbers stay."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (folder / name).write_text(as_text(schema), encoding="ascii")


def as_text(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=1) + "\n"


def _closed(shape: dict[str, Any], told: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """A dataclass's schema as `bundle.serial.dump` writes it: every field and no other; with its docstrings."""
    for each in (shape, *shape.get("$defs", {}).values()):
        if "properties" in each:
            each["additionalProperties"] = False
            each["required"] = sorted(each["properties"])
            for name, field in each["properties"].items():
                field.pop("default", None)
                if words := told.get((each["title"], name)):
                    field.setdefault("description", words)
    return shape


def _told(module: ModuleType) -> dict[tuple[str, str], str]:
    """(class, field) to the docstring under the field, of a module's dataclasses."""
    classes = [c for c in vars(module).values() if is_dataclass(c) and c.__module__ == module.__name__]
    return {
        (c.__name__, name): words
        for c in classes
        if isinstance(c, type)
        for name, words in _docstrings(textwrap.dedent(inspect.getsource(c)))
    }


def _docstrings(source: str) -> Iterator[tuple[str, str]]:
    body = next(node.body for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    for field, after in pairwise(body):
        match field, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                yield name, inspect.cleandoc(words)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
