"""A real Kubernetes 1.20 API server with its etcd, and a stand-in for the kubelet. No controllers, no scheduler.

    with cluster() as k:                         # ~4 s; skips loudly, or fails in CI, where a program is missing
        k.admin                                  # kubernetes.client.ApiClient of the user admin
        k.user("reader")                         # ApiClient of another user, see USERS
        k.kubeconfig("reader", namespace="shop") # Path of a kubeconfig file
        k.url, k.ca, k.token("reader")           # the same in parts
        k.kubelet                                # container logs: servers.kubelet.Kubelet
        k.namespace()                            # a fresh namespace; k.namespace("shop") makes that one
        k.grant("limited", "shop", verbs=["list"], resources=["pods"])    # waits until it holds
        k.api("GET", "/api/v1/namespaces")       # any request as admin; Refused carries the server's sentence
        k.serve_metrics()                        # registers metrics.k8s.io, answered from k.kubelet.measure(...)
        with k.frozen(): ...                     # connections are taken, nothing is answered

Objects: servers.kubeobjects (nodes, events, ConfigMaps, ...), servers.kubepods (Deployments with history, pods in any
state), servers.kubehelm (releases).

What is real: storage, validation, defaults, authentication, RBAC, selectors, pagination, watches, aggregation, error
texts. What is not there: everything a controller writes. Namespaces are never emptied after deletion, Endpoints and
ReplicaSets come from the test, and `view`, an aggregate of roles, has no rules (see USERS). The server is 1.20: no
autoscaling/v2, policy/v1 or batch/v1 CronJob, each of which is a 404 as on any cluster of that age.

Programs: TEST_ASSET_KUBE_APISERVER and TEST_ASSET_ETCD name them; else PATH; else .cache/servers of this checkout
(`scripts/build_kube_apiserver`, `scripts/fetch_test_servers`).
"""

from __future__ import annotations

import itertools
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml
from kubernetes.client import ApiClient, Configuration
from servers.kubelet import Kubelet, kubelet
from servers.kubemetrics import GROUP, METRICS
from servers.kubeprocesses import MENDS, apiserver_flags, binary, etcd_flags, process
from servers.prometheus import ServerError, free_port
from servers.tls import certificates

USERS: Mapping[str, str] = {"admin": "system:masters", "reader": "readers", "limited": "", "nobody": ""}
"""User to group. reader: bound to what `view` is made of, in all namespaces (so neither secrets nor nodes); limited and
nobody: nothing beyond discovery, until a test grants it."""
READY_SECONDS = 60
RBAC = "/apis/rbac.authorization.k8s.io/v1"


class Refused(RuntimeError):
    """The server said no; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Start etcd, the API server and the kubelet on free loopback ports; ready when it yields, gone afterwards."""
    for name, mend in MENDS.items():
        if not binary(name):
            from conftest import missing

            missing(name, mend)
    with started() as running:
        yield running


