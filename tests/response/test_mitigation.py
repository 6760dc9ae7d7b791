"""Which mitigations are proposed, why, and why not."""

from __future__ import annotations

from typing import Any

import pytest
from documentsample import NOW, blind, healthy, request
from mitigationwork import (
    ORIGIN,
    commit,
    configmap,
    deployment,
    ecs_rows,
    evidence,
    finding,
    full,
    image,
    minutes,
    of_kind,
    pods,
    proposed,
    tag,
    two_revisions,
)

from collectors.cloudwatch import codedeploy, functions
from collectors.kubernetes import helm, scaling

KEYS = {"kind", "what", "command", "why", "helps", "risk", "undo", "findings", "supports"}
KUBECTL = "kubectl --context=prod-eu --namespace=shop"


def suspected(rows: list[dict[str, Any]], **more: Any) -> list[Any]:
    """Proposals where the last row is the suspect."""
    return proposed(evidence(rows, {rows[-1]["id"]: 0.9}, **more))


def commands(made: list[Any], kind: str = "roll_back") -> list[str]:
    return [p["command"] for p in of_kind(made, kind, helps=True)]


def told(made: list[Any], kind: str = "roll_back") -> str:
    """Why that will not help."""
    (one,) = of_kind(made, kind, helps=False)
    return " ".join(one["why"])


CALM = evidence(two_revisions(), {two_revisions()[-1]["id"]: 0.02}, suspected=False, broken=False)


@pytest.mark.parametrize("its", [healthy(), CALM])
def test_nothing_is_proposed_where_nothing_is_wrong(its: Any) -> None:
    assert proposed(its) == []


def test_blind_evidence_proposes_nothing() -> None:
    assert proposed(blind()) == []


def test_a_proposal_is_whole_and_rests_on_its_findings() -> None:
    (first, *_) = suspected(two_revisions())
    assert set(first) == KEYS
    assert first["helps"] is True
    assert all(first[k] for k in ("what", "risk", "undo"))
    assert first["findings"] == ["changes:" + two_revisions()[-1]["id"]]
    assert first["supports"] == [{"table": "changes", "rows": [1], "total": 1}]
    assert first["why"][0].startswith("90 % probable: deploy “checkout revision 7")


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_a_rollout_is_undone_to_the_revision_before(kind: str) -> None:
    (first, *_) = suspected(two_revisions(kind=kind))
    assert first["command"] == f"{KUBECTL} rollout undo {kind.lower()}/checkout --to-revision=6"
    assert first["undo"] == f"{KUBECTL} rollout undo {kind.lower()}/checkout --to-revision=7"
    assert ("StatefulSet" in first["risk"]) == (kind == "StatefulSet")


def test_a_later_rollout_does_not_hide_what_ran_before_the_suspect() -> None:
    rows = deployment({n: (minutes(b), image(f"2.{n}")) for n, b in ((6, 700), (7, 3), (8, -9))})
    made = proposed(evidence(rows, {rows[1]["id"]: 0.9}))
    assert commands(made) == [f"{KUBECTL} rollout undo deployment/checkout --to-revision=6"]


def test_a_tag_is_undone_by_the_rollout_that_it_became() -> None:
    rows = [*two_revisions(), tag("v2", 5, [5], "v1")]
    assert commands(suspected(rows)) == [f"{KUBECTL} rollout undo deployment/checkout --to-revision=6"]


def test_without_numbers_the_newest_rollout_goes_one_back_and_an_older_one_is_asked_for() -> None:
    def short(number: int, before: float) -> dict[str, Any]:
        return commit(
            number, before, kind="deploy", id=f"k8s:deployment/checkout:{number}", revision=str(number), previous=None
        )

    undo = "kubectl '--namespace=<namespace>' rollout undo deployment/checkout"
    assert commands(suspected([short(7, 3)])) == [undo]
    made = proposed(evidence([short(7, 3), short(8, -9)], {"k8s:deployment/checkout:7": 0.9}))
    assert commands(made) == [f"{undo} '--to-revision=<previous_revision>'"]


