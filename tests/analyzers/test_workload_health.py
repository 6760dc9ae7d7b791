"""Trouble of replicas as the Kubernetes and ECS collectors deliver it: told, told as old, and not told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from incidents import tables

from analyzers.workload_health import workload_health
from analyzers.workload_health.troubles import TROUBLES, exit_meaning
from gather_diagnostics import Finding

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def request_(make_request: Any) -> Any:
    return make_request()


@pytest.fixture
def onset(request_: Any) -> Any:
    return request_.incident.end - 23 * MINUTE


def pod(request: Any, name: str, **columns: Any) -> dict[str, Any]:
    return {
        "time": request.asked,
        "ref": f"k8s://prod/shop/Pod/{name}",
        "kind": "Pod",
        "name": name,
        "phase": "Running",
        "ready": True,
        "restarts": 0,
        "node": "node-a",
        "limits": {"memory": 5.4e8},
    } | columns


def event(time: Any, reason: str, object_: str, message: str = "", **columns: Any) -> dict[str, Any]:
    row = {"time": time, "ref": f"{object_}/{reason}", "kind": "kubernetes", "reason": reason, "object": object_}
    return row | {"message": message, "count": 1, "severity": "Warning"} | columns


def first(time: Any) -> str:
    """As the collector writes it behind an event's message."""
    return f" (first at {time:%Y-%m-%d %H:%M:%S} UTC)"


def found(request: Any, **rows: Any) -> dict[str, Finding]:
    return {f.id.removeprefix("workload_health").lstrip(":"): f for f in workload_health(request, tables(**rows))}


def crash(request: Any, name: str, **columns: Any) -> dict[str, Any]:
    bad = {"phase": "CrashLoopBackOff", "ready": False, "restarts": 7, "last_exit_reason": "Error"}
    return pod(request, name, **bad, last_exit_code=1, **columns)


def test_a_crash_loop_is_named_counted_and_proved(request_: Any, onset: Any) -> None:
    end = request_.incident.end
    workloads = [crash(request_, "checkout-1"), crash(request_, "checkout-2"), pod(request_, "checkout-3")]
    words = "Back-off restarting failed container app in pod"
    events = [
        event(end - MINUTE, "BackOff", f"Pod/checkout-{n}", words + first(onset + n * MINUTE), count=30) for n in (1, 2)
    ]
    # What the pods' state tells of the same: that they end with errors and aren't ready is no second trouble.
    events += [event(request_.asked, "CrashLoopBackOff", "Pod/checkout-1", "container app: back-off 5m0s")]
    events += [event(end - 2 * MINUTE, "Error", "Pod/checkout-1", "container app ended with exit code 1; 7 restarts")]
    events += [event(onset, "NotReady", "Pod/checkout-1", "containers with unready status: [app]")]
    answer = found(request_, workloads=workloads, events=events)
    assert set(answer) == {"", "CrashLoopBackOff"}
    one = answer["CrashLoopBackOff"]
    assert one.headline == (
        "CrashLoopBackOff: 2 of 3 replicas crash again and again (exit code 1, an error of the program's own)"
        f" since {onset + MINUTE:%Y-%m-%d %H:%M} UTC; it goes on."
    )
    assert (one.severity, one.time) == ("high", onset + MINUTE)
    assert one.details["state"] == "new"
    assert (one.details["pods"], one.details["of"], one.details["times"]) == (2, 3, 60)
    frames = tables(workloads=workloads, events=events)
    by_table = {s.table: s for s in one.supports}
    assert set(frames["events"]["reason"].iloc[list(by_table["events"].rows)]) == {"BackOff", "CrashLoopBackOff"}
    assert set(frames["workloads"]["name"].iloc[list(by_table["workloads"].rows)]) == {"checkout-1", "checkout-2"}
    assert answer[""].headline.startswith("1 of 3 replicas are ready; seen in the incident window: CrashLoopBackOff")
    assert (answer[""].details["ready"], answer[""].details["restarts"]) == (1, 14)


def test_all_replicas_down_is_critical(request_: Any, onset: Any) -> None:
    events = [event(onset, "BackOff", "Pod/c-1", "Back-off restarting failed container app")]
    answer = found(request_, workloads=[crash(request_, "c-1")], events=events)
    assert answer["CrashLoopBackOff"].severity == "critical"


