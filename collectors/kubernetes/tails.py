"""Which container's log is meant, and which lines of it an answer holds. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from collectors.kubernetes import pods
from collectors.kubernetes.objects import Object, condition, items, mapping, name, notes, text
from gather_diagnostics import questions
from gather_diagnostics.logparse import split

MOST_BYTES = 4_000_000
"""Of a log that are read for one answer."""
_KEPT = int(questions.MOST_BYTES * 0.9)
"""Bytes of lines that are kept."""
_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
_OPERATORS = {"In": "{} in ({})", "NotIn": "{} notin ({})", "Exists": "{}", "DoesNotExist": "!{}"}


def selector(workload: Object) -> str:
    """The label selector of its pods; '' for none.

    Source: kubernetes.io/docs/reference/kubernetes-api/common-definitions/label-selector
    """
    told = mapping(workload, "spec", "selector")
    equal = [f"{key}={value}" for key, value in sorted(mapping(told, "matchLabels").items())]
    sets = [
        _OPERATORS[text(one, "operator")].format(text(one, "key"), ",".join(map(str, one.get("values") or ())))
        for one in items(told, "matchExpressions")
        if text(one, "operator") in _OPERATORS
    ]
    return ",".join([*equal, *sets])


def container(pod: Object) -> str:
    """As kubectl chooses: the one that an annotation names, else the first; '' for a pod without any."""
    called = [text(c, "name") for c in items(pod, "spec", "containers")]
    told = text(notes(pod), _DEFAULT_CONTAINER)
    return told if told in called else next(iter(called), "")


def rank(pod: Object, previous: bool) -> tuple[bool, bool, bool, str]:
    """A sort key, the pod to read first: one that runs and is ready, or with `previous` one that ran before."""
    ran = any(pods.restarted(status) for status in pods.statuses(pod))
    ready = condition(pod, "Ready").get("status") == "True"
    return previous and not ran, not ready, text(pod, "status", "phase") != "Running", name(pod)


def newest(chunks: Iterable[bytes]) -> tuple[list[str], str]:
    """The last lines of a log, as many as an answer holds, and what is missing, in words."""
    lines: deque[str] = deque()
    size = dropped = read = 0

    def counted() -> Iterator[bytes]:
        nonlocal read
        for chunk in chunks:
            read += len(chunk)
            yield chunk
            if read >= MOST_BYTES:
                return

    for line in split(counted()):
        lines.append(line.decode("utf-8", "replace")[: questions.MOST_CELL])
        size += len(lines[-1].encode())
        while len(lines) > questions.MOST_ROWS or size > _KEPT:
            size -= len(lines.popleft().encode())
            dropped += 1
    told = [f"there is more; the newest {len(lines)} lines are kept"] if dropped else []
    told += [f"only the first {MOST_BYTES:,} bytes were read: newer lines are missing"] if read >= MOST_BYTES else []
    return list(lines), "; ".join(told)
