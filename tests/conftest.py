"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import hypothesis
import propertywork
import pytest

from gather_diagnostics import Request, Window

NOW = datetime(2026, 3, 14, 3, 20, tzinfo=UTC)


ELSEWHERE = (
    "AWS_", "GITHUB_", "GH_", "GITLAB_", "CI_", "KUBE", "PROMETHEUS_", "ALERTMANAGER_", "LOKI_", "JIRA_", "SLACK_",
    "PAGERDUTY_", "SERVICENOW_", "ROUNDUP_", "GATHER_DIAGNOSTICS_",
)  # fmt: skip
"""Beginnings of the environment variables by which sources and tickets are found."""


def pytest_configure(config: pytest.Config) -> None:
    # What a shell starts in the background ignores SIGINT, and so would every program that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Not on import: test modules import this one too, which would undo the option.
    hypothesis.settings.load_profile(config.getoption("--hypothesis-profile") or propertywork.FAST)


@pytest.fixture(autouse=True)
def _no_source_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may find, let alone ask, what the environment of the machine it runs on points to."""
    for name in os.environ:
        if name.startswith(ELSEWHERE):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def now() -> datetime:
    """A fixed 'now' for everything that does not talk to a live server."""
    return NOW


@pytest.fixture
def make_request() -> Callable[..., Request]:
    """make_request(service='checkout', now=NOW, minutes=60, change_hours=24, **fields) -> Request."""

    def make(
        service: str = "checkout", now: datetime = NOW, minutes: int = 60, change_hours: int = 24, **fields: object
    ) -> Request:
        length = timedelta(minutes=minutes)
        incident = Window(now - length, now)
        return Request(
            service=service,
            asked=now,
            incident=incident,
            baseline=Window(incident.start - length, incident.start),
            changes=Window(now - timedelta(hours=change_hours), now),
            **fields,  # type: ignore[arg-type]
        )

    return make


def missing(what: str, how: str) -> None:
    """Skip loudly on a laptop, fail in CI: a real-server test that silently never runs proves nothing."""
    message = f"{what} is not here: {how}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
