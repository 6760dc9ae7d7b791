"""The files of an archive: what there is, and their bytes. Local folders, and S3 prefixes through boto3.

S3's credentials and endpoint are those that each process finds for itself (environment, profile, role); none is sent.
"""

from __future__ import annotations

import functools
import io
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO
from zoneinfo import ZoneInfo

from gather_diagnostics.errors import InputError
from gather_diagnostics.logparse import Context
from gather_diagnostics.model import Gap
from gather_diagnostics.unpacking import CHUNK

if TYPE_CHECKING:
    from gather_diagnostics.model import Cause

SOURCE = "archive"
"""The name that rows, coverage and gaps bear as their source."""
S3 = "s3://"
_TRIES = 3
"""A stream of S3's that breaks is taken up again where it broke, so often."""
_DENIED = ("AccessDenied", "403", "ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AllAccessDisabled")
_MISSING = ("NoSuchKey", "NoSuchBucket", "404")
_SLOW = ("SlowDown", "503", "Throttling", "RequestLimitExceeded")


@dataclass(frozen=True, slots=True)
class File:
    """One file of the archive as it was when it was listed."""

    path: str
    """Absolute, or s3://bucket/key."""
    size: int
    """Bytes; what is appended later is not read."""
    changed: datetime
    """Its last write (UTC), which tells the year of times that name none."""
    version: str = ""
    """S3's ETag: an object that is another by the time it is read is a gap."""
    zone: str = "UTC"
    """IANA name of the zone of times that name none."""

    @property
    def context(self) -> Context:
        # The parser knows this one, and need not ask it of every time.
        return Context(UTC if self.zone == "UTC" else ZoneInfo(self.zone), self.changed)

    @property
    def instance(self) -> str:
        """Who wrote it, as far as its name tells: 'web-1' of 'web-1.log.2.gz'."""
        return bare(self.path.rpartition("/")[2])


def bare(name: str) -> str:
    """A file's name up to '.log', '.gz' or '.zst'."""
    return re.split(r"\.(?:log|gz|zst)\b", name)[0] or name


def listed(place: str, zone: str = "UTC") -> list[File]:
    """All files below a folder or prefix with something in them, hidden ones left out, by path; or the one file named.

    Raises InputError where there is no such folder or prefix, or it can't be listed.
    """
    found = _objects(place) if place.startswith(S3) else _local(place)
    return sorted((replace(file, zone=zone) for file in found if file.size), key=lambda file: file.path)


def _local(place: str) -> Iterator[File]:
    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename} can't be listed: {error.strerror}; run as a user who may read it")

    place = os.path.abspath(place)
    if os.path.isfile(place):
        yield from _there(place)
        return
    for parent, folders, names in os.walk(place, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (os.path.join(parent, name) for name in names if not name.startswith(".")):
            yield from _there(path)


def _there(path: str) -> Iterator[File]:
    try:
        about = os.stat(path)
    except FileNotFoundError:
        return  # rotated away since it was listed, or a link to nowhere
    if stat.S_ISREG(about.st_mode):
        yield File(path, about.st_size, datetime.fromtimestamp(about.st_mtime, UTC))


def _objects(place: str) -> Iterator[File]:
    bucket, prefix = _bucket_key(place)
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        for page in _s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", ()):
                path = f"{S3}{bucket}/{entry['Key']}"
                yield File(path, entry["Size"], entry["LastModified"].astimezone(UTC), entry["ETag"])
    except (BotoCoreError, ClientError) as error:
        raise InputError(f"{place} can't be listed: {error}; {_mend_of_listing(error)}"[:600]) from error


def _mend_of_listing(error: Exception) -> str:
    code = _code(error)
    if "Credentials" in type(error).__name__:
        return "give this command AWS credentials: a role, AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if code in _DENIED:
        return "allow s3:ListBucket on the bucket and s3:GetObject on its objects to the user or role that runs this"
    return "check the bucket's name" if code in _MISSING else "check the network, AWS_REGION and AWS_ENDPOINT_URL"


def _code(error: Exception) -> str:
    """S3's own, where it answered."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def opened(file: File, start: int, stop: int) -> BinaryIO:
    """The bytes [start, stop) as a stream that begins with the first of them; a local one goes on behind the last.

    Raises OSError, and of botocore BotoCoreError and ClientError, also while it is read.
    """
    if file.path.startswith(S3):
        return io.BufferedReader(_Object(file, start, stop), CHUNK)
    stream = open(file.path, "rb", buffering=0)  # noqa: SIM115 - whoever asked for it closes it
    stream.seek(start)
    return stream


class _Object(io.RawIOBase):
    """A range of an S3 object. One request streams all of it; where that breaks, another takes it up."""

    def __init__(self, file: File, start: int, stop: int) -> None:
        self._file, self._at, self._stop = file, start, stop
        self._body: Any = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        from botocore.exceptions import BotoCoreError

        if self._at >= self._stop:
            return 0
        for left in reversed(range(_TRIES)):
            try:
                data = self._streaming().read(min(len(buffer), self._stop - self._at))
                break
            except BotoCoreError:
                self.close_body()
                if not left:
                    raise
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _streaming(self) -> Any:
        if self._body is None:
            bucket, key = _bucket_key(self._file.path)
            span = f"bytes={self._at}-{self._stop - 1}"
            answer = _s3().get_object(Bucket=bucket, Key=key, Range=span, IfMatch=self._file.version)
            self._body = answer["Body"]
        return self._body

    def close_body(self) -> None:
        if self._body is not None:
            self._body.close()
        self._body = None

    def close(self) -> None:
        self.close_body()
        super().close()


@functools.cache
def _s3() -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client("s3", config=Config(retries={"mode": "standard", "max_attempts": 5}, read_timeout=30))


def _bucket_key(place: str) -> tuple[str, str]:
    bucket, _, key = place.removeprefix(S3).partition("/")
    if not bucket:
        raise InputError(f"{place} names no bucket: write s3://BUCKET/PREFIX")
    return bucket, key


def gap_of(path: str, error: Exception) -> Gap:
    """What an error of `opened`, of reading or of decompressing becomes."""
    code = _code(error)
    name = type(error).__name__
    cause: Cause = "unreachable" if path.startswith(S3) else "invalid"
    mend = "check the network and AWS_ENDPOINT_URL, then run again" if path.startswith(S3) else f"see: ls -ld {path}"
    if isinstance(error, PermissionError) or code in _DENIED or "Credentials" in name:
        allow = "allow s3:GetObject and s3:ListBucket" if path.startswith(S3) else "make the file readable"
        cause, mend = "denied", f"{allow} to the user that reads it, on every worker"
    elif isinstance(error, FileNotFoundError) or code in _MISSING:
        cause, mend = "not_found", "run again, on workers that all see the archive at this path"
    elif code in _SLOW:
        cause, mend = "throttled", "run again with fewer workers"
    elif code in ("PreconditionFailed", "412"):
        cause, mend = "truncated", "it was written anew while it was read: run again"
    elif isinstance(error, EOFError) or name in ("error", "ZstdError"):
        cause, mend = "invalid", "copy it again from where it comes; what stands before the damage was read"
    return Gap(SOURCE, f"log lines in {path}", cause, f"{path} can't be read to its end: {error}"[:400], mend)
