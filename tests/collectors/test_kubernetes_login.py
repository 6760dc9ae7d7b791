"""The Kubernetes collector: kubeconfigs, login plugins, credentials of no use."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from servers.kubeshapes import (
    SECRET,
)
from servers.kubestub import collected, kubeconfig, serving

from collectors.kubernetes import (
    Kubernetes,
)
from gather_diagnostics import Gap, Request, Target


@pytest.fixture
def api(tmp_path: Path) -> Iterator[SimpleNamespace]:
    with serving() as (server, url):
        yield SimpleNamespace(server=server, url=url, config=kubeconfig(tmp_path / "config", url, namespace="shop"))


# --- kubeconfigs


def planned(request: Request, **settings: Any) -> list[Target | Gap]:
    return list(Kubernetes(Kubernetes.Settings(**settings)).plan(request))


def test_planning_names_the_cluster_without_credentials(tmp_path: Path, make_request: Any) -> None:
    path = kubeconfig(tmp_path / "c", f"https://user:{SECRET}@api.example.com:6443/?token={SECRET}", namespace="shop")
    (target,) = planned(make_request(), kubeconfig=str(path))
    assert isinstance(target, Target)
    assert target.where == "https://api.example.com:6443 (context prod)"
    assert "namespace shop" in target.what
    assert "the current context of" in target.because
    (target,) = planned(make_request(), kubeconfig=str(path), namespace="*", contexts=["prod"])
    assert isinstance(target, Target)
    assert "all namespaces" in target.what


def test_several_kubeconfigs_the_first_wins(tmp_path: Path, make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = kubeconfig(tmp_path / "a", "https://first:1")
    second = yaml.safe_load(kubeconfig(tmp_path / "b", "https://second:1").read_text())
    second["current-context"] = "other"
    second["contexts"].append({"name": "other", "context": {"cluster": "eu-1", "user": "me"}})
    (tmp_path / "b").write_text(yaml.safe_dump(second))
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(tmp_path / "missing"), str(first), str(tmp_path / "b")]))
    assert [t.where for t in planned(make_request()) if isinstance(t, Target)] == ["https://first:1 (context prod)"]
    assert len(planned(make_request(), contexts=["prod", "other"])) == 2


def test_a_kubeconfig_is_parsed_once_a_change(
    tmp_path: Path, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []
    load = yaml.safe_load
    monkeypatch.setattr(yaml, "safe_load", lambda content: (parsed.append(content), load(content))[1])
    path = kubeconfig(tmp_path / "c", "http://127.0.0.1:9")
    parsed.clear()
    assert len(planned(make_request(), kubeconfig=str(path))) == 1
    assert [g.cause for g in collected(path, make_request()).gaps] == ["unreachable"]
    assert len(parsed) == 1
    kubeconfig(path, "http://127.0.0.1:9/elsewhere")
    (target,) = planned(make_request(), kubeconfig=str(path))
    assert isinstance(target, Target)
    assert "/elsewhere" in target.where
    assert len(parsed) == 2


def test_no_cluster_is_known(tmp_path: Path, make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (gap,) = planned(make_request())
    assert isinstance(gap, Gap)
    assert gap.cause == "not_configured"
    assert "KUBECONFIG" in gap.mend


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"users: [{{token: {SECRET}", "not valid YAML"),
        ("- a\n", "no kubeconfig"),
        ("", "empty"),
        ("contexts: []\n", "names no current context"),
        ("current-context: x\n", "there is no context 'x'"),
        ("current-context: x\ncontexts: [{name: x, context: {cluster: gone}}]\n", "'gone', which has no server"),
        ("\x00", "not a YAML text"),
        ("current-context: [1]\ncontexts: {a: b}\n", "names no current context"),
    ],
)
def test_kubeconfigs_that_are_of_no_use(tmp_path: Path, make_request: Any, content: str, words: str) -> None:
    (tmp_path / "c").write_text(content)
    (gap,) = planned(make_request(), kubeconfig=str(tmp_path / "c"))
    assert isinstance(gap, Gap)
    assert (gap.cause, words in gap.why) == ("not_configured", True), gap
    assert gap.mend
    assert SECRET not in repr(gap)


def test_an_unknown_context_names_those_there_are(tmp_path: Path, make_request: Any) -> None:
    (gap,) = planned(make_request(), kubeconfig=str(kubeconfig(tmp_path / "c")), contexts=["prd"])
    assert isinstance(gap, Gap)
    assert "there are prod" in gap.why


# --- exec plugins


def plugin(folder: Path, script: str) -> Path:
    path = folder / "login-plugin"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return path


def exec_user(command: str, **more: Any) -> dict[str, Any]:
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": command, **more}}


def test_a_login_plugin_is_run_and_its_token_sent(api: Any, tmp_path: Path, make_request: Any) -> None:
    said = {"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": {"token": "T"}}
    plugin(tmp_path, f"""[ "$WHO" = me ] && [ "$1" = get ] && echo '{json.dumps(said)}'""")
    user = exec_user("./login-plugin", args=["get"], env=[{"name": "WHO", "value": "me"}])
    config = kubeconfig(tmp_path / "c", api.url, user, namespace="shop")
    assert [g.cause for g in collected(config, make_request()).gaps] == ["not_found"]
    assert api.server.headers[0]["Authorization"] == "Bearer T"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'session expired: log in again' >&2; exit 3", "session expired: log in again"),
        ("echo no json", "printed no JSON"),
        ("echo '{}'", "printed no ExecCredential"),
        ("""echo '{"kind": "ExecCredential", "status": {"x": 1}}'""", "neither a token nor a certificate"),
        ("exec sleep 20", "did not end within"),
    ],
)
def test_a_login_plugin_that_fails(api: Any, tmp_path: Path, make_request: Any, script: str, words: str) -> None:
    config = kubeconfig(tmp_path / "c", api.url, exec_user(str(plugin(tmp_path, script))))
    made = collected(config, make_request(source_seconds=1.0))
    assert [(g.cause, words in g.why) for g in made.gaps] == [("denied", True)], made.gaps
    assert api.server.asked == []


def test_a_login_plugin_that_is_not_there(api: Any, tmp_path: Path, make_request: Any) -> None:
    user = exec_user("no-such-plugin", installHint="apt-get install it")
    made = collected(kubeconfig(tmp_path / "c", api.url, user), make_request())
    assert [(g.cause, "not installed" in g.why, "apt-get install it" in g.mend) for g in made.gaps] == [
        ("denied", True, True)
    ]


@pytest.mark.parametrize(
    "user",
    [
        {"tokenFile": "nowhere"},
        {"client-certificate-data": f"%{SECRET}", "client-key-data": "%%"},
        {"token": f"{SECRET}\nmore"},
        {"token": {"a": SECRET}},
        {"auth-provider": {"name": "gcp"}},
        "text",
    ],
)
def test_credentials_of_no_use(api: Any, tmp_path: Path, make_request: Any, user: Any) -> None:
    url = "https://127.0.0.1:9" if isinstance(user, dict) and "client-key-data" in user else api.url
    made = collected(kubeconfig(tmp_path / "c", url, user), make_request())
    assert len(made.gaps) == 1
    assert made.gaps[0].cause in ("denied", "not_found", "unreachable"), made.gaps
