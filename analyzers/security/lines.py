"""Log lines that show a sign, and the addresses that requests come from. Vectorised on Arrow's RE2 engine; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzers.security.signs import ADDRESS, CLIENT_KEYS, SIGNS, STATUS_KEYS, Sign
from gather_diagnostics.distinct import Distinct
from gather_diagnostics.patterns import texts
from gather_diagnostics.selection import line_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LABEL = rf'"(?i:{CLIENT_KEYS})": ?"(?P<client>[^"]+)"'
_NAMED = rf"(?i:from|client|rhost|peer|addr(?:ess)?|ip|host)[ =:\"'\[(/]{{1,3}}(?P<address>{ADDRESS})"
_FIRST = rf"(?P<address>{ADDRESS})"
_STATUS = rf'"(?i:{STATUS_KEYS})": ?"?(?P<status>[1-5][0-9][0-9])\b'


def signed(logs: pd.DataFrame) -> pd.DataFrame:
    """The rows that show a sign, in their order and with their index: the columns of `logs`, and sign (position in
    SIGNS), lines, status (HTTP, null where none is told) and address (null where none is told)."""
    message, labels, endpoint = (Distinct(logs[c]) for c in ("message", "labels", "endpoint"))
    # Only errors of HTTP need their status read to know the sign.
    refused = labels.matching(rf'"(?i:{STATUS_KEYS})": ?"?40[13]\b')
    chosen = np.full(len(logs), -1)
    for number, sign in enumerate(SIGNS):
        chosen[_shows(sign, message, labels, endpoint, refused) & (chosen < 0)] = number
    its = logs[chosen >= 0]
    said, marked = texts(its["message"]), texts(its["labels"])
    status = _extracted(marked, _STATUS, "status").cast(pa.int64())
    return its.assign(
        sign=chosen[chosen >= 0],
        lines=line_counts(its),
        status=pd.Series(status.to_pandas().to_numpy(), index=its.index, dtype="Int64"),
        address=pd.Series(addresses(said, marked).to_pandas().to_numpy(), index=its.index),
    )


def _shows(
    sign: Sign, message: Distinct, labels: Distinct, endpoint: Distinct, refused: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    hits = message.matching(sign.message)
    if sign.endpoint:
        # The agent's name stands in the message of an access log, and among the labels of a structured line.
        hits |= endpoint.matching(sign.endpoint) | labels.matching(sign.message)
    if sign.status and refused.any():
        codes = "|".join(str(code) for code in sign.status)
        its = refused & labels.matching(rf'"(?i:{STATUS_KEYS})": ?"?(?:{codes})\b')
        hits |= its & endpoint.matching(sign.at) if sign.at else its
    return hits


def addresses(message: pa.Array, labels: pa.Array) -> pa.Array:
    """Where each line says that it comes from: a client's label, an address after 'from' and the like, the first."""
    found = _client(labels)
    for pattern in (_NAMED, _FIRST):
        found = pc.coalesce(found, _extracted(message, pattern, "address"))
    return found


def _client(labels: pa.Array) -> pa.Array:
    """The address in the client's label. It is looked for once in each different label: there are few."""
    encoded = _extracted(labels, _LABEL, "client").dictionary_encode()
    return _extracted(encoded.dictionary, _FIRST, "address").take(encoded.indices)


def clients(logs: pd.DataFrame) -> pd.Series[Any]:
    """The client's address (categorical) of every row whose labels name one; indexed like those rows."""
    labels = Distinct(logs["labels"])
    encoded = _client(labels.texts).dictionary_encode()
    number = labels.by_row(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), -1)
    named = number >= 0
    codes = pd.Categorical.from_codes(number[named], encoded.dictionary.to_pylist())
    return pd.Series(codes, index=logs.index[named])


def _extracted(array: pa.Array, pattern: str, group: str) -> pa.Array:
    """What the named group caught; null where the pattern is not found."""
    return pc.struct_field(pc.extract_regex(array, pattern), group)
