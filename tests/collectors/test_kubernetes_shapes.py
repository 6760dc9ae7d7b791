"""The Kubernetes collector, pure: quantities, selectors, rollouts; objects of any shape."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from conftest import NOW
from hypothesis import given
from hypothesis import strategies as st
from servers.kubeshapes import (
    DAY,
    ORIGIN,
    SECRET,
    at,
    replica_set,
    template,
    workload,
)

from collectors.kubernetes import (
    configuration,
    happenings,
    labels,
    logstreams,
    network,
    pods,
    podtemplates,
    quantities,
    rollouts,
    scaling,
    selection,
)
from gather_diagnostics.tables import to_batch

# --- quantities


UNITS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


@given(st.integers(0, 10**9), st.sampled_from(sorted(UNITS)), st.integers(0, 999))
def test_decimal_quantities(whole: int, unit: str, fraction: int) -> None:
    expected = float(f"{whole}.{fraction:03d}e{UNITS[unit]}")
    assert quantities.quantity(f"{whole}.{fraction:03d}{unit}") == pytest.approx(expected, rel=1e-12)
    assert quantities.quantity(f"-{whole}{unit}") == pytest.approx(-float(f"{whole}e{UNITS[unit]}"), rel=1e-12)


@given(st.integers(0, 2**40), st.integers(1, 6))
def test_binary_quantities_are_exact(number: int, power: int) -> None:
    assert quantities.quantity(f"{number}{' KMGTPE'[power]}i") == float(number * 1024**power)


@given(st.one_of(st.text(max_size=30), st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.text())))
def test_no_quantity_breaks_it(value: Any) -> None:
    found = quantities.quantity(value)
    assert found is None or abs(found) < float("inf")


@pytest.mark.parametrize(
    ("written", "value"), [("1e3", 1000), ("1E3", 1000), ("2E", 2e18), ("100m", 0.1), (".5", 0.5), ("5.", 5), (3, 3)]
)
def test_quantities_by_example(written: Any, value: float) -> None:
    assert quantities.quantity(written) == value


@pytest.mark.parametrize("written", ["", "Ki", "1 Gi", "1GiB", "0x10", "1e9999", "１", "--1", "1mm", "NaN", "inf"])
def test_what_is_no_quantity(written: str) -> None:
    assert quantities.quantity(written) is None


def test_a_pod_is_limited_only_where_all_its_containers_are() -> None:
    limited = {"resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m"}}}
    half = {"resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "100m"}}}
    assert quantities.summed([limited, half], "limits") == {"memory": 2 * 2**30}
    assert quantities.summed([limited, half], "requests") == {"cpu": 0.2}
    assert quantities.summed([{}], "limits") is None


# --- label selectors


@pytest.mark.parametrize(
    ("written", "yes", "no"),
    [
        ("app=checkout", {"app": "checkout"}, {"app": "cart"}),
        ("app==checkout, tier != cache", {"app": "checkout"}, {"app": "checkout", "tier": "cache"}),
        ("app in (a, b)", {"app": "b"}, {}),
        ("app notin (a,b)", {}, {"app": "a"}),
        ("app", {"app": ""}, {"x": "app"}),
        ("!app", {"x": "y"}, {"app": "y"}),
        ("app.kubernetes.io/name=checkout", {"app.kubernetes.io/name": "checkout"}, {}),
    ],
)
def test_selectors(written: str, yes: dict[str, str], no: dict[str, str]) -> None:
    assert labels.holds(labels.parse(written), yes)
    assert not labels.holds(labels.parse(written), no)


@pytest.mark.parametrize("written", ["", "=a", "a=b c", "a in b", "a=b,,c", "a in (b", "a;b"])
def test_what_is_no_selector(written: str) -> None:
    with pytest.raises(ValueError, match=r"it (is empty|can't be read)"):
        labels.parse(written)


@given(st.text(max_size=60))
def test_a_selector_is_read_or_refused(written: str) -> None:
    try:
        labels.parse(written)
    except ValueError:
        return
    assert written.strip()


# --- which objects are the service's


def test_the_most_telling_label_decides() -> None:
    named, by_app = workload("a", inside={"app.kubernetes.io/name": "checkout"}), workload("b", app="checkout")
    match, found = selection.choose(selection.candidates("checkout", ""), [by_app, named])
    assert found == [named]
    assert match is not None
    assert match.words == "label app.kubernetes.io/name=checkout"
    match, found = selection.choose(selection.candidates("b", ""), [by_app, named])
    assert found == [by_app]
    assert match is not None
    assert match.by_labels is None


def test_pods_are_narrowed_by_the_server_only_where_one_selector_fits_all() -> None:
    one, two = workload("a", inside={"app": "x", "b": "y"}), workload("c", inside={"app": "z"})
    assert selection.server_side([one]) == "app=x,b=y"
    assert selection.server_side([one, two]) == ""
    assert selection.server_side([one, workload("j", "Job", inside={"app": "x", "b": "y"})]) == ""
    assert selection.server_side([]) == ""


# --- rollouts


def deployment(revision: int, reason: str = "NewReplicaSetAvailable", minutes: float = 1, **metadata: Any) -> Any:
    made = workload("checkout")
    made["metadata"] |= {"annotations": {"deployment.kubernetes.io/revision": str(revision)}, **metadata}
    made["status"] = {"conditions": [{"type": "Progressing", "reason": reason, "lastUpdateTime": at(minutes)}]}
    return made


def rolled(thing: Any, carriers: list[Any], events: list[Any] | None = None) -> list[dict[str, Any]]:
    made = list(rollouts.rows(thing, carriers, events or [], ORIGIN, DAY))
    to_batch("changes", "kubernetes", made)
    return made


def test_a_rollout_in_words() -> None:
    probe = {"httpGet": {"path": "/ready", "port": 8080}}
    old = replica_set(41, 600, "shop/checkout:2.14.0", readinessProbe=probe, resources={"limits": {"memory": "256Mi"}})
    new = replica_set(
        42,
        20,
        "shop/checkout:2.14.1",
        readinessProbe={"httpGet": {"path": "/health", "port": 8080}},
        resources={"limits": {"memory": "128Mi"}},
        env=[{"name": "ADDED", "value": SECRET}],
    )
    first, second = rolled(deployment(42, minutes=18), [new, old])
    assert second["summary"] == (
        "checkout revision 42: image shop/checkout:2.14.0 -> 2.14.1; memory limit 256Mi -> 128Mi; env added: ADDED;"
        " readiness probe httpGet.path /ready -> /health"
    )
    assert (second["previous"], second["finished"]) == ("41", NOW - timedelta(minutes=18))
    assert second["time"] == NOW - timedelta(minutes=20)
    assert second["ref"] == "k8s://prod/shop/ReplicaSet/checkout-4.1#rs-shop/checkout:2.14.1"
    assert "what was before is no longer kept" in first["summary"]
    assert first["finished"] is None
    assert SECRET not in repr(second)


@pytest.mark.parametrize(
    ("reason", "state"), [("ProgressDeadlineExceeded", "stuck"), ("ReplicaSetUpdated", "under way"), ("", "under way")]
)
def test_a_rollout_that_is_not_done(reason: str, state: str) -> None:
    row = rolled(deployment(2, reason), [replica_set(1, 600, "c:1.0"), replica_set(2, 5, "c:1.1")])[-1]
    assert row["finished"] is None
    assert row["details"]["state"].startswith(state)
    assert ("stuck" in row["summary"]) is (state == "stuck")


def test_a_rollout_is_not_done_before_it_began() -> None:
    row = rolled(deployment(2, minutes=30), [replica_set(1, 600, "c:1.0"), replica_set(2, 5, "c:1.1")])[-1]
    assert row["finished"] is None


def test_a_rollback_has_the_time_of_its_event() -> None:
    carriers = [replica_set(3, 600, "c:1.0", history="1"), replica_set(2, 300, "c:1.1")]
    event = {"reason": "ScalingReplicaSet", "firstTimestamp": at(7)}
    event |= {"message": "Scaled up replica set checkout-1.0 to 1"}
    rows = rolled(deployment(3, minutes=5), carriers, [event])
    assert [(r["revision"], r["previous"]) for r in rows] == [("1", None), ("2", "1"), ("3", "2")]
    assert rows[-1]["time"] == NOW - timedelta(minutes=7)
    assert rows[-1]["summary"].startswith("checkout revision 3, a rollback to revision 1: image c:1.1 -> 1.0")
    assert rows[-1]["details"]["rollback"] is True


def test_a_rollback_whose_time_nobody_knows_is_not_invented() -> None:
    carriers = [replica_set(3, 600, "c:1.0", history="1"), replica_set(2, 300, "c:1.1")]
    assert [r["revision"] for r in rolled(deployment(3), carriers)] == ["1", "2"]


def test_stateful_sets_have_controller_revisions() -> None:
    def revision(number: int, minutes: float, image: str) -> Any:
        metadata = {"name": f"db-{image}", "namespace": "shop", "uid": image, "creationTimestamp": at(minutes)}
        metadata["ownerReferences"] = [{"uid": "uid-db"}]
        return {
            "kind": "ControllerRevision",
            "metadata": metadata,
            "revision": number,
            "data": {"spec": {"template": template(image)}},
        }

    db = workload("db", "StatefulSet")
    db["status"] = {"currentRevision": "a", "updateRevision": "b"}
    rows = rolled(db, [revision(2, 10, "db:2"), revision(1, 100, "db:1")])
    assert [r["summary"] for r in rows] == [
        "db revision 1: first rollout; image db:1",
        "db revision 2: image db:1 -> 2",
    ]
    assert rows[1]["details"]["state"] == "under way"


def test_a_restart_and_a_change_of_configuration_by_its_checksum() -> None:
    old, new = template("c:1"), template("c:1")
    new["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": at(3), "checksum/config": "ab"}
    told = [podtemplates.words(d) for d in podtemplates.differences(old, new)]
    assert sorted(told) == ["configuration, by its checksum/config", "restarted (kubectl rollout restart)"]


def test_values_of_the_environment_are_never_told() -> None:
    old, new = template("c:1", env=[{"name": "A", "value": SECRET}]), template("c:1", env=[{"name": "A", "value": "x"}])
    assert [podtemplates.words(d) for d in podtemplates.differences(old, new)] == ["env changed: A"]
    assert SECRET not in repr(podtemplates.differences(old, new))


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("a/b:1.2", "1.2"),
        ("host:5000/a", "latest"),
        ("host:5000/a:v1", "v1"),
        ("a@sha256:0123456789abcdef", "sha256:0123456789ab"),
        ("a:v1@sha256:01", "v1"),
    ],
)
def test_tags(image: str, tag: str) -> None:
    assert podtemplates.tag(image) == tag


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("2026-03-14T03:00:00Z"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "metadata spec status name uid namespace labels annotations creationTimestamp containers image"
                " env state terminated conditions template data type reason message revision ownerReferences"
                " lastState restartCount containerStatuses involvedObject lastTimestamp count series endpoints"
                " subsets managedFields time fieldsV1 f:data resources limits memory selector matchLabels"
                " deployment.kubernetes.io/revision".split()
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status", "data", "involvedObject"]), anything))
def test_objects_of_any_shape_do_no_harm(thing: dict[str, Any]) -> None:
    thing = {**thing, "kind": "Pod"}
    to_batch("workloads", "kubernetes", [pods.row(thing, ORIGIN)])
    to_batch("events", "kubernetes", list(pods.events(thing, ORIGIN, DAY.start)))
    to_batch("events", "kubernetes", list(pods.node_events(thing, ORIGIN)))
    to_batch("changes", "kubernetes", list(rollouts.rows(thing, [thing], [thing], ORIGIN, DAY)))
    to_batch("changes", "kubernetes", list(configuration.rows(thing, ORIGIN, DAY)))
    to_batch("changes", "kubernetes", list(scaling.event_rows([thing], [], ORIGIN, DAY)))
    row = happenings.row(thing, ORIGIN, DAY)
    to_batch("events", "kubernetes", [row] if row else [])
    configuration.mentioned([thing])
    podtemplates.differences(thing, {**thing, "spec": {}})
    network.behind(thing, [thing])
    logstreams.streams([thing])
