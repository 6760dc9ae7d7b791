"""Times as they stand in logs, into microseconds since 1970-01-01 UTC."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

_ZONE = r"(?: ?(Z\b|z\b|UTC\b|GMT\b|[+-]\d\d:?\d\d(?![\d:]))|([+-]\d\d)(?![\d:]))?"
_TIME = r"(\d\d?):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?"
_MONTH = r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_WEEKDAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?"
_MONTHS = {name: n for n, name in enumerate(_MONTH[1:-1].split("|"), 1)}

_ISO = re.compile(rf"(\d{{4}})[-/.](\d\d)[-/.](\d\d)[Tt _]{_TIME}{_ZONE}", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)[T ]?(\d\d):?(\d\d):?(\d\d)(?!\d)(?:[.,](\d{1,9})\d*)?" + _ZONE, re.ASCII)
_DAY_FIRST = re.compile(rf"{_WEEKDAY}(\d\d?)[ /-]{_MONTH}[ /-](\d{{4}})[ :,T] ?{_TIME}{_ZONE}", re.ASCII)
_MONTH_FIRST = re.compile(rf"{_WEEKDAY}{_MONTH} {{1,2}}(\d\d?) {_TIME}(?: ((?:19|20)\d\d)\b)?", re.ASCII)
_MONTH_YEAR = re.compile(rf"{_MONTH} {{1,2}}(\d\d?),? (\d{{4}}),? {_TIME}(?: ?([AP])M)?{_ZONE}", re.ASCII)
_SHORT_YEAR = re.compile(rf"(\d\d)/(\d\d)/(\d\d) {_TIME}", re.ASCII)
_EPOCH = re.compile(r"(\d{10}(?:\.\d{1,9})?|\d{13}(?:\.\d{1,6})?|\d{16}|\d{19})(?![\w.])", re.ASCII)
_KLOG = re.compile(r"[IWEF](\d\d)(\d\d) (\d\d):(\d\d):(\d\d)\.(\d{6})", re.ASCII)

# What may stand before the time of a line that does not start with it: '[main] ', 'ERROR: ', 'I, [', 'web_1  | '.
_LEAD = re.compile(
    r"(?:(?:\[(?:\d{1,9}|[^\]\d\n][^\]\n]{0,40})\]|[A-Z]{1,9}[:,]?|"
    r"[^\s|]{1,40} {0,4}\||\d{1,7}:[A-Z])[ \t]{1,4}){0,3}\[?"
)
_WORDS = frozenset(_MONTHS) | {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
_Form = tuple[re.Pattern[str], Callable[[re.Match[str]], int | None]]

_DAY = 86_400
_MICROS = 1_000_000
_EARLIEST, _LATEST = 315_532_800, 7_258_118_400
"""1980 and 2200, in seconds: a number outside is no time of a log."""


@functools.lru_cache(maxsize=256)
def _offset(zone: str) -> int | None:
    """Seconds east of Greenwich."""
    if zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    return None if hours > 18 or minutes > 59 else (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)


@functools.lru_cache(maxsize=256)
def _day(year: int, month: int, day: int) -> int | None:
    """Seconds from the epoch to midnight; None for a day that is not, or that no log comes from."""
    try:
        seconds = (date(year, month, day).toordinal() - 719_163) * _DAY
    except ValueError:
        return None
    return seconds if _EARLIEST <= seconds < _LATEST else None


def from_number(value: float) -> int | None:
    """Epoch seconds, milli-, micro- or nanoseconds, told apart by their size. None when it is no plausible time."""
    for unit in (1, 1_000, 1_000_000, 1_000_000_000):
        if _EARLIEST * unit <= value < _LATEST * unit:
            return value * _MICROS // unit if isinstance(value, int) else round(value * (_MICROS / unit))
    return None


class Clock:
    """Reads the times of one stream; remembers the format and the second of the last one, since lines are alike."""

    __slots__ = (
        "_digit_forms",
        "_form",
        "_offsets",
        "_second",
        "_stamp",
        "_utc",
        "_word_forms",
        "last",
        "reference",
        "zone",
        "zoneless",
    )

    def __init__(self, zone: tzinfo = UTC, reference: datetime | None = None) -> None:
        self.zone = zone
        self.reference = reference
        self.last: int | None = None
        """The last time given out: tells which of two hours is meant when clocks are put back."""
        self.zoneless = 0
        """How many times named no zone."""
        self._utc = zone is UTC
        self._stamp = ""
        self._second: int | None = None
        self._offsets: dict[int, tuple[int, int]] = {}
        self._digit_forms: tuple[_Form, ...] = (
            (_ISO, self._iso),
            (_DAY_FIRST, self._day_first),
            (_EPOCH, self._epoch),
            (_COMPACT, self._iso),
            (_SHORT_YEAR, self._short_year),
        )
        self._word_forms: tuple[_Form, ...] = (
            (_MONTH_FIRST, self._month_first),
            (_DAY_FIRST, self._day_first),
            (_MONTH_YEAR, self._month_year),
            (_KLOG, self._klog),
        )
        self._form: _Form = self._digit_forms[0]

    def front(self, text: str, start: int = 0) -> tuple[int, int] | None:
        """(time, end of the match) for a time that stands at `start`."""
        pattern, read = self._form
        if (match := pattern.match(text, start)) and (time := read(match)) is not None:
            self.last = time
            return time, match.end()
        for form in self._candidates(text[start : start + 5]):
            if (match := form[0].match(text, start)) and (time := form[1](match)) is not None:
                self._form = form
                self.last = time
                return time, match.end()
        return None

    def may_begin(self, text: str, start: int = 0) -> bool:
        """False when no time can stand at `start`. Cheap."""
        return bool(self._candidates(text[start : start + 5]))

    def _candidates(self, head: str) -> tuple[_Form, ...]:
        if head[:1].isdigit():
            return self._digit_forms
        is_word = head[:3] in _WORDS or (head[:1] in "IWEF" and head[1:].isdigit())
        return self._word_forms if is_word else ()

    def within(self, text: str) -> tuple[int, int, int] | None:
        """(time, start, end) for a time after a level, a thread in brackets or a container's name."""
        if (lead := _LEAD.match(text)) and (found := self.front(text, lead.end())):
            return found[0], lead.end(), found[1]
        return None

    def value(self, value: Any) -> int | None:
        """The time a structured field holds: text in any of the formats, or a number."""
        if isinstance(value, str):
            if match := _ISO.match(value):
                time = self._iso(match)
                self.last = time if time is not None else self.last
                return time
            found = self.front(value.strip())
            return found[0] if found else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return from_number(value)
        return None

    def _iso(self, match: re.Match[str]) -> int | None:
        year, month, day, hour, minute, second, fraction, zone, short = match.groups()
        stamp = match.string[match.start() : match.start(6) + 2]
        if stamp != self._stamp:
            self._second = _second(int(year), int(month), int(day), int(hour), int(minute), int(second))
            self._stamp = stamp
        return self._zoned(self._second, fraction, zone or short)

    def _day_first(self, match: re.Match[str]) -> int | None:
        day, month, year, hour, minute, second, fraction, zone, short = match.groups()
        seconds = _second(int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second))
        return self._zoned(seconds, fraction, zone or short)

    def _month_first(self, match: re.Match[str]) -> int | None:
        month, day, hour, minute, second, fraction, year = match.groups()
        clock = (_MONTHS[month], int(day), int(hour), int(minute), int(second))
        return self._zoned(_second(int(year), *clock), fraction, None) if year else self._yearless(clock, fraction)

    def _month_year(self, match: re.Match[str]) -> int | None:
        month, day, year, hour, minute, second, fraction, half, zone, short = match.groups()
        hours = int(hour) if not half else int(hour) % 12 + (12 if half == "P" else 0)
        return self._zoned(
            _second(int(year), _MONTHS[month], int(day), hours, int(minute), int(second)), fraction, zone or short
        )

    def _short_year(self, match: re.Match[str]) -> int | None:
        year, month, day, hour, minute, second, fraction = match.groups()
        seconds = _second(2000 + int(year), int(month), int(day), int(hour), int(minute), int(second))
        return self._zoned(seconds, fraction, None)

    def _klog(self, match: re.Match[str]) -> int | None:
        month, day, hour, minute, second, fraction = match.groups()
        return self._yearless((int(month), int(day), int(hour), int(minute), int(second)), fraction)

    def _epoch(self, match: re.Match[str]) -> int | None:
        time = from_number(float(match[1]) if "." in match[1] else int(match[1]))
        if time is None or self.reference is None:
            return time
        # A line may also start with an order number of ten digits.
        ahead = time - round(self.reference.timestamp() * _MICROS)
        return time if -10 * 366 * _DAY * _MICROS < ahead <= _DAY * _MICROS else None

    def _yearless(self, clock: tuple[int, int, int, int, int], fraction: str | None) -> int | None:
        """The latest year that does not put the time more than a day after the reference."""
        if self.reference is None:
            return None
        year = self.reference.year
        latest = (self.reference + timedelta(days=1)).timestamp() * _MICROS
        # Up to eight years back: 29 February may be that far away.
        for candidate in range(year + 1, year - 9, -1):
            time = self._zoned(_second(candidate, *clock), fraction, None)
            if time is not None and time <= latest:
                return time
        return None

    def _zoned(self, seconds: int | None, fraction: str | None, zone: str | None) -> int | None:
        if seconds is None:
            return None
        micros = seconds * _MICROS
        if fraction:
            micros += int(fraction[:6].ljust(6, "0"))
        if zone is None:
            self.zoneless += 1
            return micros if self._utc else self._local(micros)
        offset = _offset(zone)
        return None if offset is None else micros - offset * _MICROS

    def _local(self, micros: int) -> int:
        # No zone changes its offset inside a quarter of an hour.
        quarter = micros // (900 * _MICROS)
        if (offsets := self._offsets.get(quarter)) is None:
            if len(self._offsets) > 10_000:
                self._offsets.clear()
            offsets = self._offsets[quarter] = _offsets(self.zone, quarter * 900)
        first, second = micros - offsets[0], micros - offsets[1]
        # Lines may be a little out of order; an hour back means that the clocks were put back.
        is_first = first == second or self.last is None or first > self.last - 900 * _MICROS
        return first if is_first else second


def _second(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int | None:
    midnight = _day(year, month, day)
    if midnight is None or hour > 23 or minute > 59 or second > 60:
        return None
    # A leap second is the last of its minute.
    return midnight + hour * 3600 + minute * 60 + min(second, 59)


def _offsets(zone: tzinfo, local: int) -> tuple[int, int]:
    """UTC offsets in microseconds of a local second, before and after the clocks are put back."""
    naive = datetime(1970, 1, 1) + timedelta(seconds=local)  # noqa: DTZ001 - the zone is what is looked up
    both = (zone.utcoffset(naive.replace(fold=fold)) or timedelta(0) for fold in (0, 1))
    first, second = (round(offset.total_seconds()) * _MICROS for offset in both)
    return first, second
