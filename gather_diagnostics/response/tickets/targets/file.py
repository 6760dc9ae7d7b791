"""file:///folder: the archive copied into a folder, such as a share that others see; whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import unquote, urlsplit

from gather_diagnostics.bundle.naming import SUMS
from gather_diagnostics.errors import SendError
from gather_diagnostics.response.tickets.addresses import wrong
from gather_diagnostics.response.tickets.model import Environ, Limits, Package, Progress, Receipt
from gather_diagnostics.response.tickets.texts import size

LIMITS = Limits(file=2**63, text=0)


@dataclass(frozen=True, slots=True)
class File:
    """A folder. What is in it bears name and checksum, so that nothing is ever replaced."""

    name: ClassVar[str] = "file"
    address: str
    folder: Path
    limits: ClassVar[Limits] = LIMITS
    public: ClassVar[str] = ""

    @classmethod
    def parse(cls, address: str, environ: Environ) -> Self:
        parts = urlsplit(address)
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/") or parts.query or parts.fragment:
            raise wrong(address, cls.name, "it takes three slashes and the whole path (RFC 8089)")
        if "\0" in (path := unquote(parts.path)):
            raise wrong(address, cls.name)
        return cls(address, Path(path))

    def plan(self, package: Package) -> list[str]:
        return [f"copy {package.file} ({size(package.size)}) to {self.folder / package.kept}"]

    def send(self, package: Package, done: Progress) -> Receipt:
        target = self.folder / package.kept
        what = f"{package.kept} ({size(package.size)})"
        if not self.folder.is_dir():
            raise SendError(f"there is no folder {self.folder}: make it first, or mount what it should be on")
        if (self.folder / SUMS).exists():
            raise SendError(f"{self.folder} is a bundle itself, which would no longer verify: give another folder")
        try:
            if target.exists():
                return self._there(target, package, what)
            _copy(package, target)
        except OSError as error:
            raise SendError(f"{package.kept} can't be written to {self.folder}: {error.strerror or error}") from error
        done.save("archive", package.sha256, {"path": str(target)})
        return Receipt(target.as_uri(), sent=(what,), link=target.as_uri())

    def _there(self, target: Path, package: Package, what: str) -> Receipt:
        if _sha256(target) != package.sha256:
            raise SendError(f"{target} holds something else, which is not replaced: move it away and attach again")
        return Receipt(target.as_uri(), already=(what,), link=target.as_uri())


def _copy(package: Package, target: Path) -> None:
    """Written beside, flushed, then given its name, which fails where another took it meanwhile. Raises OSError."""
    partial = target.with_name(f".{target.name}.partial-{secrets.token_hex(8)}")
    try:
        # Who may read it is for the person's own umask to say: this is to pass it on.
        with package.archive.open("rb") as source, partial.open("xb") as out:
            shutil.copyfileobj(source, out, 1024 * 1024)
            out.flush()
            os.fsync(out.fileno())
        if _sha256(partial) != package.sha256:
            raise OSError(0, "the archive was changed while it was copied")
        _name(partial, target)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()


def _name(partial: Path, target: Path) -> None:
    try:
        os.link(partial, target)
    except FileExistsError:
        raise
    except OSError:
        # FAT and some network file systems have no hard links; the checksum in the name keeps others from it.
        os.rename(partial, target)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