def test_oom_kills_count_though_the_pods_are_back(request_: Any, onset: Any) -> None:
    exits = {"restarts": 1, "last_exit_reason": "OOMKilled", "last_exit_code": 137}
    workloads = [pod(request_, f"c-{n}", **(exits if n < 3 else {})) for n in range(6)]
    words = "container app was killed for its use of memory (exit code 137), its limit is 512Mi; 1 restarts in all"
    events = [event(onset + n * MINUTE, "OOMKilled", f"Pod/c-{n}", words) for n in range(3)]
    one = found(request_, workloads=workloads, events=events)["OOMKilled"]
    assert one.details["state"] == "over"
    assert (one.details["exit_code"], one.details["exit_meaning"].split(":")[0]) == (137, "SIGKILL")
    assert one.severity == "high", "half of the replicas"
    assert one.details["until"] == (onset + 2 * MINUTE).isoformat()
    few = found(request_, workloads=workloads, events=events[:1])["OOMKilled"]
    assert few.severity == "medium"


CASES = [
    ("ImagePullBackOff", "Failed", "Pod/c-1", 'Failed to pull image "shop/c:v2": not found', "ImagePullBackOff"),
    ("ImagePullBackOff", "BackOff", "Pod/c-1", 'Back-off pulling image "shop/c:v2"', "ErrImagePull"),
    ("CreateContainerConfigError", "Failed", "Pod/c-1", 'Error: secret "db" not found', "CreateContainerConfigError"),
    ("FailedMount", "FailedMount", "Pod/c-1", "MountVolume.SetUp failed for volume", "ContainerCreating"),
    ("FailedScheduling", "FailedScheduling", "Pod/c-1", "0/3 nodes are available: 3 Insufficient cpu", "Unschedulable"),
    ("Evicted", "Evicted", "Pod/c-1", "The node was low on resource: memory", "Evicted"),
    ("Unhealthy", "Unhealthy", "Pod/c-1", "Readiness probe failed: HTTP probe failed with statuscode: 503", "Running"),
    ("FailedCreatePodSandBox", "FailedCreatePodSandBox", "Pod/c-1", "plugin type=cni failed", "ContainerCreating"),
    ("Error", "Error", "Pod/c-1", "container app ended with exit code 139; 2 restarts in all", "Error"),
]


@pytest.mark.parametrize(("name", "reason", "object_", "message", "phase"), CASES)
def test_each_kind_of_a_pod_by_its_name(
    request_: Any, onset: Any, name: str, reason: str, object_: str, message: str, phase: str
) -> None:
    workloads = [pod(request_, "c-1", phase=phase, ready=False), *(pod(request_, f"c-{n}") for n in range(2, 5))]
    events = [event(request_.incident.end - MINUTE, reason, object_, message + first(onset), count=9)]
    answer = found(request_, workloads=workloads, events=events)
    assert set(answer) == {"", name}
    assert answer[name].details["going_on"] == 1
    assert answer[name].details["since"] == onset.isoformat()
    assert (answer[name].details["pods"], answer[name].details["of"]) == (1, 4)
    assert answer[name].severity == next(t.severity for t in TROUBLES if t.reason == name)


def test_a_quota_keeps_a_controller_from_making_pods(request_: Any, onset: Any) -> None:
    words = (
        'Error creating: pods "c-x" is forbidden: exceeded quota: compute, requested: limits.cpu=1, used: limits.cpu=8'
    )
    events = [event(request_.incident.end - MINUTE, "FailedCreate", "ReplicaSet/c-77", words + first(onset), count=14)]
    one = found(request_, workloads=[pod(request_, "c-1")], events=events)["FailedCreate"]
    assert one.severity == "high"
    assert "exceeded quota" in one.headline
    assert one.headline.startswith("FailedCreate: c-77 can't create pods")
    assert one.details["pods"] is None


def test_what_the_node_controller_says_of_pods_is_told_with_their_node(request_: Any, onset: Any) -> None:
    workloads = [pod(request_, "c-1"), pod(request_, "c-2", node="node-b")]
    of_pods = [event(onset + MINUTE, "NodeNotReady", f"Pod/c-{n}", "Node is not ready") for n in (1, 3)]
    of_node = event(
        request_.incident.end - MINUTE, "NodeNotReady", "Node/node-a", "Node node-a status is now: NotReady"
    )
    answer = found(request_, workloads=workloads, events=[*of_pods, of_node])
    assert set(answer) == {"", "NodeNotReady"}
    one = answer["NodeNotReady"]
    assert (one.details["objects"], one.details["instances"], one.details["pods"]) == (1, ["node-a"], 1)
    # Who may not read the events of nodes is told of the pods.
    alone = found(request_, workloads=workloads, events=of_pods)["NodeNotReady"]
    assert (alone.details["objects"], alone.details["instances"]) == (2, ["c-1", "c-3"])
    assert "2 replicas (2 run now) are on a node that isn't ready" in alone.headline


