"""`gather_diagnostics demo`: a staged incident on any machine, with nothing configured."""

from __future__ import annotations

from pathlib import Path

import click

from gather_diagnostics.cli.options import load_config, on_bug, output_options
from gather_diagnostics.cli.result import show


@click.command(short_help="Play a staged incident; nothing to configure.")
@output_options
def demo(*, out: Path, format_: str, quiet: bool, debug: bool) -> int:
    """Play a staged incident through the real collectors, and end by saying which change was planted.

    Of a diagnostics.yaml that is found, what to redact is taken and nothing else.
    """
    from gather_diagnostics import pipeline, progress, runner
    from gather_diagnostics.cli.asking import build_request
    from gather_diagnostics.demo import play
    from gather_diagnostics.demo.story import SERVICE

    redactor = load_config(None).settings.redaction.redactor()
    with play.stage() as staged:
        request = build_request(staged.config, SERVICE, description=staged.story.alert, now=staged.now)
        # The staged sources alone: a demo must not ask the real cluster or account that the shell points to.
        sources = runner.load_sources(staged.config, SERVICE, staged.config.settings.sources)
        with progress.choose(sources, quiet=quiet) as shown:
            delivered = pipeline.investigate(
                request, sources, out, progress=shown, on_bug=on_bug(debug), demo=play.NOTICE, redactor=redactor
            )
    truth = play.truth(staged, delivered.document)
    show(delivered, format_, planted=truth)
    if format_ == "text":
        verdict = "the first suspect is right" if truth["right"] else "the first suspect is WRONG"
        click.echo(f"\nPlanted: {truth['change']}, onset {truth['onset'][11:19]} UTC - {verdict}.")
    return delivered.exit_code
