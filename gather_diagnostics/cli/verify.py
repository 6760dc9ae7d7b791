"""`gather_diagnostics verify BUNDLE`: is every file what the manifest says?"""

from __future__ import annotations

from pathlib import Path

import click

from gather_diagnostics.cli.options import debug_option


@click.command(short_help="Check every hash of a bundle.")
@click.argument("bundle", type=click.Path(path_type=Path))
@debug_option
def verify(*, bundle: Path, debug: bool) -> int:
    """Check every hash of BUNDLE (a folder or .tar.gz): flipped, added, removed and renamed files are found."""
    from gather_diagnostics.bundle import verify as check
    from gather_diagnostics.errors import VerificationError

    problems = check(bundle)
    if problems:
        raise VerificationError(f"{bundle} is not what its manifest says:\n" + "\n".join(f"  {p}" for p in problems))
    click.echo(f"{bundle}: every file is what the manifest says")
    return 0