def test_a_node_in_trouble_says_how_many_replicas_it_carries(request_: Any, onset: Any) -> None:
    workloads = [pod(request_, "c-1"), pod(request_, "c-2"), pod(request_, "c-3", node="node-b")]
    bad = [event(onset, "NotReady", "Node/node-a", "Kubelet stopped posting node status.")]
    late = [event(request_.incident.end - MINUTE, "NodeNotReady", "Node/node-a", "Node node-a status is now: NotReady")]
    one = found(request_, workloads=workloads, events=bad + late)["NodeNotReady"]
    assert "1 node (node-a), which carry 2 of 3 replicas," in one.headline
    assert (one.details["objects"], one.details["pods"], one.severity) == (1, 2, "high")
    well = event(request_.incident.end - 30 * timedelta(seconds=1), "NodeReady", "Node/node-a", "now: NodeReady")
    over = found(request_, workloads=workloads, events=[*bad, *late, well])["NodeNotReady"]
    assert (over.severity, over.details["state"]) == ("low", "over")


def test_a_service_without_an_address_is_critical(request_: Any) -> None:
    events = [event(request_.asked, "NoReadyEndpoints", "Service/c", "none of its 2 addresses is ready")]
    one = found(request_, events=events)["NoReadyEndpoints"]
    assert (one.severity, one.time, one.details["since"]) == ("critical", None, None)


def test_ecs_tells_in_its_own_words(request_: Any, onset: Any) -> None:
    place = {"kind": "ecs", "severity": "warning"}
    events = [
        event(request_.incident.end - MINUTE, "UnableToPlaceTask", "checkout", "unable to place a task", **place),
        event(request_.incident.end - MINUTE, "SteadyState", "checkout-old", "steady state", **place),
    ]
    deploy = {"time": onset, "ref": "ecs", "id": "aws:x:ecs:1", "kind": "deploy", "service": "checkout"}
    deploy |= {
        "summary": "ECS service checkout to v2: IN_PROGRESS",
        "details": {"failed_tasks": 4, "reason": "stopped"},
    }
    answer = found(request_, events=events, changes=[deploy])
    assert answer["FailedScheduling"].details["instances"] == ["checkout"]
    assert answer["DeploymentFailed"].details["times"] == 4
    assert answer["DeploymentFailed"].supports[0].table == "changes"


def test_healthy_replicas_are_said_to_be_healthy(request_: Any, onset: Any) -> None:
    workloads = [pod(request_, f"c-{n}") for n in range(4)]
    usual = [event(onset, r, "Pod/c-1", severity="Normal") for r in ("Scheduled", "Pulled", "Created", "Started")]
    answer = found(request_, workloads=workloads, events=usual)
    assert set(answer) == {""}
    assert answer[""].headline == ("4 of 4 replicas are ready, and 4 events tell of no trouble in the incident window.")
    assert (answer[""].severity, answer[""].details["troubles"]) == ("info", [])
    assert "OOMKilled" in answer[""].details["checked"]


def test_a_rollouts_growing_pains_are_no_trouble(request_: Any, onset: Any) -> None:
    workloads = [pod(request_, "new-1"), pod(request_, "old-1", phase="Terminating", ready=False)]
    probe = "Readiness probe failed: connection refused"
    events = [
        event(onset, "Scheduled", "Pod/new-1", severity="Normal"),
        event(onset + MINUTE, "Unhealthy", "Pod/new-1", probe, count=4),
        event(onset + MINUTE, "Killing", "Pod/old-1", "Stopping container app", severity="Normal"),
        event(onset + 1.5 * MINUTE, "Unhealthy", "Pod/old-1", probe),
        event(onset + 1.5 * MINUTE, "Error", "Pod/old-1", "container app ended with exit code 143; 0 restarts in all"),
    ]
    assert set(found(request_, workloads=workloads, events=events)) == {""}
    # Probes that fail on are no start-up; and a container killed for its probe is no rollout.
    late = event(request_.incident.end - MINUTE, "Unhealthy", "Pod/new-1", probe + first(onset), count=60)
    killed = event(onset, "Killing", "Pod/old-1", "Container app failed liveness probe, will be restarted")
    assert set(found(request_, workloads=workloads, events=[events[0], late])) == {"", "Unhealthy"}
    assert set(found(request_, workloads=workloads, events=[killed, events[4]])) == {"", "Error"}


