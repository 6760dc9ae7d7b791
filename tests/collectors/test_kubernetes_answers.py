"""The Kubernetes collector against an API server that answers in its odd ways."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from servers.kubeshapes import (
    SECRET,
    at,
    event,
    packed,
    simple_pod,
    workload,
)
from servers.kubestub import DEPLOYMENTS, POD_LIST, Answer, collected, kubeconfig, names, refusal, saying, serving

from collectors.kubernetes import (
    Kubernetes,
    client,
    nodes,
    permissions,
)
from gather_diagnostics import Gap


@pytest.fixture
def api(tmp_path: Path) -> Iterator[SimpleNamespace]:
    with serving() as (server, url):
        yield SimpleNamespace(server=server, url=url, config=kubeconfig(tmp_path / "config", url, namespace="shop"))


def test_null_lists_are_empty_ones(api: Any, make_request: Any) -> None:
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["not_found"]
    assert api.server.headers[0]["Authorization"] == f"Bearer {SECRET}"
    assert {m for m, p, _ in api.server.asked if "review" not in p} == {"GET"}, "nothing but reads"


def test_an_expired_token_begins_the_list_anew(api: Any, make_request: Any) -> None:
    page = {"metadata": {"continue": "t"}, "items": [simple_pod("a"), simple_pod("b")]}
    rest = {"metadata": {}, "items": [simple_pod("b"), simple_pod("c")]}
    api.server.routes[POD_LIST] = [saying(200, page), refusal(410, "too old"), saying(200, page), saying(200, rest)]
    made = collected(api.config, make_request())
    assert names(made) == ["a", "b", "c"]
    assert api.server.count(POD_LIST) == 4

    api.server.routes[POD_LIST] = [saying(200, page), refusal(410, "too old"), saying(200, page), refusal(410, "old")]
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["truncated"]


def test_pages_that_do_not_go_on(api: Any, make_request: Any) -> None:
    api.server.routes[POD_LIST] = [saying(200, {"metadata": {"continue": "t"}, "items": []})]
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["invalid"]
    assert api.server.count(POD_LIST) == 2


def test_throttling_is_waited_for_within_bounds(api: Any, make_request: Any) -> None:
    pods_ = saying(200, {"items": [simple_pod("a")]})
    api.server.routes[POD_LIST] = [refusal(429, "slow down", **{"Retry-After": "0"}), pods_]
    assert names(collected(api.config, make_request())) == ["a"]
    api.server.routes[POD_LIST] = [refusal(429, "slow down", **{"Retry-After": "3600"})]
    before = api.server.count(POD_LIST)
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["throttled"]
    assert api.server.count(POD_LIST) == before + 1
    assert api.server.asked[-1][1] == POD_LIST, "a server that is busy is left in peace"


def test_a_server_that_throttles_is_asked_nothing_further(api: Any, make_request: Any) -> None:
    thing = workload("checkout", app="checkout")
    api.server.routes[DEPLOYMENTS] = [saying(200, {"items": [thing]})]
    events = "/api/v1/namespaces/shop/events"
    api.server.routes[events] = [refusal(429, "slow down", **{"Retry-After": "3600"})]
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["throttled"]
    assert api.server.asked[-1][1] == events
    api.server.routes[events] = [refusal(403, "no")]
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["denied"]
    assert api.server.asked[-1][1] != events, "another refusal is of this one list alone"


def test_pages_are_of_the_size_asked_for(api: Any, make_request: Any) -> None:
    collected(api.config, make_request(), page_size=7)
    assert all(q["limit"] == ["7"] for _, p, q in api.server.asked if "review" not in p)


def test_contents_of_secrets_stay_on_the_server(api: Any, make_request: Any) -> None:
    release = {"name": "sh.helm.release.v1.checkout.v1", "namespace": "shop", "creationTimestamp": at(5), "uid": "r"}
    release["labels"] = {"owner": "helm", "name": "checkout", "version": "1", "status": "deployed", "app": "checkout"}
    api.server.routes[DEPLOYMENTS] = [saying(200, {"items": [workload("checkout", app="checkout")]})]
    full = {"metadata": release, "data": {"release": packed({"config": {"password": SECRET}})}}
    secrets = "/api/v1/namespaces/shop/secrets"
    api.server.routes[secrets] = [saying(200, {"items": [{"metadata": release}]})] * 2 + [
        saying(200, {"items": [full]})
    ]
    made = collected(api.config, make_request())
    asked = [
        (q, h["Accept"]) for (_, p, q), h in zip(api.server.asked, api.server.headers, strict=True) if p == secrets
    ]
    assert [a.startswith("application/json;as=PartialObjectMetadataList") for _, a in asked] == [True, True, False]
    assert asked[2][0]["labelSelector"] == ["owner=helm,name=checkout,version in (1)"], "payloads of Helm's alone"
    assert [r["kind"] for table, r in made.rows if table == "changes"] == ["deploy"], (
        "a release is no Secret that changed"
    )


def test_events_under_their_other_name_will_do(api: Any, make_request: Any) -> None:
    names_ = ["pods", "deployments", "pods/log"]
    api.server.rules = [
        {"verbs": ["list", "get"], "apiGroups": ["", "apps"], "resources": names_},
        {"verbs": ["list"], "apiGroups": ["events.k8s.io"], "resources": ["events"]},
    ]
    api.server.routes[DEPLOYMENTS] = [saying(200, {"items": [workload("checkout", app="checkout")]})]
    seen = event(metadata={"uid": "e"}, eventTime=at(5), note="hm")
    seen["regarding"] = {"kind": "Deployment", "namespace": "shop", "name": "checkout"}
    del seen["involvedObject"]
    api.server.routes["/apis/events.k8s.io/v1/namespaces/shop/events"] = [saying(200, {"items": [seen]})]
    made = collected(api.config, make_request())
    assert [r["message"] for table, r in made.rows if table == "events"] == ["hm"]
    assert [g.cause for g in made.gaps] == ["denied"]
    assert "events" not in made.gaps[0].wanted
    del api.server.rules[1]
    assert "list events" in collected(api.config, make_request()).gaps[0].wanted


def test_nodes_that_a_role_in_a_namespace_can_not_grant(api: Any, make_request: Any) -> None:
    api.server.routes[POD_LIST] = [saying(200, {"items": [{**simple_pod(n), "spec": {"nodeName": n}} for n in "ab"]})]
    api.server.routes["/api/v1/nodes/a"] = [refusal(403, "nodes is forbidden")]
    assert collected(api.config, make_request()).gaps == []
    assert api.server.count("/api/v1/nodes/b") == 0


def on_nodes(*ready: bool) -> list[dict[str, Any]]:
    """Pods, each on a node of its own."""
    return [
        simple_pod(f"p{n}")
        | {"spec": {"nodeName": f"n{n}"}, "status": {"conditions": [{"type": "Ready", "status": str(well)}]}}
        for n, well in enumerate(ready)
    ]


def test_every_node_is_read_those_of_ill_pods_first(
    api: Any, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.server.routes[POD_LIST] = [saying(200, {"items": on_nodes(*[True] * 70, False)})]
    pressed = {"type": "DiskPressure", "status": "True", "message": "full"}
    api.server.routes["/api/v1/nodes/n69"] = [
        saying(200, {"metadata": {"name": "n69"}, "status": {"conditions": [pressed]}})
    ]
    api.server.routes["/api/v1/nodes/n3"] = [refusal(404, "gone")]
    made = collected(api.config, make_request())
    asked = [p.rpartition("/")[2] for _, p, _ in api.server.asked if "/nodes/" in p]
    assert asked[0] == "n70"
    assert sorted(asked) == sorted(f"n{n}" for n in range(71))
    assert [r["object"] for table, r in made.rows if table == "events" and r["message"] == "full"] == ["Node/n69"]
    assert made.gaps == []

    monkeypatch.setattr(nodes, "MOST_NODES", 2)
    api.server.asked.clear()
    (gap,) = collected(api.config, make_request()).gaps
    assert (gap.cause, "more than 2 nodes" in gap.why) == ("truncated", True)
    assert sorted(p for _, p, _ in api.server.asked if "/nodes/" in p) == ["/api/v1/nodes/n0", "/api/v1/nodes/n70"]


def test_events_of_the_nodes_are_in_a_namespace_of_their_own(api: Any, make_request: Any) -> None:
    api.server.routes[POD_LIST] = [saying(200, {"items": on_nodes(True)})]
    where = "/api/v1/namespaces/default/events"
    told = [event(lastTimestamp=at(9), reason=r, metadata={"uid": r}) for r in ("SystemOOM", "Rebooted")]
    for one, node in zip(told, ("n0", "n9"), strict=True):
        one["involvedObject"] = {"kind": "Node", "name": node, "uid": node}
    api.server.routes[where] = [saying(200, {"items": told})]
    made = collected(api.config, make_request())
    assert [(r["reason"], r["object"]) for table, r in made.rows if table == "events"] == [("SystemOOM", "Node/n0")]
    assert [q["fieldSelector"] for _, p, q in api.server.asked if p == where] == [["involvedObject.kind=Node"]]

    api.server.allowed = False
    api.server.asked.clear()
    assert collected(api.config, make_request()).gaps == [], "a namespace's role is enough"
    assert api.server.count(where) == 0


@pytest.mark.parametrize("namespace", ["default", "*"])
def test_events_of_the_nodes_come_with_the_others(api: Any, make_request: Any, namespace: str) -> None:
    root = "/api/v1" if namespace == "*" else "/api/v1/namespaces/default"
    api.server.routes[f"{root}/pods"] = [saying(200, {"items": on_nodes(True)})]
    told = event(lastTimestamp=at(9), reason="SystemOOM", involvedObject={"kind": "Node", "name": "n0"})
    api.server.routes[f"{root}/events"] = [saying(200, {"items": [told]})]
    made = collected(api.config, make_request(), namespace=namespace)
    assert [r["reason"] for table, r in made.rows if table == "events"] == ["SystemOOM"]
    assert sum("events" in p for _, p, _ in api.server.asked) == 1
    reviews = sum("accessreviews" in p for _, p, _ in api.server.asked)
    assert reviews == (len(permissions.NEEDS) if namespace == "*" else 0), "nor is the right asked for twice"


HELMS = [{"app.kubernetes.io/managed-by": "Helm"}, {"helm.sh/chart": "checkout-1.2.3"}]


@pytest.mark.parametrize("marks", [{}, {"app.kubernetes.io/managed-by": "argocd"}, *HELMS])
def test_secrets_are_missed_only_where_helm_deploys(api: Any, make_request: Any, marks: dict[str, str]) -> None:
    thing = workload("checkout", app="checkout", **marks)
    api.server.routes[DEPLOYMENTS] = [saying(200, {"items": [thing]})]
    without = [n for n in permissions.NEEDS if n is not permissions.SECRETS]
    api.server.rules = [{"verbs": [n.verb], "apiGroups": [n.group], "resources": [n.resource]} for n in without]
    gaps = collected(api.config, make_request()).gaps
    assert [g.cause for g in gaps] == (["denied"] if marks in HELMS else [])
    for gap in gaps:
        assert "Helm deploys Deployment/checkout" in gap.why
        assert '- {apiGroups: [""], resources: ["secrets"], verbs: ["list"]}' in gap.mend
        assert "sources.kubernetes.secrets: false" in gap.mend
    assert api.server.count("/api/v1/namespaces/shop/secrets") == 0
    assert collected(api.config, make_request(), secrets=False).gaps == []
    checked = Kubernetes(Kubernetes.Settings(kubeconfig=str(api.config))).check(make_request())
    assert ["secrets" in i.wanted for i in checked if isinstance(i, Gap)] == [True], "check tells it in any case"


def test_endpoints_where_slices_are_not_served(api: Any, make_request: Any) -> None:
    api.server.routes[POD_LIST] = [saying(200, {"items": [simple_pod("a")]})]
    metadata = {"name": "checkout", "namespace": "shop", "uid": "s"}
    service = {"metadata": metadata, "spec": {"selector": {"app": "checkout"}}}
    api.server.routes["/api/v1/namespaces/shop/services"] = [saying(200, {"items": [service]})]
    api.server.routes["/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"] = [refusal(404, "not found")]
    ready = {"metadata": metadata, "subsets": [{"addresses": [{"ip": "10.0.0.1"}]}]}
    api.server.routes["/api/v1/namespaces/shop/endpoints"] = [
        saying(200, {"items": [ready]}),
        saying(200, {"items": []}),
    ]
    for expected in ([], ["NoReadyEndpoints"]):
        made = collected(api.config, make_request())
        assert [r["reason"] for table, r in made.rows if table == "events"] == expected
        assert made.gaps == []


def test_lines_outside_the_windows_are_left_out(api: Any, make_request: Any) -> None:
    thing = {**simple_pod("a"), "spec": {"containers": [{"name": "app"}]}}
    api.server.routes[POD_LIST] = [saying(200, {"items": [thing]})]
    lines = [f"{at(m)} line {m}" for m in (121, 119, 61, 1, 0, -5)]
    api.server.routes[f"{POD_LIST}/a/log"] = [saying(200, "\n".join(lines).encode())]
    made = collected(api.config, make_request())
    assert [r["message"] for table, r in made.rows if table == "logs"] == ["line 119", "line 61", "line 1"]
    assert api.server.asked[-1][2]["sinceTime"] == [at(120)]


def test_a_cluster_that_hangs_leaves_time_to_the_next(api: Any, make_request: Any, tmp_path: Path) -> None:
    api.server.routes[POD_LIST] = [saying(200, {"items": [simple_pod("a")]})]
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(8)
        document = yaml.safe_load(api.config.read_text())
        document["clusters"].append({"name": "d", "cluster": {"server": f"http://127.0.0.1:{deaf.getsockname()[1]}"}})
        document["contexts"].append({"name": "deaf", "context": {"cluster": "d", "user": "me"}})
        api.config.write_text(yaml.safe_dump(document))
        made = collected(api.config, make_request(source_seconds=2.0), contexts=["deaf", "prod"])
    assert names(made) == ["a"]
    assert [g.cause for g in made.gaps] == ["timeout"]


def test_a_hiccup_is_tried_once_more(api: Any, make_request: Any) -> None:
    api.server.routes[POD_LIST] = [refusal(503, "starting"), saying(200, {"items": [simple_pod("a")]})]
    assert names(collected(api.config, make_request())) == ["a"]
    api.server.routes[DEPLOYMENTS] = [refusal(500, "etcd: leader changed")]
    before = api.server.count(DEPLOYMENTS)
    made = collected(api.config, make_request())
    assert api.server.count(DEPLOYMENTS) == before + 2
    assert [g.cause for g in made.gaps] == ["invalid"]
    assert "etcd: leader changed" in made.gaps[0].why
    assert names(made) == ["a"], "the rest is read all the same"


@pytest.mark.parametrize(
    ("answer", "cause", "words"),
    [
        (saying(200, b"<html>hello</html>", {"Content-Type": "text/html"}), "invalid", "text/html"),
        (saying(200, b'{"items": [{"a"'), "invalid", "no whole JSON"),
        (saying(200, [1, 2]), "invalid", "another shape"),
        (saying(200, {"kind": "Status"}), "invalid", "without a list"),
        (saying(200, {"items": []}, cut=3), "invalid", "broke its answer off"),
        (refusal(403, 'pods is forbidden: User "me" cannot list'), "denied", "forbidden"),
        (refusal(504, "the request timed out"), "timeout", "504"),
        (saying(302, {}, {"Location": f"https://login.example.com/?state={SECRET}"}), "denied", "login.example.com"),
    ],
)
def test_answers_that_are_none(api: Any, make_request: Any, answer: Answer, cause: str, words: str) -> None:
    api.server.routes[POD_LIST] = [answer]
    made = collected(api.config, make_request())
    assert [(g.cause, words in g.why) for g in made.gaps] == [(cause, True)], made.gaps


def test_a_bad_start_ends_at_once(api: Any, make_request: Any) -> None:
    api.server.everything = refusal(401, "Unauthorized")
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["denied"]
    assert len(api.server.asked) == 1


def test_a_review_that_is_not_served_leaves_the_answers_to_speak(api: Any, make_request: Any) -> None:
    review = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    api.server.routes[review] = [refusal(403, "no")]
    api.server.routes[POD_LIST] = [saying(200, {"items": [simple_pod("a")]})]
    made = collected(api.config, make_request())
    assert names(made) == ["a"]
    assert made.gaps == []


def test_an_incomplete_review_is_completed_right_by_right(api: Any, make_request: Any) -> None:
    review = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    rules = [{"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}]
    api.server.routes[review] = [saying(201, {"status": {"resourceRules": rules, "incomplete": True}})]
    one = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    api.server.routes[one] = [saying(201, {"status": {"allowed": True}})]
    assert [g.cause for g in collected(api.config, make_request()).gaps] == ["not_found"]
    assert api.server.count(one) == len(permissions.NEEDS), "all but pods, and events by their other name"
    api.server.routes[one] = [saying(201, {"status": {"allowed": False}})]
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["denied", "not_found"]
    assert api.server.count(DEPLOYMENTS) == 1, "once: when it was allowed"


def test_a_dripping_answer_ends_in_time(api: Any, make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.5)

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        end = time.monotonic() + 5
        while time.monotonic() < end:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.02)

    api.server.routes[POD_LIST] = [drip]
    began = time.monotonic()
    made = collected(api.config, make_request())
    assert time.monotonic() - began < 3
    assert [g.cause for g in made.gaps] == ["timeout"]


def test_an_endless_answer_is_refused(api: Any, make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LARGEST", 10_000)
    api.server.routes[POD_LIST] = [saying(200, b" " * 200_000)]
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["truncated"]


def test_a_clock_that_is_off(api: Any, make_request: Any) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    api.server.everything = saying(200, {"items": []}, {"Date": date})
    made = collected(api.config, make_request())
    assert 295 < made.skews[0].seconds < 305
    assert "NTP" in next(g for g in made.gaps if "clock" in g.why).mend


def test_nobody_listens(tmp_path: Path, make_request: Any) -> None:
    made = collected(kubeconfig(tmp_path / "c", "https://127.0.0.1:9"), make_request())
    assert [(g.cause, "refused" in g.why) for g in made.gaps] == [("unreachable", True)]
    made = collected(kubeconfig(tmp_path / "c", "https://nowhere.invalid"), make_request())
    assert [g.cause for g in made.gaps] == ["unreachable"]


def test_a_selector_that_is_none_asks_nothing_further(api: Any, make_request: Any) -> None:
    made = collected(api.config, make_request(), selector="app=(")
    assert [(g.cause, "sources.kubernetes.selector" in g.mend) for g in made.gaps] == [("not_configured", True)]


def test_check_is_cheap(api: Any, make_request: Any) -> None:
    collector = Kubernetes(Kubernetes.Settings(kubeconfig=str(api.config)))
    assert [i for i in collector.check(make_request()) if isinstance(i, Gap)] == []
    assert len(api.server.asked) == 4
