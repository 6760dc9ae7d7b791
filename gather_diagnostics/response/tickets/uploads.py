"""The archive on its way to a ticket: under a name that tells its content, and streamed from the disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gather_diagnostics.response.tickets.model import Package

CHUNK = 1 << 20
"""Bytes."""


def named(package: Package) -> Package:
    """The same, its archive called by what is in it: evidence-x-1a2b3c4d5e6f.tar.gz.

    Trackers tell name and size of what is attached and seldom a checksum. With it in the name, an attachment of that
    name is this archive, and one of an earlier state of the bundle is not. At most 100 characters, as ServiceNow keeps
    no more: a name that was cut over there would not be found again.
    """
    return replace(package, name=f"{package.name[:80]}-{package.sha256[:12]}")


class FileBody:
    """A request's body that is a file as it is, read while it is sent; may be sent again."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __len__(self) -> int:
        """Bytes; requests sends it as Content-Length."""
        return self._path.stat().st_size

    def __iter__(self) -> Iterator[bytes]:
        """Raises OSError."""
        with self._path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
