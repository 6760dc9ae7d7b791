"""What the tests of the forge collector share: the story both forges tell, and reading it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from servers.forge import REPOSITORY, TOKEN, Deploy, Repo

from collectors.forge import Forge, ForgeSettings
from gather_diagnostics import Gap, Request, Rows, Skew
from gather_diagnostics.tables import to_batch

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
KINDS = ("github", "gitlab")
MakeRequest = Callable[..., Request]


def bare_environment(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Neither a proxy nor a private authority, and no clone around."""
    for name in (
        "HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy REQUESTS_CA_BUNDLE CURL_CA_BUNDLE"
    ).split():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(folder)


def source(url: str, kind: str = "github", **settings: Any) -> Forge:
    given = {"api_url": url, "kind": kind, "repository": REPOSITORY, "token": TOKEN, "environments": ["production"]}
    return Forge(ForgeSettings(**{**given, **settings}))


@dataclass
class Result:
    rows: list[dict[str, Any]]
    gaps: list[Gap]

    def row(self, id: str) -> dict[str, Any]:
        return next(r for r in self.rows if r["id"] == id)

    @property
    def ids(self) -> list[str]:
        return [r["id"].partition(":")[2] for r in self.rows]


def read(request: Request, source: Forge) -> Result:
    result = Result([], [])
    for item in source.collect(request):
        if isinstance(item, Gap):
            result.gaps.append(item)
        elif not isinstance(item, Skew):
            assert isinstance(item, Rows)
            to_batch(item.table, "forge", item.rows)
            result.rows += item.rows  # type: ignore[arg-type]
    assert TOKEN not in repr(result)
    return result


def steps(kind: str, begun: datetime, ended: datetime, *, well: bool = True) -> list[tuple[str, datetime]]:
    words = {"github": ("in_progress", "success", "failure"), "gitlab": ("running", "success", "failed")}[kind]
    return [(words[0], begun), (words[1 if well else 2], ended)]


def told(repo: Repo, kind: str, now: datetime) -> Repo:
    """Deployments 1 (before the window), 2 (good), 3 (failed), 4 (bad); the story is the same on both forges."""
    moments = {1: 50 * HOUR, 2: 5 * HOUR, 3: 3 * HOUR, 4: 2 * HOUR}
    commits = {1: 10, 2: 12, 3: 13, 4: 15}
    repo.deploys = [
        Deploy(n, commits[n], now - ago, steps(kind, now - ago + MINUTE, now - ago + 4 * MINUTE, well=n != 3))
        for n, ago in moments.items()
    ]
    repo.deploys.append(Deploy(5, 15, now - HOUR, steps(kind, now - HOUR, now), environment="staging"))
    repo.deploys.append(Deploy(6, 15, now + HOUR, steps(kind, now + HOUR, now + HOUR)))
    repo.merges = [(40, 14, now - 4 * HOUR), (41, 15, now - 3 * HOUR), (39, 9, now - 60 * HOUR)]
    repo.releases = [("v1.4", 14, now - 4 * HOUR), ("v1.3", 9, now - 80 * HOUR)]
    return repo
