"""What a process takes: its memory and CPU, and the CPU of the servers beside it, read from Linux's /proc.

VmHWM is read while the process runs, not ru_maxrss when it has ended: Linux hands ru_maxrss down through exec, so that
a child of a large parent would be charged for the parent's memory (getrusage(2), proc(5)).
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PAUSE = 0.05
"""Seconds between two looks."""
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Metered:
    """One finished command."""

    code: int = 0
    started: float = 0.0
    """Unix seconds."""
    seconds: float = 0.0
    peak_bytes: int = 0
    """Largest resident set."""
    marks: list[tuple[float, float, float]] = field(default_factory=list)
    """(seconds since the start, bytes resident, CPU seconds so far), a mark every PAUSE."""
    servers: Mapping[str, float] = field(default_factory=dict)
    """CPU seconds of the other children of this process meanwhile, and of this process, by name."""

    def cpu_until(self, seconds: float) -> float:
        """CPU seconds of the command in its first `seconds`."""
        return max((cpu for at, _, cpu in self.marks if at <= seconds), default=0.0)

    def largest_until(self, seconds: float) -> float:
        """Most bytes resident in its first `seconds`, as far as the marks saw."""
        return max((size for at, size, _ in self.marks if at <= seconds), default=0.0)

    @property
    def cpu(self) -> float:
        return self.marks[-1][2] if self.marks else 0.0


def metered(command: Sequence[str], env: Mapping[str, str], folder: Path) -> Metered:
    """Run a command in a folder, watching it; its output goes to run.log there."""
    before = _beside(0)
    started = time.perf_counter()
    found = Metered(started=time.time())
    with (folder / "run.log").open("wb") as log:
        process = subprocess.Popen(command, env=dict(env), cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        # Readable once the process has ended (pidfd_open(2)): its end is seen at once, and not at the next look.
        end = os.pidfd_open(process.pid)
        while not select.select([end], [], [], PAUSE)[0]:
            _look(process.pid, time.perf_counter() - started, found)
        found.seconds = time.perf_counter() - started
        os.close(end)
        found.code = process.wait()
    after = _beside(process.pid)
    found.servers = {name: cpu - before.get(name, 0.0) for name, cpu in after.items()}
    return found


def _look(pid: int, at: float, found: Metered) -> None:
    status = _text(f"/proc/{pid}/status")
    if peak := re.search(r"VmHWM:\s+(\d+)", status):
        found.peak_bytes = max(found.peak_bytes, int(peak[1]) * 1024)
        now = re.search(r"VmRSS:\s+(\d+)", status)
        found.marks.append((at, int(now[1]) * 1024 if now else 0, _cpu(pid)))


def _cpu(pid: int) -> float:
    """User and system time; fields 14 and 15 of proc(5)'s stat, counted after the name in parentheses."""
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK if fields else 0.0


def _beside(leave_out: int) -> dict[str, float]:
    children = _text(f"/proc/self/task/{os.getpid()}/children").split()
    found = {_text(f"/proc/{c}/comm").strip() or c: _cpu(int(c)) for c in children if int(c) != leave_out}
    return {**found, "kubelet stand-in": _cpu(os.getpid())}


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        # It has ended between two looks.
        return ""
