"""The service's resources by their tags: those whose name says nothing of it.

GetResources joins several filters by AND, so each key is asked for by itself; the values of one filter are joined by
OR, and their case counts. Pages may be empty and yet lead on.
Source: docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from collectors.cloudwatch import gateways
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.catalogue import FAMILIES, REST_API, SHARED, Family, parts
from collectors.cloudwatch.troubles import CallError

MOST_PAGES = 20
"""Of one key, 100 resources each at most."""
SHARE = 0.33
"""Of the source's time: what bears the service's name must not wait for long."""

_ARN = re.compile(r"arn:[^:]+:(.+)")
_LOG_GROUP = re.compile(r"logs:[^:]*:[^:]*:log-group:([^:]+)(?::\*)?")
TYPES = sorted({family.arn.partition(":")[0] for family in FAMILIES} | {"logs"})


@dataclass(frozen=True, slots=True)
class Tagged:
    """What bears the service's name in a tag."""

    arns: tuple[str, ...] = ()
    apis: Mapping[str, str] = field(default_factory=dict)
    """Id to name of those that are REST APIs: CloudWatch knows them by name, ARNs by id."""
    failed: CallError | None = None
    """Why not every key was asked for."""
    cut: tuple[str, ...] = ()
    """Keys that more resources have than were looked at."""

    def dimensions(self, family: Family) -> list[Mapping[str, str]]:
        """The dimensions of each resource of the kind, as far as its ARN tells them."""
        told = (located(family, arn) for arn in self.arns)
        return [given for one in told if one and (given := self._named(family, one))]

    def names(self, dimension: str = "") -> frozenset[str]:
        """Values of one dimension, e.g. 'FunctionName'; without it, the names of all resources."""
        pairs = [pair for f in FAMILIES for given in self.dimensions(f) for pair in given.items()]
        if dimension:
            return frozenset(v for k, v in pairs if k == dimension)
        return frozenset(part for k, v in pairs if k not in SHARED for part in parts(v))

    def log_groups(self) -> list[str]:
        """Log groups: those tagged themselves, and those that AWS names after a function or database that is."""
        own = [m[1] for a in self.arns if (m := _LOG_GROUP.fullmatch(_local(a)))]
        functions = [f"/aws/lambda/{name}" for name in sorted(self.names("FunctionName"))]
        databases = [f"/aws/rds/instance/{name}/*" for name in sorted(self.names("DBInstanceIdentifier"))]
        clusters = [f"/aws/rds/cluster/{name}/*" for name in sorted(self.names("DBClusterIdentifier"))]
        return [*own, *functions, *databases, *clusters]

    def _named(self, family: Family, given: Mapping[str, str]) -> Mapping[str, str]:
        if family.title != REST_API:
            return given
        return {k: self.apis[v] for k, v in given.items() if v in self.apis}


class Search:
    """Asks when somebody first wants to know; everybody gets the same answer. Thread-safe."""

    def __init__(self, api: Api, keys: Sequence[str], service: str) -> None:
        self._api, self._keys, self._service = api, keys, service
        self._lock = threading.Lock()
        self._answer: Tagged | None = None

    def found(self) -> Tagged:
        """Raises nothing: what went wrong is in the answer."""
        with self._lock:
            if self._answer is None:
                self._answer = search(self._api.within(SHARE), self._keys, self._service)
            return self._answer


def search(api: Api, keys: Iterable[str], service: str) -> Tagged:
    """Key by key, until one is refused; what came before it is kept."""
    arns: dict[str, None] = {}
    cut: list[str] = []
    try:
        cut += (key for key in keys if not _gather(api, key, service, arns))
        return Tagged(tuple(arns), _apis(api, arns), None, tuple(cut))
    except CallError as error:
        return Tagged(tuple(arns), {}, error, tuple(cut))


def _gather(api: Api, key: str, service: str, into: dict[str, None]) -> bool:
    """Add the ARNs of one key; whether that was all of them. Raises CallError."""
    filters = [{"Key": key, "Values": spellings(service)}]
    asked = {"TagFilters": filters, "ResourceTypeFilters": TYPES, "PaginationConfig": {"PageSize": 100}}
    for number, page in enumerate(api.pages("resourcegroupstaggingapi", "get_resources", **asked), 1):
        listed = page.get("ResourceTagMappingList") or ()
        into |= dict.fromkeys(str(one["ResourceARN"]) for one in listed if one.get("ResourceARN"))
        if number == MOST_PAGES and page.get("PaginationToken"):
            return False
    return True


def _apis(api: Api, arns: Iterable[str]) -> dict[str, str]:
    """Names of the REST APIs among the ARNs; asks only where there are some. Raises CallError."""
    (family,) = (f for f in FAMILIES if f.title == REST_API)
    ids = {v for arn in arns for v in located(family, arn).values()}
    return gateways.named(api, ids) if ids else {}


def spellings(service: str) -> list[str]:
    """The name as given, in lower case and with a capital."""
    return list(dict.fromkeys((service, service.lower(), service[:1].upper() + service[1:])))


def located(family: Family, arn: str) -> dict[str, str]:
    """The dimensions that an ARN of the family tells; {} for that of another one. Pure."""
    match = re.fullmatch(family.arn, _local(arn))
    return {k: v for k, v in match.groupdict().items() if v} if match else {}


def _local(arn: str) -> str:
    """'lambda:eu-west-1:123456789012:function:checkout': China and GovCloud have partitions of their own."""
    match = _ARN.fullmatch(arn)
    return match[1] if match else ""
