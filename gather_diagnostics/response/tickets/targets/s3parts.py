"""A large archive to S3 in parts, each with its checksum; an upload that broke off goes on with what is missing.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html, and on checksums of checksums:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from gather_diagnostics.response.tickets.model import Package, Progress

KEPT = "sha256"
"""In the object's metadata: the whole archive's, hexadecimal, which S3 has of no object that came in parts."""
PART = 16 * 1024**2
"""Bytes; up to this an archive goes at once. S3 takes 10,000 parts of at least 5 MiB: 160 GB, and a bundle has 2."""


class Parts:
    """The parts of one archive at one place. Every method raises what boto3 does."""

    def __init__(self, client: Any, where: dict[str, str], package: Package, done: Progress) -> None:
        self._client = client
        self._where = where
        self._package = package
        self._done = done

    def checksum(self) -> str:
        """What S3 says of the whole, before '-' and their number: the SHA-256 of the parts' SHA-256s, base64."""
        sums = b"".join(hashlib.sha256(part).digest() for part in self._contents())
        return _base64(hashlib.sha256(sums).digest())

    def send(self) -> None:
        """Send the parts that are not there yet, and make them one object."""
        upload, there = self._begun() or (self._begin(), {})
        sent = []
        for number, content in enumerate(self._contents(), 1):
            total = _base64(hashlib.sha256(content).digest())
            found = there.get(number)
            tag = (
                found["ETag"] if found and _same(found, content, total) else self._part(upload, number, content, total)
            )
            sent.append({"PartNumber": number, "ETag": tag, "ChecksumSHA256": total})
        self._client.complete_multipart_upload(
            **self._where, UploadId=upload, MultipartUpload={"Parts": sent}, IfNoneMatch="*"
        )

    def _begun(self) -> tuple[str, dict[int, Any]] | None:
        """An upload of an earlier run, and its parts; None where there is none or S3 forgot it."""
        from botocore.exceptions import ClientError

        facts = self._done.facts("upload")
        if not facts or not self._done.has("upload", self._package.sha256):
            return None
        upload = facts["id"]
        try:
            pages = self._client.get_paginator("list_parts").paginate(**self._where, UploadId=upload)
            return upload, {part["PartNumber"]: part for page in pages for part in page.get("Parts", ())}
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchUpload", "AccessDenied"):
                return None
            raise

    def _begin(self) -> str:
        answer = self._client.create_multipart_upload(
            **self._where,
            ContentType="application/gzip",
            ChecksumAlgorithm="SHA256",
            Metadata={KEPT: self._package.sha256},
        )
        self._done.save("upload", self._package.sha256, {"id": str(answer["UploadId"])})
        return str(answer["UploadId"])

    def _part(self, upload: str, number: int, content: bytes, total: str) -> Any:
        return self._client.upload_part(
            **self._where, UploadId=upload, PartNumber=number, Body=content, ChecksumSHA256=total
        )["ETag"]

    def _contents(self) -> Iterator[bytes]:
        with self._package.archive.open("rb") as file:
            while part := file.read(PART):
                yield part


def _same(there: Mapping[str, Any], content: bytes, total: str) -> bool:
    """Is a part that is there this one? Stores that tell no SHA-256 tell the MD5 as ETag; where they don't, no."""
    if told := there.get("ChecksumSHA256"):
        return bool(told == total)
    return str(there.get("ETag", "")).strip('"') == hashlib.md5(content, usedforsecurity=False).hexdigest()


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
