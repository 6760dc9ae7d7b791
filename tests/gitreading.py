"""Reading a repository with the git collector, as the runner does it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gitworld import World

from collectors.git import Git, Settings
from gather_diagnostics import Gap, Raw, Request, Rows, Target
from gather_diagnostics.tables import to_batch

HOUR = timedelta(hours=1)


@dataclass
class Result:
    rows: list[dict[str, Any]]
    raws: dict[str, str]
    gaps: list[Gap]
    older: list[dict[str, Any]] = field(default_factory=list)
    """Rows from before the change window, which are not in `rows`."""

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [r for r in self.rows if r["kind"] == kind]

    def row(self, id: str) -> dict[str, Any]:
        return next(r for r in self.rows if r["id"] == id)

    def commit(self, sha: str) -> dict[str, Any]:
        return self.row(f"git:commit:{sha}")

    @property
    def revisions(self) -> list[str]:
        return [r["revision"] for r in self.rows if r["kind"] != "deploy"]


def read(request: Request, folder: Path | str, **settings: Any) -> Result:
    """Collect, and hold the rows against the table as the runner does."""
    result = Result([], {}, [])
    for item in Git(Settings(repo=str(folder), **settings)).collect(request):
        match item:
            case Rows(table, rows):
                assert isinstance(rows, list)
                to_batch(table, "git", rows)
                for row in rows:
                    (result.older if row["details"].get("before_window") else result.rows).append(row)
            case Raw(name, text):
                assert name not in result.raws
                result.raws[name] = text
            case Gap():
                result.gaps.append(item)
    for row in result.rows:  # older ones say where to read their patch
        assert row["ref"].removeprefix("raw/git/") in result.raws, "every row leads to its raw record"
    return result


def plan(request: Request, folder: Path | str = "", **settings: Any) -> tuple[list[Target], list[Gap]]:
    items = list(Git(Settings(repo=str(folder), **settings)).plan(request))
    return [i for i in items if isinstance(i, Target)], [i for i in items if isinstance(i, Gap)]


def plant(folder: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, does: str) -> None:
    """A git in PATH that does something else when its arguments match."""
    real = shutil.which("git")
    folder.mkdir()
    (folder / "git").write_text(f'#!/bin/sh\ncase "$*" in {pattern}) {does};; esac\nexec {real} "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def clone(world: World, folder: Path, *options: str) -> Path:
    world.git("config", "uploadpack.allowFilter", "true")
    world.git("clone", "-q", *options, world.folder.as_uri(), str(folder))
    return folder
