"""Plain lines, many at once: a time, a tag of syslog or klog's header, a level, and text; or text alone.

Each is recognised so narrowly that what `plain.Reader` would make of it is known; the rest is for the reader itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gather_diagnostics.logparse import stamps
from gather_diagnostics.logparse.fields import KEYS, path_of
from gather_diagnostics.logparse.lanes import by_value, described
from gather_diagnostics.logparse.levels import LATER_WITHIN, LONG, find_level, level_of, level_of_status
from gather_diagnostics.logparse.plain import _after
from gather_diagnostics.logparse.records import Context

if TYPE_CHECKING:
    import pyarrow as pa

Columns = dict[str, "pa.Array"]

_UPPER = LONG.upper()
_LEAD = (
    rf"(?P<lead>(?:(?:{_UPPER})(?:\s*[-|,:]+\s+|\s+)"
    rf"|(?i:[\[(<|]\s*(?:{LONG})\s*[\])>|]:?\s*|(?:{LONG})\s*[:\t]\s*))?)"
)
_BEHIND = r"(?: #\d+| \[\d+\])?(?:[\])],?[ \t|]*|,?[ \t|]+)(?:[-:] +)?"
_TIMED = rf"\A(?P<head>[\[(]?{stamps.STAMP}{_BEHIND}){_LEAD}"
# Bounds cost more than they bring: RE2 spells out every repetition, and Arrow compiles a pattern on every call.
_TAG = r"(?P<tag> ?(?P<host>[!-~]+) (?P<app>[\w./\-]+)(?:\[(?P<pid>\d{1,10})\])?: ?)"
_TAGGED = rf"\A(?P<head>{stamps.STAMP}){_TAG}{_LEAD}"
_KLOG = rf"\A(?P<head>[IWEF]\d{{4}} \d\d:\d\d:\d\d\.\d{{6}})(?P<tag>\s+\d+ [^\]\s]+\] ?){_LEAD}"
_UNTIMED = rf"\A{_LEAD}"
_ACCESS = (
    r'\A(?P<tag>(?P<client>[!#-;=-Z^-z|~]+) [^\["{<]*)'
    r"\[(?P<head>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    r'(?P<rest>"(?P<method>[A-Z]{3,16}) (?P<target>[^"\\]*)" (?P<status>[1-9]\d\d)'
    r" (?P<bytes>0|[1-9]\d{0,14}|-)(?: .*)?)\z"
)

_NAMES = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_MAY_BE_TIME = (
    r"\A[(]?(?:(?:\[[^\]]+\]|[A-Z]+[:,]?|[^\s|]+ *\||\d+:[A-Z])[ \t]+)*"
    rf"\[?(?:\d{{4}}[-/.]\d\d[-/.]|\d{{8}}|\d\d?[ /-][A-Z]|\d\d/\d\d/|(?:{_NAMES})|[IWEF]\d{{4}} )"
)
"""Wider than what `Clock.front` and `Clock.within` read: without it a line says no time."""
_IS_TAGGED = rf"\A{stamps.STAMP} ?\S+ [\w./\-]+(?:\[\d+\])?:"
_IS_TAGGED_WITH_PID = rf"\A{stamps.STAMP} \S+ [\w./\-]+\[\d+\]:"
_MORE_TIME = r"\A(?:[+-]\d\d|[Zz]|UTC|GMT|[AP]M|[.,:]?\d)"
_NO_TEXT = (
    r"\A[\[(]?(?:\d{10}|\d{8}[T ]|\d{4}|\d\d/\d\d/\d\d|\d\d?[ /-][A-Z]|"
    rf"{_NAMES}|[IWEF]\d)"
    r"|\A(?:[{<]|\[pod/|[+-]\d\d|[Zz]|UTC|GMT|[AP]M)"
)
"""With these in front it may be another time, the rest of the one before, or another wrapping."""
_REQUEST = ', request: "'
_SAFE = r"\A(?:[!-+./0-9;<>-{}~]|[^\x00-\x7f])"
"""With these in front no level goes on."""
_FEW_WORDS = {True: r"\A[^=]*\z|\A(?:[!-<>-~]+ +){2}", False: r"\A[^=]*\z|\A(?:[!-<>-~]+ +){3}"}
"""What makes no logfmt, behind a word and as a whole."""
_KEYS = (re.escape(key).replace("_", "[_-]") for field in ("time", "level", "message") for key in KEYS[field])
_TELLING = rf"(?i)(?:\A|\s)(?:{'|'.join(_KEYS)})="
"""Pairs without one of these keys make no logfmt."""
_LOWER = r"\A(?P<level>trace|debug|info|notice|warn|warning|error|critical|fatal|panic)\s"
_LATER = rf"[\s\[(<|:\-](?:(?P<upper>{_UPPER})(?:[\s\])>|:,\-]|\z))|\[(?:[a-z_]+:)?(?P<lower>{LONG})\]"
_ID = r'(?i)\b(?:%s)[=:] ?["\']?(?P<id>[A-Za-z0-9_.\-]+)'
_IDS = {
    "trace_id": _ID % "trace_?id",
    "request_id": _ID % "(?:x[-_])?request[-_]?id|req_id|correlation[-_]?id",
    "tenant": _ID % "tenant(?:_?id)?",
}
_ANY_ID = _ID % "trace_?id|(?:x[-_])?request[-_]?id|req_id|correlation[-_]?id|tenant(?:_?id)?"
_FRONT = 120
"""Characters in which time, tag and level have to end."""
_KLOG_LEVELS = {"I": "INFO", "W": "WARNING", "E": "ERROR", "F": "CRITICAL"}


def prose(lines: pa.Array, index: pa.Array, context: Context) -> Iterator[pa.Table]:
    """Tables as `lanes.described` makes them, of those of `lines` that are understood; `index` numbers them.

    The lines (strings without nulls) begin records, in no wrapping, and hold no control character but tabs.
    """
    access = _has(lines, r"\[\d\d/[A-Z][a-z]{2}/\d{4}:") & _has(lines, '"')
    klog = _has(lines, r"\A[IWEF]\d{4} ") & ~access
    timed = _has(lines, rf"\A[\[(]?{stamps.STAMP}[\]), \t|]") & ~access & ~klog
    words = _has(lines, r"\A[A-Z]")
    tagged = timed & ((words & _has(lines, _IS_TAGGED)) | (~words & _has(lines, _IS_TAGGED_WITH_PID)))
    untimed = ~(access | klog | timed | _has(lines, _MAY_BE_TIME))
    kinds = ((klog, _KLOG), (tagged, _TAGGED), (timed & ~tagged, _TIMED), (untimed, _UNTIMED))
    for mask, pattern in kinds:
        yield from _told(*_extracted(lines, index, mask, pattern), pattern, context)
    yield from _requests(*_extracted(lines, index, access, _ACCESS), context)


def _extracted(lines: pa.Array, index: pa.Array, mask: Any, pattern: str) -> tuple[pa.Array, pa.Array, Columns]:
    import pyarrow as pa
    import pyarrow.compute as pc

    lines, index = lines.filter(pa.array(mask)), index.filter(pa.array(mask))
    # RE2 looks for groups many times as fast in a short text.
    short = lines if pattern is _ACCESS else pc.utf8_slice_codeunits(lines, 0, _FRONT)
    found = pc.extract_regex(short, pattern)
    is_valid = pc.is_valid(found)
    found = found.filter(is_valid)
    columns = {field.name: pc.struct_field(found, field.name) for field in found.type}
    return lines.filter(is_valid), index.filter(is_valid), columns


def _told(lines: pa.Array, index: pa.Array, found: Columns, pattern: str, context: Context) -> Iterator[pa.Table]:
    """What one pattern tells of the lines."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(lines):
        return
    read = stamps.read(found["head"], context) if "head" in found else None
    lead = found["lead"]
    message = _behind(lines, [found[name] for name in ("head", "tag", "lead") if name in found])
    level, fits = _levels(message, lead, timed=pattern is _TIMED)
    ids, is_clear = _ids(message)
    # A front that reaches the end of what was looked at may go on behind it.
    fits &= (_lengths(lines) - _lengths(message) < _FRONT - 1) & is_clear & _no_pairs(message, lead)
    if read is not None:
        fits &= read.known
    if pattern is not _KLOG:
        fits &= ~(_has(message, _NO_TEXT) & (_lengths(lead) == 0)) & ~_has(message, _REQUEST)
    fields = {"level": level, "message": message, **ids}
    labels = None
    if pattern is _TIMED:
        fits &= _ends_well(found["head"], pc.binary_join_element_wise(lead, message, ""))
    elif pattern is _KLOG:
        own = by_value(pc.utf8_slice_codeunits(found["head"], 0, 1), _KLOG_LEVELS.get)
        fields["level"] = pc.coalesce(level, own)
    elif pattern is _TAGGED:
        fits &= _has(found["tag"], r"\A ") & ~_has(found["host"], _MORE_TIME) & (_lengths(found["app"]) <= 64)
        fields |= {"instance": found["host"], "service": found["app"]}
        pid = pc.if_else(pc.equal(found["pid"], ""), None, found["pid"])
        labels = pc.binary_join_element_wise('{"pid": "', pid, '"}', "")
    time = pa.array(read.micros, mask=~read.known) if read else None
    zoneless = read.zoneless if read else np.zeros(len(lines), bool)
    yield described(index, fields, labels, time, zoneless).filter(pa.array(fits))


