"""Two folders trade places in one step, so that a bundle's name never stands for half of one.

Linux: renameat2(2) with RENAME_EXCHANGE. macOS: renamex_np(2) with RENAME_SWAP. Elsewhere, and on file systems that
know neither (NFS), the old folder is first moved to a name beside it, where a process killed in between leaves it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

_AT_FDCWD = -100
_SWAP = 2
"""RENAME_EXCHANGE and RENAME_SWAP alike."""
_UNKNOWN = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})
"""What the call answers where the system or the file system has it not."""


def put_in_place(new: Path, place: Path) -> None:
    """`new` becomes `place`; what was there before is at `new` afterwards. Both are folders of one file system.

    Raises OSError; both are then where they were.
    """
    if not _swapped(new, place):
        _moved(new, place)


def _swapped(new: Path, place: Path) -> bool:
    """False where there is no such call."""
    if (call := _call(new, place)) is None or call() == 0:
        return call is not None
    number = ctypes.get_errno()
    if number in _UNKNOWN:
        return False
    raise OSError(number, os.strerror(number), str(place))


def _call(new: Path, place: Path) -> Callable[[], int] | None:
    library, one, other = ctypes.CDLL(None, use_errno=True), os.fsencode(new), os.fsencode(place)
    if sys.platform == "linux" and (function := getattr(library, "renameat2", None)):
        return lambda: int(function(_AT_FDCWD, one, _AT_FDCWD, other, ctypes.c_uint(_SWAP)))
    if sys.platform == "darwin" and (function := getattr(library, "renamex_np", None)):
        return lambda: int(function(one, other, ctypes.c_uint(_SWAP)))
    return None


def _moved(new: Path, place: Path) -> None:
    """In three steps; between the first two the old folder is at `<place>.before`, which no sweep takes."""
    aside = _free(place)
    os.rename(place, aside)
    try:
        os.rename(new, place)
    except OSError:
        os.rename(aside, place)
        raise
    # A folder that can't be moved any more is a leftover and no failure: the new one is in its place.
    with suppress(OSError):
        os.rename(aside, new)


def _free(place: Path) -> Path:
    names = (place.with_name(f"{place.name}.before{'' if n == 1 else f'-{n}'}") for n in count(1))
    return next(name for name in names if not os.path.lexists(name))
