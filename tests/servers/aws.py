"""AWS on loopback: moto's server in a process of its own, with the answers it lacks or gets wrong put right.

    from servers.aws import aws

    with aws() as server:                                        # < 1 s to start; reset() between tests: ms
        server.put_metric("Shop", "Latency", [(time, 120.0), (time, [90, 95, 400])], {"Service": "checkout"})
        server.put_logs("/ecs/checkout", "task/1", [(time, "ERROR boom")])
        server.put_trail_event(time, "UpdateService", "ecs.amazonaws.com", user="ana", resources={"checkout": "..."})
        with server.at(time):                                    # everything moto stamps now bears this time
            server.client("ecs").update_service(...)
        server.throttle("logs", "FilterLogEvents", times=2)
        server.client("logs").filter_log_events(...)
        assert server.calls()[-1].operation == "FilterLogEvents"

Give the collector `server.client(name)`, `server.session()`, `server.url`, or `server.environment()` for a process or
monkeypatch. One account (`ACCOUNT`), any region (default `REGION`). Services are named as boto3 names them, operations
as AWS does. What the extensions answer: tests/servers/awsextra, one module a subject. Times are aware datetimes.
"""

from __future__ import annotations

import importlib.util
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from servers.awsextra.control import ServerError, tell

__all__ = ["ACCOUNT", "QUICK", "REGION", "AwsServer", "Call", "ServerError", "aws"]

ACCOUNT = "123456789012"
REGION = "eu-west-1"
READY_SECONDS = 60
QUICK = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1, "mode": "standard"})


@dataclass(frozen=True)
class Call:
    """One request that the server got, e.g. to see that a collector sends reads only."""

    service: str
    operation: str
    params: Mapping[str, Any] = field(default_factory=dict)


