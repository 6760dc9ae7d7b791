"""Saturation, other metrics, recording rules, alerts, targets and exemplars, from a real Prometheus; all that can be
put into a history also from a real VictoriaMetrics, behind a path prefix.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW
from servers.prometheus import free_port, openmetrics, prometheus, saying, stub
from servers.victoriametrics import victoriametrics

from collectors.prometheus import Prometheus
from gather_diagnostics import Gap, Raw, Request, Rows, Window
from gather_diagnostics.tables import to_batch

pytestmark = pytest.mark.slow

BEGIN = int((NOW - timedelta(hours=2, minutes=20)).timestamp())
END = int(NOW.timestamp())
POD = "wide-7c9f6d5b8-4kxqz"
OWN = {"service": "wide", "pod": POD}
IN = {"pod": POD, "container": "wide"}
NODE = {"instance": "10.0.0.9:9100"}
CLAIM = {"persistentvolumeclaim": "data-wide-0", "namespace": "shop"}
FIRED = datetime(2026, 3, 14, 2, 30, tzinfo=UTC)
DOWN = datetime(2026, 3, 14, 2, 45, tzinfo=UTC)
LOOKBACK = timedelta(minutes=5)
"""A history has no marks where a series ends: it is seen so much longer."""


def at(value: float, since: int = BEGIN, until: int = END) -> list[tuple[float, float]]:
    return [(t, value) for t in range(since, until + 1, 15)]


def growing(rate: float) -> list[tuple[float, float]]:
    return [(t, rate * (t - BEGIN)) for t in range(BEGIN, END + 1, 15)]


def faster() -> list[tuple[float, float]]:
    """Growing at 1 a second, and at 3 in the last hour."""
    return [(t, t - BEGIN + 2 * max(0, t - END + 3600)) for t in range(BEGIN, END + 1, 15)]


def gauge(name: str, *series: tuple[dict[str, str], float]) -> Any:
    return name, ("gauge", [(name, labels, at(value)) for labels, value in series])


def counter(name: str, *series: tuple[dict[str, str], float]) -> Any:
    return name, ("counter", [(f"{name}_total", labels, growing(rate)) for labels, rate in series])


def alert(state: str, since: datetime, minutes: int, **labels: str) -> Any:
    start = int(since.timestamp())
    its = {"alertname": "HighErrors", "alertstate": state, "severity": "page", **labels}
    return "ALERTS", its, at(1, start, start + 60 * minutes)


def scrapes() -> list[tuple[float, float]]:
    down = range(int(DOWN.timestamp()), int(DOWN.timestamp()) + 300)
    return [(t, float(t not in down)) for t in range(BEGIN, END + 1, 15)]


def history() -> str:
    fire = [
        alert("pending", FIRED - timedelta(minutes=2), 1, service="wide"),
        alert("firing", FIRED, 10, service="wide"),
        alert("firing", FIRED, 10, pod=POD, alertname="PodSlow"),
        alert("firing", FIRED, 10, service="stranger"),
    ]
    mean = [("db_query_seconds_sum", OWN, growing(0.5)), ("db_query_seconds_count", OWN, growing(10))]
    recorded = "service:request_latency_milliseconds:p95"
    return openmetrics(
        dict(
            [
                counter("http_requests", ({**OWN, "status": "200"}, 9), ({**OWN, "status": "500"}, 1)),
                gauge("hikaricp_connections_active", ({**OWN, "pool": "orders"}, 9), ({**OWN, "pool": "audit"}, 1)),
                gauge("hikaricp_connections_max", ({**OWN, "pool": "orders"}, 10), ({**OWN, "pool": "audit"}, 10)),
                gauge("orders_queue_depth", (OWN, 42)),
                gauge("process_open_fds", (OWN, 90)),
                gauge("process_max_fds", (OWN, 100)),
                counter("cache_evictions", (OWN, 2)),
                ("steps", ("counter", [("steps_total", OWN, faster())])),
                gauge("room_temperature_celsius", ({**OWN, "room": "a"}, 20), ({**OWN, "room": "b"}, 22)),
                gauge("buffer_bytes", (OWN, 4096)),
                ("db_query_seconds", ("unknown", mean)),
                gauge(recorded, ({"service": "wide"}, 300)),
                gauge("service:errors:rate5m", ({"service": "wide"}, 3)),
                gauge("service:errors:ratio_rate5m", ({"service": "wide"}, 0.7)),
                gauge("lonely_jobs_running", ({"app": "lonely"}, 3)),
                counter("container_cpu_usage_seconds", (IN, 0.5)),
                counter("container_cpu_cfs_throttled_periods", (IN, 2.5)),
                counter("container_cpu_cfs_periods", (IN, 10)),
                gauge("container_memory_working_set_bytes", (IN, 9e8), ({**IN, "container": "proxy"}, 1e8)),
                gauge(
                    "kube_pod_container_resource_limits",
                    ({**IN, "resource": "memory"}, 1e9),
                    ({**IN, "resource": "cpu"}, 2),
                    ({**IN, "container": "proxy", "resource": "memory"}, 1e9),
                ),
                gauge("kube_pod_info", ({"pod": POD, "node": "n1"}, 1)),
                gauge("node_uname_info", ({**NODE, "nodename": "n1"}, 1), ({"instance": "x:1", "nodename": "n2"}, 1)),
                gauge("node_filesystem_avail_bytes", *disks(2e10, 1e9)),
                gauge("node_filesystem_size_bytes", *disks(1e11, 1e11)),
                gauge("kubelet_volume_stats_available_bytes", (CLAIM, 3e9)),
                gauge("kubelet_volume_stats_capacity_bytes", (CLAIM, 1e10)),
                ("ALERTS", ("gauge", fire)),
                ("up", ("gauge", [("up", {"job": "wide", "instance": "10.0.0.1:80"}, scrapes())])),
            ]
        )
    )


def disks(wide: float, others: float) -> list[tuple[dict[str, str], float]]:
    """A disk and a memory disk of the service's node, and one of another node."""
    return [
        ({**NODE, "mountpoint": "/", "fstype": "ext4"}, wide),
        ({**NODE, "mountpoint": "/run", "fstype": "tmpfs"}, others),
        ({"instance": "x:1", "mountpoint": "/", "fstype": "ext4"}, others),
    ]