def helm_rows(before: float) -> list[dict[str, Any]]:
    """Revision 12 of a release so many minutes before the onset, and 11 long before."""

    def release(version: int, time: float) -> helm.Release:
        metadata = {"name": f"sh.helm.release.v1.co.v{version}", "namespace": "shop", "uid": f"h{version}"}
        return helm.Release("co", version, "deployed", {"kind": "Secret", "metadata": metadata}, minutes(time))

    return list(helm.rows([release(11, 900), release(12, before)], ORIGIN, request().changes))


def test_what_helm_made_is_helm_s_to_undo() -> None:
    made = suspected([*helm_rows(3.5), *two_revisions()])
    assert commands(made) == ["helm rollback co 11 --namespace=shop --kube-context=prod-eu --wait"]


def test_a_release_of_another_hour_did_not_make_the_rollout() -> None:
    made = suspected([*helm_rows(300), *two_revisions()])
    assert commands(made) == [f"{KUBECTL} rollout undo deployment/checkout --to-revision=6"]


@pytest.mark.parametrize("images", [True, False])
def test_an_ecs_service_gets_its_task_definition_back(images: bool) -> None:
    assert commands(suspected(ecs_rows(images))) == [
        "aws ecs update-service --cluster=shop --service=checkout-svc --task-definition=checkout:41"
        " --region=eu-central-1"
    ]


def test_the_task_definition_before_is_not_invented() -> None:
    (first, *_) = suspected(ecs_rows(images=True)[1:])
    assert "--task-definition=<previous_task_definition>" in first["command"]
    assert "aws ecs list-task-definitions --family-prefix=checkout" in first["risk"]


def lambda_rows(*numbers: str) -> list[dict[str, Any]]:
    versions = [
        {"FunctionName": "co", "Version": n, "CodeSha256": n, "LastModified": minutes(900 - i * 897).isoformat()}
        for i, n in enumerate(numbers)
    ]
    aliases = [{"Name": "live", "FunctionVersion": numbers[-1]}]
    return list(functions.shaped(versions, aliases, "checkout", "eu-west-1", request().changes))


def test_an_alias_is_pointed_back() -> None:
    assert commands(suspected(lambda_rows("4", "5"))) == [
        "aws lambda update-alias --function-name=co --name=live --function-version=4 --region=eu-west-1"
    ]


def test_code_that_was_never_published_has_no_version_to_point_back_to() -> None:
    assert "no alias points back" in told(suspected(lambda_rows("4", "$LATEST")))


@pytest.mark.parametrize(
    ("status", "previous", "command"),
    [
        ("InProgress", {}, "aws deploy stop-deployment --deployment-id=d-1 --auto-rollback-enabled --region=eu-west-1"),
        (
            "Succeeded",
            {"s3Location": {"bucket": "b", "key": "co/1.zip"}},
            "aws deploy create-deployment --application-name=checkout --deployment-group-name=g --region=eu-west-1"
            " --s3-location=bucket=b,key=co/1.zip,bundleType=zip",
        ),
    ],
)
def test_codedeploy_is_stopped_or_deploys_again(status: str, previous: Any, command: str) -> None:
    info = {
        "applicationName": "checkout", "deploymentGroupName": "g", "deploymentId": "d-1", "createTime": minutes(3),
        "status": status, "previousRevision": previous,
    }  # fmt: skip
    assert commands(suspected(list(codedeploy.shaped([info], "checkout", "eu-west-1", request().changes)))) == [command]


def test_where_only_a_repository_is_known_the_tag_before_is_deployed_or_the_commits_are_reverted() -> None:
    made = suspected([commit(5, 20, "a.py"), commit(6, 15, "b.py"), tag("v2", 4, [6, 5], "v1")])
    assert commands(made) == ["'<your deploy command>' v1", f"git revert --no-edit {6:040x} {5:040x}"]


def test_a_merge_is_reverted_against_its_first_parent() -> None:
    merge = commit(5, 4, "a.py")
    merge["details"]["parents"] = ["1" * 40, "2" * 40]
    assert commands(suspected([merge])) == [f"git revert --no-edit --mainline=1 {5:040x}"]


@pytest.mark.parametrize(
    "path",
    ["shop/migrations/0042.py", "db/migrate/1_add.rb", "alembic/versions/1.py", "db/V2__x.sql", "prisma/schema.prisma"],
)
def test_a_database_migration_in_between_speaks_against_going_back(path: str) -> None:
    rows = [commit(5, 20, "a.py", path), tag("v2", 4, [5])]
    assert f"A database migration came with it ({path})" in told(suspected(rows))


