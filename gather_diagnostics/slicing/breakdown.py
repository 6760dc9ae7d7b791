"""The service's samples and error lines by endpoint, version, instance, caller, zone, tenant and other labels.

Slices for `gather_diagnostics.slicing.slices`, from the tables; shared by the analyzers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gather_diagnostics.model import Request, Window
from gather_diagnostics.selection import line_counts, lines_in, samples_of, within
from gather_diagnostics.slicing.places import placed_lines, placed_samples
from gather_diagnostics.slicing.slices import Carrier, Slice

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 3
"""Samples of its own that say what a value's usual level is; one with fewer is new and held against all the others."""
MOST_VALUES = 500
"""Of one dimension; a dimension of more is cut to those with most samples or error lines."""
RARE = 1e-3
"""Chance under equal rates below which more error lines are a rise."""
TIMES = 2.0
"""Times the usual from which they are."""
MOST_NAMED = 4


@dataclass(frozen=True)
class Breakdown:
    slices: Mapping[str, Sequence[Slice]] = field(default_factory=dict)
    """By dimension; only dimensions of two values and more."""
    weighed: Mapping[str, bool] = field(default_factory=dict)
    """Dimensions whose traffic is known; of the others all series or values count alike."""
    rise: float | None = None
    """The whole rise, where slices do not add up to it because some rows do not say where they belong."""
    stat: str | None = None
    """Of the samples compared."""

    @property
    def any_rose(self) -> bool:
        return any(s.rose for slices in self.slices.values() for s in slices)

    def affected(self) -> dict[str, dict[str, Any]]:
        """{dimension: {values: those that rose (50 at most, the worst first), count, of}}."""
        told = {}
        for name, slices in self.slices.items():
            rose = sorted((s for s in slices if s.rose), key=lambda s: (-s.excess, s.value))
            told[name] = {"values": [s.value for s in rose[:50]], "count": len(rose), "of": len(slices)}
        return told


def of_samples(
    request: Request,
    window: Window,
    tables: Mapping[str, pd.DataFrame],
    metric: str,
    stats: Sequence[str],
    rose: Callable[[Any, Any], bool],
) -> Breakdown:
    """Samples of `metric` in `window` against the baseline, in the metric's unit.

    Of `stats` the first is read that there is. `rose` (baseline values, values now; both Series) is the test. A value
    weighs as much as its request rate where all values of its dimension have one, else as much as it has series: a
    version with three replicas three times as much as one with one.
    """
    metrics = tables["metrics"]
    places = placed_samples(samples_of(metrics, (metric, "request_rate")), request.service, tables)
    stat = next((s for s in stats if ((places.rows["metric"] == metric) & (places.rows["stat"] == s)).any()), None)
    rows = places.rows[(places.rows["metric"] == metric) & (places.rows["stat"] == stat)]
    requests = within(places.rows[places.rows["metric"] == "request_rate"], window)
    slices, weighed = {}, {}
    for name in places.dimensions:
        own = places.narrowest(rows, name)
        before, now = within(own, request.baseline), within(own, window)
        if now[name].nunique() >= 2:
            traffic = _traffic(places.narrowest(requests, name), name, places.dimensions)
            weighed[name] = bool(now[name].isin(traffic[traffic > 0].index).all())
            if not weighed[name]:
                traffic = _traffic(now.assign(value=1.0), name, places.dimensions)
            slices[name] = _judged(name, before, now, traffic, rose)
    return Breakdown(slices, weighed, stat=stat)


def _traffic(requests: pd.DataFrame, name: str, dimensions: Sequence[str]) -> Any:
    """Requests a second by value: a value's series, each at its mean, added up."""
    every = requests.groupby([name, *(d for d in dimensions if d != name)], dropna=False, sort=False)["value"].mean()
    return every.groupby(name).sum()


def _judged(
    name: str, before: pd.DataFrame, now: pd.DataFrame, traffic: Any, rose: Callable[[Any, Any], bool]
) -> list[Slice]:
    earlier = {value: values for value, values in before.groupby(name)["value"] if len(values) >= FEWEST}
    found = []
    kept = now[name].value_counts().index[:MOST_VALUES]
    for value, values in now.loc[now[name].isin(kept), [name, "value"]].groupby(name)["value"]:
        known = earlier.get(value, before["value"])
        if not len(known):
            continue
        usual, level = float(known.mean()), float(values.mean())
        weight = float(traffic[value])
        risen = level > usual and rose(known, values)
        found.append(Slice(str(value), usual, level, weight * (level - usual), weight, risen, int(values.idxmax())))
    return found


