"""Files into chunks of bytes, decompressed, in bounded memory."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

import zstandard

CHUNK = 1 << 20
"""Bytes read at once."""

_STEP = 256
"""Bytes of zstd handed over at once."""

Source = BinaryIO
Chunks = Iterator[bytes]


def plain(stream: Source, length: int = sys.maxsize) -> Chunks:
    # A pipe gives what it has: waiting for a full chunk would hold back the lines of a slow one.
    read = getattr(stream, "read1", stream.read)
    while length > 0 and (chunk := read(min(CHUNK, length))):
        length -= len(chunk)
        yield chunk


def unpacker(head: bytes) -> Callable[[Source], Chunks] | None:
    if head[:2] == b"\x1f\x8b":
        return _gunzipped
    return _unzstd if head == b"\x28\xb5\x2f\xfd" else None


def tester(path: str) -> str:
    """The command that tests a compressed file."""
    return f"zstd -t {path}" if path.endswith(".zst") else f"gzip -t {path}"


def _gunzipped(stream: Source) -> Chunks:
    """Every member of a gzip file (RFC 1952); raises zlib.error or EOFError where it is damaged or cut off.

    Output is bounded by CHUNK at a time, whatever the ratio.
    """
    member = zlib.decompressobj(wbits=31)
    data = b""
    while True:
        data = data or stream.read(CHUNK)
        before = member.copy()
        try:
            chunk = member.decompress(data, CHUNK)
        except zlib.error:
            yield from _until_damage(before, data)
            raise
        yield chunk
        # zlib may hold back output after the last byte went in.
        if not (data or chunk or member.eof):
            raise EOFError("the file ends in the middle of the compressed data")
        data = member.unconsumed_tail
        if member.eof:
            data = member.unused_data.lstrip(b"\0") or stream.read(CHUNK).lstrip(b"\0")
            if not data:
                return
            member = zlib.decompressobj(wbits=31)


def _until_damage(member: zlib._Decompress, data: bytes) -> Chunks:
    """What still comes out when the data goes in byte by byte: zlib keeps none of it when a whole chunk fails."""
    for at in range(len(data)):
        try:
            chunk = member.decompress(data[at : at + 1])
        except zlib.error:
            return
        if chunk:
            yield chunk


def _unzstd(stream: Source) -> Chunks:
    """Every frame of a zstd file (RFC 8878); raises ZstdError or EOFError where it is damaged or cut off."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    started = False
    data = b""
    # A block of 4 bytes can make 128 KiB, and decompressobj can't be told to stop: small steps bound the memory,
    # and what is lost in front of a damaged place.
    compressed = (chunk[at : at + _STEP] for chunk in plain(stream) for at in range(0, len(chunk), _STEP))
    while data or (data := next(compressed, b"")):
        chunk = frame.decompress(data)
        started = True
        if chunk:
            yield chunk
        data = b""
        if frame.eof:
            data = frame.unused_data
            frame = zstandard.ZstdDecompressor().decompressobj()
            started = False
    if started:
        raise EOFError("the file ends in the middle of the compressed data")