def test_a_migration_that_landed_between_two_rollouts_counts_and_an_older_one_does_not() -> None:
    old, new = commit(4, 800, "migrations/1.py"), commit(5, 60, "migrations/2.py")
    assert "(migrations/2.py)" in told(suspected([old, new, *two_revisions()]))
    assert commands(suspected([old, *two_revisions()]))


@pytest.mark.parametrize("path", ["docs/migrations/how.md", "src/migrations.py", "app/sql.py"])
def test_what_only_sounds_like_a_migration_does_not(path: str) -> None:
    assert commands(suspected([commit(5, 20, path), tag("v2", 4, [5])]))


def test_the_revision_before_is_gone() -> None:
    rows = deployment({7: (minutes(3), image("2.14.1"))})
    assert "revisionHistoryLimit" in told(suspected(rows))


def test_a_first_rollout_has_none_before_it() -> None:
    assert "there is none to go back to" in told(suspected(deployment({1: (minutes(3), image("1"))})))


def test_it_was_rolled_back_already() -> None:
    back = two_revisions()[0] | {"time": minutes(-9), "id": "k8s:eu-1/shop/Deployment/checkout:8", "revision": "8"}
    back["details"] = back["details"] | {"rollback": True, "rollback_to": 6}
    rows = two_revisions()
    made = proposed(evidence([*rows, back], {rows[-1]["id"]: 0.9}))
    assert "rolled back already" in told(made)


def test_a_commit_that_was_reverted_already() -> None:
    first = commit(5, 4, "a.py")
    first["details"]["reverted_by"] = f"{6:040x}"
    made = proposed(evidence([first, commit(6, -5, "a.py")], {first["id"]: 0.9}))
    assert "reverted already" in told(made)


def test_a_deploy_after_the_onset_did_not_do_it() -> None:
    rows = deployment({6: (minutes(700), image("1")), 7: (minutes(-6), image("2"))})
    made = proposed(evidence(rows, {rows[-1]["id"]: 0.01}, suspected=False))
    assert "after the onset" in told(made)


def test_the_trouble_is_in_a_dependency() -> None:
    rows = two_revisions()
    first = finding("dependencies:orders-db", dependency="orders-db", order="before", itself="failing")
    made = proposed(evidence(rows, {rows[-1]["id"]: 0.02}, suspected=False, findings=[first]))
    assert "The trouble is in a dependency: dependencies:orders-db." in told(made)
    assert "would only call a dependency more" in told(made, "scale")
    assert commands(made, "fail_over") == ["'<your failover command>' orders-db"]


def test_a_configmap_is_restored_and_the_rollout_left_alone() -> None:
    rows = [*two_revisions(), configmap(2)]
    made = proposed(evidence(rows, {rows[-1]["id"]: 0.9, rows[1]["id"]: 0.01}))
    (restore,) = of_kind(made, "roll_back", helps=True)
    assert "apply '--filename=<file with ConfigMap as it was>'" in restore["command"]
    assert "rollout restart deployment/checkout" in restore["command"]
    assert "configmap/checkout-config --output=yaml" in restore["undo"]
    assert "The suspect is another change" in told(made)


def test_a_rollout_that_only_took_over_a_configmap_brings_nothing_back() -> None:
    sums = [image("2.14.0", annotations={"checksum/config": c}) for c in "ab"]
    rows = deployment({6: (minutes(700), sums[0]), 7: (minutes(3), sums[1])})
    assert "does not bring a ConfigMap or Secret back" in told(suspected(rows))


def test_what_gitops_owns_is_reverted_in_git() -> None:
    rows = [configmap(600, "argocd-controller"), commit(5, 20, "a.py"), tag("v2", 5, [5]), *two_revisions()]
    made = proposed(evidence(rows, {rows[-1]["id"]: 0.9}))
    assert commands(made) == [f"git revert --no-edit {5:040x}"]
    assert "Argo CD owns the workload and would put it back" in told(made)


