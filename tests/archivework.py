"""Archives of logs for tests: written, read in parts, compared."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import zstandard

from gather_diagnostics import Evidence, Request
from gather_diagnostics.archive import evidence, read
from gather_diagnostics.archive.counting import Partial
from gather_diagnostics.archive.cuts import BLOCK, Part
from gather_diagnostics.archive.engines import Engine
from gather_diagnostics.archive.passing import Pass
from gather_diagnostics.progress import Silent

START = datetime(2026, 3, 14, tzinfo=UTC)
SECRET = "hunter2hunter2"


def here(work: Pass, parts: Sequence[Part]) -> Iterator[Partial]:
    """The passes in this process, one after the other."""
    yield from map(work, parts)


def shuffled(seed: int) -> Engine:
    """The same in an order of its own."""

    def engine(work: Pass, parts: Sequence[Part]) -> Iterator[Partial]:
        return here(work, random.Random(seed).sample(parts, len(parts)))

    return engine


def same_key(patch: pytest.MonkeyPatch) -> None:
    """Runs get the same placeholders, so that they can be compared."""
    patch.setattr(evidence.secrets, "token_bytes", lambda size: b"k" * size)


def run(
    place: Path | str, request: Request, engine: Engine = here, *, whole: bool = True, block: int = BLOCK
) -> Evidence:
    return read(str(place), request, engine, Silent(), whole=whole, block=block)


def lines_of(evidence: Evidence) -> pd.DataFrame:
    return evidence.tables["logs"]


def text(lines: int, name: str, seconds: int = 7200) -> str:
    """Two hours of orders of one instance; in the second hour every tenth fails with a traceback."""
    made = []
    for number in range(lines):
        at = number * seconds / lines
        stamp = (START + timedelta(seconds=at)).isoformat()
        made.append(f"{stamp} INFO order {number} placed by {name} in {number % 7} steps password={SECRET}\n")
        if at >= seconds / 2 and number % 10 == 0:
            made.append(f"{stamp} ERROR order {number} failed after {number % 9} ms\n")
            made.append('Traceback (most recent call last):\n  File "shop.py", line 3, in pay\nValueError: no money\n')
    return "".join(made)


def write(folder: Path, lines: int = 2000) -> Path:
    """A plain file, a gzip and a zstd one, in two folders."""
    (folder / "old").mkdir(parents=True)
    (folder / "web-1.log").write_text(text(lines, "web-1"))
    (folder / "old" / "web-2.log.1.gz").write_bytes(gzip.compress(text(lines, "web-2").encode()))
    (folder / "old" / "web-3.log.zst").write_bytes(zstandard.compress(text(lines, "web-3").encode()))
    return folder
