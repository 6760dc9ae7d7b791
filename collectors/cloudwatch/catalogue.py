"""Which metrics of which AWS service answer an on-call's questions, and what they mean in our tables.

Source: the CloudWatch metrics page of each service's documentation; the units are those it gives.
"""

from __future__ import annotations

from dataclasses import dataclass

PERCENTILES = ("p50", "p95", "p99")
_COLUMN_STATS = {"Average": "avg", "Maximum": "max", "Minimum": "min", "Sum": "sum", "SampleCount": "count"}


@dataclass(frozen=True, slots=True)
class Measure:
    """One CloudWatch metric with one statistic, and how it becomes rows."""

    name: str
    """CloudWatch's."""
    statistic: str
    metric: str
    unit: str
    scale: float = 1.0
    per_second: bool = False
    """The sum of a period is divided by its length."""
    over: str = ""
    """Name of the metric whose sum divides this one's: a ratio. No sample of this one then means zero."""

    @property
    def stat(self) -> str:
        """The column `stat`."""
        if self.over:
            return "ratio"
        return "rate" if self.per_second else _COLUMN_STATS.get(self.statistic, self.statistic)


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of AWS resource."""

    title: str
    namespace: str
    probe: str
    """The metric that every resource of the kind has: what is listed to find them."""
    keys: tuple[tuple[str, ...], ...]
    """Sets of dimensions that are read; others, such as one per availability zone, repeat the same numbers."""
    measures: tuple[Measure, ...]
    resource: str
    """The dimension that names the resource."""
    arn: str
    """Its ARN after the partition; the groups are dimensions. Of a REST API it is the id, not the name."""
    serves: int = 0
    """Not 0: it takes the service's requests, and the lowest number found speaks for the whole service."""
    endpoint: tuple[str, ...] = ()
    """Dimensions that name an endpoint."""
    version: str = ""
    """The dimension that names a version."""
    called: str = ""
    """What the service calls it, for resources it depends on: rows become an edge to '<called>/<resource>'."""


SHARED = ("ClusterName", "Stage", "Method", "Operation")
"""Dimensions whose values are nobody's own."""


def parts(value: str) -> tuple[str, ...]:
    """What a dimension's value may be called: 'app/checkout/50dc6c495c0c9188' is 'checkout' too."""
    return (value, *value.split("/")[1:2])


def _latency(name: str, scale: float = 1.0, stats: tuple[str, ...] = PERCENTILES) -> tuple[Measure, ...]:
    return tuple(Measure(name, s, "latency", "s", scale) for s in stats)


def _rate(name: str, metric: str) -> Measure:
    return Measure(name, "Sum", metric, "1/s", per_second=True)


def _failing(name: str, of: str) -> Measure:
    return Measure(name, "Sum", "error_rate", "ratio", over=of)


_SERVICE_LOAD = (
    Measure("CPUUtilization", "Average", "cpu", "percent"),
    Measure("CPUUtilization", "Maximum", "cpu", "percent"),
    Measure("MemoryUtilization", "Average", "memory", "percent"),
    Measure("MemoryUtilization", "Maximum", "memory", "percent"),
)

_DATABASE_LOAD = (
    Measure("CPUUtilization", "Average", "cpu", "percent"),
    Measure("DatabaseConnections", "Maximum", "connections", "count"),
    Measure("ReadLatency", "Average", "read_latency", "s"),
    Measure("WriteLatency", "Average", "write_latency", "s"),
)
REST_API = "REST API"

