"""What a plug-in's own exception becomes."""

from __future__ import annotations

import traceback

from gather_diagnostics.model import Gap


def bug(source: str, wanted: str, error: BaseException) -> Gap:
    """A gap that owns up: a bug must never look like a system that could not be reached."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({last[0].filename.rpartition('/')[2]}:{last[0].lineno})" if last else ""
    why = f"it broke: {type(error).__name__}: {error}"[:300] + place
    return Gap(source, wanted, "failed", why, "this is a bug, not your system: run again with --debug and report it")
