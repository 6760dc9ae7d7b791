"""Builds a story's repository and log files in a folder."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from gather_diagnostics.demo.story import SERVICE, Commit, Deploy, Story
from gather_diagnostics.errors import GatherError

HOURS = 3.0
"""Of logs before now."""
PODS = ("checkout-7c9f6d5b8-4kxqz", "checkout-7c9f6d5b8-h2vlm", "checkout-7c9f6d5b8-p9wtn", "checkout-7c9f6d5b8-zr5dj")
GRID = 15
"""Seconds: the recorded metrics' step; the onset lies on it."""


@dataclass(frozen=True, slots=True)
class World:
    repo: Path
    logs: Path
    onset: datetime
    """UTC, a multiple of GRID."""


def build(story: Story, folder: Path, now: datetime) -> World:
    """Write the repository and the logs. `now` is UTC. Raises GatherError when git is missing or fails."""
    onset = now - timedelta(minutes=story.onset_minutes)
    onset -= timedelta(seconds=onset.timestamp() % GRID)
    world = World(folder / "shop", folder / "logs", onset)
    _repository(story, world)
    _logs(story, world, now)
    return world


def _repository(story: Story, world: World) -> None:
    world.repo.mkdir()
    _git(world.repo, "init", "--quiet", "--initial-branch=main")
    _git(world.repo, "fast-import", "--quiet", stream=b"".join(_history(story, world.onset)))
    _git(world.repo, "reset", "--quiet", "--hard", "main")


def _git(repo: Path, *arguments: str, stream: bytes = b"") -> None:
    try:
        subprocess.run(["git", *arguments], cwd=repo, input=stream, capture_output=True, check=True, timeout=60)
    except FileNotFoundError as error:
        raise GatherError("the demo makes a git repository, and git is not installed: install git") from error
    except subprocess.CalledProcessError as error:
        raise GatherError(
            f"git {arguments[0]} failed: {error.stderr.decode(errors='replace').strip()[:300]}"
        ) from error


def _history(story: Story, onset: datetime) -> Iterator[bytes]:
    """A `git fast-import` stream: commits in time order, an annotated tag for each deploy."""
    steps: list[Commit | Deploy] = sorted([*story.commits, *story.deploys], key=lambda s: -s.minutes)
    mark = 0
    for step in steps:
        when = int((onset - timedelta(minutes=step.minutes)).timestamp())
        if isinstance(step, Deploy):
            text = "Rolled out to production"
            yield f"tag {step.tag}\nfrom :{mark}\ntagger {_person(step.author)} {when} +0000\n{_data(text)}\n".encode()
            continue
        mark += 1
        yield f"commit refs/heads/main\nmark :{mark}\ncommitter {_person(step.author)} {when} +0000\n".encode()
        yield f"{_data(step.message)}\n".encode()
        yield f"from :{mark - 1}\n".encode() if mark > 1 else b""
        for path, content in step.files.items():
            yield f"M 100644 inline {path}\n{_data(content)}\n".encode()


def _person(name: str) -> str:
    return f"{name} <{name.lower().replace(' ', '.')}@shop.example>"


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}"


def _logs(story: Story, world: World, now: datetime) -> None:
    """One JSON-lines file a pod; the first pod's older half is rotated and gzipped, as logrotate would."""
    world.logs.mkdir()
    for number, pod in enumerate(PODS):
        # Seeded: a demo tells the same story every time.
        lines = list(_lines(story, world.onset, now, pod, random.Random(number)))  # noqa: S311
        file = world.logs / f"{pod}.log"
        if number == 0:
            half = len(lines) // 2
            with gzip.open(f"{file}.1.gz", "wt", encoding="utf-8") as rotated:
                rotated.writelines(lines[:half])
            lines = lines[half:]
        file.write_text("".join(lines), encoding="utf-8")


def _lines(story: Story, onset: datetime, now: datetime, pod: str, chance: random.Random) -> Iterator[str]:
    time = now - timedelta(hours=HOURS)
    stray: datetime | None = onset - timedelta(minutes=17, seconds=chance.uniform(0, 50))
    while (time := time + timedelta(seconds=chance.expovariate(0.5))) < now:
        if pod == PODS[1] and stray and time >= stray:
            stray = None  # one lone error long before the onset: a red herring
            yield _line(time, pod, "ERROR", "receipt printer answered with an empty page", chance)
        yield _line(time, pod, *_ordinary(chance), chance)
        if time > onset and chance.random() < min(0.6, 0.1 + (time - onset).total_seconds() / 300):
            yield _line(time, pod, "ERROR", story.error, chance, path="/api/checkout")


_ORDINARY: Sequence[tuple[float, str, str]] = (
    (0.62, "INFO", "order {order} placed in {ms} ms"),
    (0.80, "INFO", "cart {order} priced, {items} items"),
    (0.93, "DEBUG", "cache hit for key cart:{order}"),
    (0.985, "WARNING", "slow request: {ms}0 ms for order {order}"),
    (0.998, "WARNING", "card of order {order} declined by issuer"),
    (1.0, "ERROR", "mail for order {order} was refused by the relay, will retry"),
)


def _ordinary(chance: random.Random) -> tuple[str, str]:
    draw = chance.random()
    level, text = next((level, text) for share, level, text in _ORDINARY if draw <= share)
    values = {"order": chance.randrange(10**6, 10**7), "ms": chance.randrange(18, 95), "items": chance.randrange(1, 9)}
    return level, text.format(**values)


def _line(time: datetime, pod: str, level: str, message: str, chance: random.Random, path: str | None = None) -> str:
    record = {
        "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level.lower(),
        "service": SERVICE,
        "pod": pod,
        "path": path or chance.choice(("/api/cart", "/api/cart", "/api/checkout")),
        "trace_id": f"{chance.getrandbits(128):032x}",
        "msg": message,
    }
    return json.dumps(record) + "\n"
