"""`gather_diagnostics postmortem BUNDLE...`: a blameless draft of the post-mortem."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gather_diagnostics.cli.options import config_option, debug_option, load_config

if TYPE_CHECKING:
    from gather_diagnostics.model import Evidence
    from gather_diagnostics.response import Respond

MOST = 20
"""Bundles of one incident."""
STDOUT = Path("-")


@click.command(short_help="Write a blameless draft of the post-mortem.")
@click.argument("bundles", metavar="BUNDLE...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FILE",
              help="Where the draft is written (Markdown); - is stdout.")  # fmt: skip
@click.option("--title", default="", metavar="TEXT", help="Default: the day, the service and what it suffered.")
@click.option("--severity", default="", metavar="LEVEL", help="SEV2, P1, high, ...; default: the bundles'.")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@config_option
@debug_option
def postmortem(
    *, bundles: tuple[Path, ...], out: Path, title: str, severity: str, force: bool, config_path: Path | None,
    debug: bool,
) -> int:  # fmt: skip
    """Write a draft of the post-mortem of the incident in BUNDLE (a folder or .tar.gz): summary, impact, timeline,
    causes, five whys, what went well and poorly, action items. Several bundles of one incident, of the same or of other
    services, become one draft.

    What the evidence does not tell is asked for, and nobody is named. Exit codes: 0 written; 1 no bundle that can be
    read, a FILE that is there already, or a template or option that can't be used.
    """
    from gather_diagnostics.errors import InputError
    from gather_diagnostics.redaction.messages import hidden
    from gather_diagnostics.response import responder
    from gather_diagnostics.response.postmortem import incident, written

    _check_room(out, force)
    paths = list({path.resolve(): path for path in bundles}.values())
    if len(paths) > MOST:
        raise InputError(f"{len(paths)} bundles are too many for one incident: give at most {MOST}")
    settings = load_config(config_path).settings.response
    respond = responder(settings)
    accounts = incident([(_name(path), *_read(path, respond)) for path in paths])
    told = hidden(title) if title else ""
    text = written(accounts, settings.templates, typed_title=told, typed_severity=severity.strip())
    _put(text, out, force)
    return 0


def _read(path: Path, respond: Respond) -> tuple[Evidence, Mapping[str, Any]]:
    """The response is made anew only where the bundle is from before there was one."""
    from gather_diagnostics.bundle import read
    from gather_diagnostics.document import answered

    evidence = read(path)
    document = answered(evidence)
    return evidence, {**document, "response": evidence.response or respond(evidence, document)}


def _name(path: Path) -> str:
    return path.resolve().name.removesuffix(".tar.gz")


def _check_room(out: Path, force: bool) -> None:
    """Before anything is read, so that nobody waits for nothing."""
    from gather_diagnostics.errors import InputError

    if out == STDOUT:
        return
    if os.path.isdir(out):
        raise InputError(f"{out} is a folder: name a file in it with --out")
    if os.path.lexists(out) and not force:
        raise _there(out)
    if not os.path.isdir(out.absolute().parent):
        raise InputError(f"there is no folder {out.absolute().parent}: make it first, or give another --out")


def _put(text: str, out: Path, force: bool) -> None:
    from gather_diagnostics.cli.show import page
    from gather_diagnostics.errors import InputError

    if out == STDOUT:
        page(text, on_terminal=False)
        return
    try:
        _write(text, out, force)
    except FileExistsError as error:
        raise _there(out) from error
    except OSError as error:
        raise InputError(f"{out} can't be written: {error.strerror or error}") from error
    click.echo(f"Draft: {out}", err=True)


def _write(text: str, out: Path, force: bool) -> None:
    """Whole or not at all; without `force` a file that came meanwhile stays. Raises OSError."""
    import secrets

    from gather_diagnostics.bundle.staging import create_file, flush_folder

    partial = out.with_name(f".{out.name}.partial-{secrets.token_hex(8)}")
    try:
        with create_file(partial) as stream:
            stream.write(text.encode())
        if force:
            os.replace(partial, out)
        else:
            _link(partial, out)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()
    flush_folder(out.absolute().parent)


def _link(partial: Path, out: Path) -> None:
    """To a new name, in one step that fails where there is something. Some file systems have no links."""
    try:
        os.link(partial, out)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(out):
            raise FileExistsError(out) from None
        os.replace(partial, out)


def _there(out: Path) -> Exception:
    from gather_diagnostics.errors import InputError

    return InputError(f"{out} is there already: give another --out, or --force to replace it")
