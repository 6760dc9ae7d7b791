"""Plain lines into records: syslog, access logs, klog, and a time with some text after it."""

from __future__ import annotations

import re

from gather_diagnostics.logparse.fields import ids_in, path_of
from gather_diagnostics.logparse.levels import LONG, find_level, level_of_priority, level_of_status
from gather_diagnostics.logparse.records import Record
from gather_diagnostics.logparse.structured import fill, load_object, logfmt, remnant
from gather_diagnostics.logparse.timestamps import Clock

_DEPTH = 4
"""How many wrappings are taken off: kubectl's prefix, syslog's header, JSON in a message, ..."""

_POD = re.compile(r"\[pod/([^/\]\s]{1,253})/([^\]\s]{1,253})\] ?")
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,20}m")
_AFTER_TIME = re.compile(r"[\])]?,?[ \t|]*+(?:[-:] +)?")
_AFTER_PID = re.compile(r"(?: #\d+| \[\d+\])?")

# RFC 5424, 6: <PRI>VERSION TIME HOST APP PROCID MSGID STRUCTURED-DATA MSG
_SYSLOG_5424 = re.compile(
    r"<(\d{1,3})>\d{1,2} (\S+) (\S+) (\S+) (\S+) (\S+) "
    r'(-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*+")*+\])++)(?: \ufeff?|$)',
    re.ASCII,
)
_PARAMETER = re.compile(r'([^\s=\[\]"]+)="((?:[^"\\]|\\.)*+)"')
_PRIORITY = re.compile(r"<(\d{1,3})>", re.ASCII)
_SYSLOG_TAG = re.compile(r" ?(\S{1,255}) ([\w./\-]{1,64})(?:\[(\d{1,10})\])?: ?", re.ASCII)
_SYSLOG_TAG_ISO = re.compile(r" (\S{1,255}) ([\w./\-]{1,64})\[(\d{1,10})\]: ?", re.ASCII)

_ACCESS = re.compile(r"\[(?=\d\d/[A-Z][a-z]{2}/\d{4}:)")
_REQUEST = re.compile(r'\s*"(?:([A-Z]{3,16}) )?([^"\\]*(?:\\.[^"\\]*)*+)" (\d{3})(?: (\d+|-))?(?=\s|$)', re.ASCII)
_NGINX_REQUEST = re.compile(r', request: "[A-Z]{3,16} ([^ "]{1,2000})')
_APACHE_ERROR = re.compile(rf"\]?\s*\[(?:\w{{0,40}}:)?({LONG}|trace[1-8])\]", re.IGNORECASE | re.ASCII)
_KLOG_REST = re.compile(r"\s+\d+ [^\]\s]{1,200}\] ?", re.ASCII)
_KLOG_LEVELS = {"I": "INFO", "W": "WARNING", "E": "ERROR", "F": "CRITICAL"}


