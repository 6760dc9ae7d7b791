"""The weights of the ranking's parts, fitted anew without each case in turn: does the score carry over to unseen cases?

A conditional logit (McFadden 1974) over the candidates of a case, weights not negative, a ridge penalty that draws them
to zero. Only the parts that occur in the data can be fitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

RIDGE = 0.05

Strengths = Mapping[str, Mapping[str, float]]
"""Change id -> part -> strength, as `analyzers.changes.odds.part` takes it."""


def left_out(cases: Mapping[str, Strengths], truth: Mapping[str, Sequence[str]]) -> dict[str, list[tuple[str, float]]]:
    """Each case ranked with weights fitted on all the others: change ids with probabilities, best first."""
    parts = sorted({part for case in cases.values() for change in case.values() for part in change})
    tables = {name: _table(case, parts, truth[name]) for name, case in cases.items() if case}
    ranked = {}
    for name, (features, _) in tables.items():
        weights = fit([table for other, table in tables.items() if other != name])
        chances = _softmax(features @ weights)
        ranked[name] = sorted(zip(cases[name], map(float, chances), strict=True), key=lambda pair: -pair[1])
    return ranked


def fit(tables: Sequence[tuple[Any, Any]]) -> Any:
    """Weights of the parts that make the culprits most likely; `tables`: (candidates x parts, culprit or not)."""
    from scipy.optimize import minimize

    def loss(weights: Any) -> tuple[float, Any]:
        total, slope = RIDGE * float(weights @ weights), 2 * RIDGE * weights
        for features, culprit in tables:
            chances = _softmax(features @ weights)
            right = float(chances[culprit].sum())
            share = np.where(culprit, chances, 0) / right
            total -= float(np.log(right))
            slope = slope - features.T @ (share - chances)
        return total, slope

    start = np.ones(tables[0][0].shape[1])
    return minimize(loss, start, jac=True, bounds=[(0, None)] * len(start), method="L-BFGS-B").x


def _table(case: Strengths, parts: Sequence[str], culprits: Sequence[str]) -> tuple[Any, Any]:
    features = np.array([[change.get(part, 0.0) for part in parts] for change in case.values()])
    return features, np.array([id_ in culprits for id_ in case])


def _softmax(scores: Any) -> Any:
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()