@contextmanager
def started() -> Iterator[Cluster]:
    """The same outside of tests: raises ServerError where something is missing or fails."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kubernetes-")))
        made = certificates(folder)
        node = stack.enter_context(kubelet(made))
        store = free_port()
        stack.enter_context(process("etcd", etcd_flags(folder, store), folder))
        port = free_port()
        tokens = {user: secrets.token_hex(16) for user in USERS}
        lines = [f'{token},{user},{user},"{USERS[user]}"' for user, token in tokens.items()]
        (folder / "tokens.csv").write_text("\n".join(lines) + "\n")
        flags = apiserver_flags(folder, made, store, port)
        server = stack.enter_context(process("kube-apiserver", flags, folder))
        running = Cluster(f"https://127.0.0.1:{port}", made.ca, node, folder, server, tokens)
        stack.callback(running.close)
        running.prepare()
        yield running


def _sentence(answer: requests.Response) -> str:
    """The message of a Status, or what else the answer says."""
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:2000]


@dataclass
class Cluster:
    """A running API server."""

    url: str
    ca: Path
    kubelet: Kubelet = field(repr=False)
    folder: Path
    server: subprocess.Popen[bytes]
    tokens: Mapping[str, str] = field(repr=False)
    session: requests.Session = field(default_factory=requests.Session)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    clients: dict[str, ApiClient] = field(default_factory=dict, repr=False)

    @property
    def admin(self) -> ApiClient:
        """A client that may do everything."""
        return self.user("admin")

    def user(self, name: str) -> ApiClient:
        """A client of one of USERS, or without any credentials: ""."""
        if name not in self.clients:
            settings = Configuration(host=self.url)
            settings.ssl_ca_cert = str(self.ca)
            if name:
                settings.api_key = {"authorization": f"Bearer {self.token(name)}"}
            self.clients[name] = ApiClient(settings)
        return self.clients[name]

    def token(self, name: str) -> str:
        """The bearer token of a user."""
        return self.tokens[name]

    def kubeconfig(
        self, user: str = "admin", namespace: str = "default", path: Path | None = None, *, server: str | None = None
    ) -> Path:
        """Write a kubeconfig with one context, named after the user; `server` puts another URL in."""
        path = path or self.folder / f"kubeconfig-{next(self.numbers)}"
        authority = {"server": server or self.url, "certificate-authority": str(self.ca)}
        body = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": user,
            "clusters": [{"name": "test", "cluster": authority}],
            "users": [{"name": user, "user": {"token": self.tokens.get(user, "not a token")}}],
            "contexts": [{"name": user, "context": {"cluster": "test", "user": user, "namespace": namespace}}],
        }
        path.write_text(yaml.safe_dump(body))
        path.chmod(0o600)
        return path

    def api(
        self, method: str, path: str, body: Any = None, *, content: str = "application/json", **query: str
    ) -> dict[str, Any]:
        """Any request as admin: the parsed answer. Raises Refused with the server's sentence."""
        headers = {"Authorization": f"Bearer {self.tokens['admin']}", "Content-Type": content}
        answer = self.session.request(
            method, self.url + path, json=body, params=query, headers=headers, verify=str(self.ca), timeout=30
        )
        if not answer.ok:
            raise Refused(answer.status_code, _sentence(answer))
        return dict(answer.json())

    def namespace(self, name: str | None = None) -> str:
        """Make a namespace, with a name of its own where none is given."""
        name = name or f"test-{next(self.numbers)}"
        self.api("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    def grant(
        self,
        user: str,
        namespace: str | None,
        *,
        verbs: Sequence[str],
        resources: Sequence[str],
        groups: Sequence[str] = ("",),
    ) -> None:
        """Let a user do that in a namespace, or everywhere (None: also nodes and the like); waits until it holds."""
        name = f"grant-{next(self.numbers)}"
        scope, prefix = (f"/namespaces/{namespace}", "") if namespace else ("", "Cluster")
        rule = {"apiGroups": list(groups), "resources": list(resources), "verbs": list(verbs)}
        self.api("POST", f"{RBAC}{scope}/{prefix.lower()}roles", {"metadata": {"name": name}, "rules": [rule]})
        self.bind(user, f"{prefix}Role", name, namespace)
        for verb, resource, group in itertools.product(verbs, resources, groups):
            self.await_allowed(user, namespace, verb, resource, group)

    def bind(self, user: str, kind: str, role: str, namespace: str | None = None) -> None:
        """Bind a Role or ClusterRole to a user, in a namespace or everywhere."""
        scope, plural = (f"/namespaces/{namespace}", "rolebindings") if namespace else ("", "clusterrolebindings")
        body = {
            "metadata": {"name": f"bind-{next(self.numbers)}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        }
        self.api("POST", f"{RBAC}{scope}/{plural}", body)

    def await_allowed(self, user: str, namespace: str | None, verb: str, resource: str, group: str = "") -> None:
        """Wait until the server's authoriser has heard of a permission; it learns with a little delay."""
        base, _, part = resource.partition("/")
        about = {"verb": verb, "resource": base, "subresource": part, "group": group, "namespace": namespace or ""}
        body = {"spec": {"user": user, "groups": ["system:authenticated"], "resourceAttributes": about}}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        self._until(lambda: bool(self.api("POST", path, body)["status"]["allowed"]), f"{user} may {verb} {resource}")

    def serve_metrics(self) -> None:
        """Register metrics.k8s.io with the aggregator, answered by the kubelet stand-in; waits until it answers.

        Once for a cluster; until then asking for it is a 404, as in a cluster without metrics-server.
        """
        name, port = "metrics-server", self.kubelet.port
        # An ExternalName, because Endpoints refuse loopback addresses.
        outside = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}
        service = {"metadata": {"name": name}, "spec": outside}
        target = {"name": name, "namespace": "kube-system", "port": port}
        group, version = GROUP.split("/")
        spec = {"group": group, "version": version, "service": target, "insecureSkipTLSVerify": True}
        body = {
            "metadata": {"name": f"{version}.{group}"},
            "spec": {**spec, "groupPriorityMinimum": 100, "versionPriority": 100},
        }
        self.api("POST", "/api/v1/namespaces/kube-system/services", service)
        self.api("POST", "/apis/apiregistration.k8s.io/v1/apiservices", body)
        self._until(lambda: "items" in self.api("GET", f"{METRICS}/pods"), "metrics.k8s.io answers")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The server hangs: the kernel takes connections, nobody answers them."""
        self.server.send_signal(signal.SIGSTOP)
        state = Path(f"/proc/{self.server.pid}/stat")
        # Its threads stop one by one; on a busy machine one may answer yet.
        self._until(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", "it has stopped")
        try:
            yield
        finally:
            self.server.send_signal(signal.SIGCONT)

    def prepare(self) -> None:
        """Wait until it serves and its bootstrap roles exist; bind what USERS promises."""
        self._until(lambda: bool(self.api("GET", "/version")) and self._ready(), "the API server is ready")
        roles = f"{RBAC}/clusterroles/system:aggregate-to-view", f"{RBAC}/clusterrolebindings/system:discovery"
        self._until(lambda: all(self.api("GET", path) for path in roles), "the bootstrap roles exist")
        self._until(lambda: bool(self.api("GET", "/api/v1/namespaces/kube-system")), "kube-system exists")
        self.bind("reader", "ClusterRole", "system:aggregate-to-view")
        self.await_allowed("reader", None, "list", "pods")

    def _ready(self) -> bool:
        headers = {"Authorization": f"Bearer {self.tokens['admin']}"}
        return self.session.get(f"{self.url}/readyz", headers=headers, verify=str(self.ca), timeout=5).ok

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + READY_SECONDS
        said = ""
        while time.monotonic() < end and self.server.poll() is None:
            try:
                if holds():
                    return
            except (Refused, requests.RequestException) as error:
                said = str(error)
            time.sleep(0.05)
        log = (self.folder / "kube-apiserver.log").read_text(errors="replace")
        raise ServerError(f"in vain waited for: {what}; {said[:500]}\n{log[-1500:]}")

    def close(self) -> None:
        """Close the clients."""
        self.session.close()
        for made in self.clients.values():
            made.close()