FAMILIES = (
    Family(
        "load balancer",
        "AWS/ApplicationELB",
        "RequestCount",
        (("LoadBalancer",), ("LoadBalancer", "TargetGroup")),
        (
            *_latency("TargetResponseTime"),
            _rate("RequestCount", "request_rate"),
            _failing("HTTPCode_Target_5XX_Count", "RequestCount"),
            _rate("HTTPCode_ELB_5XX_Count", "balancer_errors"),
            Measure("UnHealthyHostCount", "Maximum", "unhealthy_hosts", "count"),
            _rate("RejectedConnectionCount", "rejected_connections"),
        ),
        "LoadBalancer",
        r"elasticloadbalancing:[^:]*:[^:]*:"
        r"(?:loadbalancer/(?P<LoadBalancer>app/[^/]+/[^/]+)|(?P<TargetGroup>targetgroup/[^/]+/[^/]+))",
        serves=1,
    ),
    Family(
        REST_API,
        "AWS/ApiGateway",
        "Latency",
        (("ApiName",), ("ApiName", "Method", "Resource", "Stage")),
        (
            *_latency("Latency", 0.001),
            _rate("Count", "request_rate"),
            _failing("5XXError", "Count"),
        ),
        "ApiName",
        r"apigateway:[^:]*:[^:]*:/restapis/(?P<ApiName>[^/]+)",
        serves=2,
        endpoint=("Method", "Resource"),
    ),
    Family(
        "HTTP API",
        "AWS/ApiGateway",
        "Latency",
        (("ApiId",), ("ApiId", "Method", "Resource", "Stage")),
        (
            *_latency("Latency", 0.001),
            _rate("Count", "request_rate"),
            _failing("5xx", "Count"),
        ),
        "ApiId",
        r"apigateway:[^:]*:[^:]*:/apis/(?P<ApiId>[^/]+)",
        serves=2,
        endpoint=("Method", "Resource"),
    ),
    Family(
        "Lambda function",
        "AWS/Lambda",
        "Invocations",
        (("FunctionName",), ("FunctionName", "Resource")),
        (
            *_latency("Duration", 0.001),
            _rate("Invocations", "request_rate"),
            _failing("Errors", "Invocations"),
            _rate("Throttles", "throttles"),
            Measure("ConcurrentExecutions", "Maximum", "concurrency", "count"),
        ),
        "FunctionName",
        r"lambda:[^:]*:[^:]*:function:(?P<FunctionName>[^:/]+)",
        serves=3,
        version="Resource",
    ),
    Family(
        "ECS service",
        "AWS/ECS",
        "CPUUtilization",
        (("ClusterName", "ServiceName"),),
        _SERVICE_LOAD,
        "ServiceName",
        # ARNs of before 2018 lack the cluster.
        r"ecs:[^:]*:[^:]*:service/(?:(?P<ClusterName>[^/]+)/)?(?P<ServiceName>[^/]+)",
    ),
    Family(
        "database",
        "AWS/RDS",
        "CPUUtilization",
        (("DBInstanceIdentifier",),),
        (*_DATABASE_LOAD, Measure("FreeStorageSpace", "Minimum", "free_storage", "bytes")),
        "DBInstanceIdentifier",
        r"rds:[^:]*:[^:]*:db:(?P<DBInstanceIdentifier>[^:]+)",
        called="rds",
    ),
    Family(
        "database cluster",
        "AWS/RDS",
        "CPUUtilization",
        (("DBClusterIdentifier",),),
        _DATABASE_LOAD,
        "DBClusterIdentifier",
        r"rds:[^:]*:[^:]*:cluster:(?P<DBClusterIdentifier>[^:]+)",
        called="rds",
    ),
    Family(
        "queue",
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        (("QueueName",),),
        (
            Measure("ApproximateNumberOfMessagesVisible", "Maximum", "queue_depth", "count"),
            Measure("ApproximateAgeOfOldestMessage", "Maximum", "queue_age", "s"),
        ),
        "QueueName",
        r"sqs:[^:]*:[^:]*:(?P<QueueName>[^:/]+)",
        called="sqs",
    ),
    Family(
        "table",
        "AWS/DynamoDB",
        "SuccessfulRequestLatency",
        (("Operation", "TableName"),),
        (
            *_latency("SuccessfulRequestLatency", 0.001, ("Average", "Maximum")),
            _rate("ThrottledRequests", "throttles"),
            _rate("SystemErrors", "errors"),
        ),
        "TableName",
        r"dynamodb:[^:]*:[^:]*:table/(?P<TableName>[^/]+)",
        endpoint=("Operation",),
        called="dynamodb",
    ),
)
