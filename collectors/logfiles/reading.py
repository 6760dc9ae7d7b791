"""One file from open to close: what it yields, and what has to be said about it."""

from __future__ import annotations

import os
import re
import sys
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import zstandard

from collectors.logfiles.opening import opened, os_gap, stdin_gap
from collectors.logfiles.seeking import BISECT_FROM, micro, newlines, spans
from collectors.logfiles.settings import NAME, LogSettings
from collectors.logfiles.sieve import Sieve
from gather_diagnostics import Gap, Request, Rows
from gather_diagnostics.logparse import Context, Tally, records
from gather_diagnostics.unpacking import Chunks, Source, plain, tester, unpacker

SKEW = timedelta(minutes=2)
"""A newest line that is further ahead of the file's last write speaks of a wrong clock or time zone."""
CREDIBLE = timedelta(days=1)
"""No zone is that far from UTC: further ahead than this, it is the time of the last write that was made up."""

_POD_DIR = re.compile(r"/pods/[^/_]+_([^/_]+)_[^/]+/[^/]+/[^/]+$")
_CONTAINER_FILE = re.compile(r"/containers/([^/_]+)_[^/]+\.log$")


@dataclass
class Reading:
    """One file being read."""

    path: str
    request: Request
    settings: LogSettings
    sieve: Sieve
    end: float
    """Reading stops then (time.monotonic())."""
    tally: Tally = field(default_factory=Tally)
    problems: list[Gap] = field(default_factory=list)
    newest: int = 0
    first: bytes = b""

    @property
    def where(self) -> str:
        return "standard input" if self.path == "-" else self.path

    def rows(self, seen: set[tuple[int, int]]) -> Iterator[Rows | Gap]:
        if self.path == "-":
            gap = stdin_gap()
            yield from [gap] if gap else self._rows(sys.stdin.buffer, self.request.asked)
            return
        try:
            with opened(self.path) as stream:
                about = os.fstat(stream.fileno())
                # The same file by another name: a link, or rotated since the last one was read.
                if (about.st_dev, about.st_ino) not in seen:
                    seen.add((about.st_dev, about.st_ino))
                    changed = datetime.fromtimestamp(about.st_mtime, UTC)
                    # A copy may be younger than what it is asked about.
                    yield from self._rows(stream, min(changed, self.request.asked))
                    self._judge_clock(stream)
                    self._look_for_rotation(stream)
        except OSError as error:
            self.problems.append(os_gap(self.path, error))
        yield from self.problems

    def _rows(self, stream: Source, changed: datetime) -> Iterator[Rows | Gap]:
        context = Context(zone=_zone(self.settings.timezone), reference=changed)
        ref = self.where if self.path != "-" else "stdin"
        # NumPy and Arrow take a quarter of a second, which other sources need not wait for.
        from collectors.logfiles.choosing import Choice

        choice = Choice(self.sieve)
        service, instance, cap = self.request.service, _instance(self.path), self.settings.max_line_bytes
        for chunks, first_line in self._parts(stream, context):
            part = Context(context.zone, context.reference, first_line)
            for batch in records(chunks, part, self.tally, ref=ref, service=service, instance=instance, cap=cap):
                yield from (Rows("logs", kept) for kept in choice.kept(batch))
                self.newest = choice.newest
        self._judge()
        if self.path == "-":
            yield from self.problems

    def _parts(self, stream: Source, context: Context) -> Iterator[tuple[Chunks, int]]:
        """(chunks to parse, number of their first line): the whole file, or what a bisection left of it."""
        head = stream.read(4) if self.path != "-" else b""
        if self.path == "-":
            yield self._guarded(plain(stream)), 1
        elif unpack := unpacker(head):
            stream.seek(0)
            yield self._guarded(unpack(stream)), 1
        else:
            size = os.fstat(stream.fileno()).st_size
            whole = [(0, sys.maxsize)]
            ranges = spans(stream, size, self.request, context) if size >= BISECT_FROM else whole
            # The newest first: when time runs out, it costs the weeks before.
            for start, stop, line in reversed(_numbered(stream, ranges)):
                stream.seek(start)
                yield self._guarded(plain(stream, stop - start)), line

    def _guarded(self, chunks: Iterable[bytes]) -> Chunks:
        """The chunks until they end, break or reach a limit; the reason becomes a gap and what came stays."""
        size, lines = 0, 1
        try:
            for chunk in chunks:
                self.first = self.first or chunk.lstrip().partition(b"\n")[0].strip()
                yield chunk
                size += len(chunk)
                lines += chunk.count(b"\n")
                if size >= self.settings.max_bytes:
                    self._stop("truncated", f"the first {size:,} bytes were read", "raise sources.logfiles.max_bytes")
                    return
                if time.monotonic() > self.end:
                    self._stop("timeout", f"time was up after {size:,} bytes", "allow more time with --deadline")
                    return
        except (zlib.error, zstandard.ZstdError, EOFError) as error:
            why = f"it is damaged after {size:,} decompressed bytes (line {lines:,}): {error}"
            self._stop("invalid", why, f"copy it again from where it comes; test it with: {tester(self.path)}")
        except OSError as error:
            self.problems.append(os_gap(self.where, error))

    def _stop(self, cause: str, why: str, mend: str) -> None:
        self.problems.append(Gap(NAME, f"the rest of {self.where}", cause, f"{self.where}: {why}", mend))  # type: ignore[arg-type]

    def _look_for_rotation(self, stream: Source) -> None:
        about = os.fstat(stream.fileno())
        mend = "run again to read the new file as well"
        try:
            now = os.stat(self.path)
        except FileNotFoundError:
            now = None
        if now is None or (now.st_dev, now.st_ino) != (about.st_dev, about.st_ino):
            self._stop("truncated", "it was rotated away while it was read; the old file was read to its end", mend)
        elif about.st_size < stream.tell():
            self._stop("truncated", "it was emptied while it was read (copytruncate); lines may be missing", mend)

    def _judge(self) -> None:
        """Gaps that show only once the file was read."""
        tally = self.tally
        if tally.cut:
            why = (
                f"{tally.cut:,} line{'s' if tally.cut > 1 else ''} of {self.where} longer than "
                f"{self.settings.max_line_bytes:,} bytes (the longest: {tally.longest:,}) were cut"
            )
            mend = "raise sources.logfiles.max_line_bytes, or let the service log less in one line"
            self.problems.append(Gap(NAME, f"whole lines of {self.where}", "truncated", why, mend))
        if tally.records and not tally.timed:
            first = self.first[:120].decode("utf-8", "replace")
            why = f"no timestamp recognised in {self.where}; the first line is {first!r}"
            mend = "let the service log ISO 8601 times, or take the file out of sources.logfiles.paths"
            self.problems.append(Gap(NAME, f"log lines in {self.where}", "invalid", why, mend))
        if self._ahead_of(self.request.asked) > SKEW:
            words = f"{_words(self._ahead_of(self.request.asked))} in the future"
            self.problems.append(self._skewed(words))

    def _judge_clock(self, stream: Source) -> None:
        """No line is younger than the write that brought it. Asked after reading: it may be written meanwhile."""
        written = datetime.fromtimestamp(os.fstat(stream.fileno()).st_mtime, UTC)
        ahead = self._ahead_of(written)
        if SKEW < ahead < CREDIBLE and self._ahead_of(self.request.asked) <= SKEW:
            self.problems.append(self._skewed(f"{_words(ahead)} after the file was last written"))

    def _ahead_of(self, moment: datetime) -> timedelta:
        return timedelta(microseconds=self.newest - micro(moment))

    def _skewed(self, words: str) -> Gap:
        why = f"the newest line of {self.where} lies {words}: times of this file can't be trusted"
        mend = "check the clock of the machine that wrote it: timedatectl"
        if self.tally.zoneless:
            mend += (
                f"; or set sources.logfiles.timezone: its stamps name no zone and were read as {self.settings.timezone}"
            )
        return Gap(NAME, f"right times in {self.where}", "invalid", why, mend)


def _numbered(stream: Source, ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Byte ranges with the numbers of their first lines."""
    found = []
    at, line = 0, 1
    for start, stop in ranges:
        line += newlines(stream, at, start)
        at = start
        found.append((start, stop, line))
    return found


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


def _words(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _instance(path: str) -> str:
    if match := _POD_DIR.search(path) or _CONTAINER_FILE.search(path):
        return match[1]
    return "stdin" if path == "-" else os.path.basename(path)
