from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from documentsample import NOW, hostile, incident, request
from hypothesis import given
from hypothesis import strategies as st
from mitigationwork import (
    ORIGIN,
    commit,
    configmap,
    deployment,
    ecs_rows,
    evidence,
    finding,
    image,
    minutes,
    pods,
    tag,
    two_revisions,
)

from collectors.cloudwatch import codedeploy, functions
from collectors.kubernetes import helm
from gather_diagnostics.document.view import view
from gather_diagnostics.model import Evidence
from gather_diagnostics.response.facts import NAMES, fit
from gather_diagnostics.response.facts import known as known_from
from gather_diagnostics.response.facts.choosing import choose


def known(its: Evidence) -> dict[str, str]:
    return dict(known_from(its, view(its)).values)


def test_every_name_is_declared_with_a_meaning() -> None:
    assert all(meaning and name.isidentifier() for name, meaning in NAMES.items())
    assert set(known(incident())) <= set(NAMES)


def test_what_was_asked_and_when_it_began() -> None:
    told = known(incident())
    assert told["service"] == "checkout"
    assert told["owner"] == "team-orders"
    assert told["start"] == "2026-03-14T02:57:04+00:00"
    assert told["end"] == "2026-03-14T03:20:00+00:00"


def test_a_rollout_tells_the_workload_where_it_is_and_what_ran_before() -> None:
    rows = two_revisions()
    told = known(evidence(rows, {rows[-1]["id"]: 0.9}))
    assert (told["workload"], told["container"]) == ("deployment/checkout", "app")
    assert (told["namespace"], told["context"], told["cluster"]) == ("shop", "prod-eu", "eu-1")
    assert (told["revision"], told["previous_revision"]) == ("7", "6")
    assert (told["image"], told["previous_image"]) == ("shop/checkout:2.14.1", "shop/checkout:2.14.0")
    assert (told["version"], told["previous_version"]) == ("2.14.1", "2.14.0")


def test_the_revision_to_go_back_to_is_the_one_before_the_suspect_not_before_the_newest() -> None:
    times = {6: minutes(700), 7: minutes(3), 8: minutes(-5)}
    rows = deployment({n: (time, image(f"2.{n}")) for n, time in times.items()})
    told = known(evidence(rows, {rows[1]["id"]: 0.9, rows[2]["id"]: 0.01}))
    assert (told["revision"], told["previous_revision"]) == ("8", "6")
    assert (told["image"], told["previous_image"]) == ("shop/checkout:2.8", "shop/checkout:2.6")


def test_a_tag_and_the_rollout_that_followed_it_are_told_together() -> None:
    rows = [tag("v2", 4, [5], "v1"), *two_revisions()]
    told = known(evidence(rows, {"git:tag:v2": 0.9}))
    assert (told["commit"], told["previous_commit"]) == (f"{5:040x}", f"{1:040x}")
    assert (told["previous_revision"], told["previous_version"]) == ("6", "2.14.0")


def test_a_repository_alone() -> None:
    told = known(evidence([tag("v2", 4, [5], "v1")], {"git:tag:v2": 0.9}))
    assert (told["version"], told["previous_version"]) == ("v2", "v1")
    assert (told["revision"], told["previous_revision"]) == (f"{5:040x}", f"{1:040x}")
    assert told["repository"] == "/src/shop"
    assert told["author"] == "Ada"


def test_nobody_is_named_for_a_change_that_is_not_suspected() -> None:
    told = known(evidence([commit(5, 9, "a.py")], {f"git:commit:{5:040x}": 0.01}, suspected=False))
    assert "author" not in told


def test_two_namespaces_are_told_and_none_is_taken() -> None:
    its = evidence(workloads=[*pods(1), *(p | {"ref": "k8s://prod-eu/shop-eu/Pod/x#1", "name": "x"} for p in pods(1))])
    document = view(its)
    assert "namespace" not in known_from(its, document).values
    assert known_from(its, document).several["namespace"] == ("shop", "shop-eu")


def test_a_suspected_rollout_decides_between_two_namespaces() -> None:
    rows = two_revisions(namespace="shop-eu")
    assert known(evidence(rows, {rows[-1]["id"]: 0.9}, workloads=pods(2)))["namespace"] == "shop-eu"


def test_a_cluster_read_from_inside_has_no_context() -> None:
    inside = [p | {"ref": p["ref"].replace("prod-eu", "in-cluster")} for p in pods(2)]
    told = known(evidence(workloads=inside))
    assert "context" not in told
    assert told["namespace"] == "shop"


def test_the_worst_pod_and_how_many_there_are() -> None:
    its = pods(3)
    its[1] |= {"ready": False, "restarts": 4}
    other = pods(1)[0] | {"name": "checkout-worker-55c9-zzzzz"}
    rows = two_revisions()
    told = known(evidence(rows, {rows[-1]["id"]: 0.9}, workloads=[*its, other]))
    assert (told["pod"], told["node"], told["replicas"]) == ("checkout-7d4f9-abcd1", "node-1", "3")


