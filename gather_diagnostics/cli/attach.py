"""`gather_diagnostics attach BUNDLE --to TARGET`: a bundle to the ticket, the chat or the store, once."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gather_diagnostics.cli.options import debug_option

if TYPE_CHECKING:
    from gather_diagnostics.response.tickets.model import Package, Target
    from gather_diagnostics.response.tickets.sending import Outcome


@click.command(short_help="Attach a bundle to tickets, chats and stores.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--to", "addresses", multiple=True, required=True, metavar="TARGET",
    help="jira:KEY, github:owner/repo#N, gitlab:group/project#N, pagerduty:INCIDENT, slack:CHANNEL,"
    " servicenow:INCnnn, roundup:issueN, s3://bucket/prefix, https://webhook, file:///folder; repeatable.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would go where, and send nothing.")
@click.option("--shared", is_flag=True, help="Attach what `share` wrote of BUNDLE, beside it, in its stead.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@debug_option
def attach(*, bundle: Path, addresses: tuple[str, ...], dry_run: bool, shared: bool, format_: str, debug: bool) -> int:
    """Attach BUNDLE (a folder or .tar.gz) to each TARGET: the document as a comment, and the archive.

    Attaching again sends what is not there yet and updates what is. Tokens come from the environment or the keyring.
    Exit codes: 0 all went, 2 some did, 3 none did, 1 a target or bundle that can't be used, 4 verification failed,
    130 interrupted.
    """
    from gather_diagnostics.errors import EXIT_INTERRUPTED
    from gather_diagnostics.response.tickets import packing
    from gather_diagnostics.response.tickets.addresses import target
    from gather_diagnostics.response.tickets.sending import exit_code, ordered, warnings

    targets = ordered(target(address, os.environ) for address in addresses)
    bundle = packing.shared_beside(bundle) if shared else bundle
    with packing.package(bundle) as package:
        for warning in warnings(package, targets):
            _say(f"warning: {warning}")
        if dry_run:
            _plan(package, targets, format_)
            return 0
        try:
            outcomes = _sent(bundle, package, targets, format_)
        except KeyboardInterrupt:
            _say("interrupted; run it again, and what went is not sent twice")
            return EXIT_INTERRUPTED
    return exit_code(outcomes)


def _sent(bundle: Path, package: Package, targets: Sequence[Target], format_: str) -> list[Outcome]:
    from gather_diagnostics.response.tickets.resuming import remembered
    from gather_diagnostics.response.tickets.sending import deliver, sentence

    outcomes = []
    with remembered(bundle) as state:
        if state.problem:
            _say(f"warning: {state.problem}")
        for outcome in deliver(package, targets, state):
            outcomes.append(outcome)
            if format_ == "text":
                # As it happens: the next one may take minutes.
                _print(sentence(_clean(outcome)))
    if format_ == "json":
        _json(package, [_told(_clean(outcome)) for outcome in outcomes])
    return outcomes


def _plan(package: Package, targets: Sequence[Target], format_: str) -> None:
    if format_ == "json":
        _json(package, [{"target": t.address, "state": "planned", "plan": t.plan(package)} for t in targets])
        return
    for target in targets:
        _print("\n".join([f"{target.address}:", *(f"  {sentence}" for sentence in target.plan(package))]))


def _clean(outcome: Outcome) -> Outcome:
    """Without secrets in what a server said. The links of stores are to be handed on, and stay."""
    from dataclasses import replace

    from gather_diagnostics.redaction.messages import hidden

    return replace(outcome, error=hidden(outcome.error)) if outcome.error else outcome


def _told(outcome: Outcome) -> dict[str, Any]:
    from dataclasses import asdict

    if outcome.receipt is None:
        return {"target": outcome.address, "state": "failed", "error": outcome.error}
    receipt = outcome.receipt
    state = "sent" if receipt.sent else "updated" if receipt.updated else "unchanged"
    return {"target": outcome.address, "state": state, **asdict(receipt)}


def _json(package: Package, targets: list[dict[str, Any]]) -> None:
    told = {"bundle": package.name, "key": package.key, "sha256": package.sha256, "shared": package.shared}
    json.dump({**told, "targets": targets}, sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


def _print(text: str) -> None:
    from gather_diagnostics.document.escaping import terminal

    click.echo(terminal(text, lines=True))


def _say(text: str) -> None:
    from gather_diagnostics.document.escaping import terminal

    click.echo(terminal(text), err=True)
