"""`gather_diagnostics verify BUNDLE`: is every file what the manifest says, and do the documents say what tables do?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gather_diagnostics.cli.options import debug_option, load_config

if TYPE_CHECKING:
    from gather_diagnostics.document.claims.comparing import Compared
    from gather_diagnostics.model import Evidence


@click.command(short_help="Check every hash of a bundle.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--claims", is_flag=True, help="Also recompute from the tables what the documents say.")
@click.option(
    "--allowed-signers",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Who may have signed it, as for ssh-keygen and git; an unsigned bundle fails.",
)
@click.option("--identity", default="", metavar="WHO", help="Of the allowed signers this one alone.")
@debug_option
def verify(*, bundle: Path, claims: bool, allowed_signers: Path | None, identity: str, debug: bool) -> int:
    """Check every hash of BUNDLE (a folder or .tar.gz): flipped, added, removed and renamed files are found.

    With --claims, documents that contradict the bundle's tables are found as well, even where the hashes are right.
    Offline; exit code 4 for whatever is wrong.
    """
    from gather_diagnostics.bundle import signed_by
    from gather_diagnostics.bundle import verify as check
    from gather_diagnostics.errors import VerificationError

    if identity and not allowed_signers:
        raise click.UsageError("--identity goes with --allowed-signers FILE")
    said = _listed(f"{bundle} is not what its manifest says", check(bundle))
    compared = _compared(bundle) if claims else None
    if compared:
        said += _listed(f"the documents of {bundle} contradict it", compared.problems)
    if said:
        raise VerificationError("\n".join(said))
    signer = signed_by(bundle, allowed_signers, identity) if allowed_signers else ""
    click.echo(f"{bundle}: every file is what the manifest says" + f", signed by {signer}" * bool(signer))
    if compared:
        click.echo(_borne_out(compared))
    return 0


def _listed(heading: str, problems: Sequence[str]) -> list[str]:
    return [f"{heading}:", *(f"  {p}" for p in problems)] if problems else []


def _compared(bundle: Path) -> Compared:
    from gather_diagnostics import pipeline, runner
    from gather_diagnostics.bundle.verifying import contradictions
    from gather_diagnostics.document.claims.comparing import Compared
    from gather_diagnostics.errors import BundleError
    from gather_diagnostics.response import responder

    settings = load_config(None).settings
    redactor, respond = settings.redaction.redactor(), responder(settings.response)

    def again(evidence: Evidence) -> Evidence:
        return pipeline.responded(runner.analyze(evidence), redactor, respond)

    try:
        return contradictions(bundle, again)
    except BundleError as error:
        return Compared((str(error),))


def _borne_out(compared: Compared) -> str:
    from gather_diagnostics.document.escaping import cut

    figures = f"{compared.claims:,} claims stand, {compared.figures:,} figures of theirs recomputed from the tables"
    if compared.unmade:
        return f"{figures}; findings and documents were not made anew: {compared.unmade}"
    same = f"{figures}; findings and documents come out the same when they are made anew"
    if not compared.unknown:
        return same
    names = ", ".join(cut(ascii(name), 80) for name in compared.unknown)
    return f"{same}; but the commands of {names} were not compared: no such runbook fits here"
