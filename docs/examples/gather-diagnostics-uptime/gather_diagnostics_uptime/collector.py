"""Reads black-box probe results, one JSON object a line: {"time": ISO 8601, "target": URL, "ok": bool, "error": text}.

A probe becomes a row of `metrics` (metric probe_failed, 0 or 1); one that failed also a row of `events`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from gather_diagnostics import Gap, Raw, Request, Rows, Target
from gather_diagnostics.config import LocalPath


class UptimeSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    file: LocalPath = Field(default="", description="JSON-lines file of probe results; '{service}' is filled in")


class Probe(BaseModel):
    """One line of the file."""

    time: AwareDatetime
    target: str
    ok: bool
    error: str = ""


class Uptime:
    """The collector `uptime`."""

    name: ClassVar[str] = "uptime"
    tables: ClassVar[frozenset[str]] = frozenset({"metrics", "events"})
    Settings: ClassVar[type[BaseModel]] = UptimeSettings

    def __init__(self, settings: UptimeSettings) -> None:
        self._file = settings.file

    def plan(self, request: Request) -> Iterable[Target | Gap]:
        if self._file:
            yield Target("probe results", str(self._path(request)), "sources.uptime.file names it")
        else:
            mend = "in diagnostics.yaml: sources: {uptime: {file: /var/log/probes/{service}.jsonl}}"
            yield Gap(self.name, "probe results", "not_configured", "no file of probe results is named", mend)

    def check(self, request: Request) -> Iterable[Gap]:
        try:
            self._path(request).open("rb").close()
        except OSError as error:
            yield unreadable(self._path(request), error)

    def collect(self, request: Request) -> Iterator[Rows | Raw | Gap]:
        path = self._path(request)
        samples: list[dict[str, Any]] = []
        failures: list[dict[str, Any]] = []
        bad = 0
        try:
            with path.open(encoding="utf-8", errors="replace") as lines:
                for number, line in enumerate(lines, 1):
                    try:
                        probe = Probe.model_validate_json(line)
                    except ValidationError:
                        bad += 1
                        continue
                    if any(probe.time in window for window in request.windows()):
                        samples.append(sample(probe, f"{path}:{number}", request.service))
                        failures += [] if probe.ok else [failure(probe, f"{path}:{number}")]
        except OSError as error:
            yield unreadable(path, error)
        yield Rows("metrics", samples)
        yield Rows("events", failures)
        if bad:
            yield Gap(self.name, "all probe results", "invalid", f"{bad} lines of {path} are not probe results")

    def _path(self, request: Request) -> Path:
        return Path(self._file.replace("{service}", request.service))


def sample(probe: Probe, ref: str, service: str) -> dict[str, Any]:
    """A row of `metrics`. Shaping is apart from reading, so that it can be tested without a file."""
    measured = {"metric": "probe_failed", "stat": "ratio", "value": float(not probe.ok), "unit": "ratio"}
    return {"time": probe.time, "ref": ref, "service": service, "labels": {"target": probe.target}, **measured}


def failure(probe: Probe, ref: str) -> dict[str, Any]:
    """A row of `events`."""
    what = {"kind": "probe", "reason": "ProbeFailed", "object": probe.target, "message": probe.error}
    return {"time": probe.time, "ref": ref, "count": 1, **what}


def unreadable(path: Path, error: OSError) -> Gap:
    """What every failure to open or read the file becomes."""
    why = f"can't read {path}: {error.strerror}"
    return Gap("uptime", "probe results", "not_found" if isinstance(error, FileNotFoundError) else "denied", why)
