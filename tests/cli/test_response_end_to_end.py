"""The demo's incident from the first look to the post-mortem: every command that follows, on one bundle."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from servers.aws import AwsServer, aws

from gather_diagnostics.bundle import read
from gather_diagnostics.demo import play

pytestmark = pytest.mark.slow
BUCKET = "evidence"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsServer]:
    with aws() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        place = {"LocationConstraint": server.region}
        server.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        yield server


@pytest.fixture
def staged(tmp_path: Path) -> Iterator[Path]:
    """The demo's world as real sources would be, in a diagnostics.yaml."""
    with play.stage() as stage:
        path = tmp_path / "diagnostics.yaml"
        path.write_text(yaml.safe_dump({"sources": stage.config.settings.sources}))
        yield path


def objects(server: AwsServer) -> list[str]:
    client: Any = boto3.client("s3")
    return [one["Key"] for one in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_from_the_first_look_to_the_post_mortem(
    run: Callable[..., Any], staged: Path, server: AwsServer, tmp_path: Path
) -> None:
    sources = [word for name in ("git", "logfiles", "prometheus") for word in ("--source", name)]
    first = run("--service", "checkout", *sources, "--config", staged, "--out", tmp_path / "out", "--format", "json")
    document, bundle = first.json, Path(first.json["bundle"])
    assert first.code == 0
    assert [action["kind"] for action in document["priority_actions"]][:2] == ["mitigate", "runbook"]

    # Which runbook, and what it says.
    matched = run("runbook", "match", bundle, "--format", "json")
    assert (matched.code, matched.json["runbooks"][0]["id"]) == (0, "bad-deploy")
    assert matched.json["runbooks"][0]["id"] == document["response"]["runbooks"][0]["id"]
    walked = run("runbook", "run", "bad-deploy", "--bundle", bundle, "--non-interactive")
    assert walked.code == 2
    assert "checkout-v2.14.0" in walked.out

    # What people are told.
    told = run("update", "initial", bundle)
    assert told.code == 0
    assert told.out.startswith("[SEV2] checkout: ")
    assert "Next update: by " in told.out
    assert "pool.py" not in told.out

    # It goes on: the deploy is still out.
    looked = run("recovery", bundle, "--once", "--config", staged, "--format", "json")
    assert (looked.code, looked.json["state"] == "recovered") == (4, False)

    # Onto the ticket, twice, and it is there once.
    folder = tmp_path / "tickets"
    folder.mkdir()
    targets = ["--to", folder.as_uri(), "--to", f"s3://{BUCKET}/shop"]
    for _ in range(2):
        assert run("attach", bundle, *targets).code == 0
    assert len(list(folder.iterdir())) == 1
    assert len(objects(server)) == 1
    assert boto3.client("s3").get_object(Bucket=BUCKET, Key=objects(server)[0])["Body"].read() == (
        bundle.with_name(f"{bundle.name}.tar.gz").read_bytes()
    )

    # Afterwards.
    draft = tmp_path / "draft.md"
    assert run("postmortem", bundle, "--out", draft).code == 0
    text = draft.read_text()
    for part in ("Summary", "Impact", "Timeline", "Root cause", "Five whys", "What went well", "Action items"):
        assert f"\n## {part}" in text
    assert "checkout-v2.14.1" in text
    assert "Amara" not in text

    # All of it is in the bundle, and the bundle stands.
    journal = read(bundle).tables["journal"]
    assert {"runbook", "recovery"} <= set(journal["source"])
    assert {"check", "decide", "act", "verify", "recovery"} <= set(journal["kind"])
    kinds = {entry["kind"] for entry in json.loads((bundle / "evidence.json").read_text())["timeline"]}
    assert {"check", "recovery"} <= kinds
    verified = run("verify", "--claims", bundle)
    assert (verified.code, verified.err) == (0, "")