def of_error_lines(
    request: Request, window: Window, tables: Mapping[str, pd.DataFrame], errors: pd.DataFrame, others: pd.DataFrame
) -> Breakdown:
    """Error lines a minute in `window` against the baseline, of rows of `logs`: `errors` and all `others`.

    A value weighs as much as its lines that are no errors, where all values of its dimension have some.
    """
    both = errors.loc[within(errors, request.baseline).index.union(within(errors, window).index)]
    placed, dimensions = placed_lines(both, tables)
    before, now = within(placed, request.baseline), within(placed, window)
    spans = (_minutes(request.baseline), _minutes(window))
    rise = lines_in(now) / spans[1] - lines_in(before) / spans[0]
    slices, weighed = {}, {}
    for name in dimensions:
        counts = [_lines(rows, name) for rows in (before, now)]
        traffic = _other_lines(others, name, tables)
        values = counts[1].nlargest(MOST_VALUES, keep="all").index[:MOST_VALUES]
        weighed[name] = bool(len(traffic) >= 2 and values.isin(traffic.index).all())
        # Values that show no error are the ones that those with errors are told from.
        values = values.union(traffic.nlargest(MOST_VALUES).index) if weighed[name] else values
        if len(values) >= 2:
            first = now.drop_duplicates(name).set_index(name).assign(row=now.drop_duplicates(name).index)["row"]
            weights = traffic if weighed[name] else None
            slices[name] = _counted(values, counts[0], counts[1], spans, weights, first)
    return Breakdown(slices, weighed, rise)


def _minutes(window: Window) -> float:
    return window.length.total_seconds() / 60


def _lines(rows: pd.DataFrame, name: str) -> Any:
    return rows[[name]].assign(lines=line_counts(rows)).groupby(name)["lines"].sum()


def _other_lines(others: pd.DataFrame, name: str, tables: Mapping[str, pd.DataFrame]) -> Any:
    """Lines by value that are no errors; of versions and nodes by those of their instances."""
    import pandas as pd

    if name in others:
        return _lines(others, name)
    if name not in ("version", "node"):
        return pd.Series(dtype=float)
    by_instance = _lines(others, "instance").rename_axis("instance").reset_index(name="lines")
    placed, _ = placed_lines(by_instance, tables)
    return placed.groupby(name)["lines"].sum() if name in placed else pd.Series(dtype=float)


def _counted(values: Any, before: Any, now: Any, spans: tuple[float, float], traffic: Any, first: Any) -> list[Slice]:
    """The conditional binomial test for two Poisson rates (Przyborowski and Wilenski, Biometrika 31, 1940), with
    Bonferroni's correction for the number of values."""
    from scipy.stats import binom

    seen = before.reindex(values, fill_value=0).to_numpy()
    failed = now.reindex(values, fill_value=0).to_numpy()
    chance = binom.sf(failed - 1, seen + failed, spans[1] / sum(spans))
    usual, level = seen / spans[0], failed / spans[1]
    rose = (chance * len(values) < RARE) & (level >= TIMES * usual)
    weights = [1.0] * len(values) if traffic is None else traffic.reindex(values).to_numpy()
    return [
        Slice(str(v), float(u), float(n), float(n - u), float(w), bool(r), int(first.get(v, -1)))
        for v, u, n, w, r in zip(values, usual, level, weights, rose, strict=True)
    ]


def as_details(breakdown: Breakdown, found: Sequence[Carrier]) -> dict[str, Any]:
    """What a finding about slices says besides its figures. JSON:

    dimension and values of the set that carries the rise (null and [] where none does), explains (0..1 of the rise),
    share (0..1 of the traffic), of (int, values there are), weights ('request_rate', 'lines' or 'equal': what traffic
    is told from); others (further dimensions that tell it as well: [{dimension, values, explains, share}]); affected
    ({dimension: {values, count, of}}: those that rose, 50 at most, the worst first); slices ([{dimension, value,
    baseline, incident, rose}], 10 of each dimension, the worst first).
    """
    first = found[0] if found else None
    return {
        "dimension": first.dimension if first else None,
        "values": first.values[:50] if first else [],
        "explains": round(first.explains, 4) if first else None,
        "share": round(first.share, 4) if first else None,
        "of": first.of if first else None,
        "others": [
            {"dimension": c.dimension, "values": c.values[:50]}
            | {"explains": round(c.explains, 4), "share": round(c.share, 4)}
            for c in found[1:4]
        ],
        "affected": breakdown.affected(),
        "slices": [
            {"dimension": name, "value": s.value, "rose": s.rose}
            | {"baseline": round(s.usual, 6), "incident": round(s.now, 6)}
            for name, slices in breakdown.slices.items()
            for s in sorted(slices, key=lambda s: (-s.excess, s.value))[:10]
        ],
    }


def words(carrier: Carrier, weighed: bool) -> str:
    """'version v2 explains 94 % of the rise with 20 % of the traffic'."""
    names = carrier.values[:MOST_NAMED]
    more = f" and {len(carrier.slices) - len(names)} more" if len(carrier.slices) > len(names) else ""
    plural = "s" if len(carrier.slices) > 1 else ""
    what = f"{carrier.dimension}{plural} {', '.join(names)}{more}"
    verb = "explain" if plural else "explains"
    traffic = f"{carrier.share:.0%} of the traffic" if weighed else f"{len(carrier.slices)} of {carrier.of} values"
    return f"{what} {verb} {carrier.explains:.0%} of the rise with {traffic}"


def compared(breakdown: Breakdown) -> str:
    """'3 versions, 5 instances'."""
    return ", ".join(f"{len(slices)} {name}s" for name, slices in breakdown.slices.items())
