"""A stack trace's text into a `Trace`. Pure and linear: what is no trace is None, nothing raises.

The forms are those that the run times print:
Python: the `traceback` module's, groups of exceptions (PEP 654) included. Ruby: Exception#full_message, and Rails'
lines without 'from'. Go: runtime/traceback.go, and `%+v` of github.com/pkg/errors. The other three are in `at_lines`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from analyzers.stack_frames.at_lines import parse_at
from analyzers.stack_frames.model import Fault, Frame, Trace

LONGEST = 64_000
"""Characters looked at."""
LONGEST_LINE = 2_000

_PYTHON = "Traceback (most recent call last)"
_PYTHON_FRAME = re.compile(r'\s*File "([^"]+)", line (\d+)(?:, in (.+))?')
_PYTHON_END = re.compile(r"([A-Za-z_][\w.]*)(?:: ?(.*))?$")
# Groups of exceptions (PEP 654) are drawn as a tree of '|' and '+'.
_PYTHON_TREE = re.compile(r"\s*[|+](?:-\+)?[ -]?")
_GO_HEAD = re.compile(r"(?:.*\b)?(panic|fatal error|panic serving [^\s]+): (.*)")
_GO_FILE = re.compile(r"\s+(\S.*\.(?:go|s)):(\d+)(?: \+0x[0-9a-f]+)?$")
_GO_PANIC = re.compile(r"(?:runtime\.(?:gopanic|sigpanic|panic\w*|goPanic\w*|throw|fatal\w*)|panic)\b")
_RUBY_FRAME = re.compile(r"\s*(?:\d+: )?(?:from )?((?:[A-Za-z]:)?[^:\s][^:]*):(\d+):in [`']([^']*)'(?:: (.*))?$")
_RUBY_HEAD = re.compile(r"(.*) \(([A-Z]\w*(?:::[A-Z]\w*)*)\)$")
_RAILS_HEAD = re.compile(r"(?:.*? )??([A-Z]\w*(?:::[A-Z]\w*)*)(?:: (.*)| \((.*)\):?)$")


def parse(text: str) -> Trace | None:
    """The first stack trace in a log message of one or more lines; None when it holds none."""
    lines = [line[:LONGEST_LINE] for line in text[:LONGEST].splitlines()]
    if any(_PYTHON in line for line in lines):
        return _python(lines)
    if any(line.startswith(("goroutine ", "panic: ")) or _GO_FILE.match(line) for line in lines):
        return _go(lines)
    return parse_at(lines) or _ruby(lines)


def _python(lines: Sequence[str]) -> Trace | None:
    """The chain as printed, which begins with the root cause; a group after the exceptions that it holds."""
    faults: list[Fault] = []
    frames: list[Frame] = []
    tree = any("Exception Group" in line for line in lines)
    inside = False
    for line in lines:
        if tree:
            line = _PYTHON_TREE.sub("", line, count=1)
        if _PYTHON in line:
            frames, inside = [], True
        elif inside and (match := _PYTHON_FRAME.match(line)):
            frames.append(Frame(_slashed(match[1]), int(match[2]), match[3] or ""))
        elif inside and line[:1].strip() and (match := _PYTHON_END.match(line)):
            faults.append(Fault(match[1], match[2] or "", tuple(reversed(frames))))
            inside = False
    if inside and frames:
        faults.append(Fault("", "", tuple(reversed(frames))))
    if tree:
        faults.sort(key=lambda f: f.exception.endswith("ExceptionGroup"))
    return Trace("python", tuple(faults)) if any(f.frames for f in faults) else None


def _go(lines: Sequence[str]) -> Trace | None:
    """The first goroutine is the one that failed; what a deferred recover called stands above the panic."""
    head = next((m for line in lines if (m := _GO_HEAD.match(line))), None)
    frames: list[Frame] = []
    goroutines = 0
    for before, line in zip(("", *lines), lines, strict=False):
        goroutines += line.startswith("goroutine ")
        if goroutines > 1 or before.startswith("created by "):
            break
        if match := _GO_FILE.match(line):
            frames.append(Frame(_slashed(match[1]), int(match[2]), _go_function(before)))
    origin = max((i + 1 for i, f in enumerate(frames) if _GO_PANIC.match(f.function)), default=0)
    if not frames[origin:]:
        return None
    if head:
        exception = "fatal error" if head[1] == "fatal error" else "panic"
        return Trace("go", (Fault(exception, head[2].removesuffix(" [recovered]"), tuple(frames[origin:])),))
    return Trace("go", (Fault("", lines[0], tuple(frames)),))


def _go_function(line: str) -> str:
    """'main.(*Pool).Get' of 'main.(*Pool).Get(0xc000010000, {0x1, 0x2})'."""
    line = line.strip()
    if not line.endswith(")"):
        return line
    depth = 0
    for at in range(len(line) - 1, -1, -1):
        depth += (line[at] == ")") - (line[at] == "(")
        if not depth:
            return line[:at]
    return line


def _ruby(lines: Sequence[str]) -> Trace | None:
    """The exception that was raised last is printed first, its causes after it."""
    faults: list[tuple[str, str, list[Frame]]] = []
    before = ""
    for line in lines:
        match = _RUBY_FRAME.match(line)
        if match is None:
            before = line
            continue
        head = _RUBY_HEAD.match(match[4] or "")
        if head or not faults:
            message, exception = head.groups() if head else _rails_head(before)
            faults.append((exception, message, []))
        faults[-1][2].append(Frame(_slashed(match[1]), int(match[2]), match[3]))
    if not faults or not any(f.path.endswith((".rb", ".erb", ".rake", ".ru")) for f in faults[0][2]):
        return None
    return Trace("ruby", tuple(Fault(e, m, tuple(frames)) for e, m, frames in reversed(faults)))


def _rails_head(line: str) -> tuple[str, str]:
    """(message, exception) of 'NoMethodError (undefined method ...):' and 'OrderError: no stock'."""
    match = _RAILS_HEAD.match(line)
    return (match[2] or match[3] or "", match[1]) if match else (line, "")


def _slashed(path: str) -> str:
    return path.replace("\\", "/")
