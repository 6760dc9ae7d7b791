"""The hidden folder a bundle is built in: locked while its writer lives, swept by the next writer when it doesn't."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from gather_diagnostics.bundle.dates import settle

_PARTIAL = re.compile(r"\.[A-Za-z0-9._-]+\.partial-[0-9a-f]{16}")


@contextmanager
def staged(parent: Path, name: str) -> Iterator[Path]:
    """A new folder .<name>.partial-<random> (mode 0700) in `parent`, locked; removed at the end. Raises OSError."""
    path, lock = _claim(parent, name)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _claim(parent: Path, name: str) -> tuple[Path, int]:
    while True:
        path = parent / f".{name}.partial-{secrets.token_hex(8)}"
        os.mkdir(path, 0o700)
        try:
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        _lock(lock)
        if _is_still(path, lock):
            return path, lock
        # Another writer's sweep came between mkdir and lock.
        os.close(lock)


def _lock(descriptor: int) -> None:
    # Some network file systems can't lock a folder. There the sweep can't either and leaves it alone.
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def sweep(parent: Path) -> list[Path]:
    """Remove what killed writers left in `parent`; returns it. Folders of living writers are locked and stay."""
    with os.scandir(parent) as entries:
        found = sorted(e.path for e in entries if _PARTIAL.fullmatch(e.name) and e.is_dir(follow_symlinks=False))
    return [Path(path) for path in found if _remove_dead(path)]


def _remove_dead(path: str) -> bool:
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        # Gone meanwhile, or somebody else's.
        return False
    try:
        if os.fstat(lock).st_uid != os.geteuid():
            return False
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    except OSError:
        # Its writer lives, or the file system can't lock.
        return False
    finally:
        os.close(lock)
    return not os.path.lexists(path)


@contextmanager
def create_file(path: Path) -> Iterator[IO[bytes]]:
    """A new file (mode 0600) that is on the disk once the block ends. Raises OSError, also where it exists."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        yield out
        out.flush()
        settle(out.fileno())
        os.fsync(out.fileno())


def flush_folder(path: Path) -> None:
    """Put a folder's entries on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems can't and say so with EINVAL; there is nothing to flush then.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)