def test_what_recovered_before_the_window_is_passed_over(request_: Any) -> None:
    before = request_.incident.start - 3 * HOUR
    workloads = [pod(request_, "c-1", restarts=5, last_exit_reason="OOMKilled", last_exit_code=137)]
    events = [
        event(before, "OOMKilled", "Pod/c-1", "container app was killed"),
        event(before, "BackOff", "Pod/c-1", "Back-off restarting failed container"),
        event(before, "FailedScheduling", "Pod/c-0", "0/3 nodes are available"),
    ]
    answer = found(request_, workloads=workloads, events=events)
    assert set(answer) == {""}
    assert answer[""].details["over"] == ["OOMKilled", "CrashLoopBackOff", "FailedScheduling"]


def test_what_recovered_within_the_window_is_low(request_: Any, onset: Any) -> None:
    workloads = [pod(request_, "c-1"), pod(request_, "c-2")]
    events = [
        event(onset, "FailedScheduling", "Pod/c-1", "0/3 nodes are available: 3 Insufficient memory"),
        event(onset + MINUTE, "Scheduled", "Pod/c-1", severity="Normal"),
    ]
    one = found(request_, workloads=workloads, events=events)["FailedScheduling"]
    assert (one.severity, one.details["state"]) == ("low", "over")
    assert "it is over" in one.headline


def test_old_news_is_said_to_be_old(request_: Any) -> None:
    began = request_.baseline.start - 20 * HOUR
    workloads = [pod(request_, "c-1", phase="CrashLoopBackOff", ready=False), *(pod(request_, f"c-{n}") for n in "234")]
    words = "Back-off restarting failed container app" + first(began)
    events = [event(request_.incident.end - MINUTE, "BackOff", "Pod/c-1", words, count=900)]
    one = found(request_, workloads=workloads, events=events)["CrashLoopBackOff"]
    assert (one.severity, one.details["state"], one.time) == ("low", "old", began)
    assert "long before this incident" in one.headline


def test_pods_that_are_gone_are_not_in_trouble_any_more(request_: Any) -> None:
    events = [event(request_.incident.end - MINUTE, "BackOff", "Pod/c-old", "Back-off restarting failed container")]
    one = found(request_, workloads=[pod(request_, "c-new")], events=events)["CrashLoopBackOff"]
    assert (one.details["going_on"], one.severity) == (0, "low")


def test_the_replicas_of_now_say_nothing_of_yesterday(make_request: Any) -> None:
    from dataclasses import replace

    request = make_request()
    later = replace(request, asked=request.asked + 24 * HOUR)
    workloads = [crash(later, "c-1")]
    answer = found(later, workloads=workloads, events=[event(later.asked, "CrashLoopBackOff", "Pod/c-1")])
    assert set(answer) == {""}
    assert answer[""].details["ready"] is None
    assert "not known" in answer[""].headline


def test_without_any_source_it_says_so(request_: Any) -> None:
    answer = found(request_, changes=[])
    assert "not known" in answer[""].headline


@pytest.mark.parametrize(("code", "word"), [(1, "own"), (137, "SIGKILL"), (143, "SIGTERM"), (139, "SIGSEGV"), (42, "")])
def test_exit_codes_mean_something(code: int, word: str) -> None:
    assert word in exit_meaning(code)
    assert bool(exit_meaning(code)) is bool(word)


def test_ten_thousand_events_take_no_time(request_: Any, onset: Any) -> None:
    import time

    workloads = [crash(request_, f"c-{n}") for n in range(500)]
    kinds = ("BackOff", "Unhealthy", "Error", "Scheduled")
    events = [
        event(onset + timedelta(seconds=n % 900), kinds[n % 4], f"Pod/c-{n % 500}", "restarting failed")
        for n in range(9999)
    ]
    frames = tables(workloads=workloads, events=events)
    began = time.perf_counter()
    assert len(list(workload_health(request_, frames))) > 1
    assert time.perf_counter() - began < 1.5
