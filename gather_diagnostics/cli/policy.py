"""`gather_diagnostics policy NAME`: the least-privilege read-only policy that a collector really needs."""

from __future__ import annotations

import click

from gather_diagnostics.cli.options import debug_option


@click.command(short_help="Print the read-only policy a source needs.")
@click.argument("name")
@debug_option
def policy(*, name: str, debug: bool) -> int:
    """Print the least-privilege read-only policy for NAME (kubernetes or aws), ready to apply."""
    from gather_diagnostics import plugins
    from gather_diagnostics.errors import InputError

    kinds = [plugins.load(plugins.COLLECTORS, n) for n in plugins.names(plugins.COLLECTORS)]
    guarded = {kind.policy_name: kind for kind in kinds if hasattr(kind, "policy_name")}
    if name not in guarded:
        raise InputError(f"there is no policy for {name!r}; there are {', '.join(sorted(guarded)) or 'none'}")
    click.echo(guarded[name].policy().rstrip())
    return 0
