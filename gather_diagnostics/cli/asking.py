"""From options as typed to what is asked: the request, and the sources to ask."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gather_diagnostics.config import Config
    from gather_diagnostics.model import Request


def choose_sources(names: tuple[str, ...]) -> tuple[str, ...]:
    """The collectors named, or all. Raises InputError for one that does not exist."""
    from gather_diagnostics import plugins
    from gather_diagnostics.errors import InputError

    there = plugins.names(plugins.COLLECTORS)
    for name in names:
        if name not in there:
            raise InputError(f"--source {name}: there is no such source; there are {', '.join(there)}")
    return tuple(dict.fromkeys(names)) or there


def some_service(config: Config) -> str:
    """A service to plan for when none was named: the catalogue's first, else the current folder's name."""
    return next(iter(config.settings.services), Path.cwd().name or "unknown")


def build_request(
    config: Config,
    service: str,
    *,
    since: str | None = None,
    at: str | None = None,
    start: str | None = None,
    end: str | None = None,
    change_window: str | None = None,
    deadline: str = "60s",
    description: str = "",
    severity: str = "",
    now: datetime | None = None,
) -> Request:
    """The request for options as typed. Raises InputError and ConfigError."""
    from gather_diagnostics import windows
    from gather_diagnostics.errors import InputError
    from gather_diagnostics.model import Request

    if not service.strip() or len(service) > 200 or not service.isprintable():
        raise InputError(f"--service {service[:60]!r} is not a service name: use 1 to 200 printable characters")
    entry = config.service(service)
    local = windows.zone(config.settings.timezone or _local_zone())
    now = now or datetime.now(UTC)
    chosen = windows.choose(
        now=now, local=local, since=since, at=at, start=start, end=end,
        change_window=change_window or config.settings.change_window,
    )  # fmt: skip
    seconds = windows.duration(deadline, "--deadline").total_seconds()
    return Request(
        service=service,
        asked=now,
        incident=chosen.incident,
        baseline=chosen.baseline,
        seasonal=chosen.seasonal,
        changes=chosen.changes,
        description=description,
        severity=severity,
        timezone=local.key,
        dependencies=tuple(entry.dependencies),
        runbooks=tuple(entry.runbooks),
        owner=entry.owner,
        known_errors=tuple(config.settings.known_errors),
        # The analyzers and the bundle need their share of the deadline: a quarter, at most 15 s.
        source_seconds=seconds - min(15.0, seconds / 4),
    )


def _local_zone() -> str:
    from tzlocal import get_localzone_name

    return get_localzone_name() or "UTC"
