"""CloudWatch's metrics and alarms without AWS: what is asked for, and how answers become rows."""

# ruff: noqa: F401, F811 - a fixture is imported, and asked for by its name

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from awsworld import api_with, shell
from conftest import NOW
from hypothesis import given
from hypothesis import strategies as st

from collectors.cloudwatch import (
    CloudWatch,
    alarms,
    catalogue,
    links,
    metricrows,
    metrics,
    names,
    resources,
    spans,
)
from gather_diagnostics import Gap, Window

# --- spans


@pytest.mark.parametrize(
    ("days", "minutes", "period"), [(0, 120, 60), (14.9, 120, 60), (15.1, 120, 300), (64, 120, 3600), (1, 1441, 120)]
)
def test_the_period_fits_what_aws_keeps(days: float, minutes: int, period: int) -> None:
    end = NOW - timedelta(days=days) + timedelta(minutes=minutes)
    assert spans.period(Window(end - timedelta(minutes=minutes), end), NOW) == period


@given(st.integers(0, 500 * 86400), st.integers(60, 40 * 86400), st.sampled_from([0, 60, 300, 86_400]))
def test_a_span_is_on_the_grid_and_bounded(age: int, length: int, least: int) -> None:
    start = NOW - timedelta(seconds=age + length, microseconds=age)
    window = Window(start, start + timedelta(seconds=length))
    span = spans.span(window, NOW, least)
    assert span.period % 60 == 0
    assert span.period >= least
    assert int(span.start.timestamp()) % span.period == 0
    assert window.start <= span.start < window.start + timedelta(seconds=span.period)
    assert (span.end - span.start).total_seconds() / span.period <= spans.MOST_POINTS
    assert span.end > span.start


# --- names


@pytest.mark.parametrize(
    ("name", "rank"),
    [
        ("checkout", 0),
        ("Checkout", 1),
        ("checkout-worker", 2),
        ("shop-CheckoutFunction-1A2B", 3),
        ("prod_checkout", 3),
        ("checkouts", None),
        ("precheckout", None),
        ("", None),
    ],
)
def test_a_name_means_the_service_by_whole_words(name: str, rank: int | None) -> None:
    assert names.rank("checkout", name) == rank


def test_names_of_several_words() -> None:
    assert names.rank("order-api", "prod-OrderApi-v2") == 3
    assert names.rank("order-api", "order-web-api") is None
    assert names.rank("--", "a-b") is None


# --- resources and metrics


def family(title: str) -> catalogue.Family:
    return next(f for f in catalogue.FAMILIES if f.title == title)


def listed(**dimensions: str) -> dict[str, Any]:
    return {"Dimensions": [{"Name": k, "Value": v} for k, v in dimensions.items()]}


def found(title: str, *metrics: dict[str, Any], wanted: dict[str, str] | None = None) -> list[resources.Resource]:
    return list(resources.matching(family(title), metrics, "checkout", wanted or {}))


def test_only_known_sets_of_dimensions_are_read() -> None:
    balancer = "app/checkout/50dc6c495c0c9188"
    all_ = found(
        "load balancer",
        listed(LoadBalancer=balancer),
        listed(LoadBalancer=balancer),
        listed(LoadBalancer=balancer, AvailabilityZone="eu-west-1a"),
        listed(LoadBalancer="app/cart/1", TargetGroup="targetgroup/checkout/2"),
        listed(LoadBalancer="app/cart/1", TargetGroup="targetgroup/cart/2"),
    )
    assert [r.name for r in all_] == [balancer, "targetgroup/checkout/2"]


def test_configured_dimensions_outdo_names() -> None:
    mine = listed(FunctionName="payments")
    assert found(
        "Lambda function", mine, listed(FunctionName="checkout"), wanted={"FunctionName": "payments"}
    ) == found("Lambda function", mine, wanted={"FunctionName": "payments"})
    assert [r.name for r in found("queue", listed(QueueName="checkout"), wanted={"FunctionName": "x"})] == ["checkout"]


def test_a_shared_cluster_is_not_the_service() -> None:
    assert not found("ECS service", listed(ClusterName="checkout", ServiceName="cart"))


