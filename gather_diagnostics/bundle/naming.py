"""Names in and of bundles. Service names and raw records' names are untrusted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import count

from gather_diagnostics.errors import BundleError

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
FINDINGS = "findings.json"
RESPONSE = "response.json"
TABLES_FOLDER = "tables"
RAW_FOLDER = "raw"

_RESERVED = frozenset({MANIFEST, SUMS, SIGNATURE, FINDINGS, RESPONSE, TABLES_FOLDER, RAW_FOLDER})
_COMPONENT = re.compile(r"[A-Za-z0-9._-]{1,200}")
_MAX_PATH = 1000
_MAX_SERVICE = 64


def is_plain(path: str) -> bool:
    """True for a relative path of ASCII letters, digits, '.', '_', '-' and '/', without '.' and '..' parts.

    At most 200 characters a part and 1000 in all: what every file system and archive format takes.
    """
    parts = path.split("/")
    return len(path) <= _MAX_PATH and all(_COMPONENT.fullmatch(p) and p not in (".", "..") for p in parts)


def slug(service: str) -> str:
    """A service's name as part of a file name: [A-Za-z0-9._-], 1 to 64 characters, no leading '.' or '-'."""
    short = re.sub(r"[^A-Za-z0-9._-]+", "-", service).lstrip(".-")[:_MAX_SERVICE].rstrip(".-")
    return short or "service"


def bundle_name(service: str, asked: datetime) -> str:
    return f"evidence-{slug(service)}-{asked.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def checked_name(name: str) -> str:
    """A name a person chose for the bundle. Raises BundleError where it is no plain file name."""
    if "/" in name or not is_plain(name) or name.startswith((".", "-")) or len(name) > 150:
        raise BundleError(
            f"a bundle can't be called {short(name)}: use at most 150 letters, digits, '.', '_' and '-',"
            " the first of them no '.' or '-'"
        )
    return name


def candidates(name: str) -> Iterator[str]:
    """The name, then name-2, name-3, ... for when it is taken."""
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def check_documents(names: Iterable[str]) -> None:
    """Raises BundleError for a document whose name is no plain file name or is one of the bundle's own."""
    for name in names:
        if "/" in name or not is_plain(name) or name in _RESERVED:
            raise BundleError(f"a document of a bundle can't be called {short(name)}: choose another file name")


def check_raws(names: Iterable[str]) -> None:
    """Raises BundleError for a raw record whose name can't be a path below raw/."""
    known = set(names)
    for name in sorted(known):
        if not is_plain(name):
            raise BundleError(
                f"the raw record {short(name)} can't be kept under that name: its collector must use a relative"
                " path of ASCII letters, digits, '.', '_', '-' and '/'"
            )
        parts = name.split("/")
        above = {"/".join(parts[:n]) for n in range(1, len(parts))}
        if clash := above & known:
            raise BundleError(f"the raw records {short(min(clash))} and {short(name)} can't both be kept: rename one")


def short(text: str) -> str:
    """Untrusted text for an error message: quoted, escapes for whatever is not printable, cut."""
    return ascii(text if len(text) <= 120 else text[:117] + "...")
