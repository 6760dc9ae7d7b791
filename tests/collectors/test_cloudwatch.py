"""The CloudWatch collector without AWS: what is planned, how answers become rows, what errors mean to a person."""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions as boto
from botocore.session import Session
from botocore.stub import Stubber
from conftest import NOW
from hypothesis import given
from hypothesis import strategies as st

from collectors.cloudwatch import (
    CloudWatch,
    alarms,
    catalogue,
    causes,
    changerows,
    codedeploy,
    credentials,
    databases,
    functions,
    groups,
    insights,
    links,
    logrows,
    metricrows,
    metrics,
    names,
    permissions,
    resources,
    spans,
    stacks,
    steps,
    trail,
    troubles,
)
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.insights import Count
from collectors.cloudwatch.side_by_side import Tick, side_by_side, ticking
from gather_diagnostics import Gap, Target, Window

VARIABLES = (
    "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE AWS_REGION"
    " AWS_DEFAULT_REGION AWS_ENDPOINT_URL AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN"
    " AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_CONTAINER_CREDENTIALS_FULL_URI"
).split()


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A shell without any trace of AWS; returns the folder that stands for ~/.aws. Connections are refused."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))

    def refuse(*args: object) -> None:
        raise AssertionError("no connection may be opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tmp_path


def planned(request: Any, **settings: Any) -> list[Target | Gap]:
    return list(CloudWatch(CloudWatch.Settings.model_validate(settings)).plan(request))


# --- whether it is in use


def test_without_credentials_it_is_not_in_use(shell: Path, make_request: Any) -> None:
    (gap,) = planned(make_request())
    assert isinstance(gap, Gap)
    assert gap.cause == "not_configured"
    assert "aws sso login" in gap.mend
    assert list(CloudWatch(CloudWatch.Settings()).collect(make_request())) == [gap]
    assert list(CloudWatch(CloudWatch.Settings()).check(make_request())) == [gap]


@pytest.mark.parametrize(
    ("variables", "because"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x"}, "AWS_ACCESS_KEY_ID is set"),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere", "AWS_ROLE_ARN": "arn:aws:iam::1:role/r"}, "WEB_IDENTITY"),
        ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x"}, "task role"),
    ],
)
def test_credentials_of_the_environment(
    shell: Path, make_request: Any, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], because: str
) -> None:
    for name, value in (variables | {"AWS_REGION": "eu-west-1"}).items():
        monkeypatch.setenv(name, value)
    targets = planned(make_request())
    assert len(targets) == 3
    for target in targets:
        assert isinstance(target, Target)
        assert because in target.because
        assert target.where.startswith("eu-west-1 ")
        assert "AKIAEXAMPLE" not in repr(target)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("sso_session = s", "signs in by SSO"),
        ("role_arn = arn:aws:iam::123456789012:role/r\nsource_profile = default", "names a role"),
        ("credential_process = /bin/false", "credential process"),
    ],
)
def test_a_profile_is_read_but_not_used(shell: Path, make_request: Any, keys: str, words: str) -> None:
    (shell / "config").write_text(
        f"[profile prod]\nregion = us-west-2\n{keys}\n[sso-session s]\nsso_region = us-east-1\n"
    )
    items = planned(make_request(), profile="prod")
    assert all(isinstance(i, Target) and words in i.because and "us-west-2" in i.where for i in items)
    assert isinstance(planned(make_request())[0], Gap), "nobody named the profile"


