"""What tests of AWS share: a shell without credentials, a server under way, and what is put into it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session
from botocore.stub import Stubber
from conftest import NOW
from servers.aws import ACCOUNT, AwsServer, aws

from collectors.cloudwatch import (
    CloudWatch,
    credentials,
    insights,
    trail,
)
from collectors.cloudwatch.api import Api
from gather_diagnostics import Gap, Request, Rows, Window
from gather_diagnostics.tables import to_batch

VARIABLES = (
    "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE AWS_REGION"
    " AWS_DEFAULT_REGION AWS_ENDPOINT_URL AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN"
    " AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_CONTAINER_CREDENTIALS_FULL_URI"
).split()


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A shell without any trace of AWS; returns the folder that stands for ~/.aws. Connections are refused."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))

    def refuse(*args: object) -> None:
        raise AssertionError("no connection may be opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tmp_path


def api_with(monkeypatch: pytest.MonkeyPatch, service: str, seconds: float = 30) -> tuple[Api, Stubber]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    api = Api(Session(), "eu-west-1", seconds)
    stub = Stubber(api._client(service))
    stub.activate()
    return api, stub


def at(minutes: int) -> datetime:
    """Minutes before NOW."""
    return NOW - timedelta(minutes=minutes)


WINDOW = Window(NOW - timedelta(hours=24), NOW)


ONSET = NOW - timedelta(minutes=20)
MINUTES = [NOW - timedelta(minutes=n) for n in range(120, 0, -1)]
GROUP = "/ecs/checkout"
Made = tuple[dict[str, list[dict[str, Any]]], list[Gap]]


@pytest.fixture(scope="module")
def running() -> Iterator[AwsServer]:
    with aws() as server:
        yield server


@pytest.fixture
def server(running: AwsServer, monkeypatch: pytest.MonkeyPatch) -> AwsServer:
    running.reset()
    for name, value in running.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setattr(trail, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(insights, "POLL_SECONDS", 0.01)
    return running


def collect(request: Request, **settings: Any) -> Made:
    """Rows by table, each checked against its table as the runner would, and gaps."""
    rows: dict[str, list[dict[str, Any]]] = {"metrics": [], "logs": [], "changes": [], "events": []}
    gaps: list[Gap] = []
    for item in CloudWatch(CloudWatch.Settings.model_validate(settings)).collect(request):
        if isinstance(item, Rows):
            batch = to_batch(item.table, "cloudwatch", item.rows)
            assert batch.num_rows, "a batch without rows says nothing"
            told = item.rows.to_pylist() if hasattr(item.rows, "to_pylist") else item.rows
            rows[item.table] += [dict(r) for r in told]
        elif isinstance(item, Gap):
            assert item.mend, item
            gaps.append(item)
    return rows, gaps


def series(rows: list[dict[str, Any]], metric: str, stat: str, **where: Any) -> list[tuple[datetime, float]]:
    picked = [r for r in rows if r["metric"] == metric and r["stat"] == stat]
    picked = [r for r in picked if all(r.get(k) == v for k, v in where.items())]
    return sorted((r["time"], r["value"]) for r in picked)


def balance(server: AwsServer) -> dict[str, str]:
    """A target group: 600 requests a minute, half of them at 0.1 s and half at 0.3 s; 60 a minute fail at the end."""
    dimensions = {"LoadBalancer": "app/shop/50dc6c495c0c9188", "TargetGroup": "targetgroup/checkout/943f017f100becff"}
    space = "AWS/ApplicationELB"
    server.put_metric(space, "RequestCount", [(t, 600.0) for t in MINUTES], dimensions)
    server.put_metric(space, "HTTPCode_Target_5XX_Count", [(t, 60.0) for t in MINUTES if t >= ONSET], dimensions)
    slow = [(t, [0.1, 0.3] if t < ONSET else [1.0, 3.0]) for t in MINUTES]
    server.put_metric(space, "TargetResponseTime", slow, dimensions)
    other = dimensions | {"TargetGroup": "targetgroup/cart/0000000000000000"}
    server.put_metric(space, "RequestCount", [(t, 1.0) for t in MINUTES], other)
    return dimensions


def write(server: AwsServer, group: str = GROUP, per_minute: int = 5, failing: int = 3) -> int:
    """Everyday lines all the time, errors with a traceback from the onset on. Returns how many records that makes."""
    events: list[tuple[datetime, str]] = []
    for minute in MINUTES:
        events += [(minute + timedelta(seconds=n), f"INFO order {n} placed") for n in range(per_minute)]
        for n in range(failing if minute >= ONSET else 0):
            at = minute + timedelta(seconds=30 + n)
            events += [(at, f"ERROR no pool for order {n}"), (at, "Traceback (most recent call last):")]
            events += [(at, '  File "pool.py", line 7, in take'), (at, "PoolError: empty")]
    server.put_logs(group, "task/1", events)
    return per_minute * len(MINUTES) + failing * 20


def connected(server: AwsServer) -> Any:
    return Api(credentials.session(CloudWatch.Settings()), server.region, 30)


def deploy(server: AwsServer) -> None:
    ecs = server.client("ecs")
    ecs.create_cluster(clusterName="shop")
    for version in (1, 2):
        container = {"name": "app", "image": f"shop/checkout:v{version}", "memory": 128}
        ecs.register_task_definition(family="checkout", containerDefinitions=[container])
    with server.at(NOW - timedelta(days=3)):
        ecs.create_service(cluster="shop", serviceName="checkout", taskDefinition="checkout:1", desiredCount=2)
    with server.at(ONSET - timedelta(minutes=3)):
        ecs.update_service(cluster="shop", service="checkout", taskDefinition="checkout:2")
    server.put_service_event(
        "checkout",
        ONSET,
        "(service checkout) was unable to place a task because no container instance met",
        cluster="shop",
    )


def everything(server: AwsServer) -> None:
    balance(server)
    write(server)
    deploy(server)


T = datetime(2026, 3, 14, 3, 0, tzinfo=UTC)
PATIENT = Config(retries={"total_max_attempts": 4, "mode": "standard"})
WHO = f"arn:aws:iam::{ACCOUNT}:user/testing"


def minute(number: float) -> datetime:
    return T + timedelta(minutes=number)


def ms(when: datetime) -> int:
    return round(when.timestamp() * 1000)


def stat(name: str, statistic: str, period: int = 60, service: str = "checkout", namespace: str = "Shop") -> Any:
    dimensions = [{"Name": "Service", "Value": service}]
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions}
    return {"Metric": metric, "Period": period, "Stat": statistic}


def data(server: AwsServer, *queries: Mapping[str, Any], client: Any = None, minutes: float = 60, **more: Any) -> Any:
    asked = {"MetricDataQueries": list(queries), "StartTime": T, "EndTime": minute(minutes)}
    client = client or server.client("cloudwatch")
    return client.get_metric_data(**asked, ScanBy="TimestampAscending", **more)


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def put_requests(server: AwsServer) -> None:
    for service, errors in {"checkout": [1, 0, 5], "cart": [2, 2, 2]}.items():
        server.put_metric("Shop", "Errors", [(minute(i), n) for i, n in enumerate(errors)], {"Service": service})
        server.put_metric("Shop", "Requests", [(minute(i), n) for i, n in enumerate([10, 0, 50])], {"Service": service})


LINES = [
    "INFO start",
    "ERROR db timeout after 250 ms",
    'WARN retry "twice"',
    "ERROR cache miss",
    json.dumps({"level": "error", "status": 503, "user": {"id": "u-1"}, "ok": False, "gone": None}),
    json.dumps({"level": "info", "status": 200, "tags": ["a", "b"]}),
]


def put_lines(server: AwsServer) -> None:
    server.put_logs("/ecs/checkout", "task/1", [(minute(i), line) for i, line in enumerate(LINES)])


def make_service(server: AwsServer) -> Any:
    client = server.client("ecs")
    client.create_cluster(clusterName="shop")
    for version in (1, 2):
        container = {"name": "app", "image": f"shop/checkout:{version}", "memory": 64}
        client.register_task_definition(family="checkout", containerDefinitions=[container])
    with server.at(minute(-60)):
        asked = {"serviceName": "checkout", "desiredCount": 3, "launchType": "FARGATE"}
        client.create_service(cluster="shop", taskDefinition="checkout:1", **asked)
    server.finish_service_deployment("checkout", minute(-55), cluster="shop")
    return client
