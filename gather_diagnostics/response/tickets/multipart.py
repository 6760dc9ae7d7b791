"""multipart/form-data (RFC 7578) with files that are streamed: an archive need not fit into memory."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

Field = tuple[str, str, str, bytes | Path]
"""Name, file name ('' for none), content type, content. Names are ours: plain ASCII without quotes."""
_CHUNK = 1024 * 1024


class Multipart:
    """A body of known length that requests streams, and that can be read more than once through `chunks`."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._boundary = _boundary(fields)
        self._parts: list[bytes | Path] = []
        for name, file, kind, content in fields:
            self._parts += [self._head(name, file, kind), content, b"\r\n"]
        self._parts.append(f"--{self._boundary}--\r\n".encode())
        self._length = sum(len(p) if isinstance(p, bytes) else p.stat().st_size for p in self._parts)
        self._rest = self.chunks()
        self._left = b""

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self._boundary}"

    def __len__(self) -> int:
        """Bytes; requests sends it as Content-Length."""
        return self._length

    def read(self, size: int = -1) -> bytes:
        """What http.client asks for until nothing comes."""
        while size < 0 or len(self._left) < size:
            if not (chunk := next(self._rest, b"")):
                break
            self._left += chunk
        size = len(self._left) if size < 0 else size
        taken, self._left = self._left[:size], self._left[size:]
        return taken

    def __iter__(self) -> Iterator[bytes]:
        return self.chunks()

    def chunks(self) -> Iterator[bytes]:
        """The whole body from its start. Raises OSError."""
        for part in self._parts:
            with io.BytesIO(part) if isinstance(part, bytes) else part.open("rb") as stream:
                yield from iter(lambda stream=stream: stream.read(_CHUNK), b"")  # type: ignore[misc]

    def _head(self, name: str, file: str, kind: str) -> bytes:
        named = f'; filename="{file}"' if file else ""
        disposition = f'Content-Disposition: form-data; name="{name}"{named}'
        return f"--{self._boundary}\r\n{disposition}\r\nContent-Type: {kind}\r\n\r\n".encode()


def _boundary(fields: Sequence[Field]) -> str:
    """Of the content, so that equal fields make equal bodies; 128 bits do not turn up in them by chance."""
    total = hashlib.sha256()
    for name, file, _, content in fields:
        total.update(f"{name}\0{file}\0".encode())
        if isinstance(content, bytes):
            total.update(content)
        else:
            with content.open("rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()[:32]
