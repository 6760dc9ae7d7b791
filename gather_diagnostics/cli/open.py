"""`gather_diagnostics open BUNDLE`: evidence.html in the browser, once it is known to be a page of ours."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from gather_diagnostics.cli.options import debug_option

PAGE = "evidence.html"


@click.command("open", short_help="Open a bundle's page in the browser.")
@click.argument("bundle", type=click.Path(path_type=Path))
@debug_option
def open_(*, bundle: Path, debug: bool) -> int:
    """Open evidence.html of BUNDLE (a folder or .tar.gz) in the browser, and print where it is.

    The bundle is verified first. Its own page is opened where it is what this version makes of the evidence; else
    (another version wrote it, or it comes in an archive) a page made anew, in a private temporary folder: no page that
    a stranger wrote gets to the browser. Exit codes: 0 opened, or printed where there is no browser; 1 no bundle that
    can be read; 4 verification failed.
    """
    path = _page(bundle)
    click.echo(str(path))
    if not _opened(path):
        click.echo("No browser was found here: open the file above in one.", err=True)
    return 0


def _page(bundle: Path) -> Path:
    from gather_diagnostics.bundle import read, verify
    from gather_diagnostics.document import view
    from gather_diagnostics.document.html import to_html
    from gather_diagnostics.errors import VerificationError

    evidence = read(bundle)
    if problems := verify(bundle):
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise VerificationError(f"{bundle} is not opened, since it is not what its manifest says:\n{listed}")
    made = to_html(view(evidence)).encode()
    own = bundle / PAGE
    if bundle.is_dir() and _content(own) == made:
        return own.absolute()
    click.echo("This page was made anew from the bundle's tables; remove it when you are done.", err=True)
    copy = Path(tempfile.mkdtemp(prefix="gather_diagnostics-")) / PAGE
    copy.touch(mode=0o600)
    copy.write_bytes(made)
    return copy


def _content(path: Path) -> bytes:
    from gather_diagnostics.errors import BundleError

    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} can't be read: {error.strerror}") from error


def _opened(path: Path) -> bool:
    import webbrowser

    try:
        return webbrowser.open(path.as_uri())
    except webbrowser.Error:
        return False
