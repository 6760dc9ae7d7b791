"""Which clusters there are to ask, from local files and the environment alone.

Source: kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from collectors.kubernetes.objects import mapping, text

LARGEST = 5_000_000
"""Bytes of one kubeconfig."""
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
IN_CLUSTER = "in-cluster"
_SECTIONS = ("clusters", "contexts", "users")
_PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


class KubeconfigError(Exception):
    """Nothing can be asked with what is configured; `mend` says what to change."""

    def __init__(self, why: str, mend: str) -> None:
        super().__init__(why)
        self.mend = mend


@dataclass(frozen=True, slots=True)
class Place:
    """One cluster to ask, and where in it."""

    context: str
    cluster: str
    server: str
    """Address of the API server, without credentials."""
    namespace: str
    """'' for all namespaces."""
    because: str
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """kubeconfig of this context alone, paths absolute; holds credentials. Empty: the pod's service account."""


def places(kubeconfig: str, contexts: Sequence[str], namespace: str) -> list[Place]:
    """Every context to read. Raises KubeconfigError where there is none, or where one is not in the files."""
    files, because = _files(kubeconfig)
    if not files:
        return [_in_cluster(namespace)]
    merged = _merged(files)
    shown = ", ".join(str(f) for f in files)
    known = [text(c, "name") for c in merged["contexts"]]
    current = merged.get("current-context")
    wanted = list(dict.fromkeys(contexts)) or ([current] if isinstance(current, str) and current else [])
    if not wanted:
        why = f"{shown} names no current context; there are {_listed(known)}"
        raise KubeconfigError(why, "kubectl config use-context NAME, or set sources.kubernetes.contexts")
    for one in wanted:
        if one not in known:
            why = f"there is no context {one!r} in {shown}; there are {_listed(known)}"
            raise KubeconfigError(why, "set sources.kubernetes.contexts to some of these: kubectl config get-contexts")
    which = "configured in sources.kubernetes.contexts" if contexts else "the current context"
    return [_place(merged, one, namespace, f"{which} of {because}") for one in wanted]


def _files(kubeconfig: str) -> tuple[list[Path], str]:
    if kubeconfig:
        path = Path(kubeconfig).expanduser()
        if not path.is_file():
            raise KubeconfigError(f"there is no kubeconfig {path}", "correct sources.kubernetes.kubeconfig")
        return [path], f"{path} (sources.kubernetes.kubeconfig)"
    if listed := os.environ.get("KUBECONFIG", ""):
        files = [p for part in listed.split(os.pathsep) if part and (p := Path(part).expanduser()).is_file()]
        if not files:
            raise KubeconfigError(f"KUBECONFIG is set, and there is no file at {listed}", "correct or unset KUBECONFIG")
        return files, "KUBECONFIG"
    default = Path("~/.kube/config").expanduser()
    return ([default], str(default)) if default.is_file() else ([], "")


def _in_cluster(namespace: str) -> Place:
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{n}", "") for n in ("HOST", "PORT"))
    if not host or not port or not (ACCOUNT / "token").is_file():
        why = (
            "there is no kubeconfig (neither KUBECONFIG nor ~/.kube/config), and this is no pod with a service account"
        )
        raise KubeconfigError(why, "set KUBECONFIG or sources.kubernetes.kubeconfig to a file that works with kubectl")
    if not namespace:
        try:
            namespace = (ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            namespace = ""
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return Place(IN_CLUSTER, IN_CLUSTER, server, _narrowed(namespace), "this is a pod with a service account")


def _narrowed(namespace: str) -> str:
    return "" if namespace == "*" else namespace or "default"


def _merged(files: Sequence[Path]) -> dict[str, Any]:
    """As kubectl does it: of two entries of one name, the first file's stands. Paths are made absolute."""
    merged: dict[str, Any] = {section: [] for section in _SECTIONS}
    for path in files:
        document = _read(path)
        if isinstance(document.get("current-context"), str):
            merged.setdefault("current-context", document["current-context"] or None)
        for section in _SECTIONS:
            known = {entry["name"] for entry in merged[section]}
            entries = document.get(section)
            for entry in entries if isinstance(entries, list) else []:
                if isinstance(entry, Mapping) and isinstance(entry.get("name"), str) and entry["name"] not in known:
                    merged[section].append(_anchored(entry, section[:-1], path.absolute().parent))
    return merged


def _read(path: Path) -> Mapping[str, Any]:
    """Raises KubeconfigError."""
    try:
        told = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    return _parsed(path, told.st_mtime_ns, told.st_size)


@functools.lru_cache(maxsize=16)
def _parsed(path: Path, _modified: int, _size: int) -> Mapping[str, Any]:
    """Once a file and its change: planning and collecting both look, and a large one takes a second to parse."""
    mend = f"see what is wrong with it: kubectl --kubeconfig {path} config view"
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise KubeconfigError(f"{path} is larger than {LARGEST:,} bytes: is it a kubeconfig?", mend)
        document = yaml.safe_load(content.decode("utf-8-sig"))
    except OSError as error:
        raise _unreadable(path, error) from error
    except yaml.MarkedYAMLError as error:
        # The error's own text quotes the line, which may hold a credential.
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise KubeconfigError(f"{path}{line}: not valid YAML", mend) from error
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise KubeconfigError(f"{path} is not a YAML text", mend) from error
    if not isinstance(document, Mapping):
        raise KubeconfigError(f"{path} is empty or no kubeconfig", mend)
    return document


def _unreadable(path: Path, error: OSError) -> KubeconfigError:
    return KubeconfigError(f"can't read the kubeconfig {path}: {error.strerror or error}", f"ls -l {path}")


def _anchored(entry: Mapping[str, Any], section: str, folder: Path) -> dict[str, Any]:
    made = copy.deepcopy(dict(entry))
    inner = made.get(section)
    for key in _PATHS:
        if isinstance(inner, dict) and isinstance(inner.get(key), str) and inner[key]:
            inner[key] = str(folder / inner[key])
    command = mapping(inner, "exec").get("command")
    if isinstance(inner, dict) and isinstance(command, str) and "/" in command:
        inner["exec"]["command"] = str(folder / command)
    return made


def _place(merged: Mapping[str, Any], name: str, namespace: str, because: str) -> Place:
    context = _entry(merged, "contexts", name)
    inner = mapping(context, "context")
    cluster_name = text(inner, "cluster")
    cluster, user = _entry(merged, "clusters", cluster_name), _entry(merged, "users", text(inner, "user"))
    server = bare(text(cluster, "cluster", "server"))
    if not server:
        why = f"the context {name!r} names the cluster {cluster_name!r}, which has no server address"
        raise KubeconfigError(why, f"kubectl config set-cluster {cluster_name or 'NAME'} --server=https://HOST:PORT")
    config = {"apiVersion": "v1", "kind": "Config", "current-context": name, "contexts": [context]}
    config |= {"clusters": [cluster], "users": [user] if user else []}
    return Place(name, cluster_name, server, _narrowed(namespace or text(inner, "namespace")), because, config)


def _entry(merged: Mapping[str, Any], section: str, name: str) -> Mapping[str, Any]:
    return next((e for e in merged[section] if e["name"] == name), {})


def bare(url: str) -> str:
    """An address without user, password, query and fragment; '' for what is no address."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host:
        return ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)[:20]) or "none"
