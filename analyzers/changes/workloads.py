"""What the platform says of a rollout's new replicas: whether they run, and how the last one ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from analyzers.changes.change import Change
from analyzers.changes.odds import Part, part
from analyzers.changes.replicas import same

if TYPE_CHECKING:
    import pandas as pd


def state(change: Change, workloads: pd.DataFrame) -> Iterator[Part]:
    """Replicas of the new version that are not ready or were restarted, while replicas of the old one are well."""
    if change.kind != "deploy" or not change.revision:
        return
    ours = workloads["version"].map(lambda version: same(version, change.revision)).astype(bool)
    new, old = _replicas(workloads[ours]), _replicas(workloads[~ours])
    ill = new[_ill(new)]
    if not len(ill):
        return
    reasons = ill["last_exit_reason"].fillna(ill["phase"]).dropna()
    why = f" ({reasons.value_counts().index[0]})" if len(reasons) else ""
    words = f"{len(ill)} of its {len(new)} new replicas are not ready or were restarted{why}"
    spared = 1.0 if not len(old) else 1.0 - float(_ill(old).mean())
    if spared > 0.1:
        yield part("workload", words, spared * len(ill) / len(new))


def _replicas(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["kind"].isin(("Pod", "Task"))]


def _ill(rows: pd.DataFrame) -> pd.Series[bool]:
    return rows["ready"].eq(False) | rows["restarts"].gt(0)
