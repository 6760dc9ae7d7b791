"""`gather_diagnostics recovery BUNDLE`: is it over? Watched, and compared with the time before the incident."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gather_diagnostics.cli.asking import build_request
from gather_diagnostics.cli.keeping import amendable, hangup_interrupts, put_off
from gather_diagnostics.cli.options import config_option, debug_option, load_config, on_bug

if TYPE_CHECKING:
    from gather_diagnostics.cli.recoveryview import Shown
    from gather_diagnostics.config import Config
    from gather_diagnostics.model import Evidence, Window
    from gather_diagnostics.redaction import Redactor
    from gather_diagnostics.response.recovery import Look, Verdict
    from gather_diagnostics.response.recovery.watching import Collect

SECONDS = 30.0
"""How long the sources may take for one look."""
_TELLING = frozenset({"metrics", "logs", "events", "workloads"})
"""Tables that tell whether it is over: what changed meanwhile need not be read."""
_BEFORE = timedelta(minutes=1)
_OLD = timedelta(days=1)


@click.command(short_help="Is it over? Watch, and compare with before.")
@click.argument("path", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option("--watch", "length", default="", metavar="DURATION",
              help="How long to watch; default: 15m for the two highest severities, else 5m.")  # fmt: skip
@click.option("--once", is_flag=True, help="Look once, at the last minutes.")
@click.option("--every", default="30s", metavar="DURATION", show_default=True, help="How often to look.")
@click.option("--logs", multiple=True, metavar="GLOB", help="Read these log files; repeatable.")
@click.option("--context", "contexts", multiple=True, metavar="NAME", help="Kubernetes context; repeatable.")
@click.option("--namespace", "-n", metavar="NAME", help="Kubernetes namespace.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@config_option
@debug_option
def recovery(
    *, path: Path, length: str, once: bool, every: str, logs: tuple[str, ...], contexts: tuple[str, ...],
    namespace: str | None, format_: str, config_path: Path | None, debug: bool,
) -> int:  # fmt: skip
    """Is the incident in BUNDLE (a folder or .tar.gz) over? Collects again, and compares with the bundle's time before
    the incident by tests: failing requests, latency, traffic, error lines and patterns, the endpoints and tenants that
    were hit, replicas. It is over when all of that held over the last third of the watch. The verdict is entered into
    the bundle's journal, also when you stop with Ctrl-C.

    --logs, --context and --namespace are as they were given when the bundle was gathered.

    Exit codes: 0 recovered; 4 not recovered, or worse, or the bundle does not verify; 2 it could not be seen; 1 a
    bundle or option that can't be used; 130 interrupted.
    """
    from gather_diagnostics import windows
    from gather_diagnostics.document import view

    config = _configured(config_path, logs, contexts, namespace)
    evidence = _there(path)
    document = view(evidence)
    interval = windows.duration(every, "--every")
    span = timedelta(0) if once else windows.duration(length, "--watch") if length else _usual(document)
    redactor = config.settings.redaction.redactor()
    collect = _collector(config, evidence, redactor, debug)
    watched = _Watch(path, evidence, document, span, interval, redactor, format_)
    with hangup_interrupts():
        return watched.run(collect)


def _configured(path: Path | None, logs: Sequence[str], contexts: Sequence[str], namespace: str | None) -> Config:
    from gather_diagnostics.errors import InputError

    if "-" in logs:
        raise InputError("--logs -: standard input can be read once, and a watch reads again: name a file")
    config = load_config(path)
    if logs:
        config.override("logfiles", {"paths": [str(Path(glob).expanduser().absolute()) for glob in logs]})
    cluster = {"contexts": list(contexts), "namespace": namespace}
    config.override("kubernetes", {name: value for name, value in cluster.items() if value})
    return config


def _usual(document: dict[str, Any]) -> timedelta:
    from gather_diagnostics.response.recovery import usual_length

    return usual_length(document)


def _there(path: Path) -> Evidence:
    from gather_diagnostics.errors import InputError

    evidence = amendable(path)
    if evidence.demo:
        raise InputError(f"{path} is staged, so there is nothing that could be collected again: take a real bundle")
    return evidence


def _collector(config: Config, bundle: Evidence, redactor: Redactor, debug: bool) -> Collect:
    """What collects a window from the sources that the bundle has its figures from."""
    from gather_diagnostics import pipeline, plugins, runner
    from gather_diagnostics.errors import NoSourceError
    from gather_diagnostics.model import Evidence, Gap, Window

    used = _sources(bundle)
    names = used or plugins.names(plugins.COLLECTORS)
    sources = runner.load_sources(config, bundle.request.service, names)
    base = replace(build_request(config, bundle.request.service), seasonal=(), source_seconds=SECONDS)

    def collect(window: Window) -> Evidence:
        # The bundle has the usual time already: to ask for it at every look would only burden the sources.
        before = Window(window.start - _BEFORE, window.start)
        request = replace(base, asked=window.end, incident=window, baseline=before, changes=window)
        try:
            found = pipeline.gather(request, sources, asked_for=used, on_bug=on_bug(debug), redactor=redactor)
        except NoSourceError as error:
            reasons = "; ".join(line.strip() for line in str(error).splitlines()[1:])
            gap = Gap("recovery", "how it is now", "unreachable", f"no source could be read: {reasons}")
            return Evidence(request, {}, (), (gap,))
        if found.interrupted:
            raise KeyboardInterrupt
        return found

    return collect


def _sources(bundle: Evidence) -> tuple[str, ...]:
    """Those that delivered figures for the bundle and are known here; none of an archive's."""
    from gather_diagnostics import plugins

    known = plugins.names(plugins.COLLECTORS)
    used = {c.source for c in bundle.coverage if _TELLING & {table for table, rows in c.rows.items() if rows}}
    return tuple(name for name in known if name in used)


