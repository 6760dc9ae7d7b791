"""The `labels` of metrics and log lines, each different set of them once. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gather_diagnostics.model import Evidence

MOST = 5_000
"""Different label texts that are read of a table; those of log lines may hold ids."""


def labels_of(evidence: Evidence, table: str, source: str = "", *, having: str = "") -> Iterator[Mapping[str, Any]]:
    """Labels of a table's rows, of one source where it is given; `having`: only texts in which this RE2 is found."""
    frame = evidence.tables.get(table)
    if frame is None or frame.empty:
        return
    texts = frame["labels"][frame["source"] == source] if source else frame["labels"]
    texts = texts.dropna().drop_duplicates()
    if having:
        texts = texts[texts.str.contains(having, regex=True)]
    for text in texts.iloc[:MOST]:
        labels = json.loads(text)
        if isinstance(labels, dict):
            yield labels
