#!/usr/bin/env python3
"""Writes the parts of the documents that come from the code: README's help text and docs/SOURCES.md.

.venv/bin/python scripts/refresh_docs.py            write them
.venv/bin/python scripts/refresh_docs.py --check    exit 1 and say which, when one is out of date
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

HEAD = """\
# Sources and their settings

Each source is one collector. Settings stand in `diagnostics.yaml` under `sources.<name>`, or under
`services.<service>.sources.<name>` for one service alone, which win. All have defaults. `{service}` in a text is
replaced by the service's name. This page is written by `scripts/refresh_docs.py`.
"""

QUESTIONS = """\
## Single questions

A check or verify step of a runbook may put one question to a source, in the source's own language. Each source reads it
strictly: what is no read, or can't be told to be one, is refused in words before anything is sent, and no name that was
put into a question can turn it into another kind of question. Questions go as of the moment of asking, or over the
incident window, and take no more rights than `gather_diagnostics policy NAME` prints.

An answer is a small table: at most {rows} rows, {bytes:,} bytes, {cell:,} characters a cell. What was cut, and which
cluster or region did not answer, is told with it: where a step judges by the number of rows, let the question count.
Secrets are redacted. Where several contexts or regions are set, one answer holds all, with `CONTEXT` or `region` in a
first column.
"""


def readme() -> str:
    environment = os.environ | {"COLUMNS": "80"}
    command = [sys.executable, "-m", "gather_diagnostics", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment).stdout
    block = f"<!-- help -->\n```\n{shown.rstrip()}\n```\n<!-- /help -->"
    return re.sub(r"<!-- help -->.*?<!-- /help -->", lambda _: block, (ROOT / "README.md").read_text(), flags=re.S)


def sources() -> str:
    from gather_diagnostics import plugins

    built_in = [p.name for p in plugins.BUILT_IN if p.group == plugins.COLLECTORS]
    kinds = [plugins.load(plugins.COLLECTORS, name) for name in built_in]
    return "\n".join([HEAD, *(source(kind) for kind in kinds), questions(kinds)])


def questions(kinds: list[Any]) -> str:
    """What each source that answers single questions says of them in its docstring."""
    from gather_diagnostics import questions as bounds

    head = QUESTIONS.format(rows=bounds.MOST_ROWS, bytes=bounds.MOST_BYTES, cell=bounds.MOST_CELL)
    askable = [kind for kind in kinds if hasattr(kind, "ask")]
    return "\n".join([head, *(f"### {kind.name}\n\n{inspect.getdoc(kind.ask)}\n" for kind in askable)])


def source(kind: Any) -> str:
    lines = [f"## {kind.name}", "", f"Fills {', '.join(f'`{t}`' for t in sorted(kind.tables))}.", ""]
    lines += ["| setting | default | meaning |", "| --- | --- | --- |"]
    for name, field in kind.Settings.model_fields.items():
        meaning = str(field.description).replace("|", "\\|")
        lines.append(f"| `{name}` | {default(field)} | {meaning} |")
    return "\n".join([*lines, ""])


def default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    if value in ("", [], {}, (), None) or type(value).__name__ == "SecretStr":
        return ""
    if isinstance(value, list | tuple):
        return " ".join(f"`{v}`" for v in value).replace("|", "\\|")
    return f"`{value}`"


def main() -> int:
    wanted = {ROOT / "README.md": readme(), ROOT / "docs" / "SOURCES.md": sources()}
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: run scripts/refresh_docs.py", file=sys.stderr)
        return bool(stale)
    for path in stale:
        path.write_text(wanted[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