def test_a_configmap_and_an_autoscaler() -> None:
    event = {
        "time": NOW,
        "ref": "uid",
        "kind": "kubernetes",
        "reason": "AtMaximum",
        "object": "HorizontalPodAutoscaler/co",
    }
    told = known(evidence([configmap(2)], workloads=pods(1), events=[event]))
    assert (told["configmap"], told["autoscaler"]) == ("checkout-config", "co")


def test_a_helm_release() -> None:
    def release(version: int, before: float) -> helm.Release:
        metadata = {"name": f"sh.helm.release.v1.co.v{version}", "namespace": "shop", "uid": f"h{version}"}
        return helm.Release("co", version, "deployed", {"kind": "Secret", "metadata": metadata}, minutes(before))

    rows = list(helm.rows([release(11, 900), release(12, 3)], ORIGIN, request().changes))
    told = known(evidence(rows, {rows[-1]["id"]: 0.9}))
    assert (told["helm_release"], told["helm_revision"], told["namespace"]) == ("co", "11", "shop")


@pytest.mark.parametrize("images", [True, False])
def test_an_ecs_service(images: bool) -> None:
    rows = ecs_rows(images)
    told = known(evidence(rows, {rows[-1]["id"]: 0.9}))
    assert (told["region"], told["ecs_cluster"], told["ecs_service"]) == ("eu-central-1", "shop", "checkout-svc")
    assert (told["task_definition"], told["previous_task_definition"]) == ("checkout:42", "checkout:41")
    assert ("image" in told) == images


def test_a_lambda_function() -> None:
    versions = [
        {"FunctionName": "co", "Version": str(n), "CodeSha256": str(n), "LastModified": minutes(b).isoformat()}
        for n, b in ((4, 900), (5, 3))
    ]
    aliases = [{"Name": "live", "FunctionVersion": "5"}]
    rows = list(functions.shaped(versions, aliases, "checkout", "eu-west-1", request().changes))
    told = known(evidence(rows, {rows[-1]["id"]: 0.9}))
    assert (told["lambda_function"], told["alias"], told["region"]) == ("co", "live", "eu-west-1")
    assert (told["revision"], told["previous_revision"]) == ("5", "4")


def test_a_codedeploy_deployment() -> None:
    info = {"applicationName": "checkout", "deploymentGroupName": "g", "deploymentId": "d-1", "createTime": minutes(3)}
    rows = list(codedeploy.shaped([info], "checkout", "eu-west-1", request().changes))
    assert known(evidence(rows, {rows[-1]["id"]: 0.9}))["codedeploy_deployment"] == "d-1"


def test_labels_of_series_tell_the_namespace_and_cloudwatch_does_not() -> None:
    row = {"time": NOW, "ref": "q", "metric": "x", "stat": "avg", "value": 1.0, "unit": "count", "service": "checkout"}
    cloud = row | {"labels": {"namespace": "AWS/ECS", "region": "eu-west-1"}}
    its = evidence(metrics=[row | {"labels": {"namespace": "shop", "container": "app"}}, cloud], broken=False)
    told = known(its)
    assert (told["namespace"], told["container"]) == ("shop", "app")


def test_where_it_hurts() -> None:
    scope = finding("scope", "info", carried_by={"dimension": "tenant", "values": ["acme"]})
    first = finding("dependencies:orders-db", dependency="orders-db", order="before", itself="failing")
    late = finding("dependencies:billing", "low", dependency="billing", order="after")
    told = known(evidence(findings=[scope, first, late]))
    assert (told["tenant"], told["dependency"], told["database"]) == ("acme", "orders-db", "orders-db")


def test_a_flag_that_was_switched() -> None:
    row = commit(5, 2) | {"id": "flags:1", "kind": "flag", "summary": "flag new-cart switched on", "revision": None}
    assert known(evidence([row], {"flags:1": 0.9}))["flag"] == "new-cart"


@pytest.mark.parametrize(
    "value", ["", "-rf", "a\nb", "\x1b[2J", "x" * 600, "[redacted:token:0a1b2c3d]", " x", None, 7, "\u202ea"]
)
def test_what_is_no_name_is_not_fit(value: object) -> None:
    assert not fit(value)


def test_hostile_evidence_gives_fit_values_alone() -> None:
    assert all(fit(v) for v in known(hostile()).values())


def test_a_name_that_is_not_declared_is_refused() -> None:
    with pytest.raises(KeyError):
        choose([[("nonsense", "x")]])


KEYS = ("files", "commits", "images", "previous_images", "diff", "kind", "name", "namespace", "path", "event")
SHAPES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=9),
    lambda children: st.lists(children) | st.dictionaries(st.sampled_from(KEYS), children),
    max_leaves=12,
)


@given(SHAPES)
def test_details_of_any_shape_are_read(details: Any) -> None:
    rows = two_revisions()
    its = evidence(rows, {rows[-1]["id"]: 0.9})
    frame = its.tables["changes"].copy()
    frame["details"] = json.dumps(details if isinstance(details, dict) else {"files": details, "images": details})
    its = replace(its, tables={**its.tables, "changes": frame})
    assert known(its)["service"] == "checkout"