def test_labels_of_flux_are_a_sign_of_it() -> None:
    row = {"time": NOW, "ref": "q", "metric": "x", "stat": "avg", "value": 1.0, "unit": "count"}
    its = evidence(two_revisions(), {two_revisions()[-1]["id"]: 0.9}, events=[])
    labelled = row | {"labels": {"kustomize_toolkit_fluxcd_io_name": "shop"}}
    made = proposed(evidence(two_revisions(), {two_revisions()[-1]["id"]: 0.9}, metrics=[labelled]))
    assert "Flux owns the workload" in told(made)
    assert not of_kind(proposed(its), "roll_back", helps=False)


def test_it_is_over() -> None:
    over = finding("scope", "info", recovered_since="2026-03-14T03:10:00+00:00")
    assert told(suspected(two_revisions(), findings=[over])).startswith(
        "Requests are back at their baseline since 03:10"
    )


def test_a_flag_is_switched_back() -> None:
    row = commit(5, 2) | {"id": "flags:1", "kind": "flag", "summary": "flag new-cart switched on", "revision": None}
    assert commands(suspected([row]), "disable") == ["'<your feature flag command>' new-cart off"]


def test_a_flag_in_a_repository_is_reverted() -> None:
    assert commands(suspected([commit(5, 2, "flags.yaml", kind="flag")]), "disable") == [
        f"git revert --no-edit {5:040x}"
    ]


def test_more_replicas_by_what_is_used() -> None:
    rows = two_revisions()
    made = proposed(evidence(rows, {rows[-1]["id"]: 0.01}, suspected=False, findings=[full("cpu")], workloads=pods(4)))
    (one,) = of_kind(made, "scale")
    assert one["command"] == f"{KUBECTL} scale deployment/checkout --replicas=6"
    assert one["undo"] == f"{KUBECTL} scale deployment/checkout --replicas=4"
    assert one["findings"] == ["saturation:cpu"]


def test_an_autoscaler_at_its_maximum_gets_a_higher_one() -> None:
    hpa = {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "co", "namespace": "shop", "uid": "a"}}
    hpa |= {"spec": {"maxReplicas": 10}, "status": {"currentReplicas": 10}}
    made = proposed(evidence(findings=[full("cpu")], workloads=pods(3), events=list(scaling.at_limit(hpa, ORIGIN))))
    patch = 'patch horizontalpodautoscaler/co --type=merge \'--patch={"spec": {"maxReplicas": %d}}\''
    (one,) = of_kind(made, "scale")
    assert one["command"] == f"{KUBECTL} {patch % 15}"
    assert one["undo"] == f"{KUBECTL} {patch % 10}"


def test_an_autoscaler_below_its_maximum_would_undo_a_scaling_by_hand() -> None:
    about = {"time": NOW, "ref": "u", "kind": "kubernetes", "reason": "x", "object": "HorizontalPodAutoscaler/co"}
    made = proposed(evidence(findings=[full("cpu")], workloads=pods(4), events=[about]))
    assert "minReplicas" in commands(made, "scale")[0]


def test_full_connections_are_made_worse_by_more_replicas() -> None:
    made = proposed(evidence(findings=[full("connections"), full("cpu")], workloads=pods(4)))
    assert "Each further replica opens more connections" in told(made, "scale")


def test_pods_that_find_no_node_are_not_helped_by_more_of_them() -> None:
    stuck = finding("workload_health:FailedScheduling", reason="FailedScheduling", instances=[])
    assert "No node has room" in told(proposed(evidence(findings=[full("cpu"), stuck], workloads=pods(4))), "scale")


def test_memory_gets_a_higher_limit() -> None:
    rows = two_revisions()
    its = evidence(rows, {rows[-1]["id"]: 0.01}, suspected=False, findings=[full("memory")], workloads=pods(2))
    (one,) = of_kind(proposed(its), "scale")
    assert one["command"] == f"{KUBECTL} set resources deployment/checkout --containers=app --limits=memory=768Mi"
    assert one["undo"].endswith("memory=512Mi")


def test_replicas_that_were_taken_away_come_back() -> None:
    row = commit(5, 2) | {"id": "k8s:eu-1/shop/Event/x:1", "kind": "scale", "revision": "2", "previous": "6"}
    row["ref"] = "k8s://prod-eu/shop/Event/x#1"
    made = proposed(evidence([row], {row["id"]: 0.9}, workloads=pods(2)))
    assert commands(made, "scale") == [f"{KUBECTL} scale '<workload>' --replicas=6"]