def test_one_resource_speaks_for_the_service() -> None:
    functions_ = found("Lambda function", listed(FunctionName="checkout-worker"), listed(FunctionName="checkout"))
    balancers = found("load balancer", listed(LoadBalancer="a/1", TargetGroup="targetgroup/checkout/2"))
    assert resources.speaker(functions_).name == "checkout"  # type: ignore[union-attr]
    assert resources.speaker([*functions_, *balancers]) == balancers[0]
    assert resources.speaker(found("queue", listed(QueueName="checkout"))) is None


SPAN = spans.Span(NOW - timedelta(minutes=3), NOW, 60)
TIMES = [NOW - timedelta(minutes=n) for n in (3, 2, 1)]


def answers(resource: resources.Resource, **values: dict[datetime, float]) -> dict[metricrows.Series, Any]:
    """Series by metric name and statistic, e.g. Invocations_Sum."""
    made = {}
    for key, samples in values.items():
        name, _, statistic = key.rpartition("_")
        made[metricrows.Series(resource.family.namespace, name, resource.dimensions, statistic)] = samples
    return made


def test_a_ratio_counts_missing_failures_as_none_and_missing_requests_as_unknown() -> None:
    (function,) = found("Lambda function", listed(FunctionName="checkout"))
    data = answers(
        function,
        Invocations_Sum={TIMES[0]: 120.0, TIMES[1]: 60.0, TIMES[2]: 0.0},
        Errors_Sum={TIMES[1]: 30.0, TIMES[2]: 5.0},
        Duration_p95={TIMES[0]: 250.0},
    )
    place = metricrows.place("checkout", "eu-west-1", NOW, [function])
    rows = list(metricrows.rows(function, data, place, SPAN))
    told = {(r["metric"], r["stat"], r["time"]): r["value"] for r in rows}
    assert told[("error_rate", "ratio", TIMES[0])] == 0.0
    assert told[("error_rate", "ratio", TIMES[1])] == 0.5
    assert ("error_rate", "ratio", TIMES[2]) not in told
    assert told[("request_rate", "rate", TIMES[0])] == 2.0
    assert told[("latency", "p95", TIMES[0])] == 0.25
    assert {r["unit"] for r in rows if r["metric"] == "latency"} == {"s"}


def test_a_period_that_is_not_over_has_no_rate() -> None:
    (function,) = found("Lambda function", listed(FunctionName="checkout"))
    data = answers(function, Invocations_Sum=dict.fromkeys(TIMES, 60.0), Duration_p95=dict.fromkeys(TIMES, 1.0))
    asked = NOW - timedelta(seconds=30)
    rows = list(metricrows.rows(function, data, metricrows.place("checkout", "r", asked, [function]), SPAN))
    assert [r["time"] for r in rows if r["metric"] == "request_rate"] == TIMES[:2]
    assert [r["time"] for r in rows if r["metric"] == "error_rate"] == TIMES[:2]
    assert len([r for r in rows if r["metric"] == "latency"]) == 3


def test_parts_and_callees_are_told_apart_from_the_service() -> None:
    api = found(
        "REST API",
        listed(ApiName="checkout"),
        listed(ApiName="checkout", Stage="prod", Resource="/cart", Method="POST"),
    )
    table = found("table", listed(TableName="checkout", Operation="PutItem"))
    place = metricrows.place("checkout", "r", NOW, [*api, *table])
    whole, part = (metricrows.place_columns(r, place) for r in api)
    assert "instance" not in whole
    assert "endpoint" not in whole
    assert part["endpoint"] == "POST /cart"
    assert "instance" not in part
    edge = metricrows.place_columns(table[0], place)
    assert (edge["caller"], edge["callee"], edge["endpoint"]) == ("checkout", "dynamodb/checkout", "PutItem")


def test_samples_outside_the_span_and_infinite_ones_are_dropped() -> None:
    times = [NOW - timedelta(minutes=4), *TIMES, NOW]
    result = {"Timestamps": times, "Values": [1.0, float("nan"), float("inf"), 2.0, 3.0]}
    assert metricrows.samples(result, SPAN) == {TIMES[2]: 2.0}


