"""The CloudWatch collector without AWS: what is planned, what it may ask, what errors mean to a person."""

# ruff: noqa: F401, F811 - a fixture is imported, and asked for by its name

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from awsworld import api_with, shell
from botocore import exceptions as boto
from botocore.session import Session

from collectors.cloudwatch import (
    CloudWatch,
    credentials,
    permissions,
    troubles,
)
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.side_by_side import Tick, side_by_side, ticking
from gather_diagnostics import Gap, Target


def planned(request: Any, **settings: Any) -> list[Target | Gap]:
    return list(CloudWatch(CloudWatch.Settings.model_validate(settings)).plan(request))


# --- whether it is in use


def test_without_credentials_it_is_not_in_use(shell: Path, make_request: Any) -> None:
    (gap,) = planned(make_request())
    assert isinstance(gap, Gap)
    assert gap.cause == "not_configured"
    assert "aws sso login" in gap.mend
    assert list(CloudWatch(CloudWatch.Settings()).collect(make_request())) == [gap]
    assert list(CloudWatch(CloudWatch.Settings()).check(make_request())) == [gap]


@pytest.mark.parametrize(
    ("variables", "because"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x"}, "AWS_ACCESS_KEY_ID is set"),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere", "AWS_ROLE_ARN": "arn:aws:iam::1:role/r"}, "WEB_IDENTITY"),
        ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x"}, "task role"),
    ],
)
def test_credentials_of_the_environment(
    shell: Path, make_request: Any, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], because: str
) -> None:
    for name, value in (variables | {"AWS_REGION": "eu-west-1"}).items():
        monkeypatch.setenv(name, value)
    targets = planned(make_request())
    assert len(targets) == 3
    for target in targets:
        assert isinstance(target, Target)
        assert because in target.because
        assert target.where.startswith("eu-west-1 ")
        assert "AKIAEXAMPLE" not in repr(target)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("sso_session = s", "signs in by SSO"),
        ("role_arn = arn:aws:iam::123456789012:role/r\nsource_profile = default", "names a role"),
        ("credential_process = /bin/false", "credential process"),
    ],
)
def test_a_profile_is_read_but_not_used(shell: Path, make_request: Any, keys: str, words: str) -> None:
    (shell / "config").write_text(
        f"[profile prod]\nregion = us-west-2\n{keys}\n[sso-session s]\nsso_region = us-east-1\n"
    )
    items = planned(make_request(), profile="prod")
    assert all(isinstance(i, Target) and words in i.because and "us-west-2" in i.where for i in items)
    assert isinstance(planned(make_request())[0], Gap), "nobody named the profile"


