#!/usr/bin/env python3
"""How well onset and change ranking do on public incidents that nobody here wrote; see docs/DIAGNOSIS.md.

    benchmarks/diagnosis.py --data DIR [--predictions DIR] [--ablation]

DIR holds `changes/` and `onset/` with `truth.json`, as `benchmarks/casebook.py` describes. The tables are loaded into
`Evidence` and go through the analyzers as any bundle does. `--predictions` writes changes.json and onset.json.
`--ablation` repeats the ranking without each part of the score.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gather_diagnostics import Finding

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)
DATA = ROOT.parent / "shared" / "benchmarks"

Ranking = list[tuple[str, float]]
"""Change id and probability, best first."""


def candidates(data: Path) -> dict[str, list[Finding]]:
    """Per case the findings on its changes, most probable first."""
    from benchmarks import casebook
    from gather_diagnostics.runner import analyze

    return {
        name: [f for f in analyze(evidence, _raise).findings if f.question == "changes" and f.id != "changes"]
        for name, evidence in casebook.changes(data)
    }


def ranking(found: Sequence[Finding]) -> Ranking:
    return [(f.details["change"], f.details["probability"]) for f in found]


def strengths(found: Sequence[Finding]) -> dict[str, dict[str, float]]:
    """Per change the strength of each part of its score."""
    from analyzers.changes.odds import WEIGHTS

    told: dict[str, dict[str, float]] = {}
    for finding in found:
        parts = told.setdefault(finding.details["change"], {})
        for part in (*finding.details["for"], *finding.details["against"]):
            parts[part["part"]] = parts.get(part["part"], 0.0) + part["weight"] / WEIGHTS[part["part"]]
    return told


def onsets(data: Path) -> dict[str, str | None]:
    from benchmarks import casebook
    from gather_diagnostics.runner import analyze

    found = {}
    for name, evidence in casebook.onsets(data):
        onset = next(f for f in analyze(evidence, _raise).findings if f.id == "onset")
        found[name] = onset.time.isoformat() if onset.time else None
    return found


def _raise(error: BaseException) -> None:
    raise error


def score_ranking(found: Mapping[str, Ranking], truth: Mapping[str, Sequence[str]]) -> str:
    ranks = []
    for case, culprits in truth.items():
        ids = [id_ for id_, _ in found.get(case, ())]
        ranks.append(min((ids.index(c) + 1 for c in culprits if c in ids), default=None))
    share = [sum(r is not None and r <= k for r in ranks) / len(ranks) for k in (1, 3)]
    mrr = sum(1 / r for r in ranks if r) / len(ranks)
    return f"HR@1 {share[0]:.3f}  HR@3 {share[1]:.3f}  MRR {mrr:.3f}"


def score_onset(found: Mapping[str, str | None], truth: Mapping[str, Mapping[str, Any]]) -> str:
    inside, errors = 0, []
    for case, label in truth.items():
        told = found.get(case)
        if told is None:
            errors.append(float("inf"))
            continue
        moment = _time(told)
        start, end = (_time(t) for t in label["window"])
        inside += start <= moment <= end
        errors.append(abs((moment - _time(label["onset"])).total_seconds()) / 60)
    close = sum(e <= 15 for e in errors) / len(errors)
    return (
        f"in window {inside / len(errors):.3f}  within 15 min {close:.3f}  median {statistics.median(errors):.0f} min"
    )


def calibration(found: Mapping[str, Ranking], truth: Mapping[str, Sequence[str]], bins: int = 5) -> list[str]:
    """A reliability table, and the expected calibration error over all candidates (Naeini et al., AAAI 2015)."""
    pairs = [(p, id_ in truth.get(case, ())) for case, ranked in found.items() for id_, p in ranked]
    lines, error = ["given          changes  right  mean given"], 0.0
    for i in range(bins):
        inside = [(p, y) for p, y in pairs if i / bins <= p < (i + 1) / bins or (i == bins - 1 and p == 1)]
        if inside:
            given = statistics.mean(p for p, _ in inside)
            right = statistics.mean(y for _, y in inside)
            error += abs(given - right) * len(inside) / len(pairs)
            lines.append(f"{i / bins:.1f} .. {(i + 1) / bins:.1f} {len(inside):10}  {right:.2f}   {given:.2f}")
    tops = [(r[0][1], r[0][0] in truth.get(case, ())) for case, r in found.items() if r]
    gap = abs(statistics.mean(p for p, _ in tops) - statistics.mean(y for _, y in tops))
    lines.append(
        f"expected calibration error {error:.3f}; of the first candidates alone, mean given less right: {gap:.3f}"
    )
    return lines


def ablation(data: Path, truth: Mapping[str, Sequence[str]]) -> Iterable[str]:
    from analyzers.changes import odds

    for part in list(odds.WEIGHTS):
        kept, odds.WEIGHTS[part] = odds.WEIGHTS[part], 0.0
        ranked = {case: ranking(found) for case, found in candidates(data).items()}
        yield f"without {part:26} {score_ranking(ranked, truth)}"
        odds.WEIGHTS[part] = kept


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--predictions", type=Path, help="folder to write changes.json and onset.json to")
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--misses", action="store_true", help="list the cases whose culprit is not first")
    options = parser.parse_args()
    from benchmarks import weights

    if not options.data.is_dir():
        parser.error(f"{options.data} is not a folder; name the data's folder with --data")
    started = time.perf_counter()
    found = candidates(options.data)
    ranked = {case: ranking(findings) for case, findings in found.items()}
    moments = onsets(options.data)
    if options.predictions:
        options.predictions.mkdir(parents=True, exist_ok=True)
        ids = {case: [id_ for id_, _ in best_first] for case, best_first in ranked.items()}
        (options.predictions / "changes.json").write_text(json.dumps(ids, indent=1))
        (options.predictions / "onset.json").write_text(json.dumps(moments, indent=1))
    truths = {n: p for n in ("changes", "onset") if (p := options.data / n / "truth.json").is_file()}
    if "changes" in truths:
        truth = json.loads(truths["changes"].read_text())
        print(f"changes ({len(truth)} cases)  {score_ranking(ranked, truth)}")
        print(*calibration(ranked, truth), sep="\n")
        carried = weights.left_out({case: strengths(findings) for case, findings in found.items()}, truth)
        print(f"weights fitted without the case  {score_ranking(carried, truth)}  {calibration(carried, truth)[-1]}")
        if options.misses:
            for case, best_first in ranked.items():
                if not best_first or best_first[0][0] not in truth[case]:
                    print(f"missed {case}: {', '.join(truth[case])}; told {best_first[:3]}")
        if options.ablation:
            print(*ablation(options.data, truth), sep="\n")
    if "onset" in truths:
        truth = json.loads(truths["onset"].read_text())
        print(f"onset ({len(truth)} cases)  {score_onset(moments, truth)}")
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
