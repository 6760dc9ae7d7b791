"""Secrets planted wherever a source can hold one: none is in the bundle, on the terminal, or in temporary files."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from gitworld import NOBODY, World
from servers import loki
from servers.aws import aws
from servers.kubestub import DEPLOYMENTS, POD_LIST, kubeconfig, saying, serving
from servers.prometheus import openmetrics, prometheus

from benchmarks.planting import CARRIERS, MAKERS, UNNATURAL, leaked

SERVICE = "checkout"
CONFIGURATION = "configuration"
ROOT = Path(__file__).parents[2]
NAMES = ("github-token", "gitlab-token", "stripe-key", "slack-token", "npm-token", "gcp-api-key", "aws-access-key-id")
"""Kinds that people put into names of files, branches and labels: those that need no key beside them."""
LINES = sorted(c for c in CARRIERS if c not in ("yaml", "env", "plain"))


@dataclass
class Planted:
    """Draws secrets and remembers where they went."""

    rng: random.Random = field(default_factory=lambda: random.Random(4))
    secrets: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Place to kind and secret."""

    def text(self, place: str, kind: str, carrier: str = "") -> str:
        """A text with a new secret of that kind in it."""
        made = MAKERS[kind](self.rng)
        fitting = [c for c in LINES if (kind, c) not in UNNATURAL]
        self.secrets.setdefault(place, []).append((kind, made.secret))
        return CARRIERS[carrier or self.rng.choice(fitting)](made)

    def bare(self, place: str, kind: str) -> str:
        """The secret alone, of a kind that is known by its looks."""
        made = MAKERS[kind](self.rng)
        self.secrets.setdefault(place, []).append((kind, made.secret))
        return made.value

    def texts(self, place: str, count: int, first: int = 0) -> list[str]:
        kinds = sorted(MAKERS)
        return [self.text(place, kinds[(first + n) % len(kinds)]) for n in range(count)]

    @property
    def all(self) -> list[tuple[str, str, str]]:
        return [(place, kind, secret) for place, found in self.secrets.items() for kind, secret in found]


