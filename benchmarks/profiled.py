"""`python -m gather_diagnostics`, and where its CPU goes: writes profile.txt into the current folder when it ends.

A thread looks every few milliseconds at the stacks of all the others and charges each with the CPU time that the
kernel says its thread has used since the last look (/proc/self/task/TID/schedstat, nanoseconds): unlike wall time, that
tells who works from who waits for the interpreter lock or for a server. Printed by phase (the outermost frame that
PHASES names), by module (innermost frame of ours) and by function.
"""

from __future__ import annotations

import atexit
import runpy
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
PAUSE = 0.005
PHASES = (
    ("runner/reading.py:_batches", "check and redact rows"),
    ("runner/collecting.py:_frames", "tables"),
    ("pipeline.py:analyze", "analyzers"),
    ("runner/analyzing.py", "analyzers"),
    ("pipeline.py:_delivered", "document and bundle"),
    ("bundle/writing.py:encoded", "pack and look through the tables"),
    ("collectors/kubernetes/logs", "pod logs"),
    ("collectors/cloudwatch/logrows.py", "CloudWatch lines into rows"),
    ("collectors/cloudwatch/lines.py", "CloudWatch answers"),
    ("collectors/", "the rest of the collectors"),
)


def main() -> None:
    sys.path.insert(0, str(ROOT))
    threads, phases, modules, functions = (Counter[str]() for _ in range(4))

    def look() -> None:
        spent: dict[int, int] = {}
        while True:
            time.sleep(PAUSE)
            frames = sys._current_frames()
            for thread in threading.enumerate():
                used = _nanoseconds(thread.native_id)
                more = used - spent.get(thread.ident or 0, 0)
                spent[thread.ident or 0] = used
                frame = frames.get(thread.ident or 0)
                if more > 0 and frame is not None and thread is not threading.current_thread():
                    stack = [_place(f) for f in _outwards(frame)]
                    threads[thread.name.rstrip("0123456789-")] += more
                    phases[_phase(stack)] += more
                    modules[next((s.partition(":")[0] for s in stack if not s.startswith("/")), "others'")] += more
                    functions[next((s for s in stack if not s.startswith("/")), stack[0])] += more

    def write() -> None:
        parts = [("threads", threads), ("phases", phases), ("modules", modules), ("functions", functions)]
        lines = [f"{title}\n{_table(counts)}" for title, counts in parts]
        Path("profile.txt").write_text("\n".join(lines))

    atexit.register(write)
    threading.Thread(target=look, name="profiler", daemon=True).start()
    runpy.run_module("gather_diagnostics", run_name="__main__", alter_sys=True)


def _nanoseconds(thread: int | None) -> int:
    try:
        return int(Path(f"/proc/self/task/{thread}/schedstat").read_text().split()[0])
    except OSError:
        return 0  # it has ended


def _outwards(frame: FrameType | None) -> list[FrameType]:
    found = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found


def _place(frame: FrameType) -> str:
    path = frame.f_code.co_filename.removeprefix(f"{ROOT}/")
    # What is installed lies below the checkout, too.
    return f"{'/' if path.startswith('.venv') else ''}{path}:{frame.f_code.co_name}"


def _phase(stack: list[str]) -> str:
    return next((phase for mark, phase in PHASES if any(mark in place for place in stack)), "the rest")


def _table(counts: Counter[str]) -> str:
    whole = sum(counts.values()) or 1
    return "\n".join(f"  {n / 1e9:7.2f} s {n / whole:6.1%}  {name}" for name, n in counts.most_common(18))


if __name__ == "__main__":
    main()
