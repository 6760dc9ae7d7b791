"""The bundle as one .tar.gz: packed the same way every time, unpacked as if an enemy had packed it.

Nothing is extracted by `tarfile`: it only parses headers, and every byte goes through our own hands into files
that we name and create. Formats: POSIX.1-2001 pax interchange format; RFC 1952 (gzip).
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from gather_diagnostics.bundle.naming import is_plain, short
from gather_diagnostics.errors import BundleError

MAX_BYTES = 2 * 1024**3
"""How large a bundle may be once unpacked."""
MAX_MEMBERS = 20_000
MAX_RATIO = 300
"""How often more bytes may come out than went in, once `RATIO_FROM` bytes have come. gzip reaches 1032."""
RATIO_FROM = 64 * 1024**2

_CHUNK = 1024 * 1024
_LEVEL = 6

_BROKEN = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, OverflowError, RecursionError)


def pack(out: IO[bytes], name: str, files: Mapping[str, bytes], mtime: int) -> None:
    """Write files as `name`/path: sorted, uid and gid 0, mode 0600, every time `mtime` (seconds since 1970)."""
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=out, mtime=mtime) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for folder in sorted({name, *(f"{name}/{f}" for f in folders(files))}):
            tar.addfile(_member(folder, tarfile.DIRTYPE, 0o700, 0, mtime))
        for path in sorted(files):
            content = files[path]
            tar.addfile(_member(f"{name}/{path}", tarfile.REGTYPE, 0o600, len(content), mtime), io.BytesIO(content))


def _member(path: str, kind: bytes, mode: int, size: int, mtime: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.type, member.mode, member.size, member.mtime = kind, mode, size, mtime
    return member


def folders(paths: Iterable[str]) -> list[str]:
    """Every folder above the paths, parents first."""
    above = (path.split("/")[:n] for path in paths for n in range(1, path.count("/") + 1))
    return sorted({"/".join(parts) for parts in above})


class _Bounded(io.RawIOBase):
    """What comes out of a gzip stream, counted: stops a small file from unpacking to a huge one."""

    def __init__(self, stream: gzip.GzipFile, packed_bytes: int, where: str) -> None:
        self._stream = stream
        self._limit = min(MAX_BYTES, max(RATIO_FROM, MAX_RATIO * packed_bytes))
        self._where = where
        self._count = 0

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(_CHUNK if size < 0 else min(size, _CHUNK))
        self._count += len(chunk)
        if self._count > self._limit:
            raise BundleError(f"{self._where} unpacks to more than {self._limit} bytes and is not read")
        return chunk


def unpack(archive: Path, into: Path) -> Path:
    """Unpack into a private folder and return the bundle's own folder in it.

    Raises BundleError for a damaged archive and for one that holds anything but plain files and folders below one
    folder: absolute names, '..', links, devices, sparse files, a name twice, too many, too large.
    """
    with _opened(archive) as (stream, tar):
        tops: set[str] = set()
        for number, member in enumerate(_members(tar, archive), 1):
            if number > MAX_MEMBERS:
                raise BundleError(f"{archive} holds more than {MAX_MEMBERS} files and is not read")
            name = _checked(member, archive)
            tops.add(name.split("/")[0])
            _place(tar, member, into / name, archive)
        _drain(stream, archive)
    if len(tops) != 1 or not (top := into / tops.pop()).is_dir():
        raise BundleError(f"{archive} is not an evidence bundle: it does not hold exactly one folder")
    return top


@contextmanager
def _opened(archive: Path) -> Iterator[tuple[_Bounded, tarfile.TarFile]]:
    try:
        file = archive.open("rb")
    except OSError as error:
        raise BundleError(f"{archive} can't be opened: {error.strerror}") from error
    with file, gzip.GzipFile(fileobj=file, mode="rb") as packed:
        stream = _Bounded(packed, os.fstat(file.fileno()).st_size, str(archive))
        try:
            # As a stream: tarfile never seeks, so no header can send it back or round in circles.
            tar = tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|")  # noqa: SIM115 - closed below
        except _BROKEN as error:
            raise _damaged(archive, error) from error
        with tar:
            yield stream, tar


def _members(tar: tarfile.TarFile, archive: Path) -> Iterator[tarfile.TarInfo]:
    while True:
        try:
            member = tar.next()
        except _BROKEN as error:
            raise _damaged(archive, error) from error
        if member is None:
            return
        yield member


def _checked(member: tarfile.TarInfo, archive: Path) -> str:
    """The member's name, without the './' that tar puts before names by hand-packing."""
    name = member.name.removeprefix("./")
    if not is_plain(name):
        raise BundleError(f"{archive} holds a file with the unsafe name {short(member.name)} and is not read")
    if not (member.isfile() or member.isdir()) or member.issparse():
        raise BundleError(f"{archive} holds {short(name)}, which is a link, device or sparse file, and is not read")
    return name


def _place(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path, archive: Path) -> None:
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if member.isdir():
            target.mkdir(mode=0o700, exist_ok=True)
            return
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except (FileExistsError, NotADirectoryError) as error:
        raise BundleError(
            f"{archive} holds {short(member.name)} twice, or as file and folder, and is not read"
        ) from error
    except OSError as error:
        raise no_room(archive, error) from error
    with os.fdopen(descriptor, "wb") as out:
        for chunk in _content(tar, member, archive):
            try:
                out.write(chunk)
            except OSError as error:
                raise no_room(archive, error) from error


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, archive: Path) -> Iterator[bytes]:
    try:
        source = tar.extractfile(member)
        while source and (chunk := source.read(_CHUNK)):
            yield chunk
    except _BROKEN as error:
        raise _damaged(archive, error) from error


def _drain(stream: _Bounded, archive: Path) -> None:
    """Read to the end, so that gzip compares its checksum."""
    try:
        while stream.read():
            pass
    except _BROKEN as error:
        raise _damaged(archive, error) from error


def _damaged(archive: Path, error: BaseException) -> BundleError:
    return BundleError(
        f"{archive} is no whole .tar.gz ({str(error)[:120] or type(error).__name__}): fetch it again from where it came"
    )


def no_room(archive: Path, error: OSError) -> BundleError:
    return BundleError(
        f"{archive} can't be unpacked to the temporary folder ({error.strerror}): free space there or set TMPDIR"
    )