@dataclass
class _Watch:
    """One watch, and what became of it."""

    path: Path
    evidence: Evidence
    document: dict[str, Any]
    length: timedelta
    every: timedelta
    redactor: Redactor
    format_: str

    def run(self, collect: Collect) -> int:
        """Watch, tell, keep; the exit code. Ctrl-C ends the first of them alone."""
        from gather_diagnostics.cli.recoveryview import view
        from gather_diagnostics.errors import EXIT_INTERRUPTED
        from gather_diagnostics.response.recovery import Clock, verdict, watch
        from gather_diagnostics.response.recovery.telling import exit_code

        _say(_opening(self.evidence, self.length, self.every))
        clock = Clock(lambda: datetime.now(UTC), lambda left: time.sleep(left.total_seconds()))
        looks: list[Look] = []
        finished = False
        steps = watch(self.evidence, self.document, collect, clock, length=self.length, every=self.every)
        try:
            with view(self.length) as shown:
                _collect(steps, looks, shown)
            finished = True
        except KeyboardInterrupt:
            if not looks:
                _say("Interrupted before the first look: nothing is known yet.")
                return EXIT_INTERRUPTED
        with put_off():
            found = verdict(looks, self.length, finished=finished)
            self._keep(found)
        return exit_code(found)

    def _keep(self, found: Verdict) -> None:
        """Enter the verdict into the journal, and tell it even where that fails."""
        from gather_diagnostics import pipeline
        from gather_diagnostics.response.recovery.telling import entry

        notes: tuple[str, ...] = ("The journal was not written.",)
        try:
            amended = pipeline.amend(self.path, [entry(found, self.length)], self.redactor)
            notes = (f"The journal is in {amended.folder}.", *amended.notes)
        finally:
            self._tell(found, notes)

    def _tell(self, found: Verdict, notes: Sequence[str]) -> None:
        from gather_diagnostics.document.escaping import terminal
        from gather_diagnostics.response.recovery.telling import as_json, sentences, table

        words = sentences(found, self.length)
        if self.format_ == "json":
            told = {"bundle": str(self.path), "service": self.evidence.request.service, "verdict": " ".join(words),
                    "watch_seconds": self.length.total_seconds(), "notes": list(notes), **as_json(found)}  # fmt: skip
            click.echo(json.dumps(told, indent=1, sort_keys=True))
            return
        last = found.looks[-1]
        rows = [f"{state:<11}{sentence}" for state, sentence in table(last)]
        gaps = [f"missing: {g.wanted}: {g.why}{f' Mend: {g.mend}' if g.mend else ''}" for g in last.gaps]
        lines = [*rows, *(gaps if found.state == "not_seen" else ()), "", *words, *notes]
        click.echo("\n".join(terminal(line) for line in lines))


def _collect(steps: Iterator[Look], looks: list[Look], shown: Shown) -> None:
    # A frame of its own: CPython 3.11 lets an interrupt that hits the loop's backward jump slip past a `try` around it.
    for one in steps:
        looks.append(one)
        shown(one)


def _opening(evidence: Evidence, length: timedelta, every: timedelta) -> str:
    from gather_diagnostics.response.recovery.telling import spoken

    began, ended = evidence.request.baseline.start, evidence.request.baseline.end
    age = datetime.now(UTC) - ended
    old = f" That is {age.days} days ago, and what is usual may have changed." if age > _OLD else ""
    how = f"watched for {spoken(length)}, every {spoken(every)}" if length else "looked at once"
    return f"{evidence.request.service} is {how}, and compared with {began:%Y-%m-%d %H:%M} to {ended:%H:%M} UTC.{old}"


def _say(text: str) -> None:
    from gather_diagnostics.document.escaping import terminal

    click.echo(terminal(text), err=True)
