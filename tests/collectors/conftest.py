"""Fixtures of the tests of collectors that read git repositories."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from gitworld import NOBODY, World

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _no_git_configuration_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in NOBODY.items():
        monkeypatch.setenv(key, value)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "shop")


@pytest.fixture
def history(world: World, now: datetime) -> World:
    for hours in (90, 60, 10, 5, 1):
        world.commit(now - hours * HOUR, f"{hours} h ago", {f"f{hours}": "x\n" * 50})
    return world
