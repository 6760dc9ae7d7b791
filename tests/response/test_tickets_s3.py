"""A bundle in S3: moto's server computes and compares checksums as S3 does."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from servers.aws import AwsServer, aws
from servers.parcels import attach, bundled, forget, large

from gather_diagnostics import InputError
from gather_diagnostics.bundle import Written
from gather_diagnostics.errors import SendError
from gather_diagnostics.response.tickets.addresses import target
from gather_diagnostics.response.tickets.model import Package, Receipt
from gather_diagnostics.response.tickets.resuming import remembered
from gather_diagnostics.response.tickets.targets.s3parts import PART

pytestmark = pytest.mark.slow
BUCKET = "incident-evidence"
TO = f"s3://{BUCKET}/shop/2026"
SIZE = 2 * PART + 1234


@pytest.fixture(scope="module")
def server() -> Iterator[AwsServer]:
    with aws() as server:
        yield server


@pytest.fixture
def s3(server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client with every right, and an empty bucket."""
    server.reset()
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    client = server.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": server.region})
    server.forget_calls()
    return client


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return bundled(tmp_path / "out")


def keys(client: Any) -> list[str]:
    return [one["Key"] for one in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def sent(package: Package, bundle: Path) -> Receipt:
    with remembered(bundle) as state:
        to = target(TO, {})
        return to.send(package, state.of(package.origin, to.address))


def test_an_object_with_a_checksum_and_a_link_that_works(s3: Any, server: AwsServer, written: Written) -> None:
    receipt = attach(written.folder, TO, {})

    assert written.archive
    content = written.archive.read_bytes()
    (key,) = keys(s3)
    assert key == f"shop/2026/{written.folder.name}-{hashlib.sha256(content).hexdigest()[:12]}.tar.gz"
    there = s3.head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
    assert there["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert receipt.url == f"s3://{BUCKET}/{key}"
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in receipt.link
    assert "X-Amz-Expires=604800" in receipt.link
    assert requests.get(receipt.link, timeout=10).content == content
    assert [call.operation for call in server.calls() if call.operation == "PutObject"] == ["PutObject"]


def test_again_sends_nothing(s3: Any, server: AwsServer, written: Written) -> None:
    attach(written.folder, TO, {})
    forget(written.folder)
    server.forget_calls()
    receipt = attach(written.folder, TO, {})

    assert receipt.already
    assert receipt.link
    assert "PutObject" not in [call.operation for call in server.calls()]


def test_something_else_of_that_name_stays(s3: Any, written: Written) -> None:
    attach(written.folder, TO, {})
    (key,) = keys(s3)
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"mine", ChecksumAlgorithm="SHA256")
    with pytest.raises(SendError, match="holds something else, which is not replaced"):
        attach(written.folder, TO, {})

    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"mine"


def test_a_large_archive_goes_in_parts(s3: Any, written: Written, tmp_path: Path) -> None:
    with large(written.folder, SIZE, tmp_path) as package:
        assert "in parts" in target(TO, {}).plan(package)[0]
        receipt = sent(package, written.folder)
        again = sent(package, written.folder)

        (key,) = keys(s3)
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == package.archive.read_bytes()
    assert receipt.sent == again.already


def test_parts_that_are_there_are_not_sent_again(
    s3: Any, server: AwsServer, written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with large(written.folder, SIZE, tmp_path) as package:
        broken_off(package, written.folder, monkeypatch)
        assert keys(s3) == []
        server.forget_calls()
        receipt = sent(package, written.folder)

        (key,) = keys(s3)
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == package.archive.read_bytes()
    operations = [call.operation for call in server.calls()]
    assert operations.count("UploadPart") == 1
    assert "CreateMultipartUpload" not in operations
    assert receipt.sent


def test_an_upload_that_s3_forgot_begins_anew(
    s3: Any, written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with large(written.folder, SIZE, tmp_path) as package:
        broken_off(package, written.folder, monkeypatch)
        (upload,) = s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
        s3.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
        sent(package, written.folder)

    assert len(keys(s3)) == 1


def broken_off(package: Package, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before the third part."""
    from gather_diagnostics.response.tickets.targets.s3parts import Parts

    whole = Parts._part

    def dying(self: Parts, upload: str, number: int, content: bytes, total: str) -> Any:
        if number == 3:
            raise KeyboardInterrupt
        return whole(self, upload, number, content, total)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Parts, "_part", dying)
        sent(package, bundle)


def test_throttled_once(s3: Any, server: AwsServer, written: Written) -> None:
    server.throttle("s3", "PutObject", times=1, code="SlowDown")
    attach(written.folder, TO, {})
    server.heal()

    assert len(keys(s3)) == 1


def test_no_right_to_write(s3: Any, server: AwsServer, written: Written) -> None:
    server.deny("s3", "PutObject")
    with pytest.raises(SendError, match=r"S3 refuses PutObject: AccessDenied.*s3:PutObject"):
        attach(written.folder, TO, {})
    server.heal()


def test_no_bucket(s3: Any, written: Written) -> None:
    with pytest.raises(SendError, match="there is no such bucket"):
        attach(written.folder, "s3://no-such-bucket-here/x", {})


def test_the_link_is_signed_for_the_buckets_region(
    s3: Any, server: AwsServer, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    receipt = attach(written.folder, TO, {})

    assert f"%2F{server.region}%2Fs3%2F" in receipt.link


def test_an_object_that_the_store_has_no_checksum_of(s3: Any, written: Written) -> None:
    """As stores do that are not Amazon's."""
    attach(written.folder, TO, {})
    (key,) = keys(s3)
    content = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=key, Body=content, Metadata={"sha256": hashlib.sha256(content).hexdigest()})

    assert attach(written.folder, TO, {}).already


@pytest.mark.parametrize(
    "address", ["s3://", "s3:bucket", "s3://UPPER/x", "s3://b/x", "s3://bucket/a b", "s3://bucket/?x"]
)
def test_no_bucket_address(address: str) -> None:
    with pytest.raises(InputError, match="s3://bucket/prefix"):
        target(address, {})
