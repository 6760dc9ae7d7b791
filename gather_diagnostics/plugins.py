"""The two contracts, the built-ins, and how third-party plug-ins come in.

Built-ins and strangers take the same road: an entry point in the group `gather_diagnostics.collectors`
or `gather_diagnostics.analyzers`, loaded when needed and not before.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, runtime_checkable

from gather_diagnostics.errors import PluginError
from gather_diagnostics.model import Answer, Finding, Gap, Raw, Request, Rows, Skew, Target

if TYPE_CHECKING:
    from pydantic import BaseModel

COLLECTORS = "gather_diagnostics.collectors"
ANALYZERS = "gather_diagnostics.analyzers"
RUNBOOKS = "gather_diagnostics.runbooks"
"""Each value is a package whose *.md are runbooks."""

BUILT_IN = (
    EntryPoint("git", "collectors.git:Git", COLLECTORS),
    EntryPoint("forge", "collectors.forge:Forge", COLLECTORS),
    EntryPoint("kubernetes", "collectors.kubernetes:Kubernetes", COLLECTORS),
    EntryPoint("cloudwatch", "collectors.cloudwatch:CloudWatch", COLLECTORS),
    EntryPoint("prometheus", "collectors.prometheus:Prometheus", COLLECTORS),
    EntryPoint("alertmanager", "collectors.alertmanager:Alertmanager", COLLECTORS),
    EntryPoint("loki", "collectors.loki:Loki", COLLECTORS),
    EntryPoint("logfiles", "collectors.logfiles:LogFiles", COLLECTORS),
    EntryPoint("onset", "analyzers.onset:onset", ANALYZERS),
    EntryPoint("changes", "analyzers.changes:changes", ANALYZERS),
    EntryPoint("latency", "analyzers.latency:latency", ANALYZERS),
    EntryPoint("error_rate", "analyzers.error_rate:error_rate", ANALYZERS),
    EntryPoint("traffic", "analyzers.traffic:traffic", ANALYZERS),
    EntryPoint("scope", "analyzers.scope:scope", ANALYZERS),
    EntryPoint("dependencies", "analyzers.dependencies:dependencies", ANALYZERS),
    EntryPoint("workload_health", "analyzers.workload_health:workload_health", ANALYZERS),
    EntryPoint("saturation", "analyzers.saturation:saturation", ANALYZERS),
    EntryPoint("security", "analyzers.security:security", ANALYZERS),
    EntryPoint("stack_frames", "analyzers.stack_frames:stack_frames", ANALYZERS),
    EntryPoint("known_errors", "analyzers.known_errors:known_errors", ANALYZERS),
)


@runtime_checkable
class Collector(Protocol):
    """Reads one source. Constructed with its own settings, holds no other state, writes nothing anywhere.

    Text settings may hold '{service}', which the collector fills in with `request.service`.
    """

    name: ClassVar[str]
    """As in `--source NAME` and in the tables' `source` column."""
    tables: ClassVar[frozenset[str]]
    """Every table it may yield rows for."""
    Settings: ClassVar[type[BaseModel]]
    """A pydantic model in which every field has a default and a description."""

    def __init__(self, settings: Any) -> None: ...

    def plan(self, request: Request) -> Iterable[Target | Gap]:
        """What would be read from where and how it was found; a Gap for what isn't configured or is not there.

        Looks at settings, environment and local files only; sends nothing. No Target means: not in use.
        """
        ...

    def check(self, request: Request) -> Iterable[Gap | Skew]:
        """One cheap, real, read-only question to the source: what would be missing, and the mend."""
        ...

    def collect(self, request: Request) -> Iterator[Rows | Raw | Gap | Skew]:
        """Stream what there is. What was yielded stays when a deadline falls or this raises.

        The client's own exceptions become Gaps; anything else that escapes is reported as a bug.
        """
        ...


class Guarded(Protocol):
    """What a collector has besides, whose source has permissions to grant."""

    policy_name: ClassVar[str]
    """As in `gather_diagnostics policy NAME`."""

    @classmethod
    def policy(cls) -> str:
        """The least-privilege read-only policy it needs, in the source's own language, ready to apply."""
        ...


@runtime_checkable
class Askable(Protocol):
    """What a collector has besides that also answers single questions, as the steps of a runbook put them."""

    name: ClassVar[str]

    def ask(self, request: Request, query: str) -> Iterator[Answer | Gap]:
        """Answer one question in the source's own language, as of `request.asked` or over `request.incident`.

        It only reads. A question that would do more, or is none, is a Gap before anything is sent: whatever text came
        into it, as the name of a service, can't turn it into another kind of question. An answer keeps the bounds of
        `gather_diagnostics.questions`; a source of several clusters or regions yields one for each.
        """
        ...


Findings = Mapping[str, "tuple[Finding, ...]"]
"""Question to findings, for analyzers that build on others' answers."""


@dataclass(frozen=True, slots=True)
class AnalyzerSpec:
    """What an analyzer declared of itself."""

    needs: frozenset[str]
    """Tables without which it is skipped; the evidence says so."""
    uses: frozenset[str]
    """Tables it takes into account where they are there."""
    after: tuple[str, ...]
    """Questions answered before it; their findings are its third argument."""


F = TypeVar("F", bound=Callable[..., Iterator[Finding]])


def analyzer(*, needs: Iterable[str], uses: Iterable[str] = (), after: Iterable[str] = ()) -> Callable[[F], F]:
    """Declare an analyzer: a pure function (request, tables) or, with `after`, (request, tables, findings).

    It sees the declared tables alone. Of `needs`, those tables are there and have rows; of `uses`, each may be
    absent. No I/O, no clock, no randomness: same input, same output.
    """
    spec = AnalyzerSpec(frozenset(needs), frozenset(uses), tuple(after))

    def declare(function: F) -> F:
        function.__analyzer__ = spec  # type: ignore[attr-defined]
        return function

    return declare


def names(group: str) -> tuple[str, ...]:
    """Names of all plug-ins of a group, built-ins first. Loads none of them."""
    return tuple(_points(group))


def load(group: str, name: str) -> Any:
    """The collector class or analyzer function of that name.

    Raises PluginError for an unknown name; whatever importing it raises passes through.
    """
    points = _points(group)
    if name not in points:
        raise PluginError(f"there is no {group.rpartition('.')[2].rstrip('s')} {name!r}; there are {', '.join(points)}")
    return points[name].load()


def _points(group: str) -> Mapping[str, EntryPoint]:
    return _found(group, BUILT_IN, entry_points)


@functools.cache
def _found(
    group: str, built_in: tuple[EntryPoint, ...], installed: Callable[..., Iterable[EntryPoint]]
) -> Mapping[str, EntryPoint]:
    """Cached: looking through what is installed takes 6 ms, and a run loads some twenty plug-ins."""
    found = {p.name: p for p in built_in if p.group == group}
    for point in sorted(installed(group=group), key=lambda p: p.name):
        if point.name in found and found[point.name].value != point.value:
            raise PluginError(
                f"two plug-ins are called {point.name!r}: {found[point.name].value} of {_owner(found[point.name])}"
                f" and {point.value} of {_owner(point)}; uninstall one of them"
            )
        found[point.name] = point
    return found


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "gather-diagnostics"


def spec_of(function: Any) -> AnalyzerSpec:
    """Raises PluginError for a function without the `analyzer` decorator."""
    spec = getattr(function, "__analyzer__", None)
    if not isinstance(spec, AnalyzerSpec):
        raise PluginError(f"{function!r} is not an analyzer: decorate it with @gather_diagnostics.analyzer(needs=...)")
    return spec
