"""Small incidents by hand for the tests of facts and mitigations; rows are made by the collectors' own functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from documentsample import NOW, ONSET, log_rows, metric_rows, onset_finding, request, tables
from documentsample import health_findings as health

from collectors.cloudwatch import ecs
from collectors.kubernetes import configuration, rollouts
from collectors.kubernetes.objects import Origin
from gather_diagnostics import Coverage, Evidence, Finding, Support, Target
from gather_diagnostics.document.view import view
from gather_diagnostics.response.facts import known
from gather_diagnostics.response.mitigation import propose

ORIGIN = Origin("prod-eu", "eu-1", "checkout", NOW)
Row = dict[str, Any]
View = Mapping[str, Any]


def minutes(before: float) -> datetime:
    """So many minutes before the onset."""
    return ONSET - timedelta(minutes=before)


def deployment(
    revisions: Mapping[int, tuple[datetime, Mapping[str, Any]]], *, kind: str = "Deployment", namespace: str = "shop"
) -> list[Row]:
    """Rows of a workload's rollouts: revision to when it began and its pod template's spec or metadata."""
    metadata = {"name": "checkout", "namespace": namespace, "uid": "w1"}
    workload = {"kind": kind, "metadata": metadata, "status": {"conditions": []}}
    carrier = "ReplicaSet" if kind == "Deployment" else "ControllerRevision"
    own = [_carrier(carrier, number, time, template, namespace) for number, (time, template) in revisions.items()]
    return list(rollouts.rows(workload, own, [], ORIGIN, request().changes))


def _carrier(kind: str, number: int, time: datetime, template: Mapping[str, Any], namespace: str) -> Row:
    owner = [{"uid": "w1"}]
    metadata: Row = {
        "name": f"checkout-{number}", "namespace": namespace, "uid": f"c{number}", "ownerReferences": owner,
        "creationTimestamp": time.isoformat(),
    }  # fmt: skip
    if kind == "ReplicaSet":
        metadata["annotations"] = {"deployment.kubernetes.io/revision": str(number)}
        return {"kind": kind, "metadata": metadata, "spec": {"template": template}}
    return {"kind": kind, "metadata": metadata, "revision": number, "data": {"spec": {"template": template}}}


def image(tag: str, **metadata: Any) -> Row:
    """A pod template of one container."""
    return {"metadata": metadata, "spec": {"containers": [{"name": "app", "image": f"shop/checkout:{tag}"}]}}


def two_revisions(**options: Any) -> list[Row]:
    """Revision 7 three minutes before the onset, 6 half a day before."""
    return deployment({6: (minutes(700), image("2.14.0")), 7: (minutes(3), image("2.14.1"))}, **options)


def configmap(before: float, manager: str = "kubectl-client-side-apply") -> Row:
    entry = {"manager": manager, "time": minutes(before).isoformat(), "fieldsV1": {"f:data": {"f:pool": {}}}}
    metadata = {"name": "checkout-config", "namespace": "shop", "uid": "m1", "managedFields": [entry]}
    thing = {"kind": "ConfigMap", "metadata": metadata}
    return next(configuration.rows(thing, ORIGIN, request().changes))


def commit(number: int, before: float, *paths: str, **more: Any) -> Row:
    sha = f"{number:040x}"
    files = [{"path": p, "added": 1, "deleted": 0} for p in paths]
    return {
        "time": minutes(before), "ref": f"raw/git/{sha}.diff", "id": f"git:commit:{sha}", "kind": "commit",
        "service": "checkout", "revision": sha, "previous": f"{number - 1:040x}", "author": "Ada",
        "summary": "a change", "details": {"files": files},
    } | more  # fmt: skip


def tag(name: str, before: float, commits: Iterable[int], previous: str | None = None) -> Row:
    shas = [f"{n:040x}" for n in commits]
    return {
        "time": minutes(before), "ref": f"raw/git/refs/tags/{name}.txt", "id": f"git:tag:{name}", "kind": "deploy",
        "service": "checkout", "revision": shas[0], "previous": f"{1:040x}" if previous else None, "author": "Ada",
        "summary": name, "details": {"tag": name, "previous_tag": previous, "commits": shas},
    }  # fmt: skip


def ecs_rows(images: bool) -> list[Row]:
    """Task definition 42 three minutes before the onset, 41 ten hours before; with or without their images."""
    arn = "arn:aws:ecs:eu-central-1:1:task-definition/checkout:"
    service = {
        "serviceName": "checkout-svc", "clusterArn": "arn:aws:ecs:eu-central-1:1:cluster/shop",
        "deployments": [
            {"id": f"d{n}", "createdAt": minutes(before), "taskDefinition": f"{arn}{n}", "rolloutState": "COMPLETED"}
            for n, before in ((41, 600), (42, 3))
        ],
    }  # fmt: skip
    named = {f"{arn}41": "shop/checkout:1", f"{arn}42": "shop/checkout:2"} if images else {}
    return list(ecs.deployments(service, named, "checkout", "eu-central-1", request().changes))


def pods(count: int, **more: Any) -> list[Row]:
    return [
        {
            "time": NOW, "ref": f"k8s://prod-eu/shop/Pod/checkout-7d4f9-abcd{n}#p{n}", "kind": "Pod",
            "name": f"checkout-7d4f9-abcd{n}", "phase": "Running", "ready": True, "restarts": 0, "node": f"node-{n}",
            "limits": {"cpu": 0.5, "memory": 2**29},
        } | more
        for n in range(count)
    ]  # fmt: skip


def finding(id_: str, severity: str = "high", confidence: float = 0.9, **details: Any) -> Finding:
    its = (Support("metrics", (0,)),)
    return Finding(id_, id_.partition(":")[0], f"{id_}.", confidence, severity, supports=its, details=details)  # type: ignore[arg-type]


def full(resource: str, **details: Any) -> Finding:
    return finding(f"saturation:{resource}", resource=resource, **{"ratio": 1.0, "of": 3, "until": None} | details)


def evidence(
    changes: Sequence[Row] = (),
    probable: Mapping[str, float] | None = None,
    *,
    findings: Sequence[Finding] = (),
    suspected: bool = True,
    broken: bool = True,
    **more: Sequence[Row],
) -> Evidence:
    """`probable`: id of a change to its probability; the first stands out if `suspected`."""
    rows = {"changes": list(changes), "logs": log_rows(), "metrics": metric_rows(step=300), **more}
    frames = tables({name: its for name, its in rows.items() if its})
    told = [_candidate(frames, id_, p) for id_, p in (probable or {}).items()]
    details = {"stands_out": suspected and bool(told), "none_probability": 0.05}
    verdict = Finding("changes", "changes", "The verdict.", 0.9, details=details)
    sick = [onset_finding(frames), *health(frames)] if broken else health(frames, broken=False)
    where = (Coverage("git", (Target("commits", "/src/shop (branch main)", "it is here"),), {}, 0.1, "complete"),)
    return Evidence(request(), frames, where, (), (*sick, verdict, *told, *findings))


def _candidate(frames: Mapping[str, Any], id_: str, probability: float) -> Finding:
    frame = frames["changes"]
    row = frame[frame["id"] == id_].iloc[0]
    text = {
        n: row[n] if isinstance(row[n], str) else None for n in ("kind", "service", "summary", "revision", "previous")
    }
    details = text | {"change": id_, "probability": probability, "time": row["time"].isoformat()}
    details["effective"] = row["time"].isoformat()
    support = Support("changes", (int(row.name),))
    return Finding(f"changes:{id_}", "changes", "It.", probability, supports=(support,), details=details)


def proposed(its: Evidence, **names: str) -> list[View]:
    document = view(its)
    told = known(its, document)
    return propose(its, document, replace(told, values={**told.values, **names}))


def of_kind(made: Iterable[View], kind: str, *, helps: bool | None = None) -> list[View]:
    return [p for p in made if p["kind"] == kind and helps in (None, p["helps"])]
