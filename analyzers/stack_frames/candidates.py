"""The log rows that hold stack traces, found column by column, and each distinct trace read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from analyzers.stack_frames.model import Trace
from analyzers.stack_frames.parsing import LONGEST, parse
from gather_diagnostics import decoded
from gather_diagnostics.distinct import Distinct
from gather_diagnostics.patterns import texts

if TYPE_CHECKING:
    import pandas as pd

MOST_DISTINCT = 5_000
"""Distinct traces that are read, the most frequent first: a second or so."""

# What a line of a call looks like, and nearly nothing else does. A line break is two characters in a JSON column.
_CALLS = (
    r"{n}\s*at [^\s(]|Traceback \(most recent call last\)|goroutine [0-9]+ \[|\.go:[0-9]+(?: \+0x|{n}|$)"
    r"|\.(?:rb|erb|rake|ru):[0-9]+:in [`']"
)
_IN_TEXT = _CALLS.replace("{n}", r"\n")
_IN_JSON = _CALLS.replace("{n}", r"(?:\\r)?\\n(?:\\t)?")
# Ids, addresses and amounts differ from line to line, and no two traces are told apart by them. The numbers of lines
# follow ':' or ', line ' and are kept.
_NOISE = (
    (r", line ([0-9]+)", r", line:\1"),
    (r":line ([0-9]+)", r":line:\1"),
    (r"0x[0-9a-fA-F]+|\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F-]{22}\b", "#"),
    (r"([\s=#(\[,'\"/.-])[0-9]+", r"\1#"),
    (r"'[^'\n]{1,200}'", "''"),
)


@dataclass(frozen=True)
class Found:
    """Traces, and the rows they stand in."""

    traces: tuple[Trace, ...]
    rows: pd.DataFrame
    """Rows of `logs` with a trace, and its position in `traces` in the column `trace`."""
    unread: int
    """Rows that look like traces and were too many different ones to be read."""


def find(logs: pd.DataFrame) -> Found:
    """Distinct but for ids, addresses and amounts; a row without a readable trace is left out."""
    in_message = Distinct(logs["message"]).matching(_IN_TEXT)
    in_labels = Distinct(logs["labels"]).matching(_IN_JSON) & ~in_message
    rows = logs[in_message | in_labels]
    messages = rows["message"].copy()
    messages[in_labels[in_message | in_labels]] = _with_labels(logs[in_labels])
    codes, keys = _keys(messages)
    order = np.argsort(-np.bincount(codes, minlength=len(keys)), kind="stable")[:MOST_DISTINCT]
    first = dict(zip(*np.unique(codes, return_index=True), strict=True))
    traces: list[Trace] = []
    number = np.full(len(keys), -1)
    for key in order:
        if trace := parse(messages.iloc[first[key]]):
            number[key] = len(traces)
            traces.append(trace)
    numbered = rows.assign(trace=number[codes])
    unread = int((~np.isin(codes, order)).sum())
    return Found(tuple(traces), numbered[numbered["trace"] >= 0], unread)


def _keys(messages: pd.Series[str]) -> tuple[Any, Any]:
    masked = pc.utf8_slice_codeunits(texts(messages), 0, LONGEST)
    for pattern, replacement in _NOISE:
        masked = pc.replace_substring_regex(masked, pattern, replacement)
    encoded = masked.dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary


def _with_labels(rows: pd.DataFrame) -> list[str]:
    """The message, and below it the longest text of the labels: structured logs keep traces in fields of many names."""
    joined = []
    for message, labels in zip(rows["message"], decoded(rows, "labels"), strict=True):
        values = labels.values() if isinstance(labels, dict) else ()
        longest = max((v for v in values if isinstance(v, str)), key=len, default="")
        joined.append(f"{message}\n{longest}")
    return joined
