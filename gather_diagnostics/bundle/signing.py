"""A bundle signed by a person, beside its SHA256SUMS, and whose signature it bears.

SHA256SUMS names every other file by its hash, so what signs it signs the bundle.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from gather_diagnostics.bundle import archive as archives
from gather_diagnostics.bundle.dates import settle, stamp
from gather_diagnostics.bundle.folders import content, opened, survey
from gather_diagnostics.bundle.manifest import parse
from gather_diagnostics.bundle.naming import MANIFEST, SIGNATURE, SUMS
from gather_diagnostics.bundle.staging import create_file, flush_folder, staged
from gather_diagnostics.bundle.verifying import verify
from gather_diagnostics.bundle.writing import Written, write_archive
from gather_diagnostics.errors import BundleError, VerificationError


def check_key(key: Path) -> None:
    """Raises BundleError for a key that can't sign, before minutes are spent on a bundle that it was to sign."""
    from gather_diagnostics.bundle.signatures import sign as signature_of

    signature_of(b"", key)


def sign(written: Written, key: Path) -> None:
    """Add a signature to the folder and to the archive of a bundle that verifies.

    Raises BundleError where that can't be done; the bundle then stays as it was, whole and without a signature.
    """
    from gather_diagnostics.bundle.signatures import sign as signature_of

    try:
        if problems := verify(written.folder):
            raise BundleError(problems[0])
        files = _contents(written.folder)
        if SIGNATURE in files:
            raise BundleError("it bears a signature already")
        _publish(written, files, signature_of(files[SUMS], key))
    except OSError as error:
        raise _unsigned(written.folder, error.strerror or str(error)) from error
    except BundleError as error:
        raise _unsigned(written.folder, str(error)) from error
    except KeyboardInterrupt as error:
        # Else it would look as if no bundle had been written.
        raise _unsigned(written.folder, "it was interrupted") from error


def _unsigned(folder: Path, why: str) -> BundleError:
    return BundleError(f"the bundle is whole in {folder}, but it is not signed: {why}")


def _contents(folder: Path) -> dict[str, bytes]:
    found = survey(folder)
    return {path: content(folder, found, path, archives.MAX_BYTES) for path in found.files}


def _publish(written: Written, files: Mapping[str, bytes], signature: bytes) -> None:
    """Everything is on the disk before the first of it shows; a kill between the two leaves one of them unsigned."""
    folder = written.folder
    with staged(folder.parent, folder.name) as stage:
        with create_file(stage / SIGNATURE) as out:
            out.write(signature)
        if written.archive:
            signed = {**files, SIGNATURE: signature}
            new = stage / written.archive.name
            write_archive(new, folder.name, signed, stamp(parse(files[MANIFEST]).created))
            os.replace(new, written.archive)
        os.rename(stage / SIGNATURE, folder / SIGNATURE)
        settle(folder)
        flush_folder(folder)
        flush_folder(folder.parent)


def signed_by(path: Path, allowed: Path, identity: str = "") -> str:
    """Who of the `allowed` signers signed a bundle folder or .tar.gz; `identity` accepts that one alone.

    It says nothing of the other files: that is `verify`. Raises VerificationError where it is unsigned or the
    signature is another's, or not of this SHA256SUMS.
    """
    from gather_diagnostics.bundle.signatures import MAX_BYTES, signer

    with opened(path) as folder:
        found = survey(folder)
        if SIGNATURE not in found.files:
            raise VerificationError(f"{path} is not signed: there is no {SIGNATURE} in it")
        sums, signature = content(folder, found, SUMS), content(folder, found, SIGNATURE, MAX_BYTES)
        created = parse(content(folder, found, MANIFEST)).created
        try:
            return signer(sums, signature, allowed, identity, created)
        except VerificationError as error:
            raise VerificationError(f"{path}: {error}") from error
