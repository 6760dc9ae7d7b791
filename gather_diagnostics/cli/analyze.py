"""`gather_diagnostics analyze PATH`: run the analyzers on somebody's bundle, or on an archive of logs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gather_diagnostics.cli.options import load_config, on_bug, output_options
from gather_diagnostics.cli.result import show

if TYPE_CHECKING:
    from gather_diagnostics.model import Evidence

_BUNDLES = ("manifest.json", "tables", "SHA256SUMS")
"""A folder with one of these is a bundle, or was one."""
_PACKED = (".tar.gz", ".tgz", ".tar")
"""A file with one of these names is a bundle."""


@click.command(short_help="Run the analyzers on a bundle or an archive of logs.")
@click.argument("path")
@click.option("--service", metavar="NAME", help="Archive: whose logs they are. [the folder's name]")
@click.option("--at", metavar="TIME", help="Archive: when it was noticed, as for a live run.")
@click.option("--from", "start", metavar="TIME", help="Archive: start of the incident window. [its later half]")
@click.option("--to", "end", metavar="TIME", help="Archive: end of the incident window. [now]")
@click.option("--engine", type=click.Choice(["local", "dask"]), help="Archive: who reads it. [local]")
@click.option("--scheduler", metavar="ADDRESS", help="Dask's, e.g. tcp://10.0.0.7:8786. [one of its own, here]")
@output_options
def analyze(*, path: str, out: Path, format_: str, quiet: bool, debug: bool, **archive: str | None) -> int:
    """Run the analyzers again on the bundle at PATH (a folder or .tar.gz) and write a new one: offline, no source.

    Where PATH is an archive of logs (a folder, a file or an s3:// prefix; plain, .gz or .zst) they run on the patterns
    of its lines: those around a time, or with no time given the later half against the earlier.
    """
    from gather_diagnostics import pipeline, runner
    from gather_diagnostics.bundle import read
    from gather_diagnostics.errors import InputError
    from gather_diagnostics.response import responder

    given = {name: value for name, value in archive.items() if value}
    if not path.startswith("s3://") and not Path(path).exists():
        raise InputError(
            f"there is nothing at {path}: give a bundle (an evidence-... folder or its .tar.gz),"
            " or a folder or s3:// prefix of logs"
        )
    if _is_archive(path):
        evidence = _archived(path, quiet=quiet, **given)
    elif given:
        option = {"start": "from", "end": "to"}.get(first := next(iter(given)), first)
        raise InputError(f"--{option} goes with an archive of logs, and {path} is a bundle: leave it out")
    else:
        evidence = read(Path(path))
    settings = load_config(None).settings
    analyzed = runner.analyze(evidence, on_bug(debug))
    respond = responder(settings.response)
    delivered = pipeline.deliver(analyzed, out, settings.redaction.redactor(), respond, on_bug(debug))
    show(delivered, format_)
    return delivered.exit_code


def _is_archive(path: str) -> bool:
    if path.startswith("s3://"):
        return True
    place = Path(path)
    if place.is_dir():
        return not any((place / name).exists() for name in _BUNDLES)
    return place.is_file() and not path.endswith(_PACKED)


def _name(path: str) -> str:
    """The folder's or file's, for want of a service."""
    from gather_diagnostics.archive.files import bare

    name = path.rstrip("/").rpartition("/")[2] if path.startswith("s3://") else Path(path).resolve().name
    return bare(name) or "archive"


def _archived(
    path: str,
    *,
    quiet: bool,
    service: str = "",
    at: str | None = None,
    start: str | None = None,
    end: str | None = None,
    engine: str = "local",
    scheduler: str = "",
) -> Evidence:
    """Raises InputError for options that do not go together, besides what `archive.read` does."""
    from gather_diagnostics import plugins, progress
    from gather_diagnostics.archive import engines, read
    from gather_diagnostics.cli.asking import build_request
    from gather_diagnostics.errors import InputError

    if scheduler and engine != "dask":
        raise InputError("--scheduler is Dask's: say --engine dask as well")
    chosen = engines.dask(scheduler) if engine == "dask" else engines.local
    config = load_config(None)
    name = service or _name(path)
    lines: Any = config.collector(plugins.load(plugins.COLLECTORS, "logfiles"), name)
    request = build_request(config, name, at=at, start=start, end=end)
    with progress.choose(["archive"], quiet=quiet) as shown:
        return read(
            path,
            request,
            chosen,
            shown,
            whole=not (at or start or end),
            redaction=config.settings.redaction,
            zone=lines.settings.timezone,
        )
