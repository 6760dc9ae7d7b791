"""What the tests of redaction share: planted secrets and batches of log rows."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from benchmarks.planting import CARRIERS, MAKERS, UNNATURAL, Planted
from gather_diagnostics.tables import to_batch

TIME = datetime(2026, 3, 14, 3, 0, tzinfo=UTC)
HEX40 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"
HIDDEN = "hunter2x"
CASES = [(kind, carrier) for kind in MAKERS for carrier in CARRIERS if (kind, carrier) not in UNNATURAL]


def planted(kind: str, carrier: str) -> tuple[Planted, str]:
    made = MAKERS[kind](random.Random(f"{kind} {carrier}"))
    return made, CARRIERS[carrier](made)


def log_batch(messages: list[str], **columns: Any) -> pa.RecordBatch:
    rows = [{"time": TIME, "ref": "app.log:1", "message": m, **columns} for m in messages]
    return to_batch("logs", "logfiles", rows)