def test_batches_never_exceed_a_call() -> None:
    many = found("Lambda function", *(listed(FunctionName=f"checkout-{n}") for n in range(200)))
    batched = list(metrics.batches(many))
    assert [r for b in batched for r in b] == many
    sizes = [len({s for r in b for s in metricrows.needed(r)}) for b in batched]
    assert max(sizes) <= 500
    assert len(batched) > 1


def test_a_series_that_aws_refuses_is_halved_out(
    monkeypatch: pytest.MonkeyPatch, shell: Path, make_request: Any
) -> None:
    api, stub = api_with(monkeypatch, "cloudwatch")
    good = {"name": "a", "namespace": "n", "metric_name": "A"}
    settings = CloudWatch.Settings.model_validate({"metrics": [good, good | {"metric_name": "bad", "name": "b"}]})
    time = make_request().baseline.start
    sample = {"MetricDataResults": [{"Id": "q0", "Timestamps": [time], "Values": [4.0], "StatusCode": "Complete"}]}
    stub.add_client_error("get_metric_data", "ValidationError", "The parameter Stat is no good")
    stub.add_response("get_metric_data", sample)
    stub.add_client_error("get_metric_data", "ValidationError", "The parameter Stat is no good")
    items = list(metrics.read(api, settings, make_request(), []))
    assert [r["value"] for i in items if not isinstance(i, Gap) for r in i.rows] == [4.0]
    (gap,) = [i for i in items if isinstance(i, Gap)]
    assert "n bad" in gap.wanted
    stub.assert_no_pending_responses()


# --- alarms


def history(state: str, **more: Any) -> dict[str, Any]:
    data = json.dumps({"newState": {"stateValue": state, "stateReason": "because"}})
    return {"AlarmName": "a", "Timestamp": NOW, "HistoryItemType": "StateUpdate", "HistoryData": data} | more


def test_history_becomes_events() -> None:
    window = Window(NOW - timedelta(hours=1), NOW + timedelta(seconds=1))
    items = [
        history("ALARM"),
        history("OK", HistoryData="{broken", HistorySummary="Alarm updated from ALARM to OK"),
        history("OK", HistoryItemType="Action"),
        history("OK", Timestamp=NOW - timedelta(hours=2)),
        history("OK", HistoryData="[]", HistorySummary=""),
    ]
    rows = list(alarms.shaped(items, window, "eu-west-1"))
    assert [(r["reason"], r["message"]) for r in rows] == [
        ("ALARM", "because"),
        ("OK", "Alarm updated from ALARM to OK"),
    ]


def test_an_alarm_that_was_on_before_the_window_is_told() -> None:
    window = Window(NOW - timedelta(hours=1), NOW)
    old = {"AlarmName": "a", "StateValue": "ALARM", "StateUpdatedTimestamp": NOW - timedelta(days=2)}
    assert [r["time"] for r in alarms.now(old, [], window, "r")] == [NOW - timedelta(days=2)]
    assert not list(alarms.now(old | {"StateValue": "OK"}, [], window, "r"))
    known = [{"reason": "ALARM", "time": NOW - timedelta(days=2, seconds=1)}]
    assert not list(alarms.now(old, known, window, "r"))


def test_which_alarms_are_related() -> None:
    dimension = [{"Name": "QueueName", "Value": "orders"}]
    assert alarms.related({"AlarmName": "prod-checkout-latency"}, "checkout", set())
    assert alarms.related({"AlarmName": "a", "Dimensions": dimension}, "checkout", {"orders"})
    assert alarms.related(
        {"AlarmName": "a", "Metrics": [{"Id": "m", "MetricStat": {"Metric": {"Dimensions": dimension}}}]},
        "x",
        {"orders"},
    )
    assert not alarms.related({"AlarmName": "a", "Dimensions": dimension}, "checkout", set())


# --- links


def test_links_lead_into_the_console() -> None:
    url = links.metric("eu-west-1", "AWS/Lambda", ["Duration"], [("FunctionName", "check out")], "p95", SPAN)
    assert url.startswith(
        "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#metricsV2:graph=~("
    )
    assert "metrics~(~(~'AWS*2fLambda~'Duration~'FunctionName~'check*20out))" in url
    assert links.console("cn-north-1") == "https://cn-north-1.console.amazonaws.cn"
    assert links.jsurl({"a": [1, True, "é€$"]}) == "~(a~(~1~true~'*e9**20ac!))"
