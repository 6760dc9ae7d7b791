"""What holds for all lines of one shape, read off two of them that were parsed word by word.

A line's shape leaves open what its numbers are. Where these decide what the parser makes of the line (its time, a
status that makes it an error, a host's name), a plan says where in the line they stand; then lines need only be looked
at there. A shape for which that can't be told has no plan, and its lines all go through the parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gather_diagnostics.logparse import stamps
from gather_diagnostics.logparse.arrays import ranges
from gather_diagnostics.logparse.fields import KEYS, STATUS
from gather_diagnostics.logparse.records import Context

Span = tuple[int, int]
"""First byte in the line, and bytes."""

NAMED = ("level", "service", "instance", "template", "endpoint", "tenant")
"""What lines have in common that are counted as one pattern; by `folding.KEYS`."""

# A whole number or time: what stands beside a digit that was left out would belong to it.
_END = r"(?![0-9]|[.,][0-9])"
_TIMES = re.compile(rf"(?<![0-9.]){stamps.STAMP}{_END}", re.ASCII)
_WHOLE = re.compile(rf"(?<![0-9.])[0-9]{{10,19}}(?:\.[0-9]{{1,9}})?{_END}", re.ASCII)
_MAYBE_YEAR = re.compile(r"[A-Z][^0-9]*[0-9 ]\d \d\d?:\S* [0-9]{4}(?![0-9])", re.ASCII)
"""A time without a year, and what is one only for some digits."""


def _any_of(keys: Iterable[str]) -> str:
    """The last words of these keys, however they are joined."""
    words = {re.sub("[-_]", "[-_]?", key.rpartition(".")[2]) for key in keys}
    return "|".join(sorted(words, key=lambda word: (-len(word), word)))


_LEVELS = _any_of((*KEYS["level"], *STATUS))
# A level or status by number, syslog's priority, the status of an access log.
_TELLING = re.compile(
    rf"(?i:\b(?:{_LEVELS}))[\"'\\]*\s*[:=]\s*[\"'\\]*-?([0-9]{{1,4}})|\A<([0-9]{{1,3}})>|\" ([0-9]{{3}}) ", re.ASCII
)
_TIME_KEY = re.compile(rf"(?i)\b(?:{_any_of(KEYS['time'])})[\"']?\s*[:=]\s*[\"']?\Z")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_NUMBER = re.compile(r"([0-9]\w*)", re.ASCII)
_DIGIT = re.compile("[0-9]")
_JSON_DIGITS = re.compile(r"\.[0-9]+|[^.](?:0|[1-9][0-9]*)", re.ASCII)
_ESCAPED = re.compile(r"\\u|\\x|\\[bfnrt][0-9]", re.IGNORECASE)
"""What may be other characters once it is decoded, so that a number begins there which did not in the line."""
_PAIRS = re.compile(r"\{|[A-Za-z_@][\w.@/\-]*=", re.ASCII)


@dataclass(frozen=True, slots=True)
class Plan:
    """Of the lines of one shape."""

    time: Span
    form: str
    """How the time is written: its text with each digit a 0."""
    is_value: bool
    """Whether the time is the value of a field (`stamps.read`)."""
    telling: tuple[Span, ...]
    """What decides about the level or stands in NAMED: lines that differ there need not be of one pattern."""
    numbers: tuple[Span, ...]
    """What has to be a number as JSON writes it, digits without a zero in front; or the line is no JSON."""
    is_risky: bool
    """Whether it depends on the digits if there is a secret (`Redactor.suspects_by_digits`)."""

    def fits(self, line: str) -> bool:
        """Whether all `numbers` of a line (ASCII) are such."""
        return all(_JSON_DIGITS.fullmatch(line, max(at - 1, 0), at + size) for at, size in self.numbers)

    def told(self, line: str) -> str:
        """What stands in the telling places of a line (ASCII)."""
        return "".join(line[at : at + size] for at, size in self.telling)


@dataclass(frozen=True, slots=True)
class Probe:
    """A line that was parsed alone, and nothing in it looked like a secret."""

    text: str
    shape: str
    micros: int
    """Its time."""
    message: str
    named: tuple[str | None, ...]
    """NAMED; service and instance are None where the line says none."""


def made(probes: Sequence[Probe], context: Context, digits_enough: re.Pattern[str]) -> list[Plan | None]:
    """The plan that each of the lines gives. None: there is none."""
    forms = _masked([probe.text for probe in probes])
    # Two lines of a shape mostly differ in digits alone.
    known = {form: _outline(form) for form in dict.fromkeys(forms)}
    outlines = [known[form] for form in forms]
    times = _right(probes, outlines, context)
    return [
        _plan(probe, form, outline, right[0], digits_enough)
        if len(right) == 1 and not _may_be(probe, outline, right[0])
        else None
        for probe, form, outline, right in zip(probes, forms, outlines, times, strict=True)
    ]


def _masked(lines: Sequence[str]) -> list[str]:
    """The lines with each digit a 0."""
    import pyarrow as pa

    masked: list[str] = stamps.shaped(pa.array(lines, pa.string())).to_pylist()
    return masked


@dataclass(frozen=True, slots=True)
class _Outline:
    """What a line tells whatever its digits are."""

    is_pairs: bool
    times: tuple[Span, ...]
    """Where a time may stand; none in a line that can't have a plan."""
    telling: tuple[Span, ...]
    numbers: tuple[Span, ...]


