"""`gather_diagnostics runbook run ID`: walk a runbook, and keep in the bundle what was checked and done."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gather_diagnostics.cli.asking import build_request, choose_sources
from gather_diagnostics.cli.keeping import amendable, hangup_interrupts, put_off
from gather_diagnostics.cli.options import config_option, debug_option, load_config, on_bug
from gather_diagnostics.errors import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from gather_diagnostics.cli.person import Watched
    from gather_diagnostics.config import Config
    from gather_diagnostics.model import Answer, Evidence, Gap
    from gather_diagnostics.redaction import Redactor
    from gather_diagnostics.response.runbooks.model import Runbook
    from gather_diagnostics.response.walking import Ask, Ground, Taken

SECONDS = 20.0
"""How long one question to a source may take."""


@click.command(short_help="Walk a runbook step by step.")
@click.argument("id_", metavar="ID")
@click.option("--service", default="", metavar="NAME", help="The service that is in trouble; its evidence is gathered.")
@click.option("--bundle", "path", type=click.Path(path_type=Path), metavar="BUNDLE",
              help="Walk on this bundle (a folder or .tar.gz) instead, offline.")  # fmt: skip
@click.option("--non-interactive", "alone", is_flag=True, help="Ask no person: what only one can say is left.")
@click.option("--runbooks", "folders", type=click.Path(path_type=Path), multiple=True, metavar="DIR",
              help="A folder of your own runbooks; repeatable.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=".", metavar="DIR",
              help="Where a bundle that is gathered is written; default: the current folder.")  # fmt: skip
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@config_option
@debug_option
def run(
    *, id_: str, service: str, path: Path | None, alone: bool, folders: tuple[Path, ...], out: Path, format_: str,
    config_path: Path | None, debug: bool,
) -> int:  # fmt: skip
    """Walk the runbook ID: its checks are answered from the evidence and by the sources, its commands are filled in and
    shown. None of them is run: you do that, and say what you did. All of it is kept in the bundle's journal, also when
    you stop with Ctrl-C.

    Without --bundle the evidence of the service is gathered first, and queries are put to the sources. With it nothing
    is asked but you.

    Exit codes: 0 walked, and every verify step says yes; 2 something could not be asked or was left to a person; 4 a
    verify step says no, or the bundle does not verify; 1 a runbook or bundle that can't be used; 3 no source could be
    read; 130 interrupted.
    """
    from gather_diagnostics.response.runbooks import library

    config = load_config(config_path)
    book = library.named(id_, library.load([*map(Path, config.settings.response.runbooks), *folders]))
    redactor = config.settings.redaction.redactor()
    with hangup_interrupts():
        if path:
            return _Walk(book, _there(path, service), redactor, format_, alone).run(None)
        place, ask = _gathered(config, service, out, redactor, debug)
        return _Walk(book, place, redactor, format_, alone).run(ask) if place else EXIT_INTERRUPTED


def _there(path: Path, service: str) -> Path:
    """A bundle of that service, if one was named, that can be walked on."""
    from gather_diagnostics.errors import InputError

    there = amendable(path).request.service
    if service and there != service:
        raise InputError(f"{path} is of the service {there!r}: leave --service out, or give another bundle")
    return path


def _gathered(config: Config, service: str, out: Path, redactor: Redactor, debug: bool) -> tuple[Path | None, Ask]:
    """A new bundle (None where gathering was interrupted; it is written all the same), and whom to ask."""
    from gather_diagnostics import pipeline, progress, runner
    from gather_diagnostics.model import Window
    from gather_diagnostics.response import responder

    if not service:
        raise click.UsageError("say which service is in trouble (--service NAME), or give a bundle (--bundle)")
    request = build_request(config, service)
    sources = runner.load_sources(config, service, choose_sources(()))
    respond = responder(config.settings.response)
    with progress.choose(sources, quiet=False) as shown:
        delivered = pipeline.investigate(
            request, sources, out, progress=shown, on_bug=on_bug(debug), redactor=redactor, respond=respond
        )
    click.echo(f"Bundle: {delivered.folder}", err=True)

    def ask(source: str, query: str) -> Answer | Gap:
        now = datetime.now(UTC)
        asked = replace(request, asked=now, incident=Window(request.incident.start, now))
        return runner.ask(sources[source], asked, query, redactor, SECONDS)

    return None if delivered.exit_code == EXIT_INTERRUPTED else delivered.folder, ask


@dataclass
class _Walk:
    """One walk, and what has become of it so far."""

    book: Runbook
    place: Path
    redactor: Redactor
    format_: str
    alone: bool

    def run(self, ask: Ask | None) -> int:
        """Walk, keep the journal, tell; the exit code. What ends the walk early ends neither of the other two."""
        from gather_diagnostics.bundle import read
        from gather_diagnostics.response import walking

        taken: list[Taken] = []
        code = EXIT_INTERRUPTED
        steps = walking.walk(self.book, _ground(read(self.place), ask), self._person(), lambda: datetime.now(UTC))
        try:
            _collect(steps, taken)
            code = walking.exit_code(taken)
        except (KeyboardInterrupt, EOFError):
            click.echo(err=True)  # the line of the question has not ended
        finally:
            with put_off():
                self._keep(taken, code)
        return code

    def _person(self) -> Watched:
        from gather_diagnostics.cli.person import Watched

        return Watched(sys.stderr if self.format_ == "json" else sys.stdout, self.redactor, self.alone)

    def _keep(self, taken: Sequence[Taken], code: int) -> None:
        """Write the journal, and tell what was done even where it can't be written."""
        from gather_diagnostics import pipeline

        notes: tuple[str, ...] = ("The journal was not written.",)
        try:
            if taken:
                amended = pipeline.amend(self.place, [t.entry for t in taken], self.redactor)
                notes = (f"The journal is in {amended.folder}.", *amended.notes)
        finally:
            self._tell(taken, code, notes)

    def _tell(self, taken: Sequence[Taken], code: int, notes: Sequence[str]) -> None:
        from gather_diagnostics.document.escaping import terminal
        from gather_diagnostics.response.walking.telling import as_json, verdict

        words = verdict(self.book, taken, code)
        if self.format_ == "json":
            told = {
                "runbook": self.book.id, "bundle": str(self.place), "exit_code": code, "verdict": words,
                "steps": [as_json(t) for t in taken], "notes": list(notes),
            }  # fmt: skip
            click.echo(json.dumps(told, indent=1, sort_keys=True))
        else:
            click.echo("\n".join(terminal(line) for line in (words, *notes)))


def _collect(steps: Iterator[Taken], taken: list[Taken]) -> None:
    # A frame of its own: CPython 3.11 lets an interrupt that hits the loop's backward jump slip past a `try` around it.
    for one in steps:
        taken.append(one)  # noqa: PERF402 - one by one: what is there when it is interrupted is kept


def _ground(evidence: Evidence, ask: Ask | None) -> Ground:
    from gather_diagnostics.document import view
    from gather_diagnostics.response import mitigation
    from gather_diagnostics.response.facts import known as known_from
    from gather_diagnostics.response.walking import Ground

    document = view(evidence)
    known = known_from(evidence, document)
    return Ground(document, known.values, mitigation.propose(evidence, document, known), ask)
