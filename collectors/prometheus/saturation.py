"""What is nearly used up: processor shares, memory, connections, queues, file descriptors, disks. PromQL; pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from collectors.prometheus import families
from collectors.prometheus.families import POOLS, Pool
from collectors.prometheus.promql import by, one_of, series
from collectors.prometheus.queries import Naming, Query
from gather_diagnostics.http.querytext import equals, literally, matches

MOST_QUEUES = 20
_REPLICA = ("pod", "instance")
_NO_DISK = 'fstype!~"tmpfs|overlay|squashfs|ramfs|iso9660|nsfs|fuse.*"'
_FREE, _SIZE = "node_filesystem_avail_bytes", "node_filesystem_size_bytes"


def of_process(names: Collection[str], selector: str) -> Iterator[Query]:
    """What the service says of itself, as far as `names`, the metrics it has, allow."""
    for number, pool in enumerate(p for p in POOLS if p.used in names):
        yield from _of_pool(pool, names, selector, f"_{number}" if number else "")
    if queues := queue_names(names):
        expr = f"sum{by('__name__', *_REPLICA)}({series('', one_of('__name__', queues), selector)})"
        named = {name: Naming("queue_depth", "avg", "count") for name in queues}
        yield Query("queue_depth", "queue_depth", "avg", "count", expr, named=named)
    if pair := next((pair for pair in families.FDS if set(pair) <= set(names)), None):
        used, most = (series(name, selector) for name in pair)
        expr = f"max{by(*_REPLICA)}({used} / ({most} > 0))"
        yield Query("fds_of_limit", "fds_of_limit", "ratio", "ratio", expr)


def queue_names(names: Collection[str]) -> list[str]:
    """Gauges that count what waits, the first MOST_QUEUES by name."""
    found = [n for n in names if re.search(families.QUEUE, n) and not n.endswith(("_total", "_sum", "_count", "_max"))]
    return sorted(found)[:MOST_QUEUES]


def _of_pool(pool: Pool, names: Collection[str], selector: str, suffix: str) -> Iterator[Query]:
    group = by(*_REPLICA, pool.label)
    used = f"sum{group}({series(pool.used, selector, pool.matcher)})"
    yield Query(f"connections{suffix}", "connections", "avg", "count", used)
    if pool.most in names:
        expr = f"{used} / (sum{group}({series(pool.most, selector)}) > 0)"
        yield Query(f"connections_of_limit{suffix}", "connections_of_limit", "ratio", "ratio", expr)


def of_containers(names: Collection[str], container: str, window: int) -> Iterator[Query]:
    """Throttling and memory of the service's pods, a row a pod."""
    if {families.CONTAINER_THROTTLED, families.CONTAINER_PERIODS} <= set(names):
        throttled, every = (
            f"sum by (pod) (rate({series(name, container)}[{window}s]))"
            for name in (families.CONTAINER_THROTTLED, families.CONTAINER_PERIODS)
        )
        yield Query("cpu_throttling", "cpu_throttling", "ratio", "ratio", f"{throttled} / ({every} > 0)")
    limit = _memory_limit(names, container)
    if limit and families.CONTAINER_MEMORY in names:
        # The fullest container of a pod is killed, whatever room the others have.
        used = f"max by (pod, container) ({series(families.CONTAINER_MEMORY, container)})"
        expr = f"max by (pod) ({used} / (max by (pod, container) ({limit}) > 0))"
        yield Query("memory_of_limit", "memory_of_limit", "ratio", "ratio", expr)


def _memory_limit(names: Collection[str], container: str) -> str:
    if families.KUBE_LIMITS in names:
        return series(families.KUBE_LIMITS, equals("resource", "memory"), container)
    return series(families.CONTAINER_LIMIT, container) if families.CONTAINER_LIMIT in names else ""


def of_volumes(service: str) -> Query:
    """How full the service's volumes are, a row a claim."""
    claim = matches("persistentvolumeclaim", f"(.+-)?{literally(service)}(-[0-9]+)?")
    free, size = series(families.VOLUME_FREE, claim), series(families.VOLUME_SIZE, claim)
    expr = f"max by (namespace, persistentvolumeclaim) (1 - {free} / ({size} > 0))"
    return Query("disk_of_limit", "disk_of_limit", "ratio", "ratio", expr)


def of_nodes(service: str) -> Query:
    """How full the fullest disk is of each node that the service's pods run on."""
    full = f"1 - {_FREE}{{{_NO_DISK}}} / ({_SIZE}{{{_NO_DISK}}} > 0)"
    named = f"({full}) * on (instance) group_left (nodename) node_uname_info"
    pods = series("kube_pod_info", matches("pod", literally(service) + families.POD_SUFFIX))
    its = f'label_replace({pods}, "nodename", "$1", "node", "(.+)")'
    expr = f'label_replace(max by (nodename) ({named}) and on (nodename) {its}, "instance", "$1", "nodename", "(.+)")'
    return Query("disk_of_limit_by_node", "disk_of_limit", "ratio", "ratio", expr)


def of_hosts(selector: str) -> Query:
    """The same where there are no pods: of each host that a scraped instance of the service is on."""
    full = f"1 - {_FREE}{{{_NO_DISK}}} / ({_SIZE}{{{_NO_DISK}}} > 0)"
    disks = f'label_replace({full}, "host", "$1", "instance", "(.+?)(:[0-9]+)?")'
    its = f'label_replace({series("up", selector)}, "host", "$1", "instance", "(.+?)(:[0-9]+)?")'
    expr = f'label_replace(max by (host) ({disks}) and on (host) {its}, "instance", "$1", "host", "(.+)")'
    return Query("disk_of_limit_by_node", "disk_of_limit", "ratio", "ratio", expr)
