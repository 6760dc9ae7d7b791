"""How much a Parquet file unpacks to, told from the headers of its pages before one of them is unpacked.

The footer says it, too, but readers go by the pages: a few kilobytes can hold pages of gigabytes.
Formats: https://parquet.apache.org/docs/file-format/data-pages/ and
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow.parquet as pq

MAX_PAGES = 20_000

_HEADER_BYTES = 64 * 1024
_TYPE, _UNPACKED, _PACKED = 1, 2, 3
_DETAILS = {0: (5, 2), 2: (7, 2), 3: (8, 4)}
"""Kind of page (data, dictionary, data of version 2) to where its encoding stands: field, and field in that."""
_ENCODINGS = frozenset({0, 2, 3, 8})
"""Plain, dictionary (old and new name) and run lengths. Others chain values, which lets a page grow without bound."""


def unpacked_bytes(file: BufferedReader, metadata: pq.FileMetaData) -> int:
    """Raises ValueError for pages that are malformed, too many, or of an encoding that a bundle never has."""
    total = 0
    for number, page in enumerate(_pages(file, metadata)):
        kind, unpacked = page.get(_TYPE), page.get(_UNPACKED)
        if number >= MAX_PAGES:
            raise ValueError(f"it has more than {MAX_PAGES} pages")
        if kind not in _DETAILS or not isinstance(unpacked, int) or unpacked < 0:
            raise ValueError("it has a page of an unknown kind")
        field, inner = _DETAILS[kind]
        details = page.get(field)
        if not isinstance(details, dict) or details.get(inner) not in _ENCODINGS:
            raise ValueError("it has a page of an encoding that no bundle has")
        total += unpacked
    return total


def _pages(file: BufferedReader, metadata: pq.FileMetaData) -> Iterator[dict[int, Any]]:
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(column)
            if not chunk.num_values:
                continue  # Nothing of it is read, and its offsets may point anywhere.
            place = chunk.data_page_offset
            if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < place:
                place = chunk.dictionary_page_offset
            end = place + chunk.total_compressed_size
            while place < end:
                header = _Header(file, place)
                page = header.struct()
                packed = page.get(_PACKED)
                if not isinstance(packed, int) or packed < 0:
                    raise ValueError("it has a page without a size")
                place += header.length + packed
                yield page


class _Header:
    """Thrift's compact protocol, as much of it as page headers use."""

    def __init__(self, file: BufferedReader, place: int) -> None:
        file.seek(place)
        self._bytes = file.read(_HEADER_BYTES)
        self.length = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Field to value: integers, and structs as dicts. What else there is counts as None."""
        if depth > 4:
            raise ValueError("it has a page header that goes too deep")
        values: dict[int, Any] = {}
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._integer()
            values[field] = self._value(head & 15, depth)
        return values

    def _value(self, kind: int, depth: int) -> Any:
        match kind:
            case 1 | 2:  # a boolean is its own field header
                return None
            case 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._integer()
            case 8:
                self._skip(self._varint())
                return None
            case 12:
                return self.struct(depth + 1)
        raise ValueError("it has a page header that can't be read")

    def _byte(self) -> int:
        self._skip(1)
        return self._bytes[self.length - 1]

    def _skip(self, count: int) -> None:
        self.length += count
        if self.length > len(self._bytes):
            raise ValueError("it has a page header that does not end")

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 128:
            value |= (byte & 127) << shift
            shift += 7
            if shift > 63:
                raise ValueError("it has a page header that can't be read")
        return value | byte << shift

    def _integer(self) -> int:
        """Zigzag: the sign is in the lowest bit."""
        value = self._varint()
        return value >> 1 ^ -(value & 1)
