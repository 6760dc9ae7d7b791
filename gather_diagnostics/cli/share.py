"""`gather_diagnostics share BUNDLE`: a second bundle for people outside, with names replaced."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gather_diagnostics.cli.options import debug_option, load_config

if TYPE_CHECKING:
    from gather_diagnostics.bundle.sharing import Shared
    from gather_diagnostics.pipeline import Delivered

share_option = click.option("--share", "shared", is_flag=True, help="Write a second bundle with names replaced, too.")


@click.command(short_help="Write a second bundle with names replaced, for people outside.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=".",
    metavar="DIR",
    help="Where the bundle is written; default: the current folder.",
)
@debug_option
def share(*, bundle: Path, out: Path, debug: bool) -> int:
    """Write a second bundle of the evidence in BUNDLE (a folder or .tar.gz): names of persons, hosts, tenants and
    accounts, IP and e-mail addresses are replaced, each by the same stand-in in every file, and the analyzers run on
    what is left. Services, code and metrics keep their names. Offline.

    Which stand-in means whom is kept beside BUNDLE, in a file for your eyes only. Read the new bundle before you pass
    it on: a name that nothing marks as one can't be known.
    """
    click.echo(_told(_share(bundle, out)))
    return 0


def share_delivered(delivered: Delivered, out: Path) -> None:
    """For `--share`: stdout is the private bundle's, so this is told on stderr."""
    click.echo(_told(_share(delivered.folder, out)), err=True)


def _share(private: Path, out: Path) -> Shared:
    """Raises BundleError, or VerificationError where a name still shows."""
    from gather_diagnostics import pipeline, runner
    from gather_diagnostics.bundle import read
    from gather_diagnostics.bundle.sharing import share as write
    from gather_diagnostics.document import render, view
    from gather_diagnostics.response import responder

    settings = load_config(None).settings
    redactor, respond = settings.redaction.redactor(), responder(settings.response)
    return write(
        read(private),
        private,
        out.absolute(),
        analyze=lambda e: pipeline.responded(runner.analyze(e), redactor, respond),
        render=lambda e: render(view(e)),
        redactor=redactor,
    )


def _told(shared: Shared) -> str:
    return f"{shared.written.folder}: to pass on, once you have read it\n{shared.names}: who is who; keep it"
