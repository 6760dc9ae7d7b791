"""Lambda functions: published versions, updates of $LATEST, where the aliases point."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from collectors.cloudwatch import links, names
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.changerows import change
from collectors.cloudwatch.troubles import CallError, gap, truncated
from gather_diagnostics import Gap, Request, Rows, Window

MOST_PAGES = 40
"""Of ListFunctions, 50 functions each."""
MOST_FUNCTIONS = 10

Items = Iterator[Rows | Gap]


def read(api: Api, request: Request, known: Collection[str] = ()) -> Items:
    """Versions published and code or configuration updated in the change window; `known`: names of functions that are
    the service's, whatever they are called."""
    try:
        functions = yield from _found(api, request, known)
    except CallError as error:
        yield gap(error, f"Lambda functions of {request.service}")
        return
    for name in functions:
        try:
            pages = api.pages("lambda", "list_versions_by_function", FunctionName=name)
            versions = [v for page in pages for v in page.get("Versions") or ()]
            if not any(time in request.changes for v in versions if (time := _time(v))):
                continue
            pages = api.pages("lambda", "list_aliases", FunctionName=name)
            aliases = [a for page in pages for a in page.get("Aliases") or ()]
            yield Rows("changes", list(shaped(versions, aliases, request.service, api.region, request.changes)))
        except CallError as error:
            arn = f"arn:aws:lambda:{api.region}:*:function:{name}*"
            yield gap(error, f"versions of the Lambda function {name}", arn)
            if error.hopeless:
                return


def _found(api: Api, request: Request, known: Collection[str]) -> Any:
    """Yields gaps; returns names of the service's functions, the best fitting first. Raises CallError."""
    ranked: list[tuple[int, str]] = []
    wanted = f"all Lambda functions of {request.service}"
    for number, page in enumerate(api.pages("lambda", "list_functions"), 1):
        listed = [str(f.get("FunctionName", "")) for f in page.get("Functions") or ()]
        ranked += [(r, n) for n in listed if (r := names.belonging(request.service, n, known)) is not None]
        if number == MOST_PAGES:
            why = f"{api.region} has more than {MOST_PAGES * 50:,} functions; the rest was not looked through"
            yield truncated(wanted, why, "narrow it down with sources.cloudwatch.regions")
            break
    if len(ranked) > MOST_FUNCTIONS:
        why = f"{len(ranked)} functions match; the versions of the {MOST_FUNCTIONS} best fitting were read"
        yield truncated(wanted, why, "ask for a service by a longer name")
    return [name for _, name in sorted(ranked)[:MOST_FUNCTIONS]]


def shaped(
    versions: Sequence[Mapping[str, Any]],
    aliases: Sequence[Mapping[str, Any]],
    service: str,
    region: str,
    window: Window,
) -> Iterator[dict[str, Any]]:
    """Rows of one function's versions in the window. Pure.

    $LATEST has the time of its last update; it is left out where a version was published since.
    """
    numbered = sorted((v for v in versions if str(v.get("Version", "")).isdigit()), key=lambda v: int(v["Version"]))
    latest = [v for v in versions if v.get("Version") == "$LATEST"]
    published = _time(numbered[-1]) if numbered else None
    fresh = [v for v in latest if not published or ((updated := _time(v)) and updated > published)]
    before: Mapping[str, Any] = {}
    for version in (*numbered, *fresh):
        time = _time(version)
        if time is not None and time in window:
            yield _row(version, before, aliases, time, service, region)
        before = version


def _row(
    version: Mapping[str, Any],
    before: Mapping[str, Any],
    aliases: Sequence[Mapping[str, Any]],
    time: datetime,
    service: str,
    region: str,
) -> dict[str, Any]:
    name, number = str(version.get("FunctionName", "")), str(version.get("Version", ""))
    pointing = [str(a.get("Name")) for a in aliases if a.get("FunctionVersion") == number]
    same_code = bool(before) and _code(before) == _code(version)
    what = "configuration of" if same_code else "code of"
    did = f"version {number} of {name} published" if number.isdigit() else f"{what} {name} updated"
    note = str(version.get("Description") or "")
    return change(
        region=region,
        what="lambda",
        id_=f"{name}:{number}",
        time=time,
        finished=time,
        kind="config" if same_code else "deploy",
        summary=f"Lambda {did}" + (f": {note}" if note else ""),
        service=service,
        ref=links.function(region, name, number),
        revision=number,
        previous=str(before.get("Version", "")),
        details={
            "function": name,
            "code_sha256": version.get("CodeSha256"),
            "runtime": version.get("Runtime"),
            "memory_mb": version.get("MemorySize"),
            "timeout_s": version.get("Timeout"),
            "aliases": pointing,
        },
    )


def _code(version: Mapping[str, Any]) -> str:
    return str(version.get("CodeSha256", ""))


def _time(version: Mapping[str, Any]) -> datetime | None:
    """LastModified is text: '2026-03-14T02:55:01.123+0000'."""
    try:
        time = datetime.fromisoformat(str(version.get("LastModified", "")))
    except ValueError:
        return None
    return time if time.tzinfo else None