def _outline(line: str) -> _Outline:
    is_pairs = bool(_PAIRS.match(line))
    if not line.isascii() or _ESCAPED.search(line):
        return _Outline(is_pairs, (), (), ())
    bare = _QUOTED.sub(lambda match: " " * len(match[0]), line) if line.startswith("{") else ""
    return _Outline(is_pairs, _spans_of_times(line), tuple(_found(_TELLING, line)), tuple(_found(_NUMBER, bare)))


def _may_be(probe: Probe, outline: _Outline, time: Span) -> bool:
    """Whether another place could be read as the time, or taken off the message's front as one, for other digits."""
    others = [at for at, _ in outline.times if not time[0] <= at < sum(time)]
    if not others:
        return False
    line = probe.text
    if outline.is_pairs:
        return any(_TIME_KEY.search(line, max(at - 60, 0), at) for at in others)
    message = line.find(probe.message.partition("\n")[0])
    return any(at <= message + 1 for at in others)


def _plan(probe: Probe, form: str, outline: _Outline, time: Span, digits_enough: re.Pattern[str]) -> Plan | None:
    shape = probe.shape
    telling = {*outline.telling, *_places(probe)}
    if None in telling:
        return None
    rest = shape[: time[0]] + "T" + shape[sum(time) :]
    return Plan(
        time,
        form[time[0] : sum(time)],
        is_value=outline.is_pairs,
        telling=tuple(sorted(span for span in telling if span)),
        numbers=outline.numbers,
        is_risky=bool(digits_enough.search(rest)),
    )


def _spans_of_times(line: str) -> tuple[Span, ...]:
    found = {match.span() for pattern in (_TIMES, _WHOLE) for match in pattern.finditer(line)}
    return tuple((start, end - start) for start, end in sorted(found) if not _MAYBE_YEAR.match(line, start))


def _right(probes: Sequence[Probe], outlines: Sequence[_Outline], context: Context) -> list[list[Span]]:
    """Of the places that look like a time, those that tell the line's."""
    import pyarrow as pa

    right: list[list[Span]] = [[] for _ in probes]
    for is_value in (False, True):
        asked = [(n, span) for n, line in enumerate(outlines) if line.is_pairs == is_value for span in line.times]
        texts = pa.array([probes[n].text[at : at + size] for n, (at, size) in asked], pa.string())
        read = stamps.read(texts, context, value=is_value)
        for (n, span), micros, known in zip(asked, read.micros.tolist(), read.known.tolist(), strict=True):
            if known and micros == probes[n].micros:
                right[n].append(span)
    return right


def _places(probe: Probe) -> Iterator[Span | None]:
    """Where in the line names with digits stand; None for one that comes from there, but not as it stands there."""
    for name, value in zip(NAMED, probe.named, strict=True):
        if name in ("level", "template") or not value or not _DIGIT.search(value):
            continue
        places = list(_occurrences(value, probe.text))
        yield from ((at, len(value)) for at in places) if places else (None,)


def _occurrences(value: str, line: str) -> Iterator[int]:
    at = line.find(value)
    while at >= 0:
        yield at
        at = line.find(value, at + len(value))


def _found(pattern: re.Pattern[str], line: str) -> Iterator[Span]:
    for match in pattern.finditer(line):
        yield from ((match.start(n), len(match[n])) for n in range(1, pattern.groups + 1) if match[n])


class PlanArrays:
    """Many plans as arrays, by their numbers."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        import numpy as np

        self.count = len(plans)
        self.numbers = Places([plan.numbers for plan in plans])
        self.telling = Places([plan.telling for plan in plans])
        forms = {(plan.form, plan.is_value): None for plan in plans}
        self.forms = [(stamps.layout_of(form), is_value) for form, is_value in forms]
        """The ways in which times are written; whether as the value of a field."""
        numbers = {form: number for number, form in enumerate(forms)}
        self.form = np.array([numbers[plan.form, plan.is_value] for plan in plans], np.int64)
        """Which of `forms`."""
        self.time = np.array([plan.time[0] for plan in plans], np.int64)
        """The first byte of the time."""
        self.risky = np.array([plan.is_risky for plan in plans], bool)


class Places:
    """Places in the lines of each plan, for many lines at once."""

    def __init__(self, places: Sequence[Sequence[Span]]) -> None:
        import numpy as np

        self._sizes = np.array([len(spans) for spans in places], np.int64)
        self._first = np.cumsum(self._sizes) - self._sizes
        self._spans = np.array([span for spans in places for span in spans], np.int64).reshape(-1, 2)

    def of(self, starts: Any, plan: Any) -> tuple[Any, Any, Any]:
        """Where each place begins, its bytes, and the position of its line in `starts`."""
        import numpy as np

        many = self._sizes[plan]
        spans = self._spans[ranges(self._first[plan], many)]
        line = np.repeat(np.arange(len(plan)), many)
        return starts[line] + spans[:, 0], spans[:, 1], line
