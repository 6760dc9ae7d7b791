"""The service's log groups, by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Any

from collectors.cloudwatch import gateways
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.settings import NAME, USUAL_GROUPS, CloudWatchSettings
from collectors.cloudwatch.troubles import CallError, gap, truncated
from gather_diagnostics import Gap, Request

MOST_GROUPS = 20
MOST_PAGES = 20
"""Of DescribeLogGroups for one prefix, 50 groups each."""

_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    region: str
    stored: int = 0
    """Bytes, as AWS last counted them."""
    filterable: bool = True
    """False for the class INFREQUENT_ACCESS, which only Logs Insights reads."""


def patterns(settings: CloudWatchSettings, service: str) -> list[str]:
    """The globs that groups are found by; '*' also passes '/'."""
    quoted = re.sub(r"([*?\[])", r"[\1]", service)
    return [p.replace("{service}", quoted) for p in dict.fromkeys(settings.log_groups or USUAL_GROUPS)]


def find(api: Api, settings: CloudWatchSettings, request: Request, others: Iterable[str] = ()) -> Iterator[Group | Gap]:
    """Groups that match, in the order of the patterns; gaps for configured ones that match none.

    `others`: globs of groups that are the service's, whatever they are called; looked for where none are configured.
    """
    globs = patterns(settings, request.service)
    unread = 0
    if not settings.log_groups:
        more = list(others)
        unread = max(0, len(more) - MOST_GROUPS)
        globs += more[:MOST_GROUPS]
        for item in gateways.find(api, request.service):
            if isinstance(item, Gap):
                yield item
            else:
                globs.append(item)
    found: dict[str, Group] = {}
    listed: dict[str, Group] = {}
    for prefix in prefixes(globs):
        try:
            listed |= {g.name: g for g in (yield from _listed(api, prefix))}
        except CallError as error:
            yield gap(error, f"log groups that begin with {prefix!r}")
            break
    for glob in globs:
        matches = [g for name, g in sorted(listed.items()) if re.match(translate(glob), name)]
        found |= {g.name: g for g in matches}
        if not matches and settings.log_groups:
            mend = (
                f"correct sources.cloudwatch.log_groups; aws logs describe-log-groups --region {api.region} lists them"
            )
            yield Gap(NAME, f"log group {glob}", "not_found", f"no log group in {api.region} matches {glob}", mend)
    yield from list(found.values())[:MOST_GROUPS]
    if len(found) + unread > MOST_GROUPS:
        why = f"{len(found) + unread:,} log groups match; {min(len(found), MOST_GROUPS)} were read"
        yield truncated(f"all log groups of {request.service}", why, "name the groups in sources.cloudwatch.log_groups")


def prefixes(globs: Iterable[str]) -> list[str]:
    """What to list so that every glob's groups are in it: literal beginnings, none that another one covers."""
    heads = sorted({_head(g) for g in globs})
    kept: list[str] = []
    for head in heads:
        if not any(head.startswith(k) for k in kept):
            kept.append(head)
    return kept


def _head(glob: str) -> str:
    match = _GLOB.search(glob)
    return glob[: match.start()] if match else glob


def _listed(api: Api, prefix: str) -> Any:
    """Yields a gap where there are too many; returns the groups. Raises CallError."""
    asked = {"logGroupNamePrefix": prefix} if prefix else {}
    groups: list[Group] = []
    for number, page in enumerate(api.pages("logs", "describe_log_groups", limit=50, **asked), 1):
        groups += shaped(page.get("logGroups") or (), api.region)
        if number == MOST_PAGES:
            why = f"more than {len(groups):,} log groups in {api.region} begin with {prefix!r}; not all were looked at"
            yield truncated("all log groups", why, "name the groups in sources.cloudwatch.log_groups")
            break
    return groups


def shaped(listed: Sequence[Mapping[str, Any]], region: str) -> Iterator[Group]:
    """Groups out of one page. Pure."""
    for one in listed:
        if name := str(one.get("logGroupName") or ""):
            filterable = one.get("logGroupClass", "STANDARD") == "STANDARD"
            yield Group(name, region, int(one.get("storedBytes") or 0), filterable)
