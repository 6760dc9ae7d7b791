"""What a person may say about their AWS account. With credentials and a region in the shell nothing has to be said."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

NAME = "cloudwatch"

Unit = Literal["s", "ratio", "1/s", "cores", "bytes", "percent", "count"]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{2,30}$")]
"""It becomes part of a host name."""
Statistic = Annotated[
    str, StringConstraints(pattern=r"^(Average|Sum|Minimum|Maximum|SampleCount|(p|tm|wm|tc|ts)\d{1,2}(\.\d{1,10})?)$")
]

USUAL_GROUPS = (
    "/aws/lambda/{service}*",
    "/aws/lambda/*-{service}*",
    "/ecs/{service}*",
    "/aws/ecs/*{service}*",
    "/aws/eks/*/{service}*",
    "/aws/apigateway/{service}*",
    "/aws/rds/*/{service}*",
    "/aws/elasticbeanstalk/{service}*",
    "/{service}",
    "/{service}/*",
    "{service}",
    "{service}-*",
)
"""Names that log groups of a service usually have."""

USUAL_TAGS = (
    "app.kubernetes.io/name",
    "service",
    "Service",
    "app",
    "App",
    "application",
    "Application",
    "Name",
    "aws:cloudformation:stack-name",
)
"""Keys of tags that usually bear a service's name."""


class CustomMetric(BaseModel):
    """A metric that the service itself, or an agent, puts into CloudWatch."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, description="column metric, e.g. latency, error_rate, queue_depth")
    namespace: str = Field(min_length=1, description="CloudWatch namespace, e.g. Shop/Checkout")
    metric_name: str = Field(min_length=1, description="CloudWatch metric name")
    dimensions: dict[str, str] = Field(default_factory=dict, description="all of its dimensions, names and values")
    stats: list[Statistic] = Field(
        default_factory=lambda: ["Average"], min_length=1, description="Average, Sum, Maximum, Minimum, p50, p99.9, ..."
    )
    unit: Unit = Field(default="count", description="column unit; with Sum and 1/s the sum is divided by the period")
    scale: float = Field(default=1.0, description="values are multiplied by it, e.g. 0.001 for milliseconds into s")


class CloudWatchSettings(BaseModel):
    """`sources.cloudwatch` in diagnostics.yaml. Texts may hold '{service}'."""

    model_config = ConfigDict(extra="forbid")
    profile: str = Field(default="", description="profile of ~/.aws/config; empty: $AWS_PROFILE, or the default one")
    regions: list[Region] = Field(
        default_factory=list, description="regions to read; empty: the profile's or $AWS_REGION"
    )
    role_arn: str = Field(
        default="", pattern=r"^(arn:aws[a-z-]*:iam::\d{12}:role/\S+)?$", description="role to assume for reading"
    )
    external_id: str = Field(default="", description="external id the role asks for")
    endpoint_url: str = Field(
        default="",
        pattern=r"^(https?://[^@\s]+)?$",
        description="address in place of AWS's own; $AWS_ENDPOINT_URL works too",
    )
    instance_metadata: bool = Field(
        default=False, description="true takes the role of the EC2 instance this runs on; asked for when collecting"
    )
    log_groups: list[str] = Field(
        default_factory=list, description="log groups, names or globs with *; empty: the usual names of a service"
    )
    dimensions: dict[str, str] = Field(
        default_factory=dict,
        description="dimensions that select the service, e.g. {LoadBalancer: app/shop/50dc6c495c0c9188};"
        " empty: resources with the service's name in theirs or in a tag",
    )
    tag_keys: list[str] = Field(
        default_factory=lambda: list(USUAL_TAGS),
        max_length=20,
        description="keys of tags whose value is the service's name; [] looks for no tags",
    )
    metrics: list[CustomMetric] = Field(default_factory=list, description="custom metrics")
    period_seconds: int = Field(
        default=0, ge=0, le=86_400, multiple_of=60, description="seconds a sample stands for; 0: as fine as AWS keeps"
    )
    max_resources: int = Field(
        default=20, ge=1, le=200, description="resources read of one kind (functions, queues, ...)"
    )
    max_log_events: int = Field(default=200_000, ge=1, le=5_000_000, description="log lines kept in all")
    insights: bool = Field(
        default=True,
        description="count lines with Logs Insights: errors first, then, by pattern, those that are too many to be read"
        " (AWS bills bytes scanned)",
    )
    max_scan_bytes: int = Field(
        default=5 * 2**30, ge=0, description="bytes that Logs Insights may scan in one run; the query is stopped beyond"
    )
