"""Single questions to CloudWatch: a server that speaks AWS's protocols, and any text as a question."""

# ruff: noqa: F401, F811 - a fixture is imported, and asked for by its name

from __future__ import annotations

import shlex
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from awsworld import GROUP, MINUTES, ONSET, running, server, shell, write
from hypothesis import given
from hypothesis import strategies as st
from servers.aws import AwsServer

from collectors.cloudwatch import CloudWatch, commands, groups, insights, permissions, question
from collectors.cloudwatch.metricrows import Series
from gather_diagnostics import Answer, Gap, Request, questions

SPACE = "AWS/ApplicationELB"
COUNT = f"{GROUP} | filter @message like /ERROR/ | stats count(*) as lines"


def ask(request: Request, query: str, **settings: Any) -> list[Answer | Gap]:
    return list(CloudWatch(CloudWatch.Settings.model_validate(settings)).ask(request, query))


def answered(request: Request, query: str, **settings: Any) -> Answer:
    (found,) = ask(request, query, **settings)
    assert isinstance(found, Answer), found
    return found


def refused(request: Request, query: str, **settings: Any) -> Gap:
    (found,) = ask(request, query, **settings)
    assert isinstance(found, Gap), found
    assert found.mend
    return found


# --- Logs Insights


@pytest.mark.slow
def test_a_query_over_the_incident_window(server: AwsServer, make_request: Any) -> None:
    write(server)
    found = answered(make_request(), COUNT)
    assert (found.columns, found.rows) == (("lines",), ((60,),)), "a count is a number"
    assert found.ref == "aws://eu-west-1/logs/%2Fecs%2Fcheckout"
    before = answered(make_request(now=ONSET), COUNT)
    assert before.rows in ((), ((0,),)), "what lies after the window is not asked for"
    lines = answered(make_request(), f"{GROUP} | fields @timestamp, @message | sort @timestamp desc | limit 3")
    assert (lines.columns, len(lines.rows)) == (("@timestamp", "@message"), 3)
    assert answered(make_request(), f"{GROUP} | filter @message like /no such words/").rows == ()


@pytest.mark.slow
def test_patterns_name_several_groups(server: AwsServer, make_request: Any) -> None:
    write(server)
    server.put_logs("/ecs/checkout-worker", "t/1", [(ONSET + timedelta(seconds=1), "ERROR one more")])
    server.put_logs("/ecs/cart", "t/1", [(ONSET + timedelta(seconds=1), "ERROR somebody else's")])
    counted = "| filter @message like /ERROR/ | stats count(*) as lines"
    assert answered(make_request(), f"/ecs/{{service}}* {counted}").rows == ((61,),)
    assert answered(make_request(), f"/ecs/* {counted}").rows == ((62,),)
    gap = refused(make_request(), f"/ecs/nobody* {counted}")
    assert (gap.cause, "name other log groups" in gap.mend) == ("not_found", True)


@pytest.mark.slow
def test_long_answers_are_cut(server: AwsServer, make_request: Any) -> None:
    server.put_logs(GROUP, "t/1", [(ONSET + timedelta(seconds=n), f"line {n}") for n in range(300)])
    found = answered(make_request(), f"{GROUP} | fields @message")
    assert (len(found.rows), "there is more" in found.cut) == (questions.MOST_ROWS, True)


@pytest.mark.slow
def test_what_may_be_scanned_is_bounded(server: AwsServer, make_request: Any) -> None:
    write(server)
    server.forget_calls()
    gap = refused(make_request(), COUNT, max_scan_bytes=0)
    assert (gap.cause, "max_scan_bytes" in gap.mend) == ("truncated", True)
    assert "StartQuery" not in {c.operation for c in server.calls()}


