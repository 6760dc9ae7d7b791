"""Files and standard input before the first byte: whether there is something to read, and what to say where not."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

from collectors.logfiles.settings import NAME
from gather_diagnostics import Gap

if TYPE_CHECKING:
    from gather_diagnostics.unpacking import Source


def stdin_gap() -> Gap | None:
    if sys.stdin is not None and not sys.stdin.closed and not sys.stdin.isatty():
        return None
    why = "nothing is piped into standard input"
    return Gap(NAME, "log lines on standard input", "not_configured", why, "pipe them in: some-command | ...")


def os_gap(path: str, error: OSError) -> Gap:
    wanted = f"log lines in {path}"
    if isinstance(error, PermissionError):
        return Gap(NAME, wanted, "denied", f"{path} may not be read by this user", f"sudo setfacl -m u:$USER:r {path}")
    if isinstance(error, FileNotFoundError):
        why = f"{path} was there and is gone: it was rotated away or removed"
        return Gap(NAME, wanted, "not_found", why, "run again, and let sources.logfiles.paths match rotated files too")
    return Gap(
        NAME, wanted, "invalid", f"{path} can't be read: {error.strerror or error}", f"see what it is: ls -ld {path}"
    )


def opened(path: str) -> Source:
    """Raises OSError, also for what is no regular file: a pipe would block."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(f"{path} is not a regular file")
    return open(path, "rb", buffering=0)
