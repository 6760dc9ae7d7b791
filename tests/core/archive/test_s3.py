"""An archive in S3, on moto's server: the same rows as from a folder, by ranged reads, and what its refusals become."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from archivework import START, lines_of, run, same_key, write
from servers.aws import AwsServer, aws

from gather_diagnostics import Request
from gather_diagnostics.archive import files
from gather_diagnostics.errors import InputError

pytestmark = pytest.mark.slow
PLACE = "s3://archive/shop/"


@pytest.fixture(scope="module")
def running() -> Iterator[AwsServer]:
    with aws() as server:
        yield server


@pytest.fixture
def s3(running: AwsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AwsServer:
    """With the archive in a bucket, besides objects that are not below the prefix."""
    running.reset()
    for name, value in running.environment().items():
        monkeypatch.setenv(name, value)
    files._s3.cache_clear()
    client = running.client("s3")
    client.create_bucket(Bucket="archive", CreateBucketConfiguration={"LocationConstraint": running.region})
    folder = write(tmp_path / "logs")
    for path in (p for p in sorted(folder.rglob("*")) if p.is_file()):
        client.put_object(Bucket="archive", Key=f"shop/{path.relative_to(folder)}", Body=path.read_bytes())
    client.put_object(Bucket="archive", Key="other/x.log", Body=b"2026-03-14T00:00:00Z INFO not ours\n")
    return running


@pytest.fixture
def request_(make_request, monkeypatch) -> Request:
    same_key(monkeypatch)
    return make_request("shop", now=START + timedelta(hours=2))


def test_a_prefix_gives_the_rows_of_a_folder(s3: AwsServer, tmp_path: Path, request_: Request) -> None:
    s3.forget_calls()
    there, here = run(PLACE, request_, block=40_000), run(tmp_path / "logs", request_)
    assert not there.gaps
    places = lines_of(there)["ref"].str.replace(PLACE, f"{tmp_path}/logs/")
    assert sorted(places) == sorted(lines_of(here)["ref"])
    columns = ["time", "level", "instance", "message", "template", "count", "until"]
    assert lines_of(there)[columns].equals(lines_of(here)[columns])
    assert {call.operation for call in s3.calls()} == {"ListObjectsV2", "GetObject"}, "it only reads"


def test_an_object_that_is_gone_is_a_gap(s3: AwsServer, request_: Request, monkeypatch) -> None:
    real = files.listed

    def then_deleted(place: str, zone: str) -> list[files.File]:
        found = real(place, zone)
        s3.client("s3").delete_object(Bucket="archive", Key="shop/web-1.log")
        return found

    monkeypatch.setattr("gather_diagnostics.archive.evidence.listed", then_deleted)
    evidence = run(PLACE, request_)
    assert [(gap.cause, gap.wanted) for gap in evidence.gaps] == [
        ("not_found", "log lines in s3://archive/shop/web-1.log")
    ]
    assert set(lines_of(evidence)["instance"]) == {"web-2", "web-3"}


def test_an_object_written_anew_meanwhile_is_a_gap(s3: AwsServer, request_: Request, monkeypatch) -> None:
    """Halves of two objects would be neither."""
    real = files.listed

    def then_changed(place: str, zone: str) -> list[files.File]:
        found = real(place, zone)
        s3.client("s3").put_object(
            Bucket="archive", Key="shop/web-1.log", Body=b"2026-03-14T00:00:00Z INFO new\n" * 9999
        )
        return found

    monkeypatch.setattr("gather_diagnostics.archive.evidence.listed", then_changed)
    (gap,) = run(PLACE, request_).gaps
    assert (gap.cause, "run again" in gap.mend) == ("truncated", True)


def test_a_stream_that_breaks_is_taken_up_where_it_broke(s3: AwsServer, request_: Request) -> None:
    whole = lines_of(run(PLACE, request_))
    s3.truncate("s3", "GetObject", times=2, closes=True)
    again = run(PLACE, request_)
    assert not again.gaps
    assert lines_of(again).equals(whole)


def test_a_refusal_is_one_sentence(s3: AwsServer, request_: Request) -> None:
    with pytest.raises(InputError, match=re.escape("s3://nobodys/x can't be listed") + ".*check the bucket's name"):
        run("s3://nobodys/x", request_)
