"""A second bundle for people outside: names replaced, analyzed anew, written beside; the way back stays here."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gather_diagnostics.bundle.manifest import SCHEMA_VERSION, sealed
from gather_diagnostics.bundle.naming import TABLES_FOLDER, bundle_name
from gather_diagnostics.bundle.serial import dump
from gather_diagnostics.bundle.staging import create_file
from gather_diagnostics.bundle.writing import Written, contents, write
from gather_diagnostics.errors import BundleError, VerificationError
from gather_diagnostics.model import Evidence
from gather_diagnostics.redaction import Redactor

Analyze = Callable[[Evidence], Evidence]
Render = Callable[[Evidence], Mapping[str, bytes]]


@dataclass(frozen=True, slots=True)
class Shared:
    """What sharing left on the disk."""

    written: Written
    evidence: Evidence
    names: Path
    """Stand-in to names: for whoever has the private bundle, nobody else."""


def share(
    evidence: Evidence, private: Path, out: Path, *, analyze: Analyze, render: Render, redactor: Redactor
) -> Shared:
    """Write evidence-<service>-<UTC time>-shared below `out`, and <private bundle>.names.json beside `private`.

    Beside it and not in it, since a sealed bundle is never written to again: it would no longer verify.
    Raises BundleError, or VerificationError where a name still shows; no shared bundle is left then.
    """
    from gather_diagnostics.redaction.renaming import StandIns, renamed

    stand_ins = StandIns()
    shared, renamer = renamed(evidence, stand_ins)
    shared = analyze(shared)
    documents = render(shared)
    name = f"{bundle_name(shared.request.service, shared.request.asked)}-shared"
    files = sealed(shared, name, contents(shared, documents))
    if showing := [path for path in sorted(files) if renamer.shows(_readable(path, files[path]))]:
        raise VerificationError(
            "the bundle to share was not written, since names still show in " + ", ".join(showing[:5])
        )
    names = _keep(stand_ins.mapping, private)
    try:
        written = write(shared, documents, out, name=name, redactor=redactor)
    except BaseException:
        with suppress(OSError):
            names.unlink()
        raise
    return Shared(written, shared, names)


def _keep(mapping: Mapping[str, Mapping[str, list[str]]], private: Path) -> Path:
    """The mapping in a file of its own, mode 0600; one from an earlier time is never replaced."""
    place = private.absolute()
    base = place.name.removesuffix(".tar.gz")
    for number in range(1, 1000):
        path = place.with_name(f"{base}.names{'' if number == 1 else f'-{number}'}.json")
        try:
            with create_file(path) as file:
                file.write(dump({"schema_version": SCHEMA_VERSION, "names": mapping}))
        except FileExistsError:
            continue
        except OSError as error:
            raise BundleError(f"the names can't be written to {path}: {error.strerror or error}") from error
        return path
    raise BundleError(f"there are too many files {base}.names-*.json in {place.parent}: remove old ones")


def _readable(path: str, content: bytes) -> str:
    """A file's texts in one; a table's are those of its columns."""
    if not path.startswith(f"{TABLES_FOLDER}/"):
        return f"{path}\n{content.decode('utf-8', 'replace')}"
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content), use_threads=False)
    columns = [column.drop_null().unique() for column in table.columns if pa.types.is_string(column.type)]
    return "\n".join(text for column in columns for text in column.to_pylist())
