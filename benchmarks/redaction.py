"""How well, how wrongly and at what cost secrets are found.

    python benchmarks/redaction.py [--data DIR] [--seed N] [--each N]

Planted at run time, made up by a seeded generator: secrets of our own list in every carrier (`planting.py`), values of
the rules of the field's scanners (`scanner_rules.py`), and secrets in the disguises that line-by-line scanners miss
(`disguises.py`). With --data, every raw.log.gz, *.log and *.log.gz below DIR is read as ordinary logs: what is replaced
there is shown for a person to judge, since the share of false positives is what matters. The cost is redaction's share
of the pass over log lines: parse, check, redact, mask, merge.
"""

from __future__ import annotations

import argparse
import gzip
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pyarrow as pa

from benchmarks import disguises, scanner_rules
from benchmarks.planting import CARRIERS, MAKERS, leaked, plant, readable
from gather_diagnostics import Rows
from gather_diagnostics.patterns import masks, merge
from gather_diagnostics.redaction import Redactor
from gather_diagnostics.tables import to_batch

T = TypeVar("T")


def print_recall(seed: int, each: int) -> None:
    redactor = Redactor()
    caught: Counter[tuple[str, str]] = Counter()
    total: Counter[tuple[str, str]] = Counter()
    for kind, carrier, secret, text in plant(random.Random(seed), each):
        total[kind, carrier] += 1
        caught[kind, carrier] += not leaked(secret, redactor.text(text, "benchmark"))
    print(f"{'kind':24}" + "".join(f"{c:>9}" for c in CARRIERS))
    for kind in MAKERS:
        cells = (f"{caught[kind, c]}/{total[kind, c]}" if total[kind, c] else "-" for c in CARRIERS)
        print(f"{kind:24}" + "".join(f"{cell:>9}" for cell in cells))
    share = sum(caught.values()) / sum(total.values())
    print(f"\ncaught {sum(caught.values())} of {sum(total.values())} ({share:.2%}); missed:")
    for (kind, carrier), count in (total - caught).items():
        print(f"  {kind} in {carrier}: {count}")


def read_lines(data: Path) -> list[str]:
    lines: list[str] = []
    for path in sorted({*data.rglob("*.log"), *data.rglob("*.log.gz")}):
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8", errors="replace") as file:
            lines += file.read().splitlines()
    return lines


def print_false_positives(lines: list[str]) -> None:
    redactor = Redactor()
    changed = [(line, shown) for line in lines if (shown := redactor.text(line, "benchmark")) != line]
    per_ten_thousand = len(changed) / len(lines) * 10_000
    print(f"\nordinary logs: {len(changed)} of {len(lines)} lines changed, {per_ten_thousand:.2f} in 10,000")
    for line, shown in changed[:20]:
        print(f"  {line[:160]}\n  {shown[:160]}")


def print_share(title: str, found: Iterable[tuple[str, bool]]) -> None:
    """How many of each group were caught; only groups with a miss are named."""
    caught: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for group, is_caught in found:
        total[group] += 1
        caught[group] += is_caught
    print(f"\n{title}: caught {caught.total()} of {total.total()} in {len(total)} groups; missed:")
    for group, count in (total - caught).items():
        print(f"  {group}: {count} of {total[group]}")


def scanned(seed: int, each: int) -> Iterator[tuple[str, bool]]:
    redactor = Redactor()
    for sample in scanner_rules.samples(seed, each):
        yield sample.rule, not leaked(sample.secret, redactor.text(sample.text, "benchmark"))


def disguised(seed: int, each: int) -> Iterator[tuple[str, bool]]:
    redactor = Redactor()
    for name, disguise in disguises.DISGUISES.items():
        for kind in disguises.KINDS:
            for number in range(each):
                rng = random.Random(f"{seed} {name} {kind} {number}")
                made = MAKERS[kind](rng)
                worn = disguise(rng, made.key, made.value)
                shown = "\n".join(redactor.text(record, "benchmark") for record in worn.records)
                yield f"{name}: {kind}", not any(readable(piece, shown) for piece in worn.pieces)


def print_ordinary() -> None:
    redactor = Redactor()
    shown = {text: redactor.text(text, "benchmark") for text in scanner_rules.ORDINARY}
    changed = {text: clean for text, clean in shown.items() if clean != text}
    print(f"\nscanners' kinds of false positives: {len(changed)} of {len(shown)} changed")
    for text, clean in changed.items():
        print(f"  {text!r}\n  {clean!r}")


def print_cost(count: int = 60_000, rounds: int = 3) -> None:
    """Redaction's share of the collectors' own pass over log lines: CPU time of one thread, best of the rounds."""
    import logpaths

    for name, made in (("kubernetes", logpaths.pod_logs), ("cloudwatch", logpaths.cloudwatch)):
        read = made(count)
        stages = [_stages(name, read) for _ in range(rounds)]
        best = {stage: min(s[stage] for s in stages) for stage in stages[0]}
        told = ", ".join(f"{stage} {seconds / count * 1e6:.2f} us" for stage, seconds in best.items())
        print(f"\n{name}: {told} a line; redaction is {best['redact'] / sum(best.values()):.0%} of the pass")


def _stages(name: str, read: Callable[[], list[Rows]]) -> dict[str, float]:
    redactor = Redactor()
    took: dict[str, float] = {}
    items = _clocked(took, "read and parse", read)
    checked = _clocked(took, "check", lambda: [to_batch("logs", name, item.rows) for item in items])
    clean = _clocked(took, "redact", lambda: [redactor.batch("logs", batch) for batch in checked])
    masked = _clocked(took, "mask", lambda: pa.chunked_array([masks(batch["message"]) for batch in clean]))
    merged = _clocked(took, "merge", lambda: merge(masked.combine_chunks()))
    _clocked(took, "count", lambda: merged.value_counts())
    return took


def _clocked(took: dict[str, float], stage: str, work: Callable[[], T]) -> T:
    began = time.process_time()
    done = work()
    took[stage] = time.process_time() - began
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="a folder with ordinary logs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=20, help="secrets for each kind and carrier")
    options = parser.parse_args()
    print_recall(options.seed, options.each)
    print_share("values of the scanners' rules", scanned(options.seed, options.each))
    print_share("disguised", disguised(options.seed, options.each))
    print_ordinary()
    if options.data:
        lines = read_lines(options.data)
        if not lines:
            parser.error(f"no *.log or *.log.gz below {options.data}")
        print_false_positives(lines)
    print_cost()


if __name__ == "__main__":
    main()