class Reader:
    """Fills records from the text of one stream's lines."""

    __slots__ = ("clock",)

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def fill(self, record: Record, text: str, depth: int = 0, timed: bool = False) -> None:
        """Set what the text says. `timed`: a time stood directly in front of it.

        Time and instance that the record has from an outer wrapping stay; the rest, the inner text knows better.
        """
        first = text[:1]
        if first == "{" and self._json(record, text, depth):
            return
        if "\x1b" in text[:64]:
            text = _COLOUR.sub("", text[:256]) + text[256:]
            first = text[:1]
        is_text = timed and first.isalpha() and not self.clock.may_begin(text)
        if depth < _DEPTH and not is_text and self._wrapped(record, text, first, depth):
            return
        self.body(record, text, timed)

    def body(self, record: Record, text: str, timed: bool) -> None:
        """The part of a line that is left once every header is off."""
        if "=" in text and (pairs := logfmt(text)) is not None:
            fill(record, pairs, self.clock, text)
            return
        level, start = find_level(text, timed)
        if level:
            record.level = level
        record.message = text[start:] or text
        for field, value in ids_in(text).items():
            setattr(record, field, value)

    def _json(self, record: Record, text: str, depth: int) -> bool:
        fields = load_object(text)
        if fields is None:
            found = remnant(text)
            if not found:
                return False
            fill(record, found, self.clock, text)
            record.message = text
            return True
        fill(record, fields, self.clock, text)
        inner = record.message
        if depth < _DEPTH and inner != text and (("log" in fields and fields["log"] == inner) or inner[:2] == '{"'):
            self.fill(record, inner.rstrip("\r\n"), depth + 1)
        return True

    def _wrapped(self, record: Record, text: str, first: str, depth: int) -> bool:
        if first == "[" and (match := _POD.match(text)):
            record.instance = match[1]
            record.labels = {**(record.labels or {}), "container": match[2]}
            self.fill(record, text[match.end() :], depth + 1)
            return True
        if first == "<" and (self._syslog_5424(record, text, depth) or self._priority(record, text, depth)):
            return True
        if '"' in text and self._access(record, text):
            return True
        return self._timed(record, text, first, depth)

    def _timed(self, record: Record, text: str, first: str, depth: int) -> bool:
        start = 1 if first == "[" or first == "(" else 0
        found = self.clock.front(text, start)
        if found is None:
            return record.time_us is None and self._later(record, text)
        time, end = found
        self._set_time(record, time)
        if first in "IWEF" and (match := _KLOG_REST.match(text, end)):
            record.level = _KLOG_LEVELS[first]
            self.body(record, text[match.end() :], timed=False)
        elif start and (match := _APACHE_ERROR.match(text, end)):
            self.body(record, text[end:].lstrip("] "), timed=True)
        elif tag := (_SYSLOG_TAG if first.isalpha() else _SYSLOG_TAG_ISO).match(text, end):
            self._tag(record, tag)
            self.fill(record, text[tag.end() :], depth + 1)
        else:
            rest = text[_after(text, end) :]
            self.fill(record, rest, depth + 1, timed=True)
            if ', request: "' in rest and (request := _NGINX_REQUEST.search(rest)):
                record.endpoint = path_of(request[1])
        return True

    def _later(self, record: Record, text: str) -> bool:
        """The time stands after a level, a thread or a container's name."""
        found = self.clock.within(text)
        if found is None:
            return False
        time, start, end = found
        self._set_time(record, time)
        lead = text[:start].rstrip(" [|\t,")
        rest = text[_after(text, end) :]
        level, _ = find_level(lead + " ", timed=False)
        self.body(record, rest, timed=True)
        if level and record.level is None:
            record.level = level
        elif not level:
            record.message = f"{lead} {record.message}"
        return True

    def _set_time(self, record: Record, time: int) -> None:
        if record.time_us is None:
            record.time_us = time
            record.own_time = True

    def _access(self, record: Record, text: str) -> bool:
        found = _ACCESS.search(text, 0, 300)
        if found is None or (time := self.clock.front(text, found.end())) is None:
            return False
        request = _REQUEST.match(text, time[1] + 1)
        if request is None:
            return False
        self._set_time(record, time[0])
        method, target, status, size = request.groups()
        record.level = level_of_status(int(status))
        record.endpoint = path_of(target.rsplit(" HTTP/", 1)[0]) if method else None
        record.message = text[: found.start()] + text[time[1] + 1 :].lstrip()
        labels = {"client": text.split(" ", 1)[0], "method": method, "status": int(status)}
        if size and size != "-" and len(size) < 16:
            labels["bytes"] = int(size)
        record.labels = {**(record.labels or {}), **labels}
        return True

    def _syslog_5424(self, record: Record, text: str, depth: int) -> bool:
        match = _SYSLOG_5424.match(text)
        if match is None or int(match[1]) > 191:
            return False
        priority, stamp, host, app, process, kind, data = match.groups()
        if found := self.clock.front(stamp):
            self._set_time(record, found[0])
        named = {"pid": process, "msgid": kind}
        labels = {k: v for k, v in named.items() if v != "-"} | dict(_PARAMETER.findall(data))
        record.labels = {**(record.labels or {}), **labels} or None
        record.instance = host if host != "-" else record.instance
        record.service = app if app != "-" else record.service
        self.fill(record, text[match.end() :], depth + 1)
        record.level = record.level or level_of_priority(int(priority))
        return True

    def _priority(self, record: Record, text: str, depth: int) -> bool:
        match = _PRIORITY.match(text)
        if match is None or int(match[1]) > 191:
            return False
        self.fill(record, text[match.end() :], depth + 1)
        record.level = record.level or level_of_priority(int(match[1]))
        return True

    def _tag(self, record: Record, tag: re.Match[str]) -> None:
        record.instance = record.instance or tag[1]
        record.service = tag[2]
        if tag[3]:
            record.labels = {**(record.labels or {}), "pid": tag[3]}


def _after(text: str, end: int) -> int:
    """Where the text goes on after a time: brackets, dashes and process numbers taken off."""
    match = _AFTER_PID.match(text, end)
    end = match.end() if match else end
    match = _AFTER_TIME.match(text, end)
    return match.end() if match else end
