"""The collector's three entrances."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from botocore.session import Session

from collectors.cloudwatch import costs, credentials, groups, permissions, reading
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.clock import clock
from collectors.cloudwatch.insights import Meter
from collectors.cloudwatch.settings import NAME, CloudWatchSettings
from collectors.cloudwatch.side_by_side import Job
from collectors.cloudwatch.troubles import CallError, gap
from gather_diagnostics import Gap, Request, Rows, Skew, Target
from gather_diagnostics.http.clock import asked_on

SHARE = 0.9
"""Of the source's time that is used; the rest is for handing over."""

PATIENCE = 0.5
"""Of the source's time that deployments wait for CloudTrail to tell who began them."""


@dataclass(frozen=True, slots=True)
class _Account:
    """Where to ask, and how that was found."""

    core: Session
    regions: tuple[str, ...]
    because: str


class CloudWatch:
    """Metrics, alarms, log lines and changes of a service, from AWS."""

    name: ClassVar[str] = NAME
    tables: ClassVar[frozenset[str]] = frozenset({"metrics", "logs", "changes", "events"})
    Settings: ClassVar[type[CloudWatchSettings]] = CloudWatchSettings
    policy_name: ClassVar[str] = "aws"

    def __init__(self, settings: CloudWatchSettings) -> None:
        self.settings = settings

    @classmethod
    def policy(cls) -> str:
        """The least-privilege, read-only IAM policy that everything here needs, as JSON."""
        return permissions.policy()

    def plan(self, request: Request) -> Iterable[Target | Gap]:
        """What is read in each region, where credentials are at hand. Looks at environment and files, sends nothing."""
        account = self._account()
        if isinstance(account, Gap):
            yield account
            return
        service = request.service
        globs = groups.patterns(self.settings, service)
        logs = ", ".join(globs if self.settings.log_groups else [*globs, *self._unnamed()])
        lines = f"at most {self.settings.max_log_events:,} lines; {costs.told(self.settings)}"
        for region in account.regions:
            where = self._where(region)
            named = f"resources named like it{self._tags()}"
            yield Target(f"metrics and alarms of {service}", f"{where} CloudWatch: {named}", account.because)
            yield Target(f"log lines of {service} ({lines})", f"{where} Logs: {logs}", account.because)
            changers = "CodeDeploy, ECS, Lambda, CloudTrail, CloudFormation, RDS"
            yield Target(f"changes of {service}", f"{where} {changers}", account.because)

    def check(self, request: Request) -> Iterable[Gap | Skew]:
        """Ask who we are, and for the metrics of Lambda: tells credentials, network, permission and clock."""
        for item in self._apis(request):
            if not isinstance(item, Api):
                yield item
                continue
            try:
                item.call("cloudwatch", "list_metrics", Namespace="AWS/Lambda", MetricName="Invocations")
            except CallError as error:
                yield gap(error, f"metrics in {item.region}")

    def collect(self, request: Request) -> Iterator[Rows | Gap | Skew]:
        """Every region and service side by side; what fails is told, the others go on."""
        todo: list[Job[Rows | Gap]] = []
        meter = Meter(self.settings.max_scan_bytes)
        for item in self._apis(request):
            if isinstance(item, Api):
                todo += reading.jobs(item, self.settings, asked_on(request, item.skew), meter)
            else:
                yield item
        yield from reading.read(todo, request.source_seconds * PATIENCE)

    def _account(self) -> _Account | Gap:
        because = credentials.found(self.settings)
        if isinstance(because, Gap):
            return because
        core = credentials.session(self.settings)
        regions = credentials.regions(self.settings, core)
        return regions if isinstance(regions, Gap) else _Account(core, regions, because)

    def _apis(self, request: Request) -> Iterator[Api | Gap | Skew]:
        """A way into each region, or why there is none; what its clock said comes first."""
        account = self._account()
        if isinstance(account, Gap):
            yield account
            return
        seconds = request.source_seconds * SHARE
        core = account.core
        if self.settings.role_arn:
            entry = Api(core, account.regions[0], seconds, self.settings.endpoint_url)
            try:
                core = credentials.assumed(entry, self.settings, request.service)
            except CallError as error:
                yield from clock(entry.skew)
                yield gap(error, f"the role {self.settings.role_arn}", self.settings.role_arn)
                return
        for region in account.regions:
            api = Api(core, region, seconds, self.settings.endpoint_url)
            refusal = _refusal(api)
            yield from clock(api.skew)
            if refusal is not None:
                yield gap(refusal, f"an answer of AWS in {region}")
                if refusal.hopeless:
                    return
                # A network may reach CloudWatch and not STS; an address given for all of them is the same for all.
                if self.settings.endpoint_url or os.environ.get("AWS_ENDPOINT_URL"):
                    continue
            yield api

    def _tags(self) -> str:
        """'' where no tags are looked for."""
        keys = ", ".join(self.settings.tag_keys)
        return f" or with its name in a tag ({keys}; where tag:GetResources is allowed)" if keys else ""

    def _unnamed(self) -> Iterator[str]:
        """Log groups that are not found by their own names."""
        yield "execution logs of its REST APIs"
        if self.settings.tag_keys:
            yield "logs of what is tagged with its name"

    def _where(self, region: str) -> str:
        host = urlsplit(self.settings.endpoint_url).netloc
        return f"{region} ({host})" if host else region


def _refusal(api: Api) -> CallError | None:
    """Why AWS does not say who we are."""
    try:
        api.call("sts", "get_caller_identity")
    except CallError as error:
        return error
    return None
