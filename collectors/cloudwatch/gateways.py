"""Execution logs of REST APIs: their log groups bear the API's id, which nobody can tell from the service's name.

Source: docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html; HTTP APIs have no execution logs, and
those of WebSocket APIs, /aws/apigateway/<id>/<stage>, have to be named in sources.cloudwatch.log_groups.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from collectors.cloudwatch import names
from collectors.cloudwatch.api import Answer, Api
from collectors.cloudwatch.troubles import CallError, gap, truncated
from gather_diagnostics import Gap

GROUPS = "API-Gateway-Execution-Logs_{id}/*"
MOST_PAGES = 5
"""Of GetRestApis, 500 APIs each."""
MOST_APIS = 5


def find(api: Api, service: str) -> Iterator[str | Gap]:
    """Globs of the log groups of the REST APIs that are named like the service or tagged with it."""
    wanted = f"REST APIs of {service}"
    found: list[tuple[int, str]] = []
    try:
        for number, page in enumerate(_pages(api), 1):
            found += ranked(page.get("items") or (), service)
            if number == MOST_PAGES:
                why = f"{api.region} has more than {MOST_PAGES * 500:,} REST APIs; the rest was not looked through"
                yield truncated(wanted, why, "name their log groups in sources.cloudwatch.log_groups")
                break
    except CallError as error:
        yield gap(error, wanted)
    yield from (GROUPS.format(id=id_) for _, id_ in sorted(found)[:MOST_APIS])


def named(api: Api, ids: Collection[str]) -> dict[str, str]:
    """Id to name of some REST APIs. Raises CallError."""
    told: dict[str, str] = {}
    for number, page in enumerate(_pages(api), 1):
        told |= {str(one.get("id")): str(one.get("name", "")) for one in page.get("items") or ()}
        if number == MOST_PAGES or told.keys() >= set(ids):
            break
    return {id_: name for id_, name in told.items() if id_ in ids and name}


def _pages(api: Api) -> Iterator[Answer]:
    return api.pages("apigateway", "get_rest_apis", PaginationConfig={"PageSize": 500})


def ranked(listed: Iterable[Mapping[str, Any]], service: str) -> Iterator[tuple[int, str]]:
    """(how well it fits, id) of the APIs that are the service's. Pure."""
    for one in listed:
        tagged = service in (one.get("tags") or {}).values()
        rank = 0 if tagged else names.rank(service, str(one.get("name", "")))
        if rank is not None and one.get("id"):
            yield rank, str(one["id"])
