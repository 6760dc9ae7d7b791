"""s3://bucket/prefix - the archive as an object that bears its checksum, and a link that lets others fetch it.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html: ChecksumSHA256 lets S3 refuse what was changed on
the way, If-None-Match keeps it from replacing anything. Credentials, region and endpoint are found as by the AWS CLI.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from gather_diagnostics.errors import SendError
from gather_diagnostics.response.tickets.addresses import wrong
from gather_diagnostics.response.tickets.model import Environ, Limits, Package, Progress, Receipt
from gather_diagnostics.response.tickets.targets.s3parts import KEPT, PART, Parts
from gather_diagnostics.response.tickets.texts import size

LIMITS = Limits(file=5 * 1024**4, text=0)
EXPIRES = 7 * 24 * 3600
"""Seconds that a link holds: the most that SigV4 allows. One made with a role's credentials ends with those."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[\w!.*'()/-]{0,800}", re.ASCII)
"""Characters that S3 calls safe in keys."""
CURES = {
    "AccessDenied": "the credentials need s3:PutObject and s3:GetObject below that prefix",
    "NoSuchBucket": "there is no such bucket",
    "ExpiredToken": "log in again (aws sso login)",
    "InvalidAccessKeyId": "check AWS_PROFILE, or AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "check AWS_SECRET_ACCESS_KEY",
    "RequestTimeTooSkewed": "compare the clock here with NTP",
    "403": "the credentials need s3:PutObject and s3:GetObject below that prefix",
}


@dataclass(frozen=True, slots=True)
class S3:
    """A place below a bucket."""

    name: ClassVar[str] = "s3"
    address: str
    bucket: str
    prefix: str
    """Empty, or with a slash at its end."""
    limits: ClassVar[Limits] = LIMITS
    public: ClassVar[str] = ""

    @classmethod
    def parse(cls, address: str, environ: Environ) -> Self:
        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        if not address.startswith("s3://") or not _BUCKET.fullmatch(bucket) or not _PREFIX.fullmatch(prefix):
            raise wrong(address, cls.name)
        return cls(address, bucket, f"{prefix.strip('/')}/".lstrip("/"))

    def plan(self, package: Package) -> list[str]:
        how = "in parts" if package.size > PART else "at once"
        return [
            f"{package.file} ({size(package.size)}) {how} to s3://{self.bucket}/{self.prefix}{package.kept}, "
            f"with the AWS credentials at hand; the link holds for {EXPIRES // 86400} days at most"
        ]

    def send(self, package: Package, done: Progress) -> Receipt:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return self._kept(_client(self.bucket), package, done)
        except ClientError as error:
            raise _refused(error) from error
        except BotoCoreError as error:
            raise SendError(
                f"S3 is not reached: {error}; check region, network and credentials (aws sts ...)"
            ) from error

    def _kept(self, client: Any, package: Package, done: Progress) -> Receipt:
        key = f"{self.prefix}{package.kept}"
        what = f"{package.file} ({size(package.size)})"
        where = {"Bucket": self.bucket, "Key": key}
        parts = Parts(client, where, package, done)
        if there := _there(client, where):
            if not _same(there, package, parts):
                raise SendError(f"s3://{self.bucket}/{key} holds something else, which is not replaced")
        elif package.size > PART:
            parts.send()
        else:
            _put(client, where, package)
        done.save("archive", package.sha256, {"key": key})
        link = client.generate_presigned_url("get_object", Params=where, ExpiresIn=EXPIRES)
        states = {"already": (what,)} if there else {"sent": (what,)}
        return Receipt(f"s3://{self.bucket}/{key}", link=str(link), **states)


def _client(bucket: str) -> Any:
    """In the bucket's own region: a link that was signed for another one does not work."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

    retries = {"mode": "standard", "total_max_attempts": 5}
    config = Config(signature_version="s3v4", retries=retries, connect_timeout=10, read_timeout=60)
    session = boto3.session.Session()
    region = session.region_name or "us-east-1"
    client = session.client("s3", region_name=region, config=config)
    try:
        answer = client.head_bucket(Bucket=bucket)
    except ClientError as error:
        # Even who may not list it is told where it is.
        answer = error.response
    told = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region", region)
    return client if told == region else session.client("s3", region_name=told, config=config)


def _there(client: Any, where: dict[str, str]) -> dict[str, Any]:
    """What S3 tells of the object that is there; empty where there is none, or where nobody may know."""
    from botocore.exceptions import ClientError

    try:
        return dict(client.head_object(**where, ChecksumMode="ENABLED"))
    except ClientError as error:
        # 403: nobody without s3:ListBucket is told that there is nothing; If-None-Match looks once more.
        if error.response.get("Error", {}).get("Code") in ("404", "403", "NoSuchKey"):
            return {}
        raise


def _same(there: dict[str, Any], package: Package, parts: Parts) -> bool:
    """By the checksum that S3 computed; other stores compute none, and keep what we wrote beside it."""
    if there.get("ContentLength") != package.size:
        return False
    if told := str(there.get("ChecksumSHA256", "")).partition("-")[0]:
        return told in (_base64(package.sha256), parts.checksum())
    return bool(there.get("Metadata", {}).get(KEPT) == package.sha256)


def _put(client: Any, where: dict[str, str], package: Package) -> None:
    with package.archive.open("rb") as body:
        client.put_object(
            **where,
            Body=body,
            ContentType="application/gzip",
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=_base64(package.sha256),
            Metadata={KEPT: package.sha256},
            IfNoneMatch="*",
        )


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def _refused(error: Any) -> SendError:
    told = error.response.get("Error", {})
    code, message = str(told.get("Code", "")), str(told.get("Message", ""))
    if code in ("PreconditionFailed", "412"):
        return SendError(
            "S3 has an object of that name already, which is not replaced; it can't be compared, as the"
            " credentials lack s3:GetObject"
        )
    cure = CURES.get(code, "")
    return SendError(f"S3 refuses {error.operation_name}: {code}: {message[:300]}{f'; {cure}' if cure else ''}")
