"""CloudWatch Logs Insights: StartQuery, GetQueryResults, StopQuery, DescribeQueries, GetLogRecord.

A query is computed when it is started; it says Running for as many polls as `set_queries` says.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from servers.awsextra.insightsquery import CAP, parse
from servers.awsextra.insightsrows import Row, discovered, rows_of, shown
from servers.awsextra.logs import group_of
from servers.awsextra.state import ACCOUNT, CLOCK, State, answers, helper
from servers.awsextra.wire import AwsError, Call


@dataclass
class Query:
    text: str
    group: str
    created: int
    """Unix milliseconds."""
    results: list[Row]
    statistics: dict[str, float]
    polls: int
    ends: str
    status: str = "Running"


@helper
def set_queries(state: State, polls: int, ends: str, shown: int, mark: str) -> None:
    state.query_polls, state.query_ends = polls, ends
    state.query_shown, state.query_mark = shown, mark


@answers("logs", "StartQuery")
def start_query(call: Call, state: State) -> dict[str, Any]:
    p = call.params
    names = p.get("logGroupNames") or p.get("logGroupIdentifiers") or [p.get("logGroupName") or ""]
    if p["startTime"] > p["endTime"]:
        raise AwsError("InvalidParameterException", "End time should not be before start time")
    if not 1 <= p.get("limit", 1) <= CAP:
        raise AwsError("InvalidParameterException", f"limit: Member must have value less than or equal to {CAP}")
    pipeline = parse(p["queryString"])
    groups = [group_of(call.region, name) for name in names]
    rows = [row for group in groups for row in rows_of(group, p["startTime"] * 1000, p["endTime"] * 1000 + 999)]
    results, matched = pipeline.run(rows)
    scanned = {"recordsScanned": float(len(rows)), "bytesScanned": float(sum(len(r["@message"]) for r in rows))}
    known = str(uuid.uuid4())
    state.queries[known] = Query(
        text=p["queryString"],
        group=groups[0].name,
        created=round(CLOCK.now().timestamp() * 1000),
        results=results[: p.get("limit", CAP)],
        statistics={"recordsMatched": float(matched), **scanned},
        polls=state.query_polls,
        ends=state.query_ends,
    )
    state.pointers.update({row["@ptr"]: {k: str(v) for k, v in row.items() if k != "@ptr"} for row in rows})
    return {"queryId": known}


def _query(call: Call, state: State) -> Query:
    if call.params["queryId"] not in state.queries:
        raise AwsError("ResourceNotFoundException", f"Query [{call.params['queryId']}] does not exist.")
    found: Query = state.queries[call.params["queryId"]]
    return found


@answers("logs", "GetQueryResults")
def get_query_results(call: Call, state: State) -> dict[str, Any]:
    query = _query(call, state)
    if query.status == "Running" and query.polls > 0:
        query.polls -= 1
    elif query.status == "Running":
        query.status = query.ends
    rows = query.results if query.status == "Complete" else []
    return {
        "queryLanguage": "CWLI",
        "results": [
            [{"field": name, "value": _cut(shown(value), state)} for name, value in row.items()] for row in rows
        ],
        "statistics": query.statistics if query.status == "Complete" else dict.fromkeys(query.statistics, 0.0),
        "status": query.status,
    }


def _cut(text: str, state: State) -> str:
    """As GetQueryResults cuts long values; GetLogRecord does not."""
    return text if len(text) <= state.query_shown else text[: state.query_shown] + state.query_mark


@answers("logs", "StopQuery")
def stop_query(call: Call, state: State) -> dict[str, Any]:
    query = _query(call, state)
    if query.status != "Running":
        raise AwsError("InvalidParameterException", f"Query [{call.params['queryId']}] has already ended.")
    query.status = "Cancelled"
    return {"success": True}


@answers("logs", "DescribeQueries")
def describe_queries(call: Call, state: State) -> dict[str, Any]:
    p = call.params
    found = [
        {
            "queryLanguage": "CWLI",
            "queryId": known,
            "queryString": query.text,
            "status": query.status,
            "createTime": query.created,
            "logGroupName": query.group,
        }
        for known, query in state.queries.items()
        if p.get("logGroupName") in (None, query.group) and p.get("status") in (None, query.status)
    ]
    return {"queries": found}


@answers("logs", "GetLogRecord")
def get_log_record(call: Call, state: State) -> dict[str, Any]:
    pointer = call.params["logRecordPointer"]
    if pointer not in state.pointers:
        raise AwsError("InvalidParameterException", "The specified logRecordPointer is invalid.")
    record = state.pointers[pointer]
    fields = {name: str(value) for name, value in discovered(record["@message"]).items()}
    account = {"@log": record["@log"], "@accountId": ACCOUNT}
    return {"logRecord": {**record, **fields, **account}}