def _requests(lines: pa.Array, index: pa.Array, found: Columns, context: Context) -> Iterator[pa.Table]:
    """Lines of access logs."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(lines):
        return
    read = stamps.read(found["head"], context)
    size = pc.if_else(
        pc.equal(found["bytes"], "-"), "", pc.binary_join_element_wise('"bytes": ', found["bytes"], ", ", "")
    )
    parts = ["{", size, '"client": "', found["client"], '", "method": "', found["method"], '", "status": ']
    fields = {
        "level": by_value(found["status"], lambda status: level_of_status(int(status))),
        "message": pc.binary_join_element_wise(found["tag"], found["rest"], ""),
        "endpoint": by_value(found["target"], lambda target: path_of(target.rsplit(" HTTP/", 1)[0])),
    }
    labels = pc.binary_join_element_wise(*parts, found["status"], "}", "")
    made = described(index, fields, labels, pa.array(read.micros), read.zoneless)
    yield made.filter(pa.array(read.known & (_lengths(found["tag"]) < 250)))


def _has(texts: pa.Array, pattern: str) -> Any:
    import pyarrow.compute as pc

    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)


def _lengths(texts: pa.Array) -> Any:
    import pyarrow.compute as pc

    return pc.utf8_length(texts).to_numpy()


def _behind(lines: pa.Array, fronts: list[pa.Array]) -> pa.Array:
    """The lines without what stands in front."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    start = np.sum([_lengths(front) for front in fronts], axis=0)
    order = np.argsort(start, kind="stable")
    sizes, first = np.unique(start[order], return_index=True)
    groups = zip(sizes.tolist(), np.split(order, first[1:]), strict=True)
    parts = [pc.utf8_slice_codeunits(lines.take(pa.array(where)), size) for size, where in groups]
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return pa.concat_arrays(parts).take(pa.array(back))


