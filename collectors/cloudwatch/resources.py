"""The service's resources, told by the metrics they have: those named like it, and those tagged with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from collectors.cloudwatch import names
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.catalogue import FAMILIES, SHARED, Family, parts
from collectors.cloudwatch.settings import CloudWatchSettings
from collectors.cloudwatch.tags import Tagged
from collectors.cloudwatch.troubles import CallError, gap, truncated
from gather_diagnostics import Gap, Request

MOST_PAGES = 20
"""Of ListMetrics, 500 metrics each: an account with more has to name dimensions."""
TAGGED = 1
"""The rank of what is tagged: only the very name of the service fits better."""
MOST_FAILURES = 2
"""After so many that have nothing to do with permissions, the same call is not made again."""
RECENT = timedelta(hours=3)
"""ListMetrics can leave out what had no sample in these."""

Found = Callable[[], Tagged]
Dimensions = tuple[tuple[str, str], ...]
"""(name, value), sorted."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One set of dimensions under which AWS keeps metrics of the service."""

    family: Family
    dimensions: Dimensions
    rank: int
    """How well its name or tag fits the service; 0 is best."""

    @property
    def name(self) -> str:
        given = dict(self.dimensions)
        return given.get("TargetGroup") or given.get(self.family.resource, "")

    @property
    def order(self) -> tuple[int, int, int, Dimensions]:
        """The one that speaks for the service comes first."""
        return (self.family.serves or 9, self.rank, len(self.dimensions), self.dimensions)

    @property
    def whole(self) -> bool:
        """False for a part (an endpoint, a version) of another resource."""
        given = dict(self.dimensions)
        endpoint = any(d in given for d in self.family.endpoint) and not self.family.called
        return not endpoint and self.family.version not in given


def find(api: Api, settings: CloudWatchSettings, request: Request, tagged: Found) -> Iterator[Resource | Gap]:
    """Ask family by family; the best fitting first, at most `max_resources` of a kind. `tagged` is asked late."""
    failures = 0
    for family in FAMILIES:
        try:
            listed = yield from _listed(api, settings, request, family, tagged)
        except CallError as error:
            yield gap(error, f"{family.title}s of {request.service}")
            failures += 1
            if error.useless or failures == MOST_FAILURES:
                return
            continue
        wanted = chosen(settings, request)
        own = tagged().dimensions(family)
        matched = sorted(matching(family, listed, request.service, wanted, own), key=lambda r: r.order)
        yield from matched[: settings.max_resources]
        if len(matched) > settings.max_resources:
            why = f"{len(matched):,} {family.title}s match; the {settings.max_resources} best fitting were read"
            mend = "name one in sources.cloudwatch.dimensions, or raise max_resources"
            yield truncated(f"all {family.title}s of {request.service}", why, mend)


def chosen(settings: CloudWatchSettings, request: Request) -> dict[str, str]:
    """The dimensions that the settings select the service by."""
    return {k: v.replace("{service}", request.service) for k, v in settings.dimensions.items()}


def _listed(api: Api, settings: CloudWatchSettings, request: Request, family: Family, tagged: Found) -> Any:
    """Dimension sets of the family's probe metric; raises CallError."""
    params: dict[str, Any] = {"Namespace": family.namespace, "MetricName": family.probe}
    wanted = {k: v for k, v in chosen(settings, request).items() if any(k in keys for keys in family.keys)}
    params["Dimensions"] = _filters(wanted) or [{"Name": family.resource}]
    if request.asked - request.incident.start < RECENT:
        params["RecentlyActive"] = "PT3H"
    listed: list[Mapping[str, Any]] = []
    for number, page in enumerate(api.pages("cloudwatch", "list_metrics", **params), 1):
        listed += page.get("Metrics") or ()
        if number == MOST_PAGES and page.get("NextToken"):
            why = f"the account has more than {len(listed):,} of them; the rest was not looked through"
            mend = f"name it: sources.cloudwatch.dimensions: {{{family.resource}: ...}}"
            yield truncated(f"all {family.title}s of {request.service}", why, mend)
            for one in tagged().dimensions(family)[: settings.max_resources]:
                answer = api.call("cloudwatch", "list_metrics", **params | {"Dimensions": _filters(one)})
                listed += answer.get("Metrics") or ()
            break
    return listed


def _filters(dimensions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": k, "Value": v} for k, v in dimensions.items()]


def matching(
    family: Family,
    listed: Iterable[Mapping[str, Any]],
    service: str,
    wanted: Mapping[str, str],
    tagged: Sequence[Mapping[str, str]] = (),
) -> Iterator[Resource]:
    """Resources whose dimensions are those wanted; where none are wanted, those named like the service or with the
    dimensions of a tagged one. Pure."""
    seen: set[Dimensions] = set()
    for metric in listed:
        given = {str(d.get("Name")): str(d.get("Value")) for d in metric.get("Dimensions") or ()}
        dimensions = tuple(sorted(given.items()))
        if tuple(sorted(given)) not in family.keys or dimensions in seen:
            continue
        seen.add(dimensions)
        fitting = fits(family, given, service, wanted, tagged)
        if fitting is not None:
            yield Resource(family, dimensions, fitting)


def fits(
    family: Family,
    given: Mapping[str, str],
    service: str,
    wanted: Mapping[str, str],
    tagged: Sequence[Mapping[str, str]] = (),
) -> int | None:
    """The rank of a dimension set, None where it is somebody else's."""
    keys = [k for k in wanted if any(k in names for names in family.keys)]
    if keys:
        return 0 if all(given.get(k) == wanted[k] for k in keys) else None
    named = names.best(service, [part for k, v in given.items() if k not in SHARED for part in parts(v)])
    if any(one.items() <= given.items() for one in tagged):
        return TAGGED if named is None else min(named, TAGGED)
    return named


def speaker(resources: Sequence[Resource]) -> Resource | None:
    """The resource whose requests are the service's."""
    return next((r for r in sorted(resources, key=lambda r: r.order) if r.family.serves and r.whole), None)
