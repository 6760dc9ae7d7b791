"""What can run out, and which metrics tell of it. Data; a new name or resource is an entry here.

Names are compared without case and punctuation, so that 'BurstBalance' and 'burst_balance' are one. They are those of
the collectors: Prometheus' saturation queries, CloudWatch's catalogue, and what users call metrics of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Kind = Literal["share", "used", "left", "waiting", "refused"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One way to tell how much of a resource is used."""

    kind: Kind
    """share: used out of what there may be, in ratio or percent; used: an amount whose limit is another metric or
    declared with the replica; left: what remains, in percent or an amount that runs out at 0; waiting: what piles up,
    without a limit, judged against its baseline; refused: what was turned away, a rate."""
    metrics: tuple[str, ...]
    stats: tuple[str, ...] = ()
    """Column `stat`; all of them where empty."""
    limits: tuple[str, ...] = ()
    """Of `used`: metrics that hold the limit, in the same unit."""
    declared: str = ""
    """Of `used`: the key in `workloads.limits`."""
    floor: float = 0.0
    """Of `waiting`: in its unit, how far it may move before anybody wonders."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that can run out."""

    name: str
    """As in the findings' ids and details."""
    words: str
    measures: tuple[Measure, ...]
    near: float = 0.9
    """Share from which on it is near its limit."""
    full: float = 0.98
    """Share from which on it is at its limit."""
    horizon: timedelta = timedelta(0)
    """How far ahead its running out is told; 0 for what rises and falls with the traffic."""


HOUR = timedelta(hours=1)

RESOURCES = (
    Resource(
        "memory",
        "memory",
        (
            Measure("share", ("memory_of_limit", "memory", "memory_utilization")),
            Measure("used", ("memory",), limits=("memory_limit",), declared="memory"),
            Measure("left", ("freeable_memory", "memory_available")),
        ),
        horizon=6 * HOUR,
    ),
    Resource(
        "cpu",
        "CPU",
        (
            Measure("share", ("cpu", "cpu_of_limit", "cpu_utilization"), stats=("avg", "ratio")),
            Measure("used", ("cpu",), limits=("cpu_limit",), declared="cpu"),
        ),
    ),
    Resource(
        "cpu_throttling",
        "share of CPU periods in which it is throttled",
        (Measure("share", ("cpu_throttling",)),),
        near=0.25,
        full=0.5,
    ),
    Resource(
        "connections",
        "connections",
        (
            Measure("share", ("connections_of_limit", "pool_utilization")),
            Measure("used", ("connections",), limits=("connections_max", "connections_limit", "max_connections")),
            Measure(
                "waiting",
                ("hikaricp_connections_pending", "connections_pending", "db_client_connections_pending_requests"),
                floor=0.5,
            ),
            Measure("refused", ("rejected_connections", "connections_rejected")),
        ),
        horizon=2 * HOUR,
    ),
    Resource(
        "threads",
        "worker threads",
        (
            Measure("share", ("threads_of_limit",)),
            Measure("used", ("tomcat_threads_busy_threads",), limits=("tomcat_threads_config_max_threads",)),
            Measure("used", ("executor_active_threads",), limits=("executor_pool_max_threads",)),
        ),
        horizon=2 * HOUR,
    ),
    Resource(
        "file_descriptors",
        "file descriptors",
        (Measure("share", ("fds_of_limit",)), Measure("used", ("process_open_fds",), limits=("process_max_fds",))),
        near=0.8,
        horizon=6 * HOUR,
    ),
    Resource(
        "disk",
        "disk",
        (
            Measure("share", ("disk_of_limit", "disk_utilization", "inodes_of_limit")),
            Measure("left", ("free_storage", "free_storage_space", "disk_free")),
        ),
        horizon=24 * HOUR,
    ),
    Resource(
        "credits",
        "burst credits",
        (Measure("left", ("burst_balance", "cpu_credit_balance", "ebs_io_balance", "ebs_byte_balance")),),
        horizon=24 * HOUR,
    ),
    Resource(
        "queue",
        "queue",
        (
            Measure("waiting", ("queue_depth", "consumer_lag", "backlog"), floor=5.0),
            Measure("waiting", ("queue_age", "iterator_age"), floor=15.0),
        ),
    ),
    Resource("throttles", "requests turned away", (Measure("refused", ("throttles", "throttled_requests")),)),
    Resource(
        "concurrency",
        "concurrent executions",
        (
            Measure("share", ("concurrency_of_limit",)),
            Measure("used", ("concurrency",), limits=("concurrency_limit", "reserved_concurrency")),
        ),
        horizon=2 * HOUR,
    ),
)


def plain(name: str) -> str:
    """A metric's name as it is compared."""
    return re.sub("[^a-z0-9]", "", name.lower())