@pytest.mark.slow
def test_a_query_that_does_not_end_is_stopped(
    server: AwsServer, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(server)
    server.set_queries(polls=10_000)
    monkeypatch.setattr(insights, "QUERY_SECONDS", 0.1)
    assert "was not done after" in refused(make_request(), COUNT).why
    assert [c.operation for c in server.calls()].count("StopQuery") == 1


@pytest.mark.slow
def test_a_query_that_is_none_is_told_in_awss_words(server: AwsServer, make_request: Any) -> None:
    write(server)
    gap = refused(make_request(), f"{GROUP} | nonsense @message")
    assert (gap.cause, "MalformedQueryException" in gap.why) == ("invalid", True)
    assert gap.mend == "correct the question; try it in CloudWatch's console"


# --- metrics


@pytest.mark.slow
def test_samples_of_a_metric_the_newest_first(server: AwsServer, make_request: Any) -> None:
    points = [(t, 100.0 + n) for n, t in enumerate(MINUTES)]
    server.put_metric(SPACE, "RequestCount", points, {"LoadBalancer": "app/shop/1"})
    found = answered(make_request(), f"metric {SPACE} RequestCount Sum LoadBalancer=app/shop/1")
    assert (found.columns, len(found.rows)) == (("time", "value"), 60)
    assert found.rows[0] == ("2026-03-14T03:19:00Z", 219.0)
    assert found.ref == "aws://eu-west-1/metric/AWS%2FApplicationELB/RequestCount/Sum"
    hurried = make_request()
    half = Request(**{**{f: getattr(hurried, f) for f in hurried.__dataclass_fields__}, "asked": MINUTES[-1]})
    assert answered(half, f"metric {SPACE} RequestCount Sum LoadBalancer=app/shop/1").rows[0][1] == 218.0, "whole ones"
    assert answered(make_request(), f"metric {SPACE} RequestCount p99 LoadBalancer=app/shop/1").rows
    assert answered(make_request(), f"metric {SPACE} RequestCount Sum LoadBalancer=app/other/2").rows == ()
    coarse = answered(make_request(), f"metric {SPACE} RequestCount Sum LoadBalancer=app/shop/1", period_seconds=300)
    assert len(coarse.rows) == 12


# --- what is sent


@pytest.mark.slow
def test_only_declared_reads_are_sent(server: AwsServer, make_request: Any) -> None:
    write(server)
    server.forget_calls()
    for query in (COUNT, f"/ecs/* {COUNT.partition(' ')[2]}", f"metric {SPACE} RequestCount Sum"):
        ask(make_request(), query)
    sent = {f"{c.service}:{c.operation}" for c in server.calls()}
    assert sent == {
        "sts:GetCallerIdentity", "logs:DescribeLogGroups", "logs:StartQuery", "logs:GetQueryResults",
        "cloudwatch:GetMetricData",
    }  # fmt: skip
    assert sent <= set(permissions.PERMISSIONS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("service", "operation", "query"),
    [
        ("logs", "StartQuery", COUNT),
        ("logs", "DescribeLogGroups", COUNT),
        ("cloudwatch", "GetMetricData", f"metric {SPACE} RequestCount Sum"),
    ],
)
def test_a_refusal_names_the_right(
    server: AwsServer, make_request: Any, service: str, operation: str, query: str
) -> None:
    write(server)
    server.deny(service, operation)
    gap = refused(make_request(), query)
    assert (gap.cause, f"{service}:{operation}" in gap.mend) == ("denied", True)


@pytest.mark.slow
def test_several_regions_are_told_apart(server: AwsServer, make_request: Any) -> None:
    server.put_metric(SPACE, "RequestCount", [(MINUTES[-1], 5.0)])
    one, other = ask(make_request(), f"metric {SPACE} RequestCount Sum", regions=["eu-west-1", "us-east-1"])
    assert isinstance(one, Answer)
    assert isinstance(other, Answer)
    assert (one.columns, one.rows) == (("region", "time", "value"), (("eu-west-1", "2026-03-14T03:19:00Z", 5.0),))
    assert other.rows == ()


def test_without_credentials_there_is_a_gap(shell: Path, make_request: Any) -> None:
    assert refused(make_request(), COUNT).cause == "not_configured"


REFUSED = (
    "", "  ", "|", "| stats count(*)", "/ecs/x |", "/ecs/x", "a b | fields @message", "/ecs/x; rm | fields x",
    "'/ecs/x' | fields x", "$(id) | fields x", "/ecs/x\n| fields x | y\0", "/ecs/x | \ud800", "x" * 513 + " | fields x",
    "metric", "metric A B", "metric A B Mean", "metric A B Sum x", "metric A B Sum =x", "metric A B Sum x=",
    "metric ':A' B Sum", "metric 'A\nB' C Sum", "metric A 'B\n' Sum", "metric A '' Sum", "metric A B p100000",
    "metric A B 'Sum", "metrics A B Sum", "delete-log-group x", "put-metric-data",
    "metric A B Sum " + " ".join(f"d{n}=x" for n in range(31)),
)  # fmt: skip


@pytest.mark.parametrize("query", REFUSED)
def test_what_is_no_question_is_refused_before_anything_is_sent(
    shell: Path, make_request: Any, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    gap = refused(make_request(), query)
    assert (gap.cause, gap.why.startswith("the question is not asked: ")) == ("invalid", True)
    assert "QUERY OF LOGS INSIGHTS" in gap.mend


NAMES = (
    "x | delete",
    "x' | fields",
    "* | stats",
    "a b",
    "--profile x",
    "Sum x=y",
    "$(id)",
    "x\ny",
    "{service}",
    "",
    "=",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_never_becomes_something_else(name: str) -> None:
    """Quoted as commands of runbooks quote it: part of the word it stands in, or a refusal."""
    quoted = shlex.quote(name)
    for form in ("/ecs/{} | fields @message", "metric A {} Sum", "metric A B Sum Service={}", "metric {} B Sum"):
        try:
            command = commands.parse(form.format(quoted))
        except ValueError:
            continue
        if isinstance(command, commands.Lines):
            assert (command.groups, command.query) == (f"/ecs/{name}", "fields @message")
        else:
            assert isinstance(command, Series)
            assert (command.statistic, name in repr(command)) == ("Sum", True)
            assert command.dimensions in ((), (("Service", name),))


@given(st.one_of(st.text(max_size=60), st.text(max_size=40).map(lambda t: f"metric {t}")))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        command = commands.parse(text)
    except ValueError as error:
        assert str(error)
        return
    assert isinstance(command, commands.Lines | Series)


# --- what comes back


def test_cells_of_insights() -> None:
    rows = [
        {"@timestamp": "2026-03-14 03:00:00.000", "n": "12", "ratio": "0.5", "id": "007", "@ptr": "p", "@x": "12"},
        {"n": "-3", "long": "1" * 20, "bin(60s)": "2026-03-14 03:00:00.000"},
    ]
    found = question.shaped(rows, "here")
    assert found.columns == ("@timestamp", "n", "ratio", "id", "@x", "long", "bin(60s)")
    assert found.rows[0] == ("2026-03-14 03:00:00.000", 12, 0.5, "007", "12", None, None)
    assert found.rows[1] == (None, -3, None, None, None, "1" * 20, "2026-03-14 03:00:00.000")
    assert question.shaped([], "here").columns == ()
