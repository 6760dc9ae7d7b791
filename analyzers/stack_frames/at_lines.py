"""Traces whose calls stand in lines that begin with 'at': Java and its kin, Node.js, .NET.

Java: Throwable.printStackTrace ('Caused by' and 'Suppressed', shared frames cut to '... n more'). Node.js: V8's stack
trace API (https://v8.dev/docs/stack-trace-api) and Node's '[cause]'. .NET: Exception.ToString, inner exceptions first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from analyzers.stack_frames.model import Fault, Frame, Language, Trace

_JAVA = re.compile(
    r"\s*at (?:[^\s(]*/)?([\w$.<>]+)\.([\w$<>\-]+)\((?:([\w$\-]+\.(?:java|kt|scala|groovy|clj))(?::(\d+))?"
    r"|Native Method|Unknown Source|<generated>)\)"
)
_NODE = re.compile(r"\s*at (?:async )?(?:(.*?) \()?((?:[a-zA-Z-]+:/*)?[^()\s][^()]*?):(\d+):\d+\)?(?:[ ,{].*)?$")
_DOTNET = re.compile(r"\s*at ([^\s(](?:[^(]*[^\s(])?\(.*?\))(?: in (.+?):line (\d+))?\s*$")
_SCHEME = re.compile(r"^(?:file|webpack|webpack-internal|app|rsc):/+(?:[\w-]*/?\./)?")

_DOTNET_INNER_END = "--- End of inner exception stack trace ---"
_LEAD = re.compile(
    r"^\s*(?:Caused by: |Wrapped by: |Exception in thread \"[^\"]*\" |Unhandled [eE]xception[.:] |Uncaught |\[cause\]: "
    r"|---> |\(Inner Exception #\d+\) )+"
)
# A type by its shape: dotted with a capital last, or ending as types of exceptions do.
_TYPE = re.compile(
    r"((?:[\w$]+\.)+[A-Z][\w$`]*|[A-Z]?[\w$]*(?:Error|Exception|Throwable|Fault|Failure))"
    r"(?: \[\w+\]| \(0x[0-9a-fA-F]+\)| \(\d+\))?(?:: (.*)|\s*$)"
)
_ROOT_LAST = ("Caused by: ", "[cause]: ")
_HEAD_LINES = 20
"""How far above its first call an exception is named, when its message has many lines."""


@dataclass
class _Block:
    """Calls below each other, and the lines above the first of them."""

    above: list[str] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)


def parse_at(lines: Sequence[str]) -> Trace | None:
    """None for lines without a call in one of the three forms."""
    language = next((kind for line in lines if (kind := _language(line))), None)
    if language is None:
        return None
    blocks, ends = _blocks(lines, language)
    if language == "dotnet":
        return Trace(language, _inner_first(blocks, ends))
    faults = [(b.above, _fault(b.above, b.frames)) for b in blocks if not _is_suppressed(b.above)]
    causes = [f for above, f in faults if any(h.lstrip().startswith(_ROOT_LAST) for h in above)]
    first = [f for above, f in faults if f not in causes]
    return Trace(language, (*reversed(causes), *first)) if causes or first else None


def _language(line: str) -> Language | None:
    rest = line.lstrip()
    if not rest.startswith("at "):
        return None
    if _JAVA.match(line):
        return "java"
    if _DOTNET.match(line) and not re.search(r":\d+:\d+\)?$", line.rstrip()):
        return "dotnet"
    return "node" if _NODE.match(line) else None


def _blocks(lines: Sequence[str], language: Language) -> tuple[list[_Block], int]:
    """The blocks of calls, and how many ends of inner exceptions (.NET) were met."""
    blocks: list[_Block] = []
    above: list[str] = []
    ends = 0
    for line in lines:
        frame = _frame(line, language)
        if frame is None:
            ended = _DOTNET_INNER_END in line
            ends += ended
            # A call without a place ('at Array.map (<anonymous>)') does not end the calls.
            if ended or not line.lstrip().startswith(("...", "at ", "--- End of stack trace")):
                above.append(line)
            continue
        if not blocks or above:
            blocks.append(_Block(above))
            above = []
        blocks[-1].frames.append(frame)
    return blocks, ends


def _frame(line: str, language: Language) -> Frame | None:
    if not line.lstrip().startswith("at "):
        return None
    if language == "java" and (match := _JAVA.match(line)):
        package = match[1].rpartition(".")[0].replace(".", "/")
        path = f"{package}/{match[3]}".lstrip("/") if match[3] else ""
        return Frame(path, int(match[4]) if match[4] else None, f"{match[1]}.{match[2]}")
    if language == "node" and (match := _NODE.match(line)):
        return Frame(_SCHEME.sub("/", match[2]).replace("\\", "/"), int(match[3]), match[1] or "")
    if language == "dotnet" and (match := _DOTNET.match(line)):
        path = (match[2] or "").replace("\\", "/")
        return Frame(path, int(match[3]) if match[3] else None, match[1].partition("(")[0])
    return None


def _is_suppressed(above: Sequence[str]) -> bool:
    return any(line.lstrip().startswith("Suppressed: ") for line in above)


def _fault(above: Sequence[str], frames: Sequence[Frame]) -> Fault:
    """The exception is named in the nearest line above the calls that looks so, the rest is its message."""
    exception, message = _named(above)
    return Fault(exception, message, tuple(frames))


def _named(above: Sequence[str]) -> tuple[str, str]:
    recent = list(above[-_HEAD_LINES:])
    for line in reversed(recent):
        rest = _LEAD.sub("", line)
        if match := _TYPE.match(rest):
            return match[1], match[2] or ""
    for line in reversed(recent):
        if match := re.search(r"(?<![\w$.])" + _TYPE.pattern, line):
            return match[1], match[2] or ""
    return "", recent[-1].strip() if recent else ""


def _inner_first(blocks: Sequence[_Block], ends: int) -> tuple[Fault, ...]:
    """.NET names all exceptions of a chain above the calls of the innermost: 'Outer: x ---> Inner: y'."""
    named = [part for line in blocks[0].above for part in line.split("---> ")]
    heads = [_LEAD.sub("", part).strip() for part in named if _TYPE.match(_LEAD.sub("", part).strip())]
    chain = heads[-(ends + 1) :] if heads else [" ".join(blocks[0].above[-1:])]
    faults = [_fault([chain.pop()] if chain else block.above, block.frames) for block in blocks]
    return tuple(faults)