@dataclass(frozen=True)
class Ran:
    planted: Planted
    bundle: Path
    document: Mapping[str, Any]
    shown: Mapping[str, str]
    """What a person can see, by where: stdout, stderr, every file there is."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("everywhere")
    planted, now = Planted(), datetime.now(UTC)
    with ExitStack() as stack:
        yield _played(stack, folder, planted, now)


def _played(stack: ExitStack, folder: Path, planted: Planted, now: datetime) -> Ran:
    sources = {
        "git": {"repo": str(_repository(folder / "shop", planted, now))},
        "logfiles": {"paths": [str(_log_file(folder / "logs", planted, now))]},
        "loki": {"url": _with_credentials(_loki(stack, planted, now), planted)},
        "prometheus": {"url": _with_credentials(_prometheus(stack, folder, planted, now), planted)},
        "alertmanager": {"url": f"http://shop:{planted.bare('configuration', 'stripe-key')}@127.0.0.1:9/x"},
        "kubernetes": {"kubeconfig": str(_cluster(stack, folder, planted, now)), "namespace": "shop"},
        "cloudwatch": {"log_groups": ["/ecs/checkout"], "insights": False},
    }
    environment = _cloudwatch(stack, planted, now)
    entry = {"sources": sources, "owner": f"Ada <{planted.bare('configuration', 'slack-token')}@example.com>"}
    entry["runbooks"] = [f"https://wiki:{planted.bare('configuration', 'github-token')}@wiki.example.com/{SERVICE}"]
    known = {"id": "own", "meaning": f"see {planted.bare('configuration', 'gitlab-token')}", "cause": "one of ours"}
    known |= {"patterns": ["never seen"], "example": planted.text(CONFIGURATION, "password", "logfmt")}
    settings = {"services": {SERVICE: entry}, "known_errors": [known]}
    (folder / "diagnostics.yaml").write_text(yaml.safe_dump(settings))
    return _run(folder, planted, environment)


def _run(folder: Path, planted: Planted, environment: Mapping[str, str]) -> Ran:
    out, temporary = folder / "out", folder / "tmp"
    temporary.mkdir()
    given = {n: v for n, v in os.environ.items() if n in ("PATH", "LANG", "LD_LIBRARY_PATH")}
    given |= {"HOME": str(folder), "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT), **NOBODY, **environment}
    said = planted.text(CONFIGURATION, "postgres-url", "logfmt")
    words = ["--service", SERVICE, "--description", said, "--out", str(out), "--format", "json", "--debug"]
    command = [sys.executable, "-m", "gather_diagnostics", *words]
    ended = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, timeout=240)
    assert ended.returncode in (0, 2), ended.stderr[-3000:]
    document = json.loads(ended.stdout)
    bundle = Path(document["bundle"])
    shown = {"stdout": ended.stdout, "stderr": ended.stderr}
    shown["summary"] = _summary(document, given)
    for place in (bundle, temporary):
        shown |= {f"{place.name}/{f.relative_to(place)}": _read(f) for f in place.rglob("*") if f.is_file()}
        shown |= {f"name of {f.relative_to(place)}": str(f.relative_to(place)) for f in place.rglob("*")}
    return Ran(planted, bundle, document, shown)


def _summary(document: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """What the text form prints, of the same run."""
    words = [
        sys.executable,
        "-m",
        "gather_diagnostics",
        "analyze",
        document["bundle"],
        "--out",
        f"{document['bundle']}-2",
    ]
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=240)
    assert ended.returncode in (0, 2), ended.stderr
    return ended.stdout + ended.stderr


def _read(file: Path) -> str:
    if file.suffix != ".parquet":
        return file.read_text(errors="replace")
    table = pq.read_table(file)
    texts = [c.drop_null().unique().to_pylist() for c in table.columns if pa.types.is_string(c.type)]
    return "\n".join(text for column in texts for text in column) + file.read_bytes().decode("latin-1")


def _with_credentials(url: str, planted: Planted) -> str:
    return url.replace("://", f"://shop:{planted.bare('configuration', 'npm-token')}@")


def _repository(folder: Path, planted: Planted, now: datetime) -> Path:
    world = World(folder)
    for number, text in enumerate(planted.texts("commit messages", 24)):
        name = planted.bare("names of files", NAMES[number % len(NAMES)]) if number % 2 else f"code-{number}"
        content = planted.text("patches", sorted(MAKERS)[number * 2 % len(MAKERS)], "env") if number % 3 == 0 else "x"
        files = {f"services/{SERVICE}/{name}.txt": content + "\n"}
        subject = text if number % 2 == 0 else f"Change {number}\n\n{text}"
        world.commit(now - timedelta(minutes=200 - 8 * number), subject, files)
    world.tag(f"{SERVICE}-v2", now - timedelta(minutes=12), planted.text("commit messages", "password", "logfmt"))
    return folder


def _log_file(folder: Path, planted: Planted, now: datetime) -> Path:
    folder.mkdir()
    texts = planted.texts("log files", 48)
    path = folder / f"{planted.bare('names of files', 'github-token')}.log"
    lines = (f"{(now - timedelta(seconds=3000 - 50 * n)).isoformat()} ERROR {text}\n" for n, text in enumerate(texts))
    path.write_text("".join(line.rstrip("\n").replace("\n", "\n  ") + "\n" for line in lines))
    return folder / "*.log"


def _loki(stack: ExitStack, planted: Planted, now: datetime) -> str:
    world = loki.World()
    labels = {
        "app": SERVICE,
        "namespace": "shop",
        "pod": f"{SERVICE}-1",
        "team": planted.bare("labels", "gitlab-token"),
    }
    texts = [f"level=error {text}".replace("\n", " ") for text in planted.texts("Loki", 24, 12)]
    world.put(labels, [(now - timedelta(seconds=2500 - 60 * n), text) for n, text in enumerate(texts)])
    return str(stack.enter_context(loki.loki(world)).url)


def _prometheus(stack: ExitStack, folder: Path, planted: Planted, now: datetime) -> str:
    end = now.timestamp()
    times = [end - 7000 + 15 * n for n in range(466)]
    handlers = [f"/pay?note={planted.bare('labels', kind)}" for kind in NAMES]
    series = [
        ("http_requests_total", {"service": SERVICE, "handler": h, "code": c}, [(t, (t - times[0]) * r) for t in times])
        for h in handlers
        for c, r in (("200", 2.0), ("500", 0.1))
    ]
    pods = [f"{SERVICE}-{n}" for n in range(2)]
    memory = [
        ("process_resident_memory_bytes",
         {"service": SERVICE, "pod": p, "version": planted.bare("labels", "stripe-key")}, [(t, 1e8) for t in times])
        for p in pods
    ]  # fmt: skip
    history = folder / "history.txt"
    families = {"http_requests": ("counter", series), "process_resident_memory_bytes": ("gauge", memory)}
    history.write_text(openmetrics(families))
    return stack.enter_context(prometheus(history))


def _cluster(stack: ExitStack, folder: Path, planted: Planted, now: datetime) -> Path:
    server, url = stack.enter_context(serving())
    pods = [_pod(f"{SERVICE}-6d9f7c5b8-x7k2{n}", planted, now) for n in range(3)]
    deployment = _deployment(planted, now)
    server.routes[POD_LIST] = [saying(200, {"items": pods})]
    server.routes[DEPLOYMENTS] = [saying(200, {"items": [deployment]})]
    server.routes["/apis/apps/v1/namespaces/shop/replicasets"] = [
        saying(200, {"items": [_replica_set(deployment, now)]})
    ]
    maps = [{"metadata": {"name": f"{SERVICE}-config", "namespace": "shop", "creationTimestamp": _stamp(now, 9)},
             "data": {"app.env": planted.text("ConfigMaps", "password", "env")}}]  # fmt: skip
    server.routes["/api/v1/namespaces/shop/configmaps"] = [saying(200, {"items": maps})]
    events = [_event(text, n, now) for n, text in enumerate(planted.texts("events", 8, 30))]
    server.routes["/api/v1/namespaces/shop/events"] = [saying(200, {"items": events})]
    for number, pod in enumerate(pods):
        lines = [f"ERROR {text}".replace("\n", " ") for text in planted.texts("pod logs", 16, 16 * number)]
        stamped = "".join(f"{_stamp(now, 30 - n, '.000000000Z')} {line}\n" for n, line in enumerate(lines))
        path = f"{POD_LIST}/{pod['metadata']['name']}/log"
        server.routes[path] = [saying(200, stamped.encode(), {"Content-Type": "text/plain"})]
    token = planted.bare(CONFIGURATION, "jwt")
    return kubeconfig(folder / "kubeconfig", url, user={"token": token}, namespace="shop")


def _stamp(now: datetime, minutes: float, end: str = "Z") -> str:
    return (now - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S") + end


def _container(planted: Planted) -> dict[str, Any]:
    kinds = ("password", "api-key", "client-secret", "postgres-url", "stripe-key", "jwt", "aws-secret-access-key")
    env = []
    for kind in kinds:
        made = MAKERS[kind](planted.rng)
        planted.secrets.setdefault("env in pod specs", []).append((kind, made.secret))
        env.append({"name": made.key.upper(), "value": made.value})
    command = ["run", planted.text("env in pod specs", "github-token", "flag")]
    limits = {"limits": {"memory": "128Mi"}}
    return {"name": "app", "image": f"shop/{SERVICE}:2", "env": env, "args": command, "resources": limits}


def _pod(name: str, planted: Planted, now: datetime) -> dict[str, Any]:
    note = {"deploy/by": planted.text("annotations", "slack-token", "logfmt")}
    metadata = {"name": name, "namespace": "shop", "uid": name, "labels": {"app": SERVICE}, "annotations": note}
    dead = {"reason": "Error", "exitCode": 1, "finishedAt": _stamp(now, 20)}
    dead |= {"message": planted.text("states of pods", "mongodb-url", "json")}
    state = {
        "name": "app",
        "restartCount": 3,
        "ready": True,
        "state": {"running": {}},
        "lastState": {"terminated": dead},
    }
    spec = {"containers": [_container(planted)], "nodeName": "node-1"}
    status = {"phase": "Running", "containerStatuses": [state]}
    return {
        "kind": "Pod",
        "metadata": metadata | {"creationTimestamp": _stamp(now, 90)},
        "spec": spec,
        "status": status,
    }


def _deployment(planted: Planted, now: datetime) -> dict[str, Any]:
    cause = {"kubernetes.io/change-cause": f"kubectl set env {planted.text('annotations', 'api-key', 'flag')}"}
    template = {
        "metadata": {"labels": {"app": SERVICE}, "annotations": cause},
        "spec": {"containers": [_container(planted)]},
    }
    metadata = {
        "name": SERVICE,
        "namespace": "shop",
        "uid": "uid-checkout",
        "labels": {"app": SERVICE},
        "annotations": cause,
    }
    metadata |= {"creationTimestamp": _stamp(now, 900)}
    return {"kind": "Deployment", "metadata": metadata,
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": SERVICE}}, "template": template}}  # fmt: skip


def _replica_set(deployment: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    notes = {**deployment["metadata"]["annotations"], "deployment.kubernetes.io/revision": "2"}
    metadata = {"name": f"{SERVICE}-6d9f7c5b8", "namespace": "shop", "uid": "rs-2", "annotations": notes}
    metadata |= {"creationTimestamp": _stamp(now, 15), "labels": {"app": SERVICE}}
    metadata |= {"ownerReferences": [{"uid": "uid-checkout", "kind": "Deployment", "name": SERVICE}]}
    return {"kind": "ReplicaSet", "metadata": metadata, "spec": {"template": deployment["spec"]["template"]}}


def _event(text: str, number: int, now: datetime) -> dict[str, Any]:
    about = {"kind": "Pod", "namespace": "shop", "name": f"{SERVICE}-6d9f7c5b8-x7k20"}
    times = {"firstTimestamp": _stamp(now, 12), "lastTimestamp": _stamp(now, 10 - number)}
    metadata = {"name": f"e{number}", "namespace": "shop", "uid": f"e{number}"}
    return {"kind": "Event", "metadata": metadata, "involvedObject": about, "reason": "BackOff", "type": "Warning",
            "message": text, "count": 2, **times}  # fmt: skip


def _cloudwatch(stack: ExitStack, planted: Planted, now: datetime) -> Mapping[str, str]:
    server = stack.enter_context(aws())
    lines = [f"ERROR {text}".replace("\n", " ") for text in planted.texts("CloudWatch", 40, 20)]
    server.put_logs(
        "/ecs/checkout", "task/1", [(now - timedelta(seconds=2900 - 70 * n), x) for n, x in enumerate(lines)]
    )
    name = planted.bare("names of files", "gitlab-token").replace("_", "-")
    tags = {
        "service": SERVICE,
        "note": planted.bare("tags", "stripe-key"),
        "by": planted.text("tags", "password", "logfmt"),
    }
    server.client("sqs").create_queue(QueueName=f"orders-{zlib.crc32(name.encode())}", tags=tags)
    server.put_trail_event(
        now - timedelta(minutes=9), "UpdateService", "ecs.amazonaws.com",
        user=planted.bare("CloudTrail", "github-token"), resources={SERVICE: "AWS::ECS::Service"},
    )  # fmt: skip
    return server.environment()


@pytest.mark.slow
def test_enough_was_planted_and_read(ran: Ran) -> None:
    planted = ran.planted.all
    assert len({secret for _, _, secret in planted}) >= 200
    assert len({kind for _, kind, _ in planted}) >= 30
    read = {c["source"]: c["rows"] for c in ran.document["coverage"] if any(c["rows"].values())}
    assert set(read) == {"git", "logfiles", "loki", "prometheus", "kubernetes", "cloudwatch"}, ran.document["gaps"]
    assert sum(n for places in ran.document["redactions"].values() for n in places.values()) >= 150


def _seen(ran: Ran, places: set[str]) -> list[tuple[str, str, str]]:
    return [
        (place, kind, where)
        for place, kind, secret in ran.planted.all
        for where, text in ran.shown.items()
        if place in places and leaked(secret, text)
    ]


@pytest.mark.slow
def test_none_of_a_source_is_in_the_bundle_on_the_terminal_or_in_temporary_files(ran: Ran) -> None:
    seen = _seen(ran, set(ran.planted.secrets) - {CONFIGURATION})
    assert not seen, "\n".join(map(str, seen))


@pytest.mark.slow
def test_none_of_our_own_configuration_is_either(ran: Ran) -> None:
    seen = _seen(ran, {CONFIGURATION})
    assert not seen, "\n".join(map(str, seen))
