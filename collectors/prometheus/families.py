"""What services' metrics are called, and by which labels they are told apart. Data; a new convention is a line here.

Sources: Prometheus' naming practices (prometheus.io/docs/practices/naming), OpenTelemetry's semantic conventions for
HTTP metrics and their Prometheus names (opentelemetry.io/docs/specs/semconv/http/http-metrics), Istio's standard
metrics (istio.io/latest/docs/reference/config/metrics), go-grpc-middleware's and Micrometer's names.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Protocol:
    """How failed requests are told from good ones."""

    name: str
    status_labels: tuple[str, ...]
    """The first that a series has is read."""
    errors: str
    """Anchored regular expression of the label's values that are the server's fault."""
    counters: tuple[str, ...]
    """Requests counted by status, apart from a histogram."""


@dataclass(frozen=True, slots=True)
class Family:
    """Durations of requests: a histogram (classic or native) or a summary."""

    name: str
    protocol: Protocol
    per_second: int = 1
    """How many of its units make a second: 1000 for milliseconds."""
    counter: str = ""
    """The counter beside it that has the status, where the histogram has none."""
    extra: tuple[tuple[str, str], ...] = ()
    """Label and value to select besides, where series have it."""


HTTP = Protocol(
    name="http",
    status_labels=(
        "code",
        "status",
        "status_code",
        "http_status_code",
        "http_response_status_code",
        "response_code",
    ),
    # Some libraries keep the class alone: 5xx.
    errors="5..",
    counters=("http_requests_total", "http_server_requests_total"),
)
GRPC = Protocol(
    name="grpc",
    status_labels=("grpc_code", "code", "rpc_grpc_status_code", "grpc_status"),
    # The codes a server is to blame for, by name or number (grpc.io/docs/guides/status-codes).
    errors=(
        "Unknown|DeadlineExceeded|Unimplemented|Internal|Unavailable|DataLoss|ResourceExhausted"
        "|UNKNOWN|DEADLINE_EXCEEDED|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS|RESOURCE_EXHAUSTED|2|4|8|12|13|14|15"
    ),
    counters=("grpc_server_handled_total",),
)

FAMILIES = (
    Family("http_request_duration_seconds", HTTP),
    Family("http_server_request_duration_seconds", HTTP),
    Family("http_server_requests_seconds", HTTP),
    Family("http_server_duration_milliseconds", HTTP, per_second=1000),
    Family("grpc_server_handling_seconds", GRPC, counter="grpc_server_handled_total"),
    # Both sidecars of a call report it: only what the called side saw counts once.
    Family(
        "istio_request_duration_milliseconds",
        HTTP,
        per_second=1000,
        counter="istio_requests_total",
        extra=(("reporter", "destination"),),
    ),
)
"""In order of preference: where a service has several, the first is read."""

SERVICE_LABELS = (
    "service",
    "job",
    "app",
    "app_kubernetes_io_name",
    "service_name",
    "exported_service",
    "exported_job",
    "destination_service_name",
    "destination_workload",
    "destination_app",
)
"""Where the service's name is looked for, in this order."""

PREFIXED = frozenset({"job", "exported_job"})
"""OpenTelemetry makes job out of 'namespace/name'."""

ENDPOINT_LABELS = ("handler", "http_route", "route", "path", "uri", "grpc_method", "rpc_method", "endpoint")
"""'endpoint' comes last: Prometheus' operator gives that name to the port it scrapes."""
INSTANCE_LABELS = ("pod", "kubernetes_pod_name", "k8s_pod_name", "pod_name", "instance")
VERSION_LABELS = ("version", "app_version", "service_version", "destination_version", "app_kubernetes_io_version")

COLUMNS = (("endpoint", ENDPOINT_LABELS), ("instance", INSTANCE_LABELS), ("version", VERSION_LABELS))
"""Column of the metrics table to the labels it is read from."""

CONTAINER_CPU = "container_cpu_usage_seconds_total"
CONTAINER_MEMORY = "container_memory_working_set_bytes"
PROCESS_CPU = "process_cpu_seconds_total"
PROCESS_MEMORY = "process_resident_memory_bytes"

POD_SUFFIX = "(-[0-9b-df-hj-np-tv-xz]{4,10})?-([0-9b-df-hj-np-tv-xz]{5}|[0-9]{1,4})"
"""What Kubernetes appends to a workload's name: template hash and random part, the random part alone, or an ordinal.
Its alphabet has no vowels, so that a pod of 'checkout-worker' is not taken for one of 'checkout'."""

CONTAINER_THROTTLED = "container_cpu_cfs_throttled_periods_total"
CONTAINER_PERIODS = "container_cpu_cfs_periods_total"
CONTAINER_LIMIT = "container_spec_memory_limit_bytes"
KUBE_LIMITS = "kube_pod_container_resource_limits"
VOLUME_FREE = "kubelet_volume_stats_available_bytes"
VOLUME_SIZE = "kubelet_volume_stats_capacity_bytes"
FDS = (("process_open_fds", "process_max_fds"), ("process_files_open_files", "process_files_max_files"))
"""File descriptors in use, and how many there may be: Prometheus' client libraries, Micrometer."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Connections of a pool: those in use, and how many there may be."""

    used: str
    most: str
    label: str
    """Names the pool."""
    matcher: str = ""
    """Selects the connections in use out of all."""


POOLS = (
    Pool("hikaricp_connections_active", "hikaricp_connections_max", "pool"),
    Pool("db_client_connections_usage", "db_client_connections_max", "pool_name", 'state="used"'),
    Pool("db_client_connection_count", "db_client_connection_max", "db_client_connection_pool_name", 'state="used"'),
    Pool("go_sql_in_use_connections", "go_sql_max_open_connections", "db_name"),
)
"""HikariCP by Micrometer, OpenTelemetry's database metrics (old and stable names), client_golang's DBStats."""

QUEUE = r"(queue|backlog).*(depth|length|size|messages|ready|pending)|queued|_pending(_requests)?$|consumer.*_lag$"
"""Regular expression found in the names of gauges that count what waits."""
