"""Templates: those shipped here, and those of a folder of the user's that take their place by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gather_diagnostics.errors import ConfigError

if TYPE_CHECKING:
    from jinja2 import Template

LONGEST = 100_000
"""Characters of a template, and of what it makes."""
_BLANK_LINES = re.compile(r"\n{3,}")


def render(name: str, values: Mapping[str, Any], folder: str) -> str:
    """The text that template `name` makes of the values, without blank lines in a row.

    A file of that name in `folder` (empty: none) goes before the shipped one. Raises ConfigError, one sentence with
    file and line, for a template that can't be read, has a mistake, or uses a name there is none of.
    """
    from jinja2 import TemplateError

    where = str(Path(folder) / name) if folder and (Path(folder) / name).exists() else name
    try:
        text = "".join(_pieces(_template(name, folder), values))
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise ConfigError(f"the template {where}{f', line {line}' if line else ''}: {error.message}") from error
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        # What an expression of somebody's own template raises when it is carried out.
        raise ConfigError(f"the template {where} can't be filled in: {error}") from error
    return _BLANK_LINES.sub("\n\n", text).strip() + "\n"


def _template(name: str, folder: str) -> Template:
    from jinja2 import ChoiceLoader, FileSystemLoader, PackageLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    if folder and not Path(folder).is_dir():
        raise ConfigError(f"there is no folder {folder}, which response.templates names")
    shipped = PackageLoader("gather_diagnostics.response.updates")
    loader = ChoiceLoader([FileSystemLoader(folder), shipped]) if folder else shipped
    # No autoescape: this is plain text, and each form escapes it as a whole.
    environment = ImmutableSandboxedEnvironment(
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        autoescape=False,
    )  # fmt: skip
    try:
        return environment.get_template(name)
    except UnicodeDecodeError as error:
        raise ConfigError(f"the template {Path(folder) / name} is not UTF-8 text: save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"can't read the template {Path(folder) / name}: {error.strerror or error}") from error


def _pieces(template: Template, values: Mapping[str, Any]) -> list[str]:
    pieces: list[str] = []
    left = LONGEST
    for piece in template.generate(**values):
        left -= len(piece)
        if left < 0:
            raise ValueError(f"it makes more than {LONGEST:,} characters")
        pieces.append(piece)
    return pieces
