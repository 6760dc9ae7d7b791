"""Text files that people write for us: configuration, runbooks, the escalation matrix."""

from __future__ import annotations

from importlib.resources.abc import Traversable
from pathlib import Path

from gather_diagnostics.errors import ConfigError


def read_text(path: Path | Traversable, called: str, largest: int, guess: str, where: str = "") -> str:
    """The text (UTF-8, with or without a byte order mark). Raises ConfigError for a file that can't be read, is no
    text, or is so large that another one must have been meant.

    `called` and `guess` are what the file should be ('the configuration'), `where` is how complaints on its content
    begin; default: its path.
    """
    where = where or str(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(largest + 1)
        if len(content) > largest:
            raise ConfigError(f"{where} is larger than {largest:,} bytes: is this {guess}?")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"can't read {called} {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{where} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error
