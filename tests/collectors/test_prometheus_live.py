"""The Prometheus collector against a real Prometheus: what its PromQL answers for every convention of naming.

One history holds many services, each with its requests counted in another way, all with figures that can be told by
heart: every request of a pod takes between 0.1 and 0.5 s, evenly, so p95 is 0.48 s; a tenth fails from the onset on.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from propertywork import examples
from servers.prometheus import openmetrics, prometheus, saying, stub

from collectors.prometheus import Prometheus, client, promql, session
from gather_diagnostics import Gap, Raw, Request, Rows, Skew, Window
from gather_diagnostics.http import querytext

pytestmark = pytest.mark.slow

BEGIN = (NOW - timedelta(hours=2, minutes=20)).timestamp()
ONSET = NOW - timedelta(minutes=20)
BUCKETS = {"0.1": 0.0, "0.5": 1.0, "1": 1.0, "+Inf": 1.0}
Labels = Mapping[str, str]
Series = tuple[str, Labels, list[tuple[float, float]]]


def count(rate: float, *, step: int = 15, since: datetime | None = None, until: datetime = NOW) -> list[Any]:
    """A counter that grows by `rate` a second, from `since` on (before it stands still)."""
    from_ = since.timestamp() if since else BEGIN
    times = range(int(BEGIN), int(until.timestamp()) + 1, step)
    return [(t, rate * max(0.0, t - from_)) for t in times]


def histogram(name: str, labels: Labels, samples: list[Any], unit: float = 1.0) -> list[Series]:
    made: list[Series] = []
    for edge, share in BUCKETS.items():
        le = edge if edge == "+Inf" else f"{float(edge) * unit:g}"
        made.append((f"{name}_bucket", {**labels, "le": le}, [(t, v * share) for t, v in samples]))
    made.append((f"{name}_sum", labels, [(t, v * 0.3 * unit) for t, v in samples]))
    made.append((f"{name}_count", labels, samples))
    return made


def failing(status: str, good: str, bad: str, labels: Labels, **more: Any) -> list[tuple[Labels, list[Any]]]:
    """Nine good requests and a bad one a second; the bad ones from the onset on."""
    return [
        ({**labels, status: good}, count(9, **more)),
        ({**labels, status: bad}, count(1, since=ONSET, **more)),
    ]


def classic() -> Iterator[Series]:
    name = "http_request_duration_seconds"
    for pod in ("classic-7c9f6d5b8-4kxqz", "classic-7c9f6d5b8-h2vlm"):
        for handler in ("/cart", "/pay"):
            labels = {"service": "classic", "pod": pod, "handler": handler, "version": f"v{pod[-1]}"}
            bad = (
                failing("code", "200", "503", labels) if handler == "/pay" else [({**labels, "code": "200"}, count(9))]
            )
            for each, samples in bad:
                yield from histogram(name, each, samples)
    # Not every series has every label: these are in the whole, and in no breakdown.
    yield from histogram(name, {"service": "classic", "code": "200"}, count(2))
    for number in range(30):
        labels = {"service": "crowd", "code": "500" if number == 0 else "200", "path": f"/item/{number}"}
        yield from histogram(name, labels, count(0.001 if number == 0 else 1 + number))
    yield from histogram(name, {"job": "quiet", "code": "200"}, count(5))
    yield from histogram(name, {"job": "idle", "code": "200"}, count(0))
    for each, samples in failing("code", "200", "500", {"job": "rare"}, step=60):
        yield from histogram(name, each, samples)
    odd = {"service": 'odd\\"name}', "code": "200"}
    yield from histogram(name, {k: v.replace("\\", "\\\\").replace('"', '\\"') for k, v in odd.items()}, count(1))


def summed() -> Iterator[Series]:
    name = "http_server_request_duration_seconds"
    for instance, scale in (("10.0.0.1:80", 1.0), ("10.0.0.2:80", 2.0)):
        labels = {"app": "summed", "instance": instance}
        steady = [(t, 0.1 * scale) for t, _ in count(1)]
        yield name, {**labels, "quantile": "0.5"}, steady
        yield name, {**labels, "quantile": "0.95"}, [(t, 0.4 * scale) for t, _ in steady]
        for each, samples in failing("status", "200", "500", labels):
            yield f"{name}_count", each, samples


def meshed() -> Iterator[Series]:
    for reporter in ("source", "destination"):
        labels = {"destination_service_name": "meshed", "reporter": reporter}
        for each, samples in failing("response_code", "200", "500", labels):
            yield from histogram("istio_request_duration_milliseconds", each, samples, 1000)


def history() -> str:
    rpc = {"job": "rpc", "grpc_method": "Pay"}
    otel = {"job": "shop/otel", "http_route": "/pay"}
    old = {"service_name": "oldotel"}
    codes = {"OK": 8, "NotFound": 1, "Unavailable": 1}
    cpu = [(f"classic-7c9f6d5b8-{p}", c) for p in ("4kxqz", "h2vlm") for c in ("classic", "istio-proxy", "POD", "")]
    cpu.append(("classic-worker-7c9f6d5b8-4kxqz", "worker"))
    containers = [({"pod": pod, "container": container}, count(0.25)) for pod, container in cpu]
    return openmetrics(
        {
            "http_request_duration_seconds": ("histogram", list(classic())),
            "http_server_request_duration_seconds": (
                "unknown",
                [
                    *summed(),
                    *(
                        series
                        for each, samples in failing("http_response_status_code", "200", "502", otel)
                        for series in histogram("http_server_request_duration_seconds", each, samples)
                    ),
                ],
            ),
            "http_server_duration_milliseconds": (
                "histogram",
                [
                    series
                    for each, samples in failing("http_status_code", "201", "500", old)
                    for series in histogram("http_server_duration_milliseconds", each, samples, 1000)
                ],
            ),
            "istio_request_duration_milliseconds": ("histogram", list(meshed())),
            "grpc_server_handling_seconds": ("histogram", histogram("grpc_server_handling_seconds", rpc, count(10))),
            "grpc_server_handled": (
                "counter",
                [("grpc_server_handled_total", {**rpc, "grpc_code": c}, count(r)) for c, r in codes.items()],
            ),
            "http_requests": (
                "counter",
                [
                    ("http_requests_total", each, samples)
                    for each, samples in failing("status", "200", "500", {"app_kubernetes_io_name": "counted"})
                ],
            ),
            "process_cpu_seconds": ("counter", [("process_cpu_seconds_total", {"job": "quiet"}, count(0.5))]),
            "container_cpu_usage_seconds": (
                "counter",
                [("container_cpu_usage_seconds_total", labels, samples) for labels, samples in containers],
            ),
            "container_memory_working_set_bytes": (
                "gauge",
                [("container_memory_working_set_bytes", ls, [(t, 1e8) for t, _ in s]) for ls, s in containers],
            ),
        }
    )


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file: Path = tmp_path_factory.mktemp("history") / "history.txt"
    file.write_text(history())
    with prometheus(file) as address:
        yield address


Read = Callable[..., tuple[dict[Any, list[dict[str, Any]]], list[Gap]]]


@pytest.fixture
def read(url: str, make_request: Callable[..., Request]) -> Read:
    """read(service, **settings) -> ({(metric, stat, by): rows}, gaps); `by` names the columns that break it down."""

    def ask(service: str, **settings: Any) -> tuple[dict[Any, list[dict[str, Any]]], list[Gap]]:
        collector = Prometheus(Prometheus.Settings.model_validate({"url": url, **settings}))
        items = list(collector.collect(make_request(service)))
        found: dict[Any, list[dict[str, Any]]] = {}
        for item in items:
            for row in item.rows if isinstance(item, Rows) else ():
                by = "".join(c for c in ("endpoint", "instance", "version") if c in row)
                found.setdefault((row["metric"], row["stat"], by), []).append(row)
        assert all(isinstance(i, Rows | Raw | Gap | Skew) for i in items)
        return found, [i for i in items if isinstance(i, Gap)]

    return ask


def figures(values: Iterable[float]) -> set[float]:
    """The different values, to two figures."""
    return {float(f"{v:.2g}") for v in values}


def always(rows: list[dict[str, Any]]) -> set[float]:
    assert rows
    return figures(r["value"] for r in rows)


def before(rows: list[dict[str, Any]]) -> set[float]:
    return figures(r["value"] for r in rows if r["time"] < ONSET)


def after(rows: list[dict[str, Any]]) -> set[float]:
    """Once rates no longer look back across the onset."""
    return figures(r["value"] for r in rows if r["time"] >= ONSET + timedelta(seconds=75))


@pytest.mark.parametrize("service", ["otel", "oldotel", "meshed"])
def test_a_convention_gives_latency_errors_and_traffic(read: Read, service: str) -> None:
    rows, gaps = read(service)
    assert not gaps
    p95, errors = rows["latency", "p95", ""], rows["error_rate", "ratio", ""]
    assert len(p95) == len(errors) == 240
    assert always(p95) == {0.48}, "milliseconds are seconds here"
    assert {r["unit"] for r in p95} == {"s"}
    assert before(errors) == {0.0}, "no errors are zero, not absent"
    assert after(errors) == {0.1}
    assert before(rows["request_rate", "rate", ""]) == {9}, "a call that two sidecars report counts once"


def test_a_service_is_broken_down_by_endpoint_instance_and_version(read: Read) -> None:
    rows, gaps = read("classic")
    assert not gaps
    errors = rows["error_rate", "ratio", "endpoint"]
    assert {r["endpoint"] for r in errors} == {"/cart", "/pay"}
    assert after([r for r in errors if r["endpoint"] == "/pay"]) == {0.1}
    assert always([r for r in errors if r["endpoint"] == "/cart"]) == {0.0}
    assert {s for m, s, by in rows if (m, by) == ("latency", "endpoint")} == {"p50", "p95", "p99"}
    assert {r["instance"][-5:] for r in rows["latency", "p95", "instance"]} == {"4kxqz", "h2vlm"}
    assert {r["version"] for r in rows["latency", "p95", "version"]} == {"vz", "vm"}
    assert ("latency", "p50", "instance") not in rows
    assert before(rows["request_rate", "rate", ""]) == {4 * 9 + 2}
    assert before(rows["request_rate", "rate", "endpoint"]) == {18}


def test_cpu_and_memory_are_those_of_the_services_own_pods(read: Read) -> None:
    rows, _ = read("classic")
    for metric, unit, value in (("cpu", "cores", 0.5), ("memory", "bytes", 2e8)):
        its = rows[metric, "avg", "instance"]
        assert {r["instance"] for r in its} == {"classic-7c9f6d5b8-4kxqz", "classic-7c9f6d5b8-h2vlm"}
        assert ({r["unit"] for r in its}, always(its)) == ({unit}, {value}), "the pause container is left out"


def test_a_summary_gives_its_worst_replicas_quantiles(read: Read) -> None:
    rows, gaps = read("summed")
    assert not gaps
    assert always(rows["latency", "p95", ""]) == {0.8}
    assert always(rows["latency", "p50", ""]) == {0.2}
    assert ("latency", "p99", "") not in rows, "a quantile it does not keep can't be told"
    assert always(rows["latency", "p95", "instance"]) == {0.4, 0.8}
    assert after(rows["error_rate", "ratio", ""]) == {0.1}


def test_grpc_errors_are_those_the_server_is_to_blame_for(read: Read) -> None:
    rows, gaps = read("rpc")
    assert not gaps
    assert always(rows["error_rate", "ratio", ""]) == {0.1}
    assert always(rows["latency", "p95", ""]) == {0.48}


def test_a_counter_alone_gives_errors_and_says_what_is_missing(read: Read) -> None:
    rows, (gap,) = read("counted")
    assert after(rows["error_rate", "ratio", ""]) == {0.1}
    assert (gap.wanted, gap.cause) == ("latency of counted", "not_found")


def test_without_traffic_there_is_no_ratio_and_no_latency(read: Read) -> None:
    rows, _ = read("idle")
    assert {m for m, _, _ in rows} == {"request_rate"}
    assert always(rows["request_rate", "rate", ""]) == {0.0}


def test_without_errors_the_ratio_is_zero_and_processes_stand_in_for_containers(read: Read) -> None:
    rows, gaps = read("quiet")
    assert not gaps
    assert always(rows["error_rate", "ratio", ""]) == {0.0}
    assert always(rows["cpu", "avg", ""]) == {0.5}


def test_a_service_scraped_once_a_minute_is_read_too(read: Read) -> None:
    rows, gaps = read("rare")
    assert not gaps
    assert len(rows["request_rate", "rate", ""]) == 240
    assert after(rows["error_rate", "ratio", ""][-1:]) == {0.1}


def test_of_many_endpoints_the_busiest_and_the_failing_are_read_and_the_rest_is_summed_up(read: Read) -> None:
    rows, gaps = read("crowd")
    assert not gaps, "nothing is lost: the rest is there as one"
    for its in (rows["error_rate", "ratio", "endpoint"], rows["latency", "p95", "endpoint"]):
        assert {r["endpoint"] for r in its} == {f"/item/{n}" for n in (0, *range(10, 30))} | {"other"}
    rates = rows["request_rate", "rate", "endpoint"]
    assert always([r for r in rates if r["endpoint"] == "other"]) == {sum(1 + n for n in range(1, 10))}
    whole = {r["time"]: r["value"] for r in rows["request_rate", "rate", ""]}
    for moment, total in whole.items():
        parts = [r["value"] for r in rates if r["time"] == moment]
        assert sum(parts) == pytest.approx(total), "every request counts once"
    assert always([r for r in rows["error_rate", "ratio", "endpoint"] if r["endpoint"] == "other"]) == {0}
    assert always([r for r in rows["latency", "p95", "endpoint"] if r["endpoint"] == "other"]) == {0.48}


def test_a_name_full_of_quotes_is_found(read: Read) -> None:
    rows, gaps = read('odd\\"name}')
    assert not gaps
    assert always(rows["request_rate", "rate", ""]) == {1}


def test_users_queries_see_selector_and_window(read: Read) -> None:
    expr = 'sum(increase(http_request_duration_seconds_count{{selector},code="200"}[{window}]))'
    mine = {"expr": expr, "metric": "orders", "stat": "max", "unit": "count"}
    rows, gaps = read("quiet", queries={"orders": mine}, rate_window_seconds=120)
    assert not gaps
    assert always(rows["orders", "max", ""]) == {600}


def test_a_bad_query_is_told_in_the_servers_words(read: Read) -> None:
    rows, (gap,) = read("quiet", queries={"bad": {"expr": "sum(("}})
    assert gap.cause == "invalid"
    assert "parse error" in gap.why
    assert ("latency", "p95", "") in rows


def test_a_configured_selector_wins_and_a_wrong_one_is_told(read: Read) -> None:
    rows, _ = read("whatever", selector='{service="classic", handler="/pay"}')
    assert after(rows["error_rate", "ratio", ""]) == {0.1}
    rows, (gap,) = read("classic", selector='service="gone"')
    assert set(rows) == {("cpu", "avg", "instance"), ("memory", "avg", "instance")}, "pods are found by name"
    assert gap.cause == "not_found"
    assert 'service="gone"' in gap.why


def test_every_sample_is_finite_and_inside_the_windows(read: Read, make_request: Callable[..., Request]) -> None:
    request = make_request()
    rows, _ = read("classic")
    times = {r["time"] for its in rows.values() for r in its}
    assert min(times) >= request.baseline.start
    assert max(times) < request.incident.end
    assert all(t.timestamp() % 30 == 0 for t in times)


def test_the_check_passes(url: str, make_request: Callable[..., Request]) -> None:
    (clock,) = Prometheus(Prometheus.Settings(url=url)).check(make_request())
    assert isinstance(clock, Skew)
    assert abs(clock.seconds) < 2


@pytest.fixture(scope="module")
def connection(url: str) -> client.Client:
    return client.Client(url, session.Session(600))


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@example('"\\\n\r\t\x00\x7f\ufffd{}|(')
@given(st.text(min_size=1, max_size=20))
def test_any_name_makes_a_valid_query_that_means_it(connection: client.Client, name: str) -> None:
    """The server reads the literal as the very text, and the pattern made of it matches that text."""
    text = f'label_join(vector(1), "x", {querytext.quote(name)}, "none", "none")'
    (answer,) = connection.instant(text)
    assert answer["metric"] == {"x": name}
    pattern = querytext.quote(querytext.literally(name))
    (answer,) = connection.instant(f'label_replace({text}, "hit", "yes", "x", {pattern})')
    assert answer["metric"].get("hit") == "yes"
    selectors = (querytext.equals("job", name), promql.one_of("job", [name, "b"]))
    assert connection.instant(promql.series("up", *selectors)) == []


# --- native histograms: only a scrape can bring them in, only as protobuf


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def tagged(field: int, value: int | float | bytes) -> bytes:
    """One protobuf field: an unsigned varint, a double, or anything with a length."""
    if isinstance(value, bytes):
        return varint(field << 3 | 2) + varint(len(value)) + value
    if isinstance(value, float):
        return varint(field << 3 | 1) + struct.pack("<d", value)
    return varint(field << 3) + varint(value)


def zigzag(number: int) -> int:
    return number * 2 if number >= 0 else -number * 2 - 1


def native(name: str, series: Mapping[str, int]) -> bytes:
    """A MetricFamily (io.prometheus.client) of native histograms by status code, all values in (0.25, 0.5]."""
    family = tagged(1, name.encode()) + tagged(3, 4)  # type: histogram
    for code, total in series.items():
        # Schema 0 doubles from edge to edge; bucket -1 is (0.25, 0.5].
        span = tagged(1, zigzag(-1)) + tagged(2, 1)
        body = tagged(1, total) + tagged(2, total * 0.4) + tagged(5, zigzag(0)) + tagged(6, 1e-9)
        body += tagged(12, span) + tagged(13, zigzag(total))
        label = tagged(1, b"code") + tagged(2, code.encode())
        family += tagged(4, tagged(1, label) + tagged(7, body))
    return varint(len(family)) + family


SCRAPES = 14
"""Half a second apart: more than the windows below and a rate before them take."""


def test_native_histograms_are_read() -> None:
    began = time.monotonic()

    def exposed(handler: BaseHTTPRequestHandler) -> None:
        seconds = time.monotonic() - began
        totals = {"200": 1000 + int(900 * seconds), "500": 1000 + int(100 * seconds)}
        kind = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
        saying(200, native("http_request_duration_seconds", totals), kind)(handler)

    with stub(exposed) as target:
        config = (
            "scrape_configs: [{job_name: native, scrape_interval: 500ms, scrape_timeout: 400ms,"
            f" static_configs: [{{targets: ['{target.url.removeprefix('http://')}']}}]}}]\n"
        )
        with prometheus(config=config, flags=["--enable-feature=native-histograms"]) as url:
            while len(target.paths) < SCRAPES:
                assert time.monotonic() - began < 60, "Prometheus does not scrape"
                time.sleep(0.1)
            rows = read_natively(url)
    found = {r["metric"] if r["metric"] != "latency" else r["stat"]: r["value"] for r in rows}
    assert found["p50"] == pytest.approx(0.375, rel=0.06)  # servers differ in how they interpolate in a bucket
    assert found["error_rate"] == pytest.approx(0.1, rel=0.1)
    assert found["request_rate"] == pytest.approx(1000, rel=0.1)


def read_natively(url: str) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    incident = Window(now - timedelta(seconds=2), now)
    request = Request("native", now, incident, incident.shifted(-incident.length), incident)
    settings = Prometheus.Settings(url=url, step_seconds=1, rate_window_seconds=3)
    items = list(Prometheus(settings).collect(request))
    assert not [i for i in items if isinstance(i, Gap)]
    rows = [dict(row) for i in items if isinstance(i, Rows) for row in i.rows]
    return [r for r in rows if not {"endpoint", "instance", "version"} & r.keys()]
