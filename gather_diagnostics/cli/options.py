"""Options that several commands share, and what they turn into."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from gather_diagnostics.config import Config
    from gather_diagnostics.pipeline import OnBug

F = TypeVar("F", bound=Callable[..., Any])


def _all(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


config_option = click.option(
    "--config", "config_path", type=click.Path(path_type=Path), metavar="FILE",
    help="Configuration; default: diagnostics.yaml here or in a folder above.",
)  # fmt: skip
sign_option = click.option(
    "--sign", "key", type=click.Path(path_type=Path), metavar="KEY",
    help="Sign the bundle with this SSH key; a .pub means its private key in the ssh-agent.",
)  # fmt: skip
debug_option = click.option("--debug", is_flag=True, help="Show tracebacks of failures.")
output_options = _all(
    click.option("--out", type=click.Path(path_type=Path), default=".", metavar="DIR",
                 help="Where the bundle is written; default: the current folder."),
    click.option("--format", "format_", type=click.Choice(["text", "md", "jira", "slack", "json"]),
                 default="text", metavar="FORM",
                 help="What stdout gets: text (a summary), json (the evidence document), or md, jira, slack to paste."),
    click.option("--quiet", "-q", is_flag=True, help="No progress on stderr."),
    debug_option,
)  # fmt: skip

survey_options = _all(
    click.option("--service", default="", metavar="NAME", help="For this service; default: any."),
    click.option("--source", "names", multiple=True, metavar="NAME", help="This source only; repeatable."),
    click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text"),
)


def load_config(path: Path | None) -> Config:
    """The file named, the nearest diagnostics.yaml, or the empty configuration. Raises ConfigError."""
    from gather_diagnostics import config, plugins

    found = path or config.find(Path.cwd())
    loaded = config.read(found) if found else config.Config()
    loaded.check_names(plugins.names(plugins.COLLECTORS))
    return loaded


def on_bug(debug: bool) -> OnBug | None:
    """What happens to a plug-in's exception besides becoming a gap: with --debug its traceback is shown, redacted."""

    def tell(error: BaseException) -> None:
        from gather_diagnostics.redaction.messages import hidden_traceback

        click.echo(hidden_traceback(error), err=True)

    return tell if debug else None
