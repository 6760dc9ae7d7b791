"""The collector's entrances. AWS's client is imported in them: it takes a tenth of a second, which other sources
need not wait for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar
from urllib.parse import urlsplit

from collectors.cloudwatch import costs, permissions
from collectors.cloudwatch.settings import NAME, CloudWatchSettings
from gather_diagnostics import Answer, Gap, Request, Rows, Skew, Target, questions

PATIENCE = 0.5
"""Of the source's time that deployments wait for CloudTrail to tell who began them."""


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
        from collectors.cloudwatch import groups
        from collectors.cloudwatch.accounts import account as account_of

        account = account_of(self.settings)
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
        from collectors.cloudwatch.accounts import apis
        from collectors.cloudwatch.api import Api
        from collectors.cloudwatch.troubles import CallError, gap

        for item in apis(self.settings, request):
            if not isinstance(item, Api):
                yield item
                continue
            try:
                item.call("cloudwatch", "list_metrics", Namespace="AWS/Lambda", MetricName="Invocations")
            except CallError as error:
                yield gap(error, f"metrics in {item.region}")

    def collect(self, request: Request) -> Iterator[Rows | Gap | Skew]:
        """Every region and service side by side; what fails is told, the others go on."""
        from collectors.cloudwatch import reading
        from collectors.cloudwatch.accounts import apis
        from collectors.cloudwatch.api import Api
        from collectors.cloudwatch.insights import Meter
        from collectors.cloudwatch.side_by_side import Job
        from gather_diagnostics.http.clock import asked_on

        todo: list[Job[Rows | Gap]] = []
        meter = Meter(self.settings.max_scan_bytes)
        for item in apis(self.settings, request):
            if isinstance(item, Api):
                todo += reading.jobs(item, self.settings, asked_on(request, item.skew), meter)
            else:
                yield item
        yield from reading.read(todo, request.source_seconds * PATIENCE)

    def ask(self, request: Request, query: str) -> Iterator[Answer | Gap]:
        """Log groups and a query of Logs Insights over the incident window, e.g. `/ecs/checkout* | filter @message like
        /ERROR/ | stats count(*)`, stopped at `max_scan_bytes` a question; a column a field. Or the samples of one
        metric in that window: `metric AWS/ApplicationELB RequestCount Sum LoadBalancer=app/shop/50dc6c495c0c9188`;
        columns `time` (of the period's start) and `value`, the newest first.
        """
        from collectors.cloudwatch import commands
        from collectors.cloudwatch.accounts import apis
        from collectors.cloudwatch.api import Api
        from collectors.cloudwatch.insights import Meter
        from collectors.cloudwatch.question import Question, labelled
        from gather_diagnostics.http.clock import asked_on

        try:
            command = commands.parse(query)
        except ValueError as error:
            yield questions.refused(NAME, query, str(error), f"ask one of: {'; '.join(commands.FORMS)}")
            return
        meter = Meter(self.settings.max_scan_bytes)
        for item in apis(self.settings, request):
            if isinstance(item, Gap):
                yield item
            elif isinstance(item, Api):
                found = Question(item, self.settings, asked_on(request, item.skew), meter).answers(command, query)
                yield from (labelled(one, item.region) for one in found) if len(self.settings.regions) > 1 else found

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
