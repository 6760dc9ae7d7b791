"""Where a person looks at the same record: pages of the AWS console. Pure.

The console keeps a page's state in its address as JSURL (github.com/Sage/jsurl).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from collectors.cloudwatch.spans import Span
from gather_diagnostics.model import Json

_ODD = re.compile(r"[^A-Za-z0-9_.-]")


def console(region: str) -> str:
    """The console's address for a region; China and GovCloud have their own."""
    if region.startswith("cn-"):
        return f"https://{region}.console.amazonaws.cn"
    if region.startswith("us-gov-"):
        return f"https://{region}.console.amazonaws-us-gov.com"
    return f"https://{region}.console.aws.amazon.com"


def metric(
    region: str, namespace: str, names: Sequence[str], dimensions: Sequence[tuple[str, str]], stat: str, span: Span
) -> str:
    """A chart of one metric, or of several with the same dimensions."""
    flat = [part for pair in dimensions for part in pair]
    state = {
        "view": "timeSeries",
        "metrics": [[namespace, name, *flat] for name in names],
        "region": region,
        "stat": stat,
        "period": span.period,
        "start": span.start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "end": span.end.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return f"{console(region)}/cloudwatch/home?region={region}#metricsV2:graph={jsurl(state)}"


def alarm(region: str, name: str) -> str:
    return f"{console(region)}/cloudwatch/home?region={region}#alarmsV2:alarm/{quote(name, safe='')}"


def trail(region: str, event: str) -> str:
    return f"{console(region)}/cloudtrailv2/home?region={region}#/events/{quote(event, safe='')}"


def deployment(region: str, id_: str) -> str:
    return f"{console(region)}/codesuite/codedeploy/deployments/{quote(id_, safe='')}?region={region}"


def ecs(region: str, cluster: str, service: str) -> str:
    path = f"ecs/v2/clusters/{quote(cluster, safe='')}/services/{quote(service, safe='')}/deployments"
    return f"{console(region)}/{path}?region={region}"


def function(region: str, name: str, version: str) -> str:
    place = f"functions/{quote(name, safe='')}" + (f"/versions/{version}" if version != "$LATEST" else "")
    return f"{console(region)}/lambda/home?region={region}#/{place}"


def stack(region: str, id_: str) -> str:
    return f"{console(region)}/cloudformation/home?region={region}#/stacks/events?stackId={quote(id_, safe='')}"


def database(region: str, name: str) -> str:
    return f"{console(region)}/rds/home?region={region}#database:id={quote(name, safe='')};tab=logs"


def log_event(region: str, group: str, stream: str, event: str) -> str:
    """aws://<region>/logs/<group>/<stream>#<event id>: names the record where the console has no page for it."""
    return f"aws://{region}/logs/{quote(group, safe='')}/{quote(stream, safe='')}#{event}"


def log_group(region: str, group: str) -> str:
    # The console's router wants its own kind of escaping: a percent sign is '$25'.
    name = quote(quote(group, safe=""), safe="").replace("%", "$")
    return f"{console(region)}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{name}"


def jsurl(value: Json) -> str:
    """A value as JSURL."""
    match value:
        case bool():
            return f"~{str(value).lower()}"
        case int() | float():
            return f"~{value}"
        case str():
            return f"~'{_ODD.sub(_escaped, value)}"
        case Mapping():
            return "~(" + "~".join(f"{k}{jsurl(v)}" for k, v in value.items()) + ")"
        case _:
            return "~(" + "".join(jsurl(v) for v in value) + ")"


def _escaped(match: re.Match[str]) -> str:
    number = ord(match[0])
    if match[0] == "$":
        return "!"
    return f"*{number:02x}" if number < 256 else f"**{number:04x}"
