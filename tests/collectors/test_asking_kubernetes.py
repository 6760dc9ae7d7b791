"""Single questions to Kubernetes: a real API server, a stub for what it says seldom, and any text as a question."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from servers.kubeobjects import add_event, add_node, add_secret, create
from servers.kubepods import roll_out, running, set_pod, terminated
from servers.kubernetes import Cluster, cluster
from servers.kubestub import POD_LIST, kubeconfig, refusal, saying, serving

from collectors.kubernetes import Kubernetes, commands, inventory, kinds, permissions, printing, tails
from collectors.kubernetes.client import MalformedError
from gather_diagnostics import Answer, Gap, Request, questions

NEWER = inventory.SLICE
"""Served as v1 since Kubernetes 1.21."""
SECRET = "hunter2-never-to-be-seen"


def asked(make_request: Any, **fields: Any) -> Request:
    request: Request = make_request(now=datetime.now(UTC) + timedelta(seconds=1), **fields)
    return request


def ask(config: Path, request: Request, query: str, **settings: Any) -> list[Answer | Gap]:
    return list(Kubernetes(Kubernetes.Settings(kubeconfig=str(config), **settings)).ask(request, query))


def answered(config: Path, request: Request, query: str, **settings: Any) -> Answer:
    (found,) = ask(config, request, query, **settings)
    assert isinstance(found, Answer), found
    return found


def refused(config: Path, request: Request, query: str, **settings: Any) -> Gap:
    (found,) = ask(config, request, query, **settings)
    assert isinstance(found, Gap), found
    assert found.mend
    return found


def column(answer: Answer, name: str) -> list[Any]:
    return [row[answer.columns.index(name)] for row in answer.rows]


# --- a real server


@pytest.fixture(scope="module")
def k() -> Iterator[Cluster]:
    with cluster() as started:
        add_node(started, "node-1")
        started.serve_metrics()
        yield started


@pytest.mark.slow
def test_lists_come_in_kubectls_columns(k: Cluster, make_request: Any) -> None:
    shop = k.namespace()
    made = roll_out(k, shop, "checkout", image="shop/checkout:2", node="node-1")
    roll_out(k, shop, "cart", image="shop/cart:1", node="node-1", replicas=1)
    since = datetime.now(UTC) - timedelta(minutes=5)
    set_pod(k, shop, made.pods[0], {"app": running(since, restarts=4)})
    config, request = k.kubeconfig("reader", shop), asked(make_request)

    found = answered(config, request, "get pods -l app=checkout")
    assert found.columns == ("NAME", "READY", "STATUS", "RESTARTS", "AGE")
    assert (set(column(found, "NAME")), found.cut) == (set(made.pods), "")
    assert sorted(column(found, "RESTARTS")) == [0, 4], "a number stays one"
    assert found.ref == f"k8s://reader/{shop}/pods"

    wide = answered(config, request, f"get po/{made.pods[0]} -o wide")
    assert wide.columns[:7] == ("NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE")
    assert column(wide, "NODE") == ["node-1"]

    (deploy,) = answered(config, request, "get deploy/checkout").rows
    assert deploy[:4] == ("checkout", "2/2", 2, 2)
    everywhere = answered(config, request, "get deployments.apps -A -l app=checkout")
    assert everywhere.columns[0] == "NAMESPACE"
    assert shop in column(everywhere, "NAMESPACE")
    assert answered(config, request, f"get deployments -n {shop} -l app=checkout").rows[0][0] == "checkout"
    assert answered(config, request, "get pods -l app=nobody").rows == ()
    assert answered(config, request, "get pod/nobody").rows == (), "an empty answer is one"


@pytest.mark.slow
@pytest.mark.parametrize("named", kinds.NAMED, ids=lambda n: n.kind.resource)
def test_every_kind_is_served_as_a_table(k: Cluster, make_request: Any, named: kinds.Named) -> None:
    """But for one that is newer than this server: the same 404 as on any cluster of that age."""
    (found,) = ask(k.kubeconfig("admin"), asked(make_request), f"get {named.names[-1]}")
    if named.kind == NEWER:
        assert (isinstance(found, Gap), "404" in repr(found)) == (True, True)
        return
    assert isinstance(found, Answer), found
    assert {"NAME", "OBJECT"} & set(found.columns)


@pytest.mark.slow
def test_contents_are_never_read(k: Cluster, make_request: Any) -> None:
    shop = k.namespace()
    add_secret(k, shop, "database", {"password": SECRET})
    found = answered(k.kubeconfig("admin", shop), asked(make_request), "get secrets -o wide")
    assert (column(found, "NAME"), column(found, "DATA")) == (["database"], [1])
    assert SECRET not in repr(found)
    gap = refused(k.kubeconfig("admin", shop), asked(make_request), "get secret/database", secrets=False)
    assert (gap.cause, "sources.kubernetes.secrets is false" in gap.why) == ("invalid", True)


@pytest.mark.slow
def test_what_is_in_use(k: Cluster, make_request: Any) -> None:
    shop = k.namespace()
    config, request = k.kubeconfig("reader", shop), asked(make_request)
    k.kubelet.clear()
    k.kubelet.measure(
        shop, "checkout-1", {"app": ("250m", "64Mi"), "proxy": ("50m", "1Mi")}, labels={"app": "checkout"}
    )
    k.kubelet.measure(shop, "cart-1", {"app": ("1", "1Gi")}, labels={"app": "cart"})
    k.kubelet.measure("", "node-1", {"": ("500m", "2Gi")}, labels={})
    k.grant("reader", None, verbs=["list"], resources=["pods", "nodes"], groups=["metrics.k8s.io", ""])
    found = answered(config, request, "top pods")
    assert found.columns == ("NAME", "CPU(cores)", "MEMORY(bytes)")
    assert found.rows == (("checkout-1", pytest.approx(0.3), 65 * 2**20), ("cart-1", 1.0, 2.0**30))
    assert answered(config, request, "top po -A -l app=cart").rows == ((shop, "cart-1", 1.0, 2.0**30),)
    nodes = answered(config, request, "top nodes")
    assert nodes.columns == ("NAME", "CPU(cores)", "CPU%", "MEMORY(bytes)", "MEMORY%")
    (row,) = nodes.rows
    assert row[:2] == ("node-1", 0.5)
    assert isinstance(row[2], int)


@pytest.mark.slow
def test_the_history_of_a_rollout(k: Cluster, make_request: Any) -> None:
    shop = k.namespace()
    roll_out(k, shop, "checkout", image="shop/checkout:1", node="node-1", replicas=1)
    roll_out(k, shop, "checkout", image="shop/checkout:2", node="node-1", replicas=1, cause="ticket 7")
    roll_out(k, shop, "checkout-worker", image="shop/checkout:2", node="node-1", replicas=1)
    config, request = k.kubeconfig("reader", shop), asked(make_request)
    found = answered(config, request, "rollout history deploy/checkout")
    assert (found.columns, found.rows) == (("REVISION", "CHANGE-CAUSE"), ((1, "<none>"), (2, "ticket 7")))
    gap = refused(config, request, "rollout history deployment/nobody")
    assert (gap.cause, gap.why) == ("not_found", f"there is no Deployment nobody in namespace {shop}")


@pytest.mark.slow
def test_logs_are_the_newest_lines(k: Cluster, make_request: Any) -> None:
    shop, now = k.namespace(), datetime.now(UTC)
    made = roll_out(k, shop, "checkout", image="shop/checkout:2", node="node-1")
    well, ill = sorted(made.pods)
    ended = terminated("Error", 1, now - timedelta(minutes=9), now - timedelta(minutes=6))
    set_pod(k, shop, well, {"app": running(now - timedelta(hours=1))})
    set_pod(k, shop, ill, {"app": running(now - timedelta(minutes=5), restarts=1, last=ended, ready=False)})
    lines = [(now - timedelta(seconds=600 - n), f"line {n}") for n in range(500)]
    k.kubelet.log(shop, well, "app", lines)
    k.kubelet.log(shop, ill, "app", [(now - timedelta(minutes=7), "FATAL out of memory")], previous=True)
    config, request = k.kubeconfig("reader", shop), asked(make_request)

    found = answered(config, request, f"logs {well}")
    assert found.columns == ("LINE",)
    assert (found.rows[0], found.rows[-1], len(found.rows)) == (("line 300",), ("line 499",), questions.MOST_ROWS)
    assert found.cut == "there is more; the newest 200 lines are kept"
    assert found.ref == f"k8s://reader/{shop}/Pod/{well}/app"
    few = answered(config, request, f"logs pod/{well} -c app --tail 3")
    assert (few.rows, few.cut) == ((("line 497",), ("line 498",), ("line 499",)), "")
    assert answered(config, request, f"logs {well} --tail 200").cut == ""
    recent = answered(config, request, f"logs {well} --since=2m --tail=500")
    assert 0 < len(recent.rows) <= 20
    assert answered(config, request, "logs deploy/checkout --tail 1").rows == (("line 499",),), "of one that is ready"
    before = answered(config, request, "logs deploy/checkout --previous")
    assert (before.rows, before.ref) == ((("FATAL out of memory",),), f"k8s://reader/{shop}/Pod/{ill}/app/previous")
    asked_for = {(a.pod, a.container) for a in k.kubelet.asked if a.namespace == shop}
    assert asked_for == {(well, "app"), (ill, "app")}

    gap = refused(config, request, f"logs {well} -c nobody")
    assert (gap.cause, "container nobody is not valid for pod" in gap.why) == ("invalid", True)
    assert refused(config, request, "logs nobody").cause == "not_found"
    roll_out(k, shop, "idle", image="shop/idle:1", node="node-1", replicas=0)
    assert refused(config, request, "logs deploy/idle").why == "Deployment/idle has no pods"


@pytest.mark.slow
def test_long_lists_are_cut(k: Cluster, make_request: Any) -> None:
    shop, now = k.namespace(), datetime.now(UTC)
    for number in range(questions.MOST_ROWS + 1):
        add_event(k, shop, "Pod", f"checkout-{number}", "BackOff", "back-off", now, now)
    found = answered(k.kubeconfig("admin", shop), asked(make_request), "get events")
    assert (len(found.rows), "there is more" in found.cut) == (questions.MOST_ROWS, True)


@pytest.mark.slow
def test_the_policy_is_enough_for_every_question(k: Cluster, make_request: Any) -> None:
    shop = k.namespace()
    role, _, cluster_role, _ = yaml.safe_load_all(Kubernetes.policy())
    for document, where, kind in ((role, shop, "Role"), (cluster_role, None, "ClusterRole")):
        document["metadata"]["name"] = f"asked-{kind.lower()}"
        create(k, document)
        k.bind("limited", "ClusterRole", document["metadata"]["name"], where)
    k.await_allowed("limited", shop, "get", "pods/log")
    k.await_allowed("limited", None, "list", "nodes")
    pod = roll_out(k, shop, "checkout", image="shop/checkout:1", node="node-1", replicas=1).pods[0]
    k.kubelet.log(shop, pod, "app", [(datetime.now(UTC), "fine")])
    config, request = k.kubeconfig("limited", shop), asked(make_request)
    queries = [f"get {named.kind.resource}" for named in kinds.NAMED if named.kind != NEWER]
    queries += ["top pods", "top nodes", "rollout history deploy/checkout", f"logs {pod}", "logs deploy/checkout"]
    for query in queries:
        answered(config, request, query)
    gap = refused(config, request, "get pods -n default")
    assert (gap.cause, '- {apiGroups: [""], resources: ["pods"], verbs: ["list"]}' in gap.mend) == ("denied", True)
    gap = refused(k.kubeconfig("nobody", shop), request, "top nodes")
    assert (gap.cause, gap.mend.startswith("add to a ClusterRole: ")) == ("denied", True)
    gap = refused(k.kubeconfig("reader", shop), request, "get secrets")
    assert 'resources: ["secrets"], verbs: ["list"]' in gap.mend


# --- what is sent


@pytest.fixture
def api(tmp_path: Path) -> Iterator[SimpleNamespace]:
    with serving() as (server, url):
        yield SimpleNamespace(server=server, url=url, config=kubeconfig(tmp_path / "config", url, namespace="shop"))


TABLE = {"columnDefinitions": [{"name": "Name", "priority": 0}], "rows": [{"cells": ["a"]}]}


def test_nothing_but_reads_is_sent(api: Any, make_request: Any) -> None:
    api.server.routes[POD_LIST] = [saying(200, TABLE)]
    assert answered(api.config, make_request(), "get pods -l 'app in (a,b)'").rows == (("a",),)
    ((method, path, sent),) = api.server.asked
    assert (method, path) == ("GET", POD_LIST)
    assert sent == {"includeObject": ["Metadata"], "limit": ["201"], "labelSelector": ["app in (a,b)"]}
    assert "as=Table" in api.server.headers[0]["Accept"]


VERBS = (
    "delete pod/x", "apply -f x", "scale deploy/x --replicas 0", "rollout undo deploy/x", "rollout restart deploy/x",
    "rollout status deploy/x", "rollout", "exec x -- sh", "edit deploy/x", "patch deploy/x -p x", "cordon node-1",
    "drain n", "port-forward x 80", "proxy", "cp x y", "run x", "create -f x", "replace -f x", "label pod x a=b",
    "annotate pod x a=b", "auth can-i get pods", "config view", "debug x", "attach x", "set image x", "expose x",
    "taint n", "autoscale x", "kubectl get pods", "describe pod/x", "watch", "get", "get pods -w", "get pods --watch",
    "get --raw /healthz", "get pods -o json", "get pods -o", "get pods -o yaml", "get all", "get pods,secrets",
    "get crds", "get pods x", "get pods/", "get pods/x/y", "get pods -n", "get pods -n x -A", "get pods -n x -n y",
    "get pods --all-namespaces=true", "get pods/x -l a=b", "get pods/x -A", "get pods -l", "get pods -l 'a=$b'",
    "get nodes -n x", "get pods --as admin", "get pods --kubeconfig x", "get pods --server x", "get pods --token x",
    "get pods -s x", "get pods --context x", "get pods --field-selector x", "get pods --chunk-size 1",
    "get pods -nshop", "get ../secrets", "get pods/../x", "get pods -n ../x", "get pods -n 'a b'", "get pods -n a/b",
    "get pod/A", "get 'pods?x=y'", "get pods/x%2fy", "", "top", "top pods/x", "top deploy", "top pods --containers",
    "rollout history", "rollout history deploy", "rollout history pod/x", "rollout history deploy/x --revision 2",
    "logs", "logs x -f", "logs x --follow", "logs svc/x", "logs x --tail 0", "logs x --tail -1", "logs x --tail all",
    "logs x --since", "logs x --since 5", "logs x --since 10", "logs x --since 0s", "logs x --since-time x",
    "logs x --all-containers", "logs x -A", "logs -l a=b", "logs x y", "logs x -c 'a b'", "logs --previous",
    "get 'pods", "get pods\0", "get \udcff",
)  # fmt: skip


@pytest.mark.parametrize("query", VERBS)
def test_anything_else_is_refused_before_anything_is_sent(api: Any, make_request: Any, query: str) -> None:
    gap = refused(api.config, make_request(), query)
    assert (gap.cause, gap.why.startswith("the question is not asked: ")) == ("invalid", True)
    assert "get KIND[/NAME]" in gap.mend
    assert api.server.asked == []


NAMES = (
    "-A", "--all-namespaces", "--watch", "-oyaml", "x -A", "x; kubectl delete ns shop", "$(reboot)",
    "x/../../secrets", "x?watch=true", "x&limit=0", "secrets/x", "../secrets", "%2e%2e%2fsecrets", "x\n-A", "", "*",
    "x#y", "--previous",
)  # fmt: skip
FORMS = (
    "get pods -n {}", "get pods/{}", "get pods -l app={}", "logs {}", "logs deploy/{}", "logs x -c {}",
    "logs x --tail {}", "logs x --since {}", "rollout history deploy/{}", "top pods -n {}", "{} pods",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_never_becomes_something_else(api: Any, make_request: Any, name: str) -> None:
    """Quoted as commands of runbooks quote it: a read of the kind and namespace that the form names, or nothing."""
    api.server.routes[POD_LIST] = [saying(200, TABLE)]
    for form in FORMS:
        ask(api.config, make_request(), form.format(shlex.quote(name)))
    for method, path, sent in api.server.asked:
        assert (method, "watch" in sent, path.rpartition("/")[2] in ("pods", "deployments")) == ("GET", False, True)
        assert path.startswith(("/api/v1/namespaces/shop/", "/apis/apps/v1/namespaces/shop/"))


@given(
    st.one_of(
        st.text(max_size=60), st.lists(st.sampled_from([*"abn-/=", *" '\"", "get ", "pods", "-n ", "-A"])).map("".join)
    )
)
@example("logs x --since 1h30m")
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        command = commands.parse(text)
    except ValueError as error:
        assert str(error)
        return
    assert isinstance(command, commands.Get | commands.Top | commands.History | commands.Logs)


def test_what_may_be_typed_is_read_as_kubectl_reads_it() -> None:
    logs = commands.parse("logs deploy/checkout -n shop -c app -p --tail=5 --since 1h30m5s")
    assert isinstance(logs, commands.Logs)
    assert (logs.name, logs.where.namespace, logs.container, logs.previous) == ("checkout", "shop", "app", True)
    assert (logs.tail, logs.since) == (5, 5405)
    got = commands.parse("get hpa --all-namespaces --selector=app=x --output wide")
    assert isinstance(got, commands.Get)
    assert (got.named.kind.name, got.where.everywhere, got.where.selector, got.wide) == (
        "HorizontalPodAutoscaler", True, "app=x", True,
    )  # fmt: skip
    names = [name for named in kinds.NAMED for name in named.names]
    assert len(names) == len(set(names)), "a name means one kind"


def test_every_question_has_a_right_that_is_declared() -> None:
    for named in (*kinds.NAMED, kinds.Named(kinds.NODE_METRICS)):
        assert (named.kind.group, named.kind.resource, "list") in permissions.BY_QUESTION
    rules = [r for d in yaml.safe_load_all(Kubernetes.policy()) for r in d.get("rules", [])]
    assert all(permissions.granted(rules, need) for need in permissions.ASKED)
    assert all(need.optional for need in permissions.ASKED), "a run is whole without them"


# --- what comes back


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (saying(200, {"items": []}), "invalid"),
        (saying(200, {**TABLE, "rows": [{"cells": []}]}), "invalid"),
        (saying(200, {**TABLE, "rows": [{"cells": "ab"}]}), "invalid"),
        (saying(200, b"<html>", {"Content-Type": "text/html"}), "invalid"),
        (refusal(403, "pods is forbidden"), "denied"),
        (refusal(401, "Unauthorized"), "denied"),
        (refusal(404, "no"), "not_found"),
        (refusal(429, "slow down", **{"Retry-After": "3600"}), "throttled"),
    ],
)
def test_answers_that_are_none(api: Any, make_request: Any, answer: Any, cause: str) -> None:
    api.server.routes[POD_LIST] = [answer]
    gap = refused(api.config, make_request(), "get pods")
    assert (gap.cause, gap.wanted) == (cause, "the answer to get pods (prod)")


def test_an_older_version_is_asked_where_the_newer_is_not_served(api: Any, make_request: Any) -> None:
    old = "/apis/policy/v1beta1/namespaces/shop/poddisruptionbudgets"
    api.server.routes = {old.replace("v1beta1", "v1"): [refusal(404, "no")], old: [saying(200, TABLE)]}
    assert answered(api.config, make_request(), "get pdb").rows == (("a",),)


def test_several_clusters_are_told_apart(api: Any, make_request: Any) -> None:
    document = yaml.safe_load(api.config.read_text())
    context = document["contexts"][0]["context"]
    document["contexts"].append({"name": "other", "context": {**context, "namespace": "away"}})
    api.config.write_text(yaml.safe_dump(document))
    api.server.routes[POD_LIST] = [saying(200, TABLE)]
    api.server.routes[POD_LIST.replace("shop", "away")] = [refusal(403, "no")]
    found, gap = ask(api.config, make_request(), "get pods", contexts=["prod", "other"])
    assert isinstance(found, Answer)
    assert (found.columns, found.rows) == (("CONTEXT", "NAME"), (("prod", "a"),))
    assert isinstance(gap, Gap)
    assert gap.wanted.endswith("(other)")


def test_without_a_cluster_there_is_a_gap(make_request: Any, tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere", make_request(), "get pods").cause == "not_configured"


def test_cells_of_odd_kinds() -> None:
    defined = [{"name": n, "priority": p} for n, p in (("Name", 0), ("Odd", 0), ("More", 1))]
    document = {"columnDefinitions": defined, "rows": [{"cells": ["a", ["x", 1], {"b": 2}], "object": None}]}
    columns, rows = printing.table(document, namespaces=False, wide=True)
    assert (columns, list(rows)) == (["NAME", "ODD", "MORE"], [["a", "x,1", "{'b': 2}"]])
    columns, rows = printing.table(document, namespaces=True, wide=False)
    assert (columns, list(rows)) == (["NAMESPACE", "NAME", "ODD"], [["", "a", "x,1"]])
    with pytest.raises(MalformedError):
        printing.table({}, namespaces=False, wide=False)


def test_selectors_of_workloads() -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "old", "operator": "DoesNotExist"},
        {"key": "odd", "operator": "Near", "values": ["x"]},
    ]
    selector = {"matchLabels": {"b": "2", "a": "1"}, "matchExpressions": expressions}
    assert tails.selector({"spec": {"selector": selector}}) == "a=1,b=2,tier in (a,b),!old"
    assert tails.selector({}) == ""


def test_the_container_is_the_one_that_kubectl_takes() -> None:
    pod: dict[str, Any] = {"spec": {"containers": [{"name": "proxy"}, {"name": "app"}]}, "metadata": {}}
    assert tails.container(pod) == "proxy"
    pod["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "app"}
    assert tails.container(pod) == "app"
    pod["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "gone"}
    assert tails.container(pod) == "proxy"


def test_long_lines_keep_an_answer_within_its_bytes() -> None:
    lines, cut = tails.newest([b"x" * 15_000 + b"%d\n" % n for n in range(50)])
    assert (len(lines), lines[-1][-2:]) == (11, "49")
    assert cut == "there is more; the newest 11 lines are kept"
    lines, cut = tails.newest([b"x" * 65_536] * 100)
    assert "newer lines are missing" in cut
