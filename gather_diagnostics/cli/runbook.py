"""`gather_diagnostics runbook`: list, show and lint runbooks, and tell which of them a bundle calls for."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gather_diagnostics.cli.options import config_option, debug_option, load_config

if TYPE_CHECKING:
    from gather_diagnostics.config import Config
    from gather_diagnostics.response.runbooks.linting import Known
    from gather_diagnostics.response.runbooks.matching import Match
    from gather_diagnostics.response.runbooks.rendering import Part

folders_option = click.option(
    "--runbooks", "folders", type=click.Path(path_type=Path), multiple=True, metavar="DIR",
    help="A folder of your own runbooks, besides those of response.runbooks in diagnostics.yaml; repeatable.",
)  # fmt: skip
format_option = click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")


@click.group(short_help="List, show, lint and match runbooks.")
def runbook() -> None:
    """Runbooks: the shipped ones, those of installed packages, and your own.

    One of your own takes the place of another of the same id. docs/RUNBOOKS.md tells how to write one.
    """


@runbook.command("list", short_help="List all runbooks there are.")
@format_option
@folders_option
@config_option
@debug_option
def list_(*, format_: str, folders: tuple[Path, ...], config_path: Path | None, debug: bool) -> int:
    """List all runbooks: id, kind, last review, owner, title, where from. Exit code 1: one of them can't be read."""
    from gather_diagnostics.response.runbooks import library

    books = library.load(_folders(load_config(config_path), folders))
    rows = [
        {"id": b.id, "kind": b.kind, "last_reviewed": b.last_reviewed.isoformat(), "owner": b.owner, "title": b.title,
         "from": library.origin(b)}
        for _, b in sorted(books.items())
    ]  # fmt: skip
    _say(json.dumps(rows, indent=1) if format_ == "json" else _columns([row.values() for row in rows]))
    return 0


@runbook.command(short_help="Print a runbook, filled in from a bundle.")
@click.argument("id_", metavar="ID")
@click.option("--bundle", type=click.Path(path_type=Path), metavar="BUNDLE",
              help="Fill in names and commands from this bundle; without it they stand as <name>.")  # fmt: skip
@folders_option
@config_option
@debug_option
def show(*, id_: str, bundle: Path | None, folders: tuple[Path, ...], config_path: Path | None, debug: bool) -> int:
    """Print the runbook ID: laid out on a terminal, as Markdown elsewhere. Nothing in it is run.

    Exit code 1: there is no such runbook, or no bundle that can be read.
    """
    from gather_diagnostics.cli.show import page
    from gather_diagnostics.response.runbooks import library
    from gather_diagnostics.response.runbooks.rendering import parts, to_markdown
    from gather_diagnostics.response.runbooks.telling import told_step

    book = library.named(id_, library.load(_folders(load_config(config_path), folders)))
    facts, mitigations = _from_bundle(bundle)[1:] if bundle else ({}, [])
    steps = [told_step(step, facts, mitigations) for step in book.steps]
    on_terminal = sys.stdout.isatty()
    page(_laid_out(parts(book, steps)) if on_terminal else to_markdown(book, steps), on_terminal)
    return 0


@runbook.command(short_help="Look for mistakes in runbooks.")
@click.argument("place", type=click.Path(path_type=Path), metavar="[DIR]", required=False)
@folders_option
@config_option
@debug_option
def lint(*, place: Path | None, folders: tuple[Path, ...], config_path: Path | None, debug: bool) -> int:
    """Look for mistakes in the runbooks of DIR (or in one file), without it in all there are.

    One line each: file:line: problem. Exit codes: 0 nothing to mend (warnings may be told), 1 something is.
    """
    from gather_diagnostics.response.runbooks import library, linting

    config = load_config(config_path)
    found = [place] if place else library.places(_folders(config, folders))
    groups = [library.files_of(folder) for folder in found]
    known = _known(config)
    # Only within a folder is an id that is there twice a mistake.
    problems = [problem for files in groups for problem in linting.lint(files, known)]
    _say("\n".join(str(problem) for problem in problems))
    wrong = sum(not problem.warning for problem in problems)
    click.echo(f"{sum(map(len, groups))} runbooks read, {wrong or 'nothing'} to mend", err=True)
    return 1 if wrong else 0


