"""The collector's entrances: find the files and have them read. What reads them is imported there:
other sources need not wait for it."""

from __future__ import annotations

import glob
import os
import stat
import time
from collections.abc import Iterable, Iterator
from typing import ClassVar

from pydantic import BaseModel

from collectors.logfiles.opening import opened, os_gap, stdin_gap
from collectors.logfiles.settings import NAME, LogSettings
from gather_diagnostics import Gap, Request, Rows, Target

USUAL = (
    "/var/log/{service}/*.log*",
    "/var/log/{service}*.log*",
    "/var/log/pods/*_{service}-*/*/*.log*",
    "/var/log/containers/{service}-*.log",
)
"""Where logs are looked for when no path is configured."""


class LogFiles:
    """The collector `logfiles`; fills the table `logs`."""

    name: ClassVar[str] = NAME
    tables: ClassVar[frozenset[str]] = frozenset({"logs"})
    Settings: ClassVar[type[BaseModel]] = LogSettings

    def __init__(self, settings: LogSettings) -> None:
        self.settings = settings

    def plan(self, request: Request) -> Iterable[Target | Gap]:
        """One Target per glob that matches, one Gap per configured glob that does not. Looks at names and sizes."""
        found = 0
        because = "configured in sources.logfiles.paths" if self.settings.paths else "a usual place"
        for pattern in _patterns(self.settings.paths, request.service):
            if pattern == "-":
                yield stdin_gap() or Target(f"log lines of {request.service}", "standard input", because)
                continue
            files, gap = _matched(pattern)
            if files:
                found += 1
                what = f"log lines of {request.service} in {_sized(files)}"
                yield Target(what, pattern, because)
            elif self.settings.paths:
                yield gap or _nothing_there(pattern)
        if not found and not self.settings.paths:
            places = ", ".join(_patterns([], request.service))
            mend = f"--logs GLOB, or in diagnostics.yaml: services.{request.service}.sources.logfiles.paths: [...]"
            why = f"nothing is in the usual places ({places})"
            yield Gap(NAME, f"log files of {request.service}", "not_configured", why, mend)

    def check(self, request: Request) -> Iterable[Gap]:
        """Opens every file and reads one byte of it."""
        for planned in self.plan(request):
            if isinstance(planned, Gap):
                yield planned
        for path in _files(self.settings.paths, request.service):
            if path != "-":
                try:
                    with opened(path) as stream:
                        stream.read(1)
                except OSError as error:
                    yield os_gap(path, error)

    def collect(self, request: Request) -> Iterator[Rows | Gap]:
        """Rows of `logs` inside the request's windows, the most recently written file first."""
        from collectors.logfiles.reading import Reading
        from collectors.logfiles.sieve import Sieve

        sieve = Sieve(request, self.settings.max_lines)
        end = time.monotonic() + request.source_seconds
        seen: set[tuple[int, int]] = set()
        for path in _files(self.settings.paths, request.service):
            yield from Reading(path, request, self.settings, sieve, end).rows(seen)
        yield from sieve.gaps()


def _patterns(paths: list[str], service: str) -> list[str]:
    return [p.replace("{service}", glob.escape(service)) for p in dict.fromkeys(paths or USUAL)]


def _matched(pattern: str) -> tuple[list[str], Gap | None]:
    """The files of one glob, or why there are none."""
    if glob.has_magic(pattern):
        return [p for p in sorted(glob.glob(pattern, recursive=True)) if not os.path.isdir(p)], None
    try:
        mode = os.stat(pattern).st_mode
    except FileNotFoundError:
        return [], None
    except OSError as error:
        return [], os_gap(pattern, error)
    if stat.S_ISDIR(mode):
        mend = f"name the files in it: {pattern.rstrip('/')}/*.log*"
        return [], Gap(NAME, f"log lines in {pattern}", "invalid", f"{pattern} is a directory", mend)
    return [pattern], None


def _files(paths: list[str], service: str) -> list[str]:
    """Every file once; standard input first, then by the time of the last change, newest first."""
    patterns = _patterns(paths, service)
    found = dict.fromkeys(p for pattern in patterns if pattern != "-" for p in _matched(pattern)[0])
    ordered = sorted(found, key=lambda p: (-_changed(p), p))
    return ["-", *ordered] if "-" in patterns else ordered


def _changed(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _sized(files: list[str]) -> str:
    size = 0
    for path in files:
        try:
            size += os.stat(path).st_size
        except OSError:
            continue
    return f"{len(files)} file{'s' if len(files) != 1 else ''}, {size:,} bytes"


def _nothing_there(pattern: str) -> Gap:
    mend = "correct sources.logfiles.paths, or run where the files are"
    return Gap(NAME, f"log lines in {pattern}", "not_found", f"no file matches {pattern}", mend)
