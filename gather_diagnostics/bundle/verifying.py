"""Is a bundle what its manifest says? Finds what was changed, added, removed or renamed since it was written.

Without a signature, whoever can rewrite the whole bundle can make it agree with itself again: see `signing`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gather_diagnostics.bundle.folders import Survey, content, open_file, opened, survey
from gather_diagnostics.bundle.manifest import File, parse
from gather_diagnostics.bundle.naming import MANIFEST, SIGNATURE, SUMS, is_plain, short
from gather_diagnostics.errors import BundleError

if TYPE_CHECKING:
    from gather_diagnostics.document.claims.comparing import Compared
    from gather_diagnostics.model import Evidence

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def verify(path: Path) -> list[str]:
    """Every problem of a bundle folder or .tar.gz as a sentence; an empty list where it is as it was written.

    An archive that is damaged or unsafe is one problem. Raises BundleError only where there is no file or folder.
    """
    if not path.exists():
        raise BundleError(f"there is no bundle at {path}: give an evidence-... folder or its .tar.gz")
    try:
        with opened(path) as folder:
            return _problems(folder)
    except BundleError as error:
        return [str(error)]


def contradictions(path: Path, analyze: Callable[[Evidence], Evidence]) -> Compared:
    """What the documents of a bundle say that its tables do not; `analyze` runs the analyzers anew. Offline.

    Hashes are not looked at. Raises BundleError for what can't be read as a bundle, as `read` does.
    """
    from gather_diagnostics.bundle.reading import read
    from gather_diagnostics.document.claims.comparing import TEXTS, compare

    with opened(path) as folder:
        evidence = read(folder)
        found = survey(folder)
        return compare({name: content(folder, found, name) for name in ("evidence.json", *TEXTS)}, evidence, analyze)


def _problems(folder: Path) -> list[str]:
    found = survey(folder)
    problems = list(found.oddities)
    actual = {path: _hashed(folder, path) for path in found.files}
    problems += [f"{short(path)} can't be read: {result}" for path, result in actual.items() if isinstance(result, str)]
    files = {path: result for path, result in actual.items() if isinstance(result, File) and path != SIGNATURE}
    sums = _sums(folder, found, problems)
    problems += _compared(SUMS, sums, {p: f.sha256 for p, f in files.items() if p != SUMS})
    problems += _against_manifest(folder, found, {p: f for p, f in files.items() if p not in (SUMS, MANIFEST)})
    problems += _signature(folder, found)
    return list(dict.fromkeys(problems))


def _hashed(folder: Path, path: str) -> File | str:
    """The file's hash and size, or why it can't be read."""
    try:
        with open_file(folder, path) as file:
            total = hashlib.file_digest(file, "sha256")
            return File(total.hexdigest(), file.tell())
    except OSError as error:
        return error.strerror or type(error).__name__


def _sums(folder: Path, found: Survey, problems: list[str]) -> dict[str, str]:
    """SHA256SUMS as path to hash. Strict: two spaces, lower case, a newline after each line."""
    try:
        text = content(folder, found, SUMS).decode("latin-1")
    except BundleError as error:
        problems.append(str(error))
        return {}
    sums: dict[str, str] = {}
    *lines, rest = text.split("\n")
    if rest:
        problems.append(f"{SUMS} does not end with a whole line")
    for number, line in enumerate([*lines, rest] if rest else lines, 1):
        parsed = _LINE.fullmatch(line)
        if not parsed or not is_plain(parsed[2]):
            problems.append(f"{SUMS} line {number} is not 'hash, two spaces, path': {short(line)}")
        elif parsed[2] in sums:
            problems.append(f"{SUMS} names {parsed[2]} twice")
        else:
            sums[parsed[2]] = parsed[1]
    return sums


def _signature(folder: Path, found: Survey) -> list[str]:
    """Is it whole, and of this SHA256SUMS? Whose it is: `signing.signed_by`."""
    if SIGNATURE not in found.files or SUMS not in found.files:
        return []
    from gather_diagnostics.bundle.signatures import MAX_BYTES, flaw

    try:
        wrong = flaw(content(folder, found, SUMS), content(folder, found, SIGNATURE, MAX_BYTES))
    except BundleError as error:
        return [str(error)]
    return [f"{SIGNATURE} is not the signature of this {SUMS}: {wrong}"] if wrong else []


def _compared(where: str, said: dict[str, str], actual: dict[str, str]) -> list[str]:
    problems: list[str] = []
    for path in sorted(said.keys() | actual.keys()):
        if path not in actual:
            problems.append(f"{short(path)} is missing, but {where} names it")
        elif path not in said:
            problems.append(f"{short(path)} is there, but {where} does not name it")
        elif said[path] != actual[path]:
            problems.append(f"{short(path)} is not what it was: its SHA-256 differs from the one in {where}")
    return problems


def _against_manifest(folder: Path, found: Survey, files: dict[str, File]) -> list[str]:
    try:
        manifest = parse(content(folder, found, MANIFEST))
    except BundleError as error:
        return [str(error)]
    said = {path: file.sha256 for path, file in manifest.files.items()}
    problems = _compared(MANIFEST, said, {path: file.sha256 for path, file in files.items()})
    for path in sorted(manifest.files.keys() & files.keys()):
        if manifest.files[path].bytes != files[path].bytes:
            problems.append(f"{path} has {files[path].bytes} bytes, but {MANIFEST} says {manifest.files[path].bytes}")
    return problems