def test_what_is_wrong_with_a_profile_is_told(shell: Path, make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (gap,) = planned(make_request(), profile="prod")
    assert isinstance(gap, Gap)
    assert "'prod'" in gap.why
    monkeypatch.setenv("AWS_PROFILE", "stage")
    (gap,) = planned(make_request())
    assert isinstance(gap, Gap)
    assert "'stage'" in gap.why
    (shell / "config").write_text("[profile\nnonsense")
    (gap,) = planned(make_request())
    assert isinstance(gap, Gap)
    assert gap.cause == "not_configured"


def test_without_a_region_there_is_nowhere_to_ask(
    shell: Path, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    (gap,) = planned(make_request())
    assert isinstance(gap, Gap)
    assert "AWS_REGION" in gap.mend
    assert len(planned(make_request(), regions=["eu-west-1", "us-east-1", "eu-west-1"])) == 6


def test_the_plan_tells_the_guards(shell: Path, make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    (_, logs, _) = planned(make_request(), max_scan_bytes=12345, max_log_events=777)
    assert isinstance(logs, Target)
    assert "12,345 bytes" in logs.what
    assert "777 lines" in logs.what
    assert "/ecs/checkout*" in logs.where


@pytest.mark.parametrize(
    "settings",
    [
        {"endpoint_url": "https://user:secret@example.com"},
        {"regions": ["eu-west-1.evil.example/"]},
        {"role_arn": "reader"},
        {"period_seconds": 90},
        {"metrics": [{"name": "a", "namespace": "b", "metric_name": "c", "stats": ["p999999"]}]},
        {"regoins": []},
    ],
)
def test_settings_that_can_not_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        CloudWatch.Settings.model_validate(settings)


# --- the policy


def test_the_policy_only_reads() -> None:
    document = json.loads(CloudWatch.policy())
    actions = [a for s in document["Statement"] for a in s["Action"]]
    assert sorted(actions) == sorted(p.granted for p in permissions.PERMISSIONS.values())
    for action in actions:
        reads = action.partition(":")[2].startswith(permissions.READING)
        assert reads or action in permissions.EXCEPTIONS, action
    assert "*" not in actions


def test_every_declared_action_exists_and_undeclared_ones_are_bugs() -> None:
    core = Session()
    for action in permissions.PERMISSIONS:
        service, _, operation = action.partition(":")
        assert operation in core.get_service_model(service).operation_names, action
    with pytest.raises(LookupError, match="s3:PutObject"):
        Api(core, "eu-west-1", 5).call("s3", "put_object", Bucket="b", Key="k")


# --- troubles


def refused(code: str, status: int = 400, message: str = "no") -> boto.ClientError:
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return boto.ClientError(answer, "FilterLogEvents")


@pytest.mark.parametrize(
    ("error", "cause", "mend"),
    [
        (refused("AccessDeniedException"), "denied", '"Action": "logs:FilterLogEvents"'),
        (refused("SomethingNew", 403), "denied", '"Action": "logs:FilterLogEvents"'),
        (refused("ExpiredTokenException"), "denied", "aws sso login"),
        (refused("UnrecognizedClientException"), "denied", "AWS_ACCESS_KEY_ID"),
        (refused("InvalidSignatureException", 403, "Signature expired: 1 is now earlier than 2"), "invalid", "NTP"),
        (refused("RequestTimeTooSkewed", 403), "invalid", "NTP"),
        (refused("ThrottlingException"), "throttled", "later"),
        (refused("ResourceNotFoundException"), "not_found", "sources.cloudwatch"),
        (refused("500", 500), "invalid", "health.aws"),
        (
            boto.EndpointConnectionError(endpoint_url="https://x", error=OSError(111, "Connection refused")),
            "unreachable",
            "sts",
        ),
        (boto.ConnectTimeoutError(endpoint_url="https://x"), "unreachable", "sts"),
        (boto.ReadTimeoutError(endpoint_url="https://x"), "timeout", "--deadline"),
        (boto.SSLError(endpoint_url="https://x", error="bad"), "unreachable", "AWS_CA_BUNDLE"),
        (boto.NoCredentialsError(), "denied", "get-caller-identity"),
        (boto.UnauthorizedSSOTokenError(), "denied", "aws sso login"),
        (troubles.OutOfTimeError("late"), "timeout", "--deadline"),
        (troubles.BadAnswerError("odd"), "invalid", "endpoint_url"),
        (troubles.BadAddressError("odd"), "not_configured", "endpoint_url"),
    ],
)
def test_what_an_error_means(error: Exception, cause: str, mend: str) -> None:
    gap = troubles.gap(troubles.CallError("logs:FilterLogEvents", "eu-west-1", error), "lines")
    assert gap.cause == cause
    assert mend in gap.mend
    assert gap.why
    assert gap.mend


def test_an_error_is_cut() -> None:
    error = refused("X", 400, "secret sauce " * 1000)
    assert len(troubles.gap(troubles.CallError("a:B", "r", error), "w").why) < 400


def test_a_mistake_of_ours_is_no_gap(monkeypatch: pytest.MonkeyPatch, shell: Path) -> None:
    api, stub = api_with(monkeypatch, "logs")
    stub.deactivate()
    with pytest.raises(boto.ParamValidationError):
        api.call("logs", "filter_log_events", logGroupName=7)


def test_a_bug_below_botocore_is_no_gap(monkeypatch: pytest.MonkeyPatch, shell: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    api = Api(Session(), "eu-west-1", 5)
    # `shell` makes every connection an AssertionError, which botocore wraps in its HTTPClientError.
    with pytest.raises(boto.HTTPClientError, match="no connection may be opened"):
        api.call("sts", "get_caller_identity")


def test_nothing_is_sent_after_the_deadline(monkeypatch: pytest.MonkeyPatch, shell: Path) -> None:
    api, _ = api_with(monkeypatch, "logs", seconds=0)
    with pytest.raises(troubles.CallError) as caught:
        api.call("logs", "describe_log_groups")
    assert caught.value.hopeless


def test_an_endpoint_that_is_no_address(monkeypatch: pytest.MonkeyPatch, shell: Path, make_request: Any) -> None:
    for name, value in {
        "ACCESS_KEY_ID": "x",
        "SECRET_ACCESS_KEY": "y",
        "ENDPOINT_URL": "nonsense",
        "REGION": "r1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    (gap, *_) = CloudWatch(CloudWatch.Settings()).collect(make_request())
    assert isinstance(gap, Gap)
    assert gap.cause == "not_configured"
    assert "AWS_ENDPOINT_URL" in gap.mend


def test_the_instance_is_asked_for_its_role_only_where_told_to(shell: Path) -> None:
    def methods(**settings: Any) -> set[str]:
        core = credentials.session(CloudWatch.Settings.model_validate(settings))
        return {p.METHOD for p in core.get_component("credential_provider").providers}

    assert "iam-role" not in methods()
    assert "container-role" in methods()
    assert "iam-role" in methods(instance_metadata=True)


# --- side by side


def test_items_of_all_jobs_come_and_an_error_comes_last() -> None:
    def fails() -> Iterator[int]:
        yield 1
        raise RuntimeError("a bug")

    got: list[int | Tick] = []
    with pytest.raises(RuntimeError, match="a bug"):
        got.extend(ticking([fails, lambda: iter([2, 3])], 2, None))
    assert got[-1] is Tick.END, "what is held can be told before the error is"
    got = []
    with pytest.raises(RuntimeError, match="a bug"):
        got.extend(side_by_side([fails, lambda: iter([2, 3]), lambda: iter([4])], 1))
    assert sorted(got) == [1, 2, 3, 4], "one bug does not stop the others"


def test_closing_ends_the_jobs() -> None:
    ended = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            ended.set()

    items = side_by_side([endless], 2)
    assert next(items) == 1
    items.close()  # type: ignore[attr-defined]
    assert ended.wait(5)


def test_no_jobs_no_items() -> None:
    assert list(side_by_side([], 3)) == []