@pytest.fixture(scope="module", params=["prometheus", "victoriametrics"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "victoriametrics":
        with victoriametrics(history()) as address:
            yield address
        return
    file: Path = tmp_path_factory.mktemp("history") / "history.txt"
    file.write_text(history())
    with prometheus(file) as address:
        yield address


Read = Callable[..., tuple[list[dict[str, Any]], list[dict[str, Any]], list[Gap]]]


@pytest.fixture
def read(url: str, make_request: Callable[..., Request]) -> Read:
    """read(service, **settings) -> (metrics, events, gaps)."""

    def ask(service: str, **settings: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[Gap]]:
        return collected(url, make_request(service), **settings)

    return ask


def collected(url: str, request: Request, **settings: Any) -> tuple[list[Any], list[Any], list[Gap]]:
    items = list(Prometheus(Prometheus.Settings.model_validate({"url": url, **settings})).collect(request))
    rows: dict[str, list[Any]] = {"metrics": [], "events": []}
    for item in items:
        if isinstance(item, Rows):
            to_batch(item.table, "prometheus", item.rows)
            rows[item.table] += item.rows
    assert len({i.name for i in items if isinstance(i, Raw)}) == sum(isinstance(i, Raw) for i in items)
    return rows["metrics"], rows["events"], [i for i in items if isinstance(i, Gap)]


def value(rows: list[dict[str, Any]], metric: str, stat: str, **wanted: str) -> set[float]:
    """The different values late in the incident, to three figures."""
    its = [
        r
        for r in rows
        if (r["metric"], r["stat"]) == (metric, stat)
        and r["time"] > NOW - timedelta(minutes=10)
        and wanted.items() <= {**r, **r.get("labels", {})}.items()
    ]
    assert its, f"no {metric} {stat}; there are {sorted({(r['metric'], r['stat']) for r in rows})}"
    return {float(f"{r['value']:.3g}") for r in its}


def test_saturation_is_told_as_shares_of_limits(read: Read) -> None:
    rows, _, _ = read("wide")
    assert value(rows, "cpu_throttling", "ratio", instance=POD) == {0.25}
    assert value(rows, "memory_of_limit", "ratio", instance=POD) == {0.9}, "the fullest container's, not the pod's"
    assert value(rows, "connections", "avg", pool="orders") == {9}
    assert value(rows, "connections_of_limit", "ratio", pool="orders") == {0.9}
    assert value(rows, "connections_of_limit", "ratio", pool="audit") == {0.1}
    assert value(rows, "queue_depth", "avg", name="orders_queue_depth") == {42}
    assert value(rows, "fds_of_limit", "ratio") == {0.9}
    assert value(rows, "disk_of_limit", "ratio", persistentvolumeclaim="data-wide-0") == {0.7}
    assert value(rows, "disk_of_limit", "ratio", instance="n1") == {0.8}, "memory disks and other nodes are left out"
    assert not [r for r in rows if r.get("instance") == "n2"]
    assert {r["unit"] for r in rows if r["metric"].endswith(("_of_limit", "_throttling"))} == {"ratio"}


def test_other_metrics_are_read_by_what_they_are(read: Read) -> None:
    rows, _, gaps = read("wide")
    assert value(rows, "cache_evictions_total", "rate") == {2}
    assert value(rows, "room_temperature_celsius", "avg") == {21}
    assert value(rows, "buffer_bytes", "avg") == {4100}
    assert value(rows, "db_query_seconds", "avg") == {0.05}
    units = {r["metric"]: r["unit"] for r in rows}
    assert units["buffer_bytes"] == "bytes"
    assert units["db_query_seconds"] == "s"
    assert units["cache_evictions_total"] == "1/s"
    assert not {"db_query_seconds_sum", "process_open_fds", "orders_queue_depth"} & units.keys(), "told already"
    assert not gaps


def test_of_too_many_metrics_those_that_changed_are_read_and_the_others_named(
    url: str, make_request: Callable[..., Request]
) -> None:
    others = {"cache_evictions_total", "room_temperature_celsius", "buffer_bytes", "db_query_seconds", "steps_total"}
    request = make_request("wide")
    rows, _, gaps = collected(url, request, max_unknown=1)
    assert {r["metric"] for r in rows} & others == {"steps_total"}, "it trebled with the incident"
    assert not gaps
    (left,) = [i for i in Prometheus(Prometheus.Settings(url=url, max_unknown=1)).collect(request) if is_left_out(i)]
    assert set(json.loads(left.text)["other_metrics"]) == others - {"steps_total"}
    rows, _, gaps = collected(url, request, max_unknown=2)
    assert {r["metric"] for r in rows} & others == {"steps_total", "cache_evictions_total"}, "then telling names"
    rows, _, gaps = collected(url, request, max_unknown=0)
    assert not {r["metric"] for r in rows} & others
    assert not gaps


def is_left_out(item: Any) -> bool:
    return isinstance(item, Raw) and item.name == "left_out.json"


def test_a_recorded_percentile_stands_in_for_a_histogram(read: Read) -> None:
    rows, _, gaps = read("wide")
    assert value(rows, "latency", "p95") == {0.3}, "milliseconds are seconds here"
    assert value(rows, "error_rate", "ratio") == {0.1}, "what is measured is not taken from a rule"
    assert not gaps


def test_a_service_with_nothing_but_metrics_of_its_own_is_found(read: Read) -> None:
    rows, _, (gap,) = read("lonely")
    assert value(rows, "lonely_jobs_running", "avg") == {3}
    assert gap.cause == "not_found"


def test_alerts_that_are_over_are_told(read: Read) -> None:
    _, events, _ = read("wide")
    told = {(e["object"], e["reason"]): e for e in events if e["kind"] == "alert"}
    assert set(told) == {
        ("HighErrors", "PENDING"),
        ("HighErrors", "FIRING"),
        ("HighErrors", "RESOLVED"),
        ("PodSlow", "FIRING"),
        ("PodSlow", "RESOLVED"),
    }
    assert told["HighErrors", "FIRING"]["time"] == FIRED
    assert told["HighErrors", "FIRING"]["severity"] == "page"
    ended = FIRED + timedelta(minutes=10)
    assert ended <= told["HighErrors", "RESOLVED"]["time"] <= ended + LOOKBACK + timedelta(seconds=60)


def test_targets_that_were_down_are_told(read: Read) -> None:
    _, events, _ = read("wide")
    told = {e["reason"]: e for e in events if e["kind"] == "target"}
    assert told["DOWN"]["time"] == DOWN
    assert told["UP"]["time"] == DOWN + LOOKBACK
    assert told["DOWN"]["object"] == "wide/10.0.0.1:80"


# --- what no history can hold: rules that are evaluated, targets that are scraped

RULES = """
groups:
- name: shop
  interval: 500ms
  rules:
  - record: fresh:request_latency_seconds:p99
    expr: vector(0.7)
  - alert: AlwaysOn
    expr: up{job="fresh"} == 1
    labels: {severity: page}
    annotations: {summary: "{{ $labels.instance }} answers"}
  - alert: ComesAndGoes
    expr: fresh_broken == 1
    labels: {severity: ticket}
    annotations: {description: "broken at {{ $labels.instance }}, {{ $value }} times"}
  - alert: Waits
    expr: up{job="fresh"} == 1
    for: 1h
"""
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


SCRAPES = 16
"""Half a second apart."""


def exposed(scrapes: Iterator[int]) -> Callable[[BaseHTTPRequestHandler], None]:
    """A service that is broken for a few scrapes, and has a slow request with a trace."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        number = next(scrapes)
        count = 500 * number
        text = (
            "# TYPE http_request_duration_seconds histogram\n"
            f'http_request_duration_seconds_bucket{{code="200",le="1"}} {count} # {{trace_id="feed"}} 0.5\n'
            f'http_request_duration_seconds_bucket{{code="200",le="+Inf"}} {count + 1} # {{trace_id="{TRACE}"}} 2.5\n'
            f'http_request_duration_seconds_sum{{code="200"}} {count}\n'
            f'http_request_duration_seconds_count{{code="200"}} {count + 1}\n'
            "# TYPE fresh_broken gauge\n"
            f"fresh_broken {int(5 <= number < 9)}\n"
            f"{'fresh_fleeting 1' if number < 9 else '# TYPE fresh_fleeting gauge'}\n"
            "# EOF\n"
        )
        saying(200, text, "application/openmetrics-text; version=1.0.0; charset=utf-8")(handler)

    return answer


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Any], list[Any], list[Gap]]]:
    rules = tmp_path_factory.mktemp("rules") / "rules.yml"
    rules.write_text(RULES)
    with stub(exposed(itertools.count())) as target:
        up, gone = target.url.removeprefix("http://"), f"127.0.0.1:{free_port()}"
        config = (
            f"global: {{evaluation_interval: 500ms}}\nrule_files: ['{rules}']\nscrape_configs: [{{job_name: fresh,"
            f" scrape_interval: 500ms, scrape_timeout: 400ms, static_configs: [{{targets: ['{up}', '{gone}']}}]}}]\n"
        )
        with prometheus(config=config, flags=["--enable-feature=exemplar-storage"]) as url:
            end = time.monotonic() + 60
            while len(target.paths) < SCRAPES:
                assert time.monotonic() < end, "Prometheus does not scrape"
                time.sleep(0.1)
            now = datetime.now(UTC)
            incident = Window(now - timedelta(seconds=8), now)
            request = Request("fresh", now, incident, incident.shifted(-incident.length), incident)
            own = {"fleeting": {"expr": "fresh_fleeting{selector}"}}
            yield collected(url, request, step_seconds=1, rate_window_seconds=3, queries=own)


def test_rules_and_targets_of_a_live_server_are_told(fresh: tuple[list[Any], list[Any], list[Gap]]) -> None:
    _, events, _ = fresh
    alerts = {(e["object"], e["reason"]): e for e in events if e["kind"] == "alert"}
    assert len(alerts) == sum(e["kind"] == "alert" for e in events)
    assert set(alerts) == {
        ("AlwaysOn", "FIRING"),
        ("ComesAndGoes", "FIRING"),
        ("ComesAndGoes", "RESOLVED"),
        ("Waits", "PENDING"),
    }, "each once, though two answers tell of it"
    assert alerts["AlwaysOn", "FIRING"]["message"].startswith("127.0.0.1:")
    over = alerts["ComesAndGoes", "RESOLVED"]
    assert over["message"].startswith("broken at 127.0.0.1:")
    assert "{{" not in over["message"]
    assert over["severity"] == "ticket"
    lasted = over["time"] - alerts["ComesAndGoes", "FIRING"]["time"]
    assert timedelta(seconds=1) <= lasted <= timedelta(seconds=5)
    (down,) = [e for e in events if e["kind"] == "target"]
    assert down["reason"] == "DOWN"
    assert "connection refused" in down["message"], "the target's own error"


def test_the_slowest_requests_traces_are_kept(fresh: tuple[list[Any], list[Any], list[Gap]]) -> None:
    rows, _, _ = fresh
    traces = [r for r in rows if r["stat"] == "exemplar"]
    assert (traces[0]["value"], traces[0]["labels"]["trace_id"]) == (2.5, TRACE)
    assert {r["metric"] for r in traces} == {"latency"}


def test_a_series_that_ends_is_not_drawn_on(fresh: tuple[list[Any], list[Any], list[Gap]]) -> None:
    """A scrape without it marks it stale: a server that looked back instead would tell it for minutes."""
    rows, _, _ = fresh
    ends = {m: max(r["time"] for r in rows if r["metric"] == m) for m in ("fresh_broken", "fleeting")}
    assert ends["fresh_broken"] - ends["fleeting"] >= timedelta(seconds=2)


def test_a_live_server_leaves_no_gap(fresh: tuple[list[Any], list[Any], list[Gap]]) -> None:
    rows, _, gaps = fresh
    assert not gaps
    assert {r["unit"] for r in rows if r["metric"] == "fresh_broken"} == {"count"}