def test_what_is_wrong_with_a_profile_is_told(shell: Path, make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (gap,) = planned(make_request(), profile="prod")
    assert isinstance(gap, Gap)
    assert "'prod'" in gap.why
    monkeypatch.setenv("AWS_PROFILE", "stage")
    (gap,) = planned(make_request())
    assert isinstance(gap, Gap)
    assert "'stage'" in gap.why
    (shell / "config").write_text("[profile\nnonsense")
    (gap,) = planned(make_request())
    assert isinstance(gap, Gap)
    assert gap.cause == "not_configured"


def test_without_a_region_there_is_nowhere_to_ask(
    shell: Path, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    (gap,) = planned(make_request())
    assert isinstance(gap, Gap)
    assert "AWS_REGION" in gap.mend
    assert len(planned(make_request(), regions=["eu-west-1", "us-east-1", "eu-west-1"])) == 6


def test_the_plan_tells_the_guards(shell: Path, make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    (_, logs, _) = planned(make_request(), max_scan_bytes=12345, max_log_events=777)
    assert isinstance(logs, Target)
    assert "12,345 bytes" in logs.what
    assert "777 lines" in logs.what
    assert "/ecs/checkout*" in logs.where


@pytest.mark.parametrize(
    "settings",
    [
        {"endpoint_url": "https://user:secret@example.com"},
        {"regions": ["eu-west-1.evil.example/"]},
        {"role_arn": "reader"},
        {"period_seconds": 90},
        {"metrics": [{"name": "a", "namespace": "b", "metric_name": "c", "stats": ["p999999"]}]},
        {"regoins": []},
    ],
)
def test_settings_that_can_not_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        CloudWatch.Settings.model_validate(settings)


# --- the policy


def test_the_policy_only_reads() -> None:
    document = json.loads(CloudWatch.policy())
    actions = [a for s in document["Statement"] for a in s["Action"]]
    assert sorted(actions) == sorted(permissions.PERMISSIONS)
    for action in actions:
        reads = action.partition(":")[2].startswith(permissions.READING)
        assert reads or action in permissions.EXCEPTIONS, action
    assert "*" not in actions


def test_every_declared_action_exists_and_undeclared_ones_are_bugs() -> None:
    core = Session()
    for action in permissions.PERMISSIONS:
        service, _, operation = action.partition(":")
        assert operation in core.get_service_model(service).operation_names, action
    with pytest.raises(LookupError, match="s3:PutObject"):
        Api(core, "eu-west-1", 5).call("s3", "put_object", Bucket="b", Key="k")


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


def api_with(monkeypatch: pytest.MonkeyPatch, service: str, seconds: float = 30) -> tuple[Api, Stubber]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    api = Api(Session(), "eu-west-1", seconds)
    stub = Stubber(api._client(service))
    stub.activate()
    return api, stub


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


# --- logs


def test_groups_are_listed_by_few_prefixes_that_cover_all_globs() -> None:
    globs = ["/ecs/checkout*", "/ecs/*-x", "checkout", "checkout-*", "/aws/eks/*/checkout*"]
    assert groups.prefixes(globs) == ["/aws/eks/", "/ecs/", "checkout"]
    assert groups.prefixes(["*checkout*", "/x"]) == [""]


def test_a_service_name_is_no_glob(make_request: Any) -> None:
    (pattern,) = groups.patterns(CloudWatch.Settings(log_groups=["/ecs/{service}"]), "check[o]ut*")
    assert pattern == "/ecs/check[[]o]ut[*]"


GROUP = groups.Group("/aws/lambda/checkout", "eu-west-1")


def events(*messages: str, stream: str = "s") -> list[dict[str, Any]]:
    base = spans.milliseconds(NOW)
    return [
        {"timestamp": base + n, "message": m, "logStreamName": stream, "eventId": f"{stream}{n}"}
        for n, m in enumerate(messages)
    ]


def test_events_become_rows_with_their_own_times() -> None:
    shaper = logrows.Shaper(GROUP, "checkout")
    lines = events(
        "START RequestId: 8f507cfc-xmpl Version: 3\n",
        "[ERROR]\t2026-03-14T02:57:01.123Z\t8f507cfc-1111-2222-3333-123456789012\tboom\n"
        'Traceback (most recent call last):\n  File "h.py", line 1\nKeyError: 1\n',
        '{"level": "warn", "message": "slow", "trace_id": "abc"}',
    )
    rows = shaper.rows(lines) + shaper.rest()
    assert [r["level"] for r in rows] == [None, "ERROR", "WARNING"]
    assert [r["time"] for r in rows] == [NOW + timedelta(milliseconds=n) for n in range(3)]
    assert rows[1]["request_id"] == "8f507cfc-1111-2222-3333-123456789012"
    assert "KeyError: 1" in rows[1]["message"]
    assert rows[2]["trace_id"] == "abc"
    assert rows[0]["ref"] == "aws://eu-west-1/logs/%2Faws%2Flambda%2Fcheckout/s#s0"
    assert rows[0]["instance"] == "s"


TRACE = [
    "ERROR no pool",
    "Traceback (most recent call last):",
    '  File "a.py", line 1, in f',
    "KeyError: 1",
    "INFO next",
]


@given(st.lists(st.integers(0, 10), max_size=4))
def test_pages_may_end_anywhere(cuts: list[int]) -> None:
    lines = sorted([*events(*TRACE, stream="a"), *events(*TRACE, stream="b")], key=lambda e: e["timestamp"])
    whole = logrows.Shaper(GROUP, "checkout")
    expected = whole.rows(lines) + whole.rest()
    shaper = logrows.Shaper(GROUP, "checkout")
    edges = [0, *sorted(cuts), len(lines)]
    rows = [r for a, b in itertools.pairwise(edges) for r in shaper.rows(lines[a:b])] + shaper.rest()
    assert sorted(rows, key=lambda r: r["ref"]) == sorted(expected, key=lambda r: r["ref"])
    assert len(rows) == 4


def test_odd_events_do_not_break_the_others() -> None:
    shaper = logrows.Shaper(GROUP, "checkout")
    odd = [{"message": "no time"}, {"timestamp": "x", "message": "m"}, {"timestamp": 1}, {}]
    rows = shaper.rows([*odd, *events("ERROR \ud800 x" * 20_000)]) + shaper.rest()
    assert len(rows) == 1
    assert len(rows[0]["message"]) < 70_000
    assert "cut" in rows[0]["message"]


def test_counts_out_of_insights() -> None:
    rows = [
        {
            "bin(60s)": "2026-03-14 03:00:00.000",
            "told_level": "Fatal",
            "@log": "123456789012:/ecs/checkout",
            "lines": "3",
        },
        {"bin(60s)": "2026-03-14 03:00:00.000", "@log": "/ecs/checkout", "lines": "10"},
        {"bin(60s)": "nonsense", "lines": "1"},
        {"bin(60s)": "2026-03-14 03:00:00.000", "lines": "many"},
    ]
    time = datetime(2026, 3, 14, 3, tzinfo=UTC)
    assert list(insights.counted(rows)) == [
        Count(time, "/ecs/checkout", "CRITICAL", 3),
        Count(time, "/ecs/checkout", "", 10),
    ]


def test_a_cut_message_is_fetched_whole() -> None:
    time = "2026-03-14 03:00:00.250"
    long = {"@timestamp": time, "@message": "x" * 10_000 + "...", "@ptr": "p1", "@logStream": "s"}
    made = list(insights.events([long, long | {"@message": "short..."}], lambda pointer: f"whole {pointer}"))
    assert [e["message"] for e in made] == ["whole p1", "short..."]
    assert made[0]["timestamp"] % 1000 == 250


def test_the_meter_counts_each_query_once() -> None:
    meter = insights.Meter(100)
    meter.note("a", 40)
    meter.note("a", 60)
    meter.note("b", 30)
    assert meter.scanned == 90
    meter.check()
    meter.note("b", 50)
    with pytest.raises(insights.TooCostlyError, match="110 bytes"):
        meter.check()


def test_a_query_that_scans_too_much_is_stopped(
    monkeypatch: pytest.MonkeyPatch, shell: Path, make_request: Any
) -> None:
    api, stub = api_with(monkeypatch, "logs")
    stub.add_response("start_query", {"queryId": "q1"})
    stub.add_response("get_query_results", {"status": "Running", "statistics": {"bytesScanned": 200.0}})
    stub.add_response("stop_query", {"success": True}, {"queryId": "q1"})
    with pytest.raises(insights.TooCostlyError):
        insights.counts(api, ["g"], make_request().incident, insights.Meter(100))
    stub.assert_no_pending_responses()


def test_a_query_that_is_done_is_used_whatever_it_cost(
    monkeypatch: pytest.MonkeyPatch, shell: Path, make_request: Any
) -> None:
    api, stub = api_with(monkeypatch, "logs")
    row = [{"field": "bin(60s)", "value": "2026-03-14 03:00:00.000"}, {"field": "lines", "value": "7"}]
    stub.add_response("start_query", {"queryId": "q1"})
    done = {"status": "Complete", "statistics": {"bytesScanned": 200.0}, "results": [row]}
    stub.add_response("get_query_results", done)
    meter = insights.Meter(100)
    seconds, counts = insights.counts(api, ["g"], make_request().incident, meter)
    assert (seconds, [c.lines for c in counts]) == (60, [7])
    with pytest.raises(insights.TooCostlyError):
        meter.check()


def at(minutes: int) -> datetime:
    """Minutes before NOW."""
    return NOW - timedelta(minutes=minutes)


def test_the_first_error_is_the_first_beyond_the_usual(make_request: Any) -> None:
    request = make_request()
    counts = [Count(at(90), "g", "ERROR", 2), Count(at(50), "g", "ERROR", 2), Count(at(20), "g", "ERROR", 9)]
    assert steps.first_error(counts, request) == at(20)
    assert steps.first_error(counts[:2], request) == at(50)
    assert steps.first_error([Count(at(20), "g", "INFO", 9)], request) is None


def test_a_flood_is_read_around_the_first_error(make_request: Any) -> None:
    request = make_request()
    counts = [Count(at(90), "g", "INFO", 9_000), Count(at(20), "g", "ERROR", 9)]
    plan = steps.plan(request, counts, 1_000)
    assert plan[0] == steps.Step(Window(at(22), at(15)), "", 1_000)
    errors = [s.window for s in plan if s.pattern and s.window in (Window(at(60), at(22)), Window(at(15), NOW))]
    assert len(errors) == 2
    assert steps.plan(request, counts, 10_000) == [
        steps.Step(request.incident, "", 10_000),
        steps.Step(request.baseline, "", 10_000),
    ]


@given(st.lists(st.one_of(st.none(), st.integers(0, 5_000)), min_size=1, max_size=20), st.integers(1, 10_000))
def test_shares(sizes: list[int | None], limit: int) -> None:
    shares = steps.shares(sizes, limit)
    assert all(s >= 1 for s in shares)
    assert sum(s for s in shares if s > 1) <= limit
    known = [s for s in sizes if s is not None]
    if len(known) == len(sizes) and sum(known) <= limit:
        assert all(s >= size for s, size in zip(shares, known, strict=True)), "what fits is kept"


# --- changes


WINDOW = Window(NOW - timedelta(hours=24), NOW)


def test_a_version_with_the_same_code_is_a_configuration() -> None:
    def version(number: str, code: str, minutes: int) -> dict[str, Any]:
        modified = f"{at(minutes):%Y-%m-%dT%H:%M:%S.000+0000}"
        return {"FunctionName": "checkout", "Version": number, "CodeSha256": code, "LastModified": modified}

    versions = [version("$LATEST", "b", 5), version("1", "a", 9_000), version("2", "b", 60), version("10", "b", 30)]
    rows = list(functions.shaped(versions, [{"Name": "live", "FunctionVersion": "2"}], "checkout", "r", WINDOW))
    assert [(r["revision"], r["previous"], r["kind"]) for r in rows] == [
        ("2", "1", "deploy"),
        ("10", "2", "config"),
        ("$LATEST", "10", "config"),
    ]
    assert rows[0]["details"]["aliases"] == ["live"]
    published = [version("$LATEST", "b", 31), *versions[1:]]
    assert "$LATEST" not in {r["revision"] for r in functions.shaped(published, [], "checkout", "r", WINDOW)}


@pytest.mark.parametrize(
    ("revision", "text"),
    [
        ({"revisionType": "GitHub", "gitHubLocation": {"repository": "a/b", "commitId": "abc"}}, "abc"),
        ({"s3Location": {"bucket": "b", "key": "k.zip", "eTag": "e"}}, "b/k.zip@e"),
        ({"appSpecContent": {"content": "x", "sha256": "d"}}, "d"),
        (None, ""),
        ({"gitHubLocation": None}, ""),
    ],
)
def test_revisions_of_codedeploy(revision: Any, text: str) -> None:
    assert codedeploy.revision(revision) == text


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("UpdateFunctionCode20150331v2", "deploy"),
        ("UpdateFunctionConfiguration20150331v2", "config"),
        ("UpdateService", "deploy"),
        ("PutParameter", "config"),
        ("ModifyDBInstance", "config"),
        ("UpdateAutoScalingGroup", "scale"),
        ("PutScalingPolicy", "scale"),
        ("AuthorizeSecurityGroupIngress", "infra"),
    ],
)
def test_kinds_of_trail_events(name: str, kind: str) -> None:
    assert trail.kind(name) == kind


def test_codedeploy_deployments_outside_the_window_or_of_others() -> None:
    info = {"applicationName": "checkout", "deploymentId": "d-1", "createTime": at(9), "creator": "user"}
    infos = [
        info,
        info | {"createTime": at(24 * 60 + 1)},
        info | {"applicationName": "cart"},
        {"applicationName": "checkout"},
    ]
    assert [r["time"] for r in codedeploy.shaped(infos, "checkout", "r", WINDOW)] == [at(9)]


def trailed(**record: Any) -> dict[str, Any]:
    return {
        "EventId": "e1",
        "EventName": "UpdateService",
        "EventTime": at(10),
        "Username": "ana",
        "CloudTrailEvent": json.dumps(record),
    }


def test_trail_events_keep_telling_parameters_only() -> None:
    given_ = {
        "service": "checkout",
        "desiredCount": 4,
        "environment": {"PASSWORD": "hunter2"},
        "masterUserPassword": "x",
    }
    (row,) = trail.shaped([trailed(requestParameters=given_)], "checkout", "r", WINDOW)
    assert row["details"]["parameters"] == {"service": "checkout", "desiredCount": 4}
    assert "hunter2" not in json.dumps(row, default=str)
    assert row["author"] == "ana"


@pytest.mark.parametrize(
    "event",
    [
        trailed(requestParameters={"service": "checkout"}, errorCode="AccessDenied"),
        trailed(requestParameters={"service": "checkout"}, readOnly=True),
        trailed(requestParameters={"service": "cart"}),
        trailed(requestParameters={"service": "checkout"}) | {"EventTime": at(24 * 60 + 1)},
        trailed(requestParameters={"service": "checkout"}) | {"EventName": "AssumeRole"},
        trailed() | {"CloudTrailEvent": "[" * 100_000},
        {},
    ],
)
def test_trail_events_that_changed_nothing_of_ours(event: dict[str, Any]) -> None:
    assert not list(trail.shaped([event], "checkout", "r", WINDOW))


def stacked(minutes: int, status: str, *, own: bool = True, id_: str = "Queue") -> dict[str, Any]:
    physical = "arn:stack" if own else id_
    return {
        "EventId": f"e{minutes}",
        "StackId": "arn:stack",
        "StackName": "checkout",
        "PhysicalResourceId": physical,
        "LogicalResourceId": "checkout" if own else id_,
        "ResourceType": stacks.STACK if own else "AWS::SQS::Queue",
        "ResourceStatus": status,
        "Timestamp": at(minutes),
        "ResourceStatusReason": "no such role",
    }


def test_one_change_for_each_operation_on_a_stack() -> None:
    told = [
        stacked(30, "UPDATE_COMPLETE"),
        stacked(33, "UPDATE_COMPLETE", own=False),
        stacked(35, "UPDATE_IN_PROGRESS"),
        stacked(10, "UPDATE_ROLLBACK_IN_PROGRESS"),
        stacked(11, "UPDATE_FAILED", own=False, id_="Table"),
        stacked(12, "UPDATE_IN_PROGRESS"),
    ]
    first, second = stacks.shaped(told, "checkout", "r", WINDOW)
    assert (first["time"], first["finished"]) == (at(35), at(30))
    assert first["details"]["resources"] == [{"id": "Queue", "type": "AWS::SQS::Queue"}]
    assert second["finished"] is None
    assert second["details"]["failed"] == ["Table: no such role"]


def test_rds_events() -> None:
    told = [
        {"SourceIdentifier": "checkout-db", "Message": "Failed over", "Date": at(9), "EventCategories": ["failover"]},
        {
            "SourceIdentifier": "checkout-db",
            "Message": "Resized",
            "Date": at(8),
            "EventCategories": ["configuration change"],
        },
        {"SourceIdentifier": "checkout-db", "Message": "no date"},
    ]
    assert [(r["reason"], r["severity"]) for r in databases.events(told, "r", WINDOW)] == [
        ("failover", "warning"),
        ("configuration change", "info"),
    ]
    assert [(r["kind"], r["summary"]) for r in databases.changes(told, "checkout", "r", WINDOW)] == [
        ("config", "RDS checkout-db: Resized")
    ]
    assert databases.belongs({"SourceIdentifier": "orders"}, "checkout", frozenset({"orders"}))


def test_an_author_is_a_person_where_the_arn_names_one() -> None:
    assert changerows.person("arn:aws:sts::123456789012:assumed-role/Admin/ana") == "ana"
    assert changerows.person("autoscaling") == "autoscaling"
    assert changerows.person(None) == ""


def told(what: str, minutes: float, **details: Any) -> dict[str, Any]:
    id_ = f"aws:r:{what}:checkout/1"
    return {
        "id": id_,
        "time": NOW - timedelta(minutes=minutes),
        "ref": f"ref {what}",
        "author": None,
        "details": details,
    }


def called(minutes: float, event: str = "UpdateService", **more: Any) -> dict[str, Any]:
    given_ = {"event": event, "api": "ecs.amazonaws.com", "resources": ["arn:aws:ecs:r:1:service/shop/checkout"]}
    return told("cloudtrail", minutes, **(given_ | more)) | {"author": "ana"}


def test_a_deployment_and_the_call_behind_it_are_one_change() -> None:
    join = causes.Join()
    assert join.add([told("ecs", 9)]) == []
    assert join.add([called(9.5), called(60), called(9.5, "PutScalingPolicy"), called(9.5, resources=["cart"])]) == []
    first, *others = join.close()
    assert (first["id"], first["author"], first["details"]["call"]) == ("aws:r:ecs:checkout/1", "ana", "ref cloudtrail")
    assert len(others) == 3, "a call without a deployment of its own is a change"
    assert join.add([called(9.6)]) == [], "it comes late, but has been told of"
    assert join.add([called(70)]) == [called(70)]


@pytest.mark.parametrize(("minutes", "same"), [(9.1, True), (8.9, True), (11.1, False), (8.5, False)])
def test_the_call_comes_shortly_before(minutes: float, same: bool) -> None:
    assert causes.caused(called(minutes), told("ecs", 9)) is same


# --- links


def test_links_lead_into_the_console() -> None:
    url = links.metric("eu-west-1", "AWS/Lambda", ["Duration"], [("FunctionName", "check out")], "p95", SPAN)
    assert url.startswith(
        "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#metricsV2:graph=~("
    )
    assert "metrics~(~(~'AWS*2fLambda~'Duration~'FunctionName~'check*20out))" in url
    assert links.console("cn-north-1") == "https://cn-north-1.console.amazonaws.cn"
    assert links.jsurl({"a": [1, True, "é€$"]}) == "~(a~(~1~true~'*e9**20ac!))"


# --- troubles


def refused(code: str, status: int = 400, message: str = "no") -> boto.ClientError:
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return boto.ClientError(answer, "FilterLogEvents")


@pytest.mark.parametrize(
    ("error", "cause", "mend"),
    [
        (refused("AccessDeniedException"), "denied", '"Action": "logs:FilterLogEvents"'),
        (refused("SomethingNew", 403), "denied", '"Action": "logs:FilterLogEvents"'),
        (refused("ExpiredTokenException"), "denied", "aws sso login"),
        (refused("UnrecognizedClientException"), "denied", "AWS_ACCESS_KEY_ID"),
        (refused("InvalidSignatureException", 403, "Signature expired: 1 is now earlier than 2"), "invalid", "NTP"),
        (refused("RequestTimeTooSkewed", 403), "invalid", "NTP"),
        (refused("ThrottlingException"), "throttled", "later"),
        (refused("ResourceNotFoundException"), "not_found", "sources.cloudwatch"),
        (refused("500", 500), "invalid", "health.aws"),
        (
            boto.EndpointConnectionError(endpoint_url="https://x", error=OSError(111, "Connection refused")),
            "unreachable",
            "sts",
        ),
        (boto.ConnectTimeoutError(endpoint_url="https://x"), "unreachable", "sts"),
        (boto.ReadTimeoutError(endpoint_url="https://x"), "timeout", "--deadline"),
        (boto.SSLError(endpoint_url="https://x", error="bad"), "unreachable", "AWS_CA_BUNDLE"),
        (boto.NoCredentialsError(), "denied", "get-caller-identity"),
        (boto.UnauthorizedSSOTokenError(), "denied", "aws sso login"),
        (troubles.OutOfTimeError("late"), "timeout", "--deadline"),
        (troubles.BadAnswerError("odd"), "invalid", "endpoint_url"),
        (troubles.BadAddressError("odd"), "not_configured", "endpoint_url"),
    ],
)
def test_what_an_error_means(error: Exception, cause: str, mend: str) -> None:
    gap = troubles.gap(troubles.CallError("logs:FilterLogEvents", "eu-west-1", error), "lines")
    assert gap.cause == cause
    assert mend in gap.mend
    assert gap.why
    assert gap.mend


def test_an_error_is_cut() -> None:
    error = refused("X", 400, "secret sauce " * 1000)
    assert len(troubles.gap(troubles.CallError("a:B", "r", error), "w").why) < 400


def test_a_mistake_of_ours_is_no_gap(monkeypatch: pytest.MonkeyPatch, shell: Path) -> None:
    api, stub = api_with(monkeypatch, "logs")
    stub.deactivate()
    with pytest.raises(boto.ParamValidationError):
        api.call("logs", "filter_log_events", logGroupName=7)


def test_a_bug_below_botocore_is_no_gap(monkeypatch: pytest.MonkeyPatch, shell: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    api = Api(Session(), "eu-west-1", 5)
    # `shell` makes every connection an AssertionError, which botocore wraps in its HTTPClientError.
    with pytest.raises(boto.HTTPClientError, match="no connection may be opened"):
        api.call("sts", "get_caller_identity")


def test_nothing_is_sent_after_the_deadline(monkeypatch: pytest.MonkeyPatch, shell: Path) -> None:
    api, _ = api_with(monkeypatch, "logs", seconds=0)
    with pytest.raises(troubles.CallError) as caught:
        api.call("logs", "describe_log_groups")
    assert caught.value.hopeless


def test_an_endpoint_that_is_no_address(monkeypatch: pytest.MonkeyPatch, shell: Path, make_request: Any) -> None:
    for name, value in {
        "ACCESS_KEY_ID": "x",
        "SECRET_ACCESS_KEY": "y",
        "ENDPOINT_URL": "nonsense",
        "REGION": "r1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    (gap, *_) = CloudWatch(CloudWatch.Settings()).collect(make_request())
    assert isinstance(gap, Gap)
    assert gap.cause == "not_configured"
    assert "AWS_ENDPOINT_URL" in gap.mend


def test_the_instance_is_asked_for_its_role_only_where_told_to(shell: Path) -> None:
    def methods(**settings: Any) -> set[str]:
        core = credentials.session(CloudWatch.Settings.model_validate(settings))
        return {p.METHOD for p in core.get_component("credential_provider").providers}

    assert "iam-role" not in methods()
    assert "container-role" in methods()
    assert "iam-role" in methods(instance_metadata=True)


# --- side by side


def test_items_of_all_jobs_come_and_an_error_comes_last() -> None:
    def fails() -> Iterator[int]:
        yield 1
        raise RuntimeError("a bug")

    got: list[int | Tick] = []
    with pytest.raises(RuntimeError, match="a bug"):
        got.extend(ticking([fails, lambda: iter([2, 3])], 2, None))
    assert got[-1] is Tick.END, "what is held can be told before the error is"
    got = []
    with pytest.raises(RuntimeError, match="a bug"):
        got.extend(side_by_side([fails, lambda: iter([2, 3]), lambda: iter([4])], 1))
    assert sorted(got) == [1, 2, 3, 4], "one bug does not stop the others"


def test_closing_ends_the_jobs() -> None:
    ended = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            ended.set()

    items = side_by_side([endless], 2)
    assert next(items) == 1
    items.close()  # type: ignore[attr-defined]
    assert ended.wait(5)


def test_no_jobs_no_items() -> None:
    assert list(side_by_side([], 3)) == []
