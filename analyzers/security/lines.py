"""Log lines that show a sign, and the addresses that requests come from. Vectorised on Arrow's RE2 engine; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzers.security.signs import ADDRESS, CLIENT_KEYS, SIGNS, STATUS_KEYS, Sign
from gather_diagnostics.selection import line_counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LABEL = rf'"(?i:{CLIENT_KEYS})": ?"(?P<client>[^"]+)"'
_NAMED = rf"(?i:from|client|rhost|peer|addr(?:ess)?|ip|host)[ =:\"'\[(/]{{1,3}}(?P<address>{ADDRESS})"
_FIRST = rf"(?P<address>{ADDRESS})"
_STATUS = rf'"(?i:{STATUS_KEYS})": ?"?(?P<status>[1-5][0-9][0-9])\b'


def signed(logs: pd.DataFrame) -> pd.DataFrame:
    """The rows that show a sign, in their order and with their index: the columns of `logs`, and sign (position in
    SIGNS), lines, status (HTTP, null where none is told) and address (null where none is told)."""
    message, labels, endpoint = (_text(logs[c]) for c in ("message", "labels", "endpoint"))
    # Only errors of HTTP need their status read to know the sign.
    refused = _found(labels, rf'"(?i:{STATUS_KEYS})": ?"?40[13]\b')
    chosen = pd.Series(-1, index=logs.index)
    for number, sign in enumerate(SIGNS):
        hits = _shows(sign, message, labels, endpoint, refused)
        chosen = chosen.mask((chosen < 0) & hits, number)
    picked = (chosen >= 0).to_numpy()
    its = logs[picked]
    mask = pa.array(picked)
    status = _extracted(labels.filter(mask), _STATUS, "status").cast(pa.int64())
    return its.assign(
        sign=chosen[picked],
        lines=line_counts(its),
        status=pd.Series(status.to_pandas().to_numpy(), index=its.index, dtype="Int64"),
        address=pd.Series(addresses(message.filter(mask), labels.filter(mask)).to_pandas().to_numpy(), index=its.index),
    )


def _shows(
    sign: Sign, message: pa.Array, labels: pa.Array, endpoint: pa.Array, refused: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    hits = _found(message, sign.message)
    if sign.endpoint:
        hits |= _found(endpoint, sign.endpoint)
        # The agent's name stands in the message of an access log, and among the labels of a structured line.
        hits |= _found(labels, sign.message)
    if sign.status and refused.any():
        codes = "|".join(str(code) for code in sign.status)
        its = refused.copy()
        its[refused] = _found(labels.filter(pa.array(refused)), rf'"(?i:{STATUS_KEYS})": ?"?(?:{codes})\b')
        hits |= its & _found(endpoint, sign.at) if sign.at else its
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
    found = _client(_text(logs["labels"]))
    known = pc.is_valid(found).to_numpy(zero_copy_only=False)
    encoded = pc.drop_null(found).dictionary_encode()
    codes = pd.Categorical.from_codes(encoded.indices.to_numpy(), encoded.dictionary.to_pylist())
    return pd.Series(codes, index=logs.index[known])


def _text(column: pd.Series[str]) -> pa.Array:
    found = pa.array(column, pa.large_string(), from_pandas=True)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _found(texts: pa.Array, pattern: str) -> NDArray[np.bool_]:
    hits: NDArray[np.bool_] = pc.fill_null(pc.match_substring_regex(texts, pattern), False).to_numpy(
        zero_copy_only=False
    )
    return hits.copy()


def _extracted(texts: pa.Array, pattern: str, group: str) -> pa.Array:
    """What the named group caught; null where the pattern is not found."""
    return pc.struct_field(pc.extract_regex(texts, pattern), group)
