"""How much longer `gather_diagnostics --help` takes than importing click alone: what our own imports cost.

Both are new interpreters, taken in turn, so that a busy machine slows both; the medians are compared.
Prints seconds; exits with 1 when the difference is above the goal.

    python benchmarks/startup.py [ROUNDS]
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
GOAL = 0.10
"""Seconds."""
FLOOR = "import click"
HELP = "from gather_diagnostics.cli import main; main(['--help'])"


def seconds(code: str) -> float:
    """Wall time of one new interpreter that runs `code`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def measure(rounds: int) -> tuple[float, float]:
    """Median seconds of the floor and of the help, after one round that warms the caches and is thrown away."""
    pairs = [(seconds(FLOOR), seconds(HELP)) for _ in range(rounds + 1)][1:]
    return median(floor for floor, _ in pairs), median(helped for _, helped in pairs)


def run(rounds: int) -> int:
    floor, helped = measure(rounds)
    difference = helped - floor
    print(f"import click                {floor:.3f} s")
    print(f"gather_diagnostics --help   {helped:.3f} s  ({helped / floor:.1f} times)")
    print(f"difference                  {difference:.3f} s  (goal: at most {GOAL:.2f} s)")
    return int(difference > GOAL)


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
