"""What commands share that keep a journal in a bundle: can it be amended, and signals that do not lose a journal."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gather_diagnostics.model import Evidence

_ENDS = tuple(s for s in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", None)) if s)
"""What ends a walk: Ctrl-C, a scheduler, a terminal that is closed."""


def amendable(path: Path) -> Evidence:
    """What is in a bundle that can be amended, so that nobody finds out at the end that it can't.

    Raises VerificationError for one that is not as it was written, BundleError where its folder can't be written to.
    """
    from gather_diagnostics.bundle import read, verify
    from gather_diagnostics.errors import BundleError, VerificationError

    if problems := verify(path):
        raise VerificationError(f"{path} is not as it was written: {problems[0]}")
    if not os.access(path.resolve().parent, os.W_OK | os.X_OK):
        raise BundleError(f"the journal can't be kept in {path}: copy the bundle to a folder that you may write to")
    return read(path)


@contextmanager
def hangup_interrupts() -> Iterator[None]:
    """A terminal that is closed ends the walk as Ctrl-C does, instead of the process."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if not hasattr(signal, "SIGHUP") or signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL:  # as under nohup
        yield
        return
    signal.signal(signal.SIGHUP, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextmanager
def put_off() -> Iterator[None]:
    """What would end the process waits for the seconds that it takes to keep the journal."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _ENDS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
