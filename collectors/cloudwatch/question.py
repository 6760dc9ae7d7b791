"""One question to CloudWatch in one region, over the incident window, within the bounds of a run.

Sources: StartQuery and GetQueryResults in docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference,
GetMetricData in docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote

from collectors.cloudwatch import groups, insights, metrics, spans
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.commands import Command, Lines
from collectors.cloudwatch.groups import Group
from collectors.cloudwatch.insights import Meter, Row, TooCostlyError
from collectors.cloudwatch.metricrows import Samples, Series
from collectors.cloudwatch.settings import CloudWatchSettings
from collectors.cloudwatch.spans import Span
from collectors.cloudwatch.troubles import CallError, gap, truncated
from gather_diagnostics import Answer, Gap, Request, questions
from gather_diagnostics.model import Cell

_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?", re.ASCII)
_POINTER = "@ptr"
"""A field of every row that says nothing to a person."""
_WRONG = ("MalformedQueryException", "InvalidParameterException", "InvalidParameterValue", "ValidationError")


class Question:
    """Put to one region. `meter` is that of the whole question: what Logs Insights may scan for it."""

    def __init__(self, api: Api, settings: CloudWatchSettings, request: Request, meter: Meter) -> None:
        self._api, self._settings, self._request, self._meter = api, settings, request, meter

    def answers(self, command: Command, query: str) -> Iterator[Answer | Gap]:
        """Gaps for what is in the way; no answer but a gap where there is none."""
        wanted = questions.wanted(query)
        try:
            yield from self._lines(command) if isinstance(command, Lines) else self._samples(command)
        except TooCostlyError as error:
            why = f"Logs Insights was stopped: {error}"
            yield truncated(wanted, why, "raise sources.cloudwatch.max_scan_bytes, or name fewer log groups")
        except CallError as error:
            yield corrected(gap(error, wanted), error)

    def _lines(self, lines: Lines) -> Iterator[Answer | Gap]:
        named = self._settings.model_copy(update={"log_groups": [lines.groups]})
        items = list(groups.find(self._api, named, self._request))
        yield from self._missed([item for item in items if isinstance(item, Gap)])
        if found := [item.name for item in items if isinstance(item, Group)]:
            rows = insights.run(self._api, found, lines.query, self._request.incident, self._meter)
            yield shaped(rows, f"aws://{self._api.region}/logs/{quote(','.join(found), safe=',')}")

    def _missed(self, gaps: Sequence[Gap]) -> Iterator[Gap]:
        """Where the groups could not be listed, that none matches says nothing."""
        lists = f"aws logs describe-log-groups --region {self._api.region} lists them"
        none = [replace(gap, mend=f"name other log groups; {lists}") for gap in gaps if gap.cause == "not_found"]
        yield from [gap for gap in gaps if gap.cause != "not_found"] or none

    def _samples(self, series: Series) -> Iterator[Answer | Gap]:
        span = spans.span(self._request.incident, self._request.asked, self._settings.period_seconds)
        answers: dict[Series, Samples] = {}
        yield from metrics.answered(self._api, [series], span, answers)
        place = "/".join(quote(part, safe="") for part in (series.namespace, series.name, series.statistic))
        rows = newest(answers.get(series, {}), span, self._request.asked)
        yield questions.answer(["time", "value"], rows, f"aws://{self._api.region}/metric/{place}")


def corrected(told: Gap, error: CallError) -> Gap:
    """With the mend for a mistake in the question, where AWS says that it is one. Pure."""
    if error.code not in _WRONG:
        return told
    return Gap(told.source, told.wanted, told.cause, told.why, "correct the question; try it in CloudWatch's console")


def shaped(rows: Sequence[Row], ref: str) -> Answer:
    """Rows of Logs Insights: a column a field, in the query's order; what is a number as one. Pure."""
    fields = [f for f in dict.fromkeys(field for row in rows for field in row) if f != _POINTER]
    return questions.answer(fields, ([_cell(f, row.get(f)) for f in fields] for row in rows), ref)


def _cell(field: str, value: str | None) -> Cell:
    # What AWS itself puts into '@...' is text, also where it looks like a number.
    if value is None or field.startswith("@") or not _NUMBER.fullmatch(value):
        return value
    return float(value) if "." in value else int(value)


def newest(samples: Samples, span: Span, asked: datetime) -> Iterator[list[Cell]]:
    """Time (start of the period, RFC 3339) and value, the newest first; of periods that are over. Pure."""
    for time, value in sorted(samples.items(), reverse=True):
        if time + timedelta(seconds=span.period) <= asked:
            yield [time.isoformat().replace("+00:00", "Z"), value]


def labelled(answer: Answer | Gap, region: str) -> Answer | Gap:
    """With the region in a first column: where several are asked. Pure."""
    if isinstance(answer, Gap):
        return answer
    rows = tuple((region, *row) for row in answer.rows)
    return replace(answer, columns=("region", *answer.columns), rows=rows)
