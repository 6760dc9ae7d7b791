"""Plays a story through the pipe and knows what was planted."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gather_diagnostics.config import Config, Settings
from gather_diagnostics.demo.replay import replay
from gather_diagnostics.demo.story import HOME, STORY, Story
from gather_diagnostics.demo.world import World, build

NOTICE = "This is a demo: repository, logs and metrics are staged, and the incident never happened."


@dataclass(frozen=True, slots=True)
class Stage:
    """A story set up and ready to be read."""

    story: Story
    world: World
    config: Config
    now: datetime


@contextmanager
def stage(story: Story = STORY, now: datetime | None = None) -> Iterator[Stage]:
    """Set a story up in a temporary folder, with a server on loopback; both are gone afterwards."""
    now = now or datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="gather-diagnostics-demo-") as folder:
        world = build(story, Path(folder), now)
        with replay(world.onset) as url:
            sources: dict[str, dict[str, Any]] = {
                "git": {"repo": str(world.repo), "paths": [HOME, "deploy/checkout"]},
                "logfiles": {"paths": [f"{world.logs}/*.log*"]},
                "prometheus": {"url": url},
            }
            yield Stage(story, world, Config(Settings(sources=sources)), now)


def truth(staged: Stage, document: Mapping[str, Any]) -> dict[str, Any]:
    """What was planted, beside what the document says: {onset, change, found_onset, found_change, right}."""
    planted = staged.story.planted
    first = document["changes"][0] if document["stands_out"] else None
    found = first["summary"] if first else None
    right = (
        (planted in (first["id"].rpartition(":")[2], first["summary"]) if first else False) if planted else not first
    )
    return {
        "onset": staged.world.onset.isoformat(),
        "change": planted or None,
        "found_onset": document["onset"]["time"],
        "found_change": found,
        "right": right,
    }