class AwsServer:
    """A server under way."""

    def __init__(self, url: str, region: str = REGION) -> None:
        self.url, self.region = url, region

    # Clients

    def session(self) -> boto3.Session:
        """boto3's session with test credentials; clients still need `endpoint_url=server.url`."""
        return boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=self.region)

    def client(self, service: str, config: Config = QUICK, **settings: Any) -> Any:
        """boto3's client. Without retries and with short time-outs, unless `config` says otherwise."""
        return self.session().client(service, endpoint_url=self.url, config=config, **settings)

    def environment(self) -> dict[str, str]:
        """Variables that lead any AWS SDK here and nowhere else."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    # Time

    @contextmanager
    def at(self, time: datetime) -> Iterator[None]:
        """The server's clock stands at `time` inside: creations, deployments, alarm states and Logs' age check."""
        self._tell("stop_clock", at=time)
        try:
            yield
        finally:
            self._tell("stop_clock", at=None)

    # What is stored

    def put_metric(
        self,
        namespace: str,
        name: str,
        points: Iterable[tuple[datetime, float | Sequence[float]]],
        dimensions: Mapping[str, str] | None = None,
        unit: str = "None",
    ) -> None:
        """Datapoints of any age; several values at one time become several samples (for percentiles)."""
        given = [[when, list(v) if isinstance(v, Sequence) else v] for when, v in points]
        keys = {"namespace": namespace, "name": name, "dimensions": dict(dimensions or {}), "unit": unit}
        self._tell("put_metric", region=self.region, points=given, **keys)

    def put_logs(self, group: str, stream: str, events: Iterable[tuple[datetime, str]]) -> None:
        """Log events of any age, to the millisecond; makes the group and the stream where they are missing."""
        self._tell("put_logs", region=self.region, group=group, stream=stream, events=[list(e) for e in events])

    def empty_pages(self, times: int = 1) -> None:
        """The next pages of FilterLogEvents are empty but lead on, as AWS's may be."""
        self._tell("empty_pages", times=times)

    def set_queries(self, polls: int = 1, ends: str = "Complete", shown: int = 1_000, mark: str = "") -> None:
        """Insights: so many polls find a query Running; then it is Complete, Failed or Timeout.

        Values in results are cut after `shown` characters, and `mark` put behind.
        """
        self._tell("set_queries", polls=polls, ends=ends, shown=shown, mark=mark)

    def put_trail_event(
        self,
        time: datetime,
        name: str,
        source: str,
        *,
        user: str = "testing",
        resources: Mapping[str, str] | None = None,
        read_only: bool = False,
        **record: Any,
    ) -> str:
        """An event for LookupEvents, e.g. ('UpdateService', 'ecs.amazonaws.com'); returns its id.

        resources: name to type ('AWS::ECS::Service'). record: keys of CloudTrailEvent such as requestParameters,
        errorCode, userIdentity.
        """
        keys = {"name": name, "source": source, "user": user, "read_only": read_only, "record": record}
        return str(
            self._tell("put_trail_event", region=self.region, time=time, resources=dict(resources or {}), **keys)
        )

    def set_alarm_state(self, name: str, time: datetime, state: str, reason: str = "set by a test") -> None:
        """SetAlarmState (OK, ALARM, INSUFFICIENT_DATA) at `time`; DescribeAlarmHistory tells of it."""
        with self.at(time):
            self.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue=state, StateReason=reason)

    def finish_service_deployment(
        self, service: str, time: datetime, *, cluster: str = "default", status: str = "SUCCESSFUL", reason: str = ""
    ) -> None:
        """Ends the newest deployment of an ECS service. status: SUCCESSFUL, ROLLBACK_SUCCESSFUL, STOPPED ..."""
        keys = {"cluster": cluster, "service": service, "status": status, "reason": reason}
        self._tell("finish_service_deployment", region=self.region, time=time, **keys)

    def put_service_event(self, service: str, time: datetime, message: str, *, cluster: str = "default") -> None:
        """A line of DescribeServices' events, e.g. '(service checkout) has reached a steady state.'"""
        self._tell("put_service_event", region=self.region, cluster=cluster, service=service, time=time, text=message)

    def put_database_event(
        self, time: datetime, database: str, message: str, categories: Sequence[str], kind: str = "db-instance"
    ) -> None:
        """An event of RDS, e.g. (time, 'checkout', 'Multi-AZ instance failover started', ['failover'])."""
        keys = {"database": database, "message": message, "categories": list(categories), "kind": kind}
        self._tell("put_database_event", region=self.region, time=time, **keys)

    def put_tagged(self, arn: str, tags: Mapping[str, str]) -> None:
        """A resource that GetResources tells of, before those made in services; nothing else knows it."""
        self._tell("put_tagged", region=self.region, arn=arn, tags=dict(tags))

    def set_deployment(
        self,
        deployment: str,
        status: str,
        *,
        created: datetime | None = None,
        started: datetime | None = None,
        completed: datetime | None = None,
    ) -> None:
        """Status (InProgress, Succeeded, Failed, Stopped) and times of a CodeDeploy deployment."""
        keys = {"created": created, "started": started, "completed": completed}
        self._tell("set_deployment", region=self.region, deployment=deployment, status=status, **keys)

    def simulate(self, decisions: Mapping[str, str], otherwise: str = "allowed") -> None:
        """What SimulatePrincipalPolicy says: 'logs:FilterLogEvents' to allowed, implicitDeny or explicitDeny."""
        self._tell("simulate", decisions=dict(decisions), otherwise=otherwise)

    # Faults: service and operation may be '*'; times=None is until `heal`

    def throttle(self, service: str, operation: str = "*", times: int | None = 1, code: str = "") -> None:
        """HTTP 400 'Rate exceeded': ThrottlingException, Throttling, or the code given (LimitExceededException)."""
        self._fault("throttle", service, operation, times, code=code)

    def deny(self, service: str, operation: str = "*") -> None:
        """AccessDeniedException (CloudWatch, IAM, RDS ...: AccessDenied), and SimulatePrincipalPolicy agrees."""
        self._fault("deny", service, operation, None)

    def expire(self, service: str = "*", operation: str = "*") -> None:
        """ExpiredTokenException: the credentials have run out."""
        self._fault("expire", service, operation, None)

    def fail(
        self,
        service: str,
        operation: str = "*",
        times: int | None = 1,
        status: int = 503,
        body: str = "<html>down</html>",
        content_type: str = "text/html",
    ) -> None:
        self._fault("fail", service, operation, times, status=status, body=body, content_type=content_type)

    def hang(self, service: str, operation: str = "*", seconds: float = 30, times: int | None = 1) -> None:
        """Says nothing for so long, then answers."""
        self._fault("hang", service, operation, times, seconds=seconds)

    def truncate(self, service: str, operation: str = "*", times: int | None = 1, closes: bool = False) -> None:
        """Half of the body: as if it were all, or (closes) promising the whole and closing the connection.

        Mind that botocore takes either for an answer without any keys where the protocol is JSON (it does not check
        the length, and reads broken JSON as an error's message); XML raises ResponseParserError.
        """
        self._fault("truncate", service, operation, times, closes=closes)

    def drip(self, service: str, operation: str = "*", seconds: float = 30) -> None:
        """The answer a byte at a time, each well within a read time-out, for so long; then the rest."""
        self._fault("drip", service, operation, None, seconds=seconds)

    def stall(self, service: str, operation: str = "*", seconds: float = 30) -> None:
        """Half of the answer, then silence for so long."""
        self._fault("stall", service, operation, None, seconds=seconds)

    def flood(self, service: str, operation: str = "*") -> None:
        """An answer without end, as fast as it is taken."""
        self._fault("flood", service, operation, None)

    def die(self, service: str, operation: str = "*") -> None:
        """The process is gone when this is asked: connections break, new ones are refused. There is no healing."""
        self._fault("die", service, operation, None)

    def skew(self, seconds: float) -> None:
        """The server's clock is ahead by so much: its Date header says so, and over 5 min it refuses signatures."""
        self._tell("skew", seconds=seconds)

    def heal(self) -> None:
        """No faults and no skew any more."""
        self._tell("heal")

    # What happened

    def calls(self) -> list[Call]:
        """Every signed request since the start or `forget_calls`, in order, failed ones too."""
        return [Call(**call) for call in self._tell("calls")]

    def forget_calls(self) -> None:
        self._tell("forget_calls")

    def reset(self) -> None:
        """As new: moto's stores, the extensions', faults, calls and clock."""
        self._tell("reset")

    def _fault(self, kind: str, service: str, operation: str, times: int | None, **settings: Any) -> None:
        self._tell("add_fault", kind=kind, service=service, operation=operation, times=times, **settings)

    def _tell(self, helper: str, **arguments: Any) -> Any:
        return tell(self.url, helper, arguments)


@contextmanager
def aws(region: str = REGION) -> Iterator[AwsServer]:
    """Start the server on a free loopback port. Raises ServerError where it does not come up.

    Skips the test loudly, or fails it in CI, where moto is missing.
    """
    if importlib.util.find_spec("moto") is None:
        from conftest import missing

        missing("moto", "pip install 'moto[server,all]'")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MOTO_"))}
    settings = {"PYTHONPATH": str(Path(__file__).resolve().parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}
    credentials = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": region}
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "servers.awsextra.main"],
            env={**kept, **settings, **credentials},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        try:
            yield AwsServer(_url(process, errors), region)
        finally:
            process.kill()
            process.communicate()


def _url(process: subprocess.Popen[bytes], errors: Any) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], READY_SECONDS)
    line = process.stdout.readline().decode().strip() if ready else ""
    if not line.startswith("http://"):
        errors.seek(0)
        raise ServerError(f"the AWS server is not ready: {errors.read()[-1500:].decode(errors='replace')}")
    return line