def _ends_well(heads: pa.Array, rest: pa.Array) -> Any:
    """Whether the reader, too, sees the text begin where the head ends."""
    import numpy as np

    shapes = stamps.shaped(heads).dictionary_encode()
    _, first = np.unique(shapes.indices.to_numpy(), return_index=True)
    samples = heads.take(first).to_pylist()
    ends = stamps.ends(heads.take(first))
    fits = np.array(
        [end > 0 and _after(text, end) == len(text) for text, end in zip(samples, ends.tolist(), strict=True)]
    )
    # In front of a second bracket Apache's error log and the others are read alike only behind '] '.
    odd = np.array(
        [text[0] in "[(" and bool(text[end:].strip("] ")) for text, end in zip(samples, ends.tolist(), strict=True)]
    )
    codes = shapes.indices.to_numpy()
    bare = np.array([text[0] not in "[(" for text in samples], bool)
    is_number = bare[codes] & _has(rest, r"\A(?:#\d|\[\d+\])")
    return fits[codes] & ~is_number & ~(odd[codes] & _has(rest, r"\A\["))


def _levels(message: pa.Array, lead: pa.Array, *, timed: bool) -> tuple[pa.Array, Any]:
    """The level of each text, and whether that is sure."""
    import pyarrow as pa
    import pyarrow.compute as pc

    first = by_value(lead, lambda text: find_level(f"{text}x", timed)[0] if text else None)
    sound = by_value(lead, lambda text: "yes" if not text or find_level(f"{text}x", timed)[1] == len(text) else None)
    has_lead = _lengths(lead) > 0
    sure = pc.is_valid(sound).to_numpy(zero_copy_only=False) & (~has_lead | _has(message, _SAFE))
    sure &= (_lengths(message) > 0) & ~(~has_lead & _has(message, rf"\A(?:{_UPPER})\W*\z"))
    later = pc.utf8_slice_codeunits(message, 0, LATER_WITHIN)
    seen = ~has_lead & _has(later, _LATER)
    found = pc.extract_regex(later.filter(pa.array(seen)), _LATER)
    word = pc.binary_join_element_wise(pc.struct_field(found, "upper"), pc.struct_field(found, "lower"), "")
    levels = pc.replace_with_mask(first, pa.array(seen), by_value(word, level_of))
    if timed:
        lower = ~has_lead & _has(message, _LOWER)
        word = pc.struct_field(pc.extract_regex(message.filter(pa.array(lower)), _LOWER), "level")
        levels = pc.replace_with_mask(levels, pa.array(lower), by_value(word, level_of))
    return levels, sure


def _no_pairs(message: pa.Array, lead: pa.Array) -> Any:
    """Whether these are surely not the pairs of logfmt."""
    return (
        ~_has(message, _TELLING)
        | _has(message, _FEW_WORDS[False])
        | (_has(lead, r"\S\s\z") & _has(message, _FEW_WORDS[True]))
    )


def _ids(message: pa.Array) -> tuple[dict[str, pa.Array], Any]:
    """Trace, request and tenant ids as `fields.ids_in` finds them, and whether they are told apart for certain."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    # What the parser looks for first; the expression itself is by far the slower on lines that hold no id.
    seen = _has(message, "d=|D=|d:|D:|nant=|nant:")
    clear = ~(seen & (_lengths(message) > 4096))
    seen[seen] = _has(message.filter(pa.array(seen)), _ANY_ID)
    columns = {}
    texts = message.filter(pa.array(seen))
    many = pc.count_substring_regex(texts, _ANY_ID).to_numpy()
    for field, pattern in _IDS.items():
        found = pc.struct_field(pc.extract_regex(texts, pattern), "id")
        many = many - pc.count_substring_regex(texts, pattern).to_numpy()
        many = many + (_lengths(pc.fill_null(found, "")) > 128)
        columns[field] = pc.replace_with_mask(pa.nulls(len(message), pa.string()), pa.array(seen), found)
    clear[np.flatnonzero(seen)[many != 0]] = False
    return columns, clear
