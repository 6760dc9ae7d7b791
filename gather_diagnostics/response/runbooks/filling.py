"""Templates of queries and commands, filled in with names known from the evidence.

A template is a small part of Jinja2: {{ name }}, {{ name | promql }}, {% if name %}...{% endif %}. Whatever could take
long or reach something (loops, calls, attributes, arithmetic) is refused. A name that is not known stays as '<name>',
for a person to fill in.

Jinja sees marks in place of values; these are untrusted, and `quoting` puts them in where it knows what is around.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gather_diagnostics.document.escaping import cut, visible
from gather_diagnostics.errors import ConfigError
from gather_diagnostics.response.runbooks import quoting
from gather_diagnostics.response.runbooks.model import Query

if TYPE_CHECKING:
    from jinja2 import Template, nodes
    from jinja2.nodes import Node
    from jinja2.sandbox import SandboxedEnvironment

LONGEST = 4000
"""Characters of a template."""
DEEPEST = 10
"""Levels of a template's tree."""
IN_SHELL = ("kubernetes", "git")
"""Sources whose queries are words of a command line."""

_MARK = re.compile("\x00(?P<promql>promql )?(?P<name>\\w+)\x00")
_OPENING = re.compile(r"\{[{%#]")
_FORMS = "{{ name }}, {{ name | promql }} and {% if name %}...{% endif %}"
_ALLOWED = frozenset({"Template", "Output", "TemplateData", "Name", "Filter", "If"})


@dataclass(frozen=True, slots=True)
class Filled:
    """A template with its values."""

    text: str
    unknown: tuple[str, ...]
    """Names that stand as '<name>': not known, or with a value that can't be put there safely."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a value goes; true if there is one."""

    name: str
    known: bool
    promql: bool = False

    def __str__(self) -> str:
        return f"\x00{'promql ' if self.promql else ''}{self.name}\x00"

    def __bool__(self) -> bool:
        return self.known


def command(template: str, facts: Mapping[str, str]) -> Filled:
    """A command line for a shell; every value is one word of it, or part of one. Raises ConfigError, as `names`."""
    marked = _marked(template, facts)
    return _filled(marked, facts, quoting.Shell(_MARK.sub("", marked)))


def query(asked: Query, facts: Mapping[str, str]) -> Filled:
    """A query in its source's language. Raises ConfigError, as `names` does."""
    if asked.source in IN_SHELL:
        return command(asked.text, facts)
    return _filled(_marked(asked.text, facts), facts, quoting.Literals())


def names(template: str) -> frozenset[str]:
    """The names in it. Raises ConfigError, in one sentence without a place, for what is no template."""
    import jinja2

    if len(template) > LONGEST:
        raise ConfigError(f"a template has at most {LONGEST} characters, and this one has {len(template)}")
    if visible(template, lines=True) != template.replace("\t", " "):
        raise ConfigError("the template holds control characters or invisible ones")
    if not _OPENING.search(template):
        return frozenset()
    try:
        return frozenset(_names(_environment().parse(template)))
    except jinja2.TemplateSyntaxError as error:
        raise ConfigError(f"{cut(template, 60)!r} is no template: {error.message}") from error
    except RecursionError as error:
        raise ConfigError(f"{cut(template, 60)!r} is nested too deeply") from error


def _marked(template: str, facts: Mapping[str, str]) -> str:
    used, compiled = _compiled(template)
    return compiled.render({name: _Mark(name, bool(facts.get(name))) for name in used}) if compiled else template


def _filled(marked: str, facts: Mapping[str, str], place: quoting.Place) -> Filled:
    done: list[str] = []
    unknown: list[str] = []
    at = 0
    for mark in _MARK.finditer(marked):
        done.append(marked[at : mark.start()])
        place.read(done[-1])
        put = place.put(facts.get(mark["name"], ""), promql=bool(mark["promql"]))
        unknown += [] if put else [mark["name"]]
        done.append(put or f"<{mark['name']}>")
        at = mark.end()
    return Filled("".join([*done, marked[at:]]), tuple(dict.fromkeys(unknown)))


@functools.lru_cache(maxsize=1000)
def _compiled(template: str) -> tuple[frozenset[str], Template | None]:
    """The names in a template, and what renders it; None where there is nothing to render."""
    used = names(template)
    return used, _environment().from_string(template) if _OPENING.search(template) else None


def _names(tree: Node) -> Iterator[str]:
    from jinja2 import nodes

    stack: list[tuple[Node, int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        kind = type(node).__name__
        if kind not in _ALLOWED or depth > DEEPEST or (isinstance(node, nodes.Filter) and not _is_promql(node)):
            what = f"the filter {node.name!r}" if isinstance(node, nodes.Filter) else f"{kind} (line {node.lineno})"
            raise ConfigError(
                f"{what} has no place here: there are {{{{ name }}}}, {{{{ name | promql }}}}, {{% if name %}}"
            )
        if isinstance(node, nodes.Name):
            yield node.name
        stack += [(child, depth + 1) for child in node.iter_child_nodes()]


def _is_promql(node: nodes.Filter) -> bool:
    return node.name == "promql" and not (node.args or node.kwargs or node.dyn_args or node.dyn_kwargs)


@functools.cache
def _environment() -> SandboxedEnvironment:
    """Autoescape is HTML's; here nothing but marks is put in."""
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(autoescape=False, keep_trailing_newline=True)
    environment.filters = {"promql": lambda mark: replace(mark, promql=True)}
    return environment
