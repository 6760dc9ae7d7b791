"""From a section with its block to a step."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from gather_diagnostics.errors import ConfigError
from gather_diagnostics.response.runbooks import conditions, filling
from gather_diagnostics.response.runbooks.conditions import Condition
from gather_diagnostics.response.runbooks.entries import Entries
from gather_diagnostics.response.runbooks.model import (
    MITIGATIONS,
    SOURCES,
    Act,
    Check,
    Decide,
    Expectation,
    Query,
    Step,
    Verify,
)
from gather_diagnostics.response.runbooks.sections import BLOCKS, Block, Section

KEYS: Mapping[str, tuple[str, ...]] = {
    "check": ("id", "if", *SOURCES, "expect"),
    "decide": ("id", "if", "then", "else"),
    "act": ("id", "mitigation", "command", "risk", "undo"),
    "verify": ("id", "if", *SOURCES, "expect", "recovery"),
}
"""Keys of each kind of block."""

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")


def step_of(section: Section, where: str) -> tuple[Step, Entries]:
    """The step, and its block with the lines of its keys. Raises ConfigError."""
    block = _block(section, where)
    entries = Entries(block.text, where, block.line)
    entries.only(KEYS[block.kind])
    id_ = entries.text("id", slug(section.title))
    if not _ID.fullmatch(id_):
        entries.fail(("id",), f"{id_!r} is no id: give the step one of small letters, digits and '-'")
    match block.kind:
        case "check":
            return Check(id_, section.title, section.prose, *_asked(entries)), entries
        case "verify":
            return _verify(id_, section, entries), entries
        case "decide":
            then, otherwise = entries.text("then"), entries.text("else", "")
            return Decide(id_, section.title, section.prose, then, otherwise, _condition(entries)), entries
    return _act(id_, section, entries), entries


def slug(title: str) -> str:
    """'Is the deploy the suspect?' as 'is-the-deploy-the-suspect'; accents go, other scripts do not count."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain))[:100].strip("-")


def _block(section: Section, where: str) -> Block:
    match section.blocks:
        case (block,):
            return block
        case ():
            raise ConfigError(
                f"{where}:{section.line}: the step {section.title!r} has no block: add one of"
                f" {', '.join(f'```{kind}' for kind in BLOCKS)}; it may be empty"
            )
    line = section.blocks[1].line - 1
    raise ConfigError(f"{where}:{line}: a second block in one step: begin another step with '## ...'")


def _verify(id_: str, section: Section, entries: Entries) -> Verify:
    recovery = entries.flag("recovery")
    asked = _asked(entries)
    if recovery and any(asked):
        entries.fail(("recovery",), "stands alone: it is the comparison with the baseline")
    return Verify(id_, section.title, section.prose, *asked, recovery)


def _act(id_: str, section: Section, entries: Entries) -> Act:
    mitigation = entries.choice("mitigation", MITIGATIONS, "")
    command = _template(entries, "command")
    if mitigation and command:
        entries.fail(("command",), "a mitigation makes its own command: keep one of the two")
    risk, undo = entries.text("risk", ""), _template(entries, "undo")
    return Act(id_, section.title, section.prose, mitigation, command, risk, undo)


def _asked(entries: Entries) -> tuple[Condition | None, Query | None, Expectation | None]:
    queries = [Query(source, _template(entries, source)) for source in SOURCES if entries.has(source)]
    if len(queries) > 1:
        entries.fail((queries[1].source,), "a step has one query: begin another step for this one")
    query = queries[0] if queries else None
    return _condition(entries), query, _expectation(entries, query)


def _expectation(entries: Entries, query: Query | None) -> Expectation | None:
    text = entries.text("expect", "")
    if not text:
        return None
    if query is None:
        entries.fail(("expect",), f"needs a query that it is about: one of {', '.join(SOURCES)}")
    try:
        clauses = conditions.clauses(text)
    except ConfigError as error:
        entries.fail(("expect",), str(error))
    for clause in clauses:
        if clause.path not in (("value",), ("rows",)):
            entries.fail(("expect",), f"{'.'.join(clause.path)} is neither 'value' nor 'rows'")
    return Expectation(text, clauses)


def _condition(entries: Entries) -> Condition | None:
    text = entries.text("if", "")
    if not text:
        return None
    try:
        return conditions.parse(text)
    except ConfigError as error:
        entries.fail(("if",), str(error))


def _template(entries: Entries, key: str) -> str:
    text = entries.text(key, "")
    try:
        filling.names(text)
    except ConfigError as error:
        entries.fail((key,), str(error))
    return text