@runbook.command(short_help="Rank the runbooks that fit a bundle.")
@click.argument("bundle", type=click.Path(path_type=Path))
@format_option
@folders_option
@config_option
@debug_option
def match(*, bundle: Path, format_: str, folders: tuple[Path, ...], config_path: Path | None, debug: bool) -> int:
    """Rank the runbooks that fit BUNDLE (a folder or .tar.gz), with what fulfils which of their conditions.

    Causes come before symptoms. Exit codes: 0 whether or not one fits, 1 no bundle that can be read.
    """
    from gather_diagnostics.response.runbooks import library, matching
    from gather_diagnostics.response.runbooks.telling import tell

    books = library.load(_folders(load_config(config_path), folders))
    document, facts, mitigations = _from_bundle(bundle)
    found = matching.match(document, books)
    if format_ == "json":
        told = {"service": document["service"], "runbooks": tell(found, facts, mitigations)}
        _say(json.dumps(told, indent=1, sort_keys=True))
    else:
        _say("\n\n".join(_ranked(n, m) for n, m in enumerate(found, start=1)) or "No runbook fits.")
    return 0


def _folders(config: Config, more: Sequence[Path]) -> list[Path]:
    return [*map(Path, config.settings.response.runbooks), *more]


def _from_bundle(bundle: Path) -> tuple[dict[str, Any], Mapping[str, str], list[dict[str, Any]]]:
    """Its document, the names known from it, and the mitigations proposed."""
    from gather_diagnostics.bundle import read
    from gather_diagnostics.document import view
    from gather_diagnostics.response import mitigation
    from gather_diagnostics.response.facts import known as known_from

    evidence = read(bundle)
    document = view(evidence)
    known = known_from(evidence, document)
    return document, known.values, mitigation.propose(evidence, document, known)


def _known(config: Config) -> Known:
    from datetime import UTC, datetime

    from gather_diagnostics import plugins
    from gather_diagnostics.response import escalation
    from gather_diagnostics.response.facts import NAMES
    from gather_diagnostics.response.runbooks.linting import Known

    matrix = config.settings.response.escalation_matrix
    roles = escalation.roles(escalation.read(Path(matrix) if matrix else None))
    return Known(plugins.names(plugins.ANALYZERS), NAMES, datetime.now(UTC).date(), roles)


def _columns(rows: Sequence[Iterable[str]]) -> str:
    """All columns but the last as wide as their widest cell."""
    from gather_diagnostics.document.escaping import terminal

    cells = [[terminal(cell) or "-" for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def _ranked(number: int, match: Match) -> str:
    from gather_diagnostics.document.escaping import cut, terminal

    book = match.runbook
    named = ", named for it" if match.named else ""
    lines = [f"{number}. {book.id}: {terminal(book.title)} ({book.kind}, {match.score:.2f}{named})"]
    for because in match.because:
        lines.append(f"   {terminal(because.condition)}")
        told = ": ".join(part for part in (", ".join(because.findings[:3]), because.headline) if part)
        lines += [f"      {cut(terminal(told), 200)}"] if told else []
    return "\n".join(lines)


def _laid_out(parts: Iterable[Part]) -> str:
    """For a terminal, in colours where those are wanted. What is to be copied is not wrapped."""
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.text import Text

    from gather_diagnostics.cli.show import colours, width

    console = Console(width=min(width(), 120), force_terminal=colours(True), no_color=not colours(True))
    with console.capture() as captured:
        for part in parts:
            code = Text(part.text, style="cyan")
            console.print(code if part.code else Markdown(part.text, hyperlinks=False), soft_wrap=part.code)
            console.print()
    return captured.get()


def _say(text: str) -> None:
    from gather_diagnostics.cli.show import page

    if text:
        page(f"{text}\n", on_terminal=False)