def test_a_bad_node_is_emptied() -> None:
    node = finding("workload_health:NodeNotReady", reason="NodeNotReady", instances=["node-1"], going_on=1)
    (one,) = of_kind(proposed(evidence(findings=[node], workloads=pods(3))), "fail_over")
    assert one["command"] == (
        "kubectl --context=prod-eu cordon node-1"
        " && kubectl --context=prod-eu drain node-1 --ignore-daemonsets --timeout=5m"
    )
    assert one["undo"] == "kubectl --context=prod-eu uncordon node-1"


def test_a_node_that_only_its_pods_tell_of() -> None:
    name = pods(2)[1]["name"]
    node = finding("workload_health:NodeNotReady", reason="NodeNotReady", instances=[name], going_on=1)
    assert "cordon node-1" in commands(proposed(evidence(findings=[node], workloads=pods(3))), "fail_over")[0]


@pytest.mark.parametrize(
    ("dimension", "value", "command"),
    [
        ("instance", "checkout-7d4f9-abcd0", f"{KUBECTL} delete pod/checkout-7d4f9-abcd0"),
        ("zone", "eu-1a", "kubectl --context=prod-eu cordon --selector=topology.kubernetes.io/zone=eu-1a && "),
    ],
)
def test_the_part_that_carries_it_is_taken_out(dimension: str, value: str, command: str) -> None:
    scope = finding("scope", "info", carried_by={"dimension": dimension, "values": [value]})
    assert commands(proposed(evidence(findings=[scope], workloads=pods(3))), "fail_over")[0].startswith(command)


def test_a_database_of_rds_fails_over() -> None:
    first = finding("dependencies:rds/orders", dependency="rds/orders", order="before", itself="failing")
    labels = {"namespace": "AWS/RDS", "region": "eu-west-1", "DBInstanceIdentifier": "orders"}
    row = {"time": NOW, "ref": "q", "metric": "cpu", "stat": "avg", "value": 1.0, "unit": "percent", "labels": labels}
    its = evidence(findings=[first], metrics=[row])
    its.tables["metrics"]["source"] = "cloudwatch"
    assert commands(proposed(its), "fail_over") == [
        "aws rds reboot-db-instance --db-instance-identifier=orders --force-failover --region=eu-west-1"
    ]


def test_a_tenant_that_fills_the_service_is_limited_and_one_that_only_suffers_is_not() -> None:
    scope = finding("scope", "info", carried_by={"dimension": "tenant", "values": ["acme"]})
    assert commands(proposed(evidence(findings=[scope, full("cpu")])), "redirect") == [
        "'<your rate limit command>' tenant acme"
    ]
    assert "spares nobody" in told(proposed(evidence(findings=[scope])), "redirect")


def test_what_helps_comes_first_and_kinds_keep_their_order() -> None:
    rows = [commit(5, 20, "migrations/1.py"), *two_revisions()]
    scope = finding("scope", "info", carried_by={"dimension": "tenant", "values": ["acme"]})
    made = suspected(rows, findings=[scope, full("cpu")], workloads=pods(3))
    assert [(p["helps"], p["kind"]) for p in made] == [(True, "scale"), (True, "redirect"), (False, "roll_back")]


def test_what_is_to_be_filled_in_is_told() -> None:
    two = [*pods(1), *(p | {"ref": "k8s://prod-eu/shop-eu/Pod/x#1", "name": "x"} for p in pods(1))]
    (one,) = of_kind(proposed(evidence(findings=[full("cpu")], workloads=two)), "scale")
    assert "'--namespace=<namespace>'" in one["command"]
    assert "Fill in <namespace>: the evidence names 2 (shop, shop-eu)." in one["why"]
    assert "Fill in <workload>: the evidence does not tell it." in one["why"]


def test_two_clusters_need_a_context_and_one_read_from_inside_has_none() -> None:
    two = [*pods(1), *(p | {"ref": "k8s://prod-us/shop/Pod/x#1", "name": "x"} for p in pods(1))]
    assert (
        "'--context=<context>'"
        in of_kind(proposed(evidence(findings=[full("cpu")], workloads=two)), "scale")[0]["command"]
    )
    inside = [p | {"ref": p["ref"].replace("prod-eu", "in-cluster")} for p in pods(2)]
    assert "context" not in of_kind(proposed(evidence(findings=[full("cpu")], workloads=inside)), "scale")[0]["command"]
