"""What container runtimes put around a line, and what belongs to the record before."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from gather_diagnostics.logparse.levels import LONG
from gather_diagnostics.logparse.structured import load_object
from gather_diagnostics.logparse.timestamps import Clock

_DOCKER_PART = 4096
"""Docker cuts lines at 16 KiB, at least 4,096 characters; a shorter line without a newline is a whole one."""

# https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
_CRI = re.compile(r"(\S{20,40}) (stdout|stderr) ([FP])(?::\S*)?(?: |$)")
# `kubectl logs --timestamps`, `docker logs --timestamps`: RFC 3339 with nanoseconds and one space
_KUBECTL = re.compile(
    r"(?:\[pod/[^\]\s]{1,510}\] )?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d) ", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A line with the runtime's wrapping off."""

    text: str
    time: int | None = None
    stream: str | None = None
    """stdout or stderr."""
    part: bool = False
    """True when the line goes on in the stream's next one."""
    labels: dict[str, Any] | None = None

    def joined(self, before: str) -> Unwrapped:
        return replace(self, text=before + self.text)


def unwrap(text: str, clock: Clock) -> Unwrapped | None:
    """Take off what CRI or Docker's json-file driver put around a line. None: there is nothing to take off."""
    if text[4:5] == "-" and " std" in text[19:48] and (match := _CRI.match(text)):
        found = clock.front(match[1])
        if found and found[1] == len(match[1]):
            return Unwrapped(text[match.end() :], found[0], match[2], match[3] == "P")
    elif text.startswith("{") and '"log":' in text and '"stream":' in text:
        return _docker(text, clock)
    return None


def _docker(text: str, clock: Clock) -> Unwrapped | None:
    fields = load_object(text)
    if fields is None or not isinstance(fields.get("log"), str) or fields.get("stream") not in ("stdout", "stderr"):
        return None
    log = fields.pop("log")
    stream = fields.pop("stream")
    time = clock.value(fields.pop("time", None) or fields.pop("@timestamp", None))
    part = text.startswith('{"log":') and len(log) >= _DOCKER_PART and not log.endswith("\n")
    return Unwrapped(log.rstrip("\r\n"), time, stream, part, fields or None)


_INDENTED_CALL = re.compile(r'\s+(?:at |File "|\.\.\. \d|\^|~|from |\|)|\t|\s{4}')
_LEVEL_WORD = re.compile(rf"[\[(]?(?:{LONG})\b", re.IGNORECASE)
_FAULT = re.compile(r"(?:[\w$]+\.)+[A-Z][\w$]*(?:Exception|Error|Throwable|Failure)(?:: |$)", re.ASCII)
_STARTS = (
    "Traceback (most recent call last)", "Caused by:", "Suppressed:", "Wrapped by:", "... ",
    "During handling of the above exception", "The above exception was the direct cause",
    "The following exception was", "goroutine ", "created by ", "[signal ",
)  # fmt: skip
_FRAME = re.compile(r"[\w./*()\-·$\[\]{},]+\([^\n]{0,2000}\)$|exit status \d+$")
_CLOSING = re.compile(r"[\])}]+[,;]?\s*$")
_LAST_OF_TRACEBACK = re.compile(r"[A-Za-z_][\w.]*(?:: |:?\s*$)")

TRACEBACK = _STARTS[0]


def kubectl_rest(text: str) -> str:
    """The application's own line, where `kubectl logs` put a time (and a pod) in front of it."""
    match = _KUBECTL.match(text)
    return text[match.end() :] if match else text


class Follower:
    """Tells the lines that belong to the record before by their shape; knows inside which kind of trace it is."""

    __slots__ = ("_trace",)

    def __init__(self) -> None:
        self._trace = ""

    def begins(self, text: str) -> None:
        """A new record begins with this line."""
        self._trace = _trace_of(text)

    def follows(self, text: str, outer: bool) -> bool:
        """True when the line belongs to the record before. `outer`: the runtime gave it a time of its own."""
        first = text[:1]
        if first == "{" or not first:
            return False
        if first in " \t":
            return self._indented(text, outer)
        if first.isdigit():
            return False
        if text.startswith(_STARTS) or (first in "])}" and _CLOSING.match(text)):
            self._trace = _trace_of(text) or self._trace
            return True
        if self._trace == "python":
            # The line that names the exception ends it.
            self._trace = ""
            return _LAST_OF_TRACEBACK.match(text) is not None
        if self._trace == "go" and _FRAME.match(text):
            return True
        return ("Exception" in text or "Error" in text or "Throwable" in text) and _FAULT.match(text) is not None

    def _indented(self, text: str, outer: bool) -> bool:
        rest = text.lstrip()
        if outer and not _INDENTED_CALL.match(text):
            return False
        # Some programs indent their whole output, and tracing writes two spaces before a short level.
        return not (rest[:2].isdigit() and Clock().front(rest)) and not (outer and _LEVEL_WORD.match(rest))


def _trace_of(text: str) -> str:
    if text.startswith(TRACEBACK):
        return "python"
    return "go" if text.startswith(("goroutine ", "panic: ", "[signal ", "fatal error: ")) else ""
