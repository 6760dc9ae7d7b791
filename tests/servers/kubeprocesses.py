"""The programs behind a test cluster: where they are, what they are told, how they start and end."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from servers.prometheus import CACHE, ServerError, free_port
from servers.tls import Certificates

MENDS = {
    "kube-apiserver": "run scripts/build_kube_apiserver, or set TEST_ASSET_KUBE_APISERVER to the program",
    "etcd": "run scripts/fetch_test_servers, or set TEST_ASSET_ETCD to the program",
}


def binary(name: str) -> str | None:
    """Path of `kube-apiserver` or `etcd`; None where there is none."""
    named = os.environ.get(f"TEST_ASSET_{name.upper().replace('-', '_')}")
    return shutil.which(named) if named else shutil.which(name) or shutil.which(name, path=str(CACHE))


def etcd_flags(folder: Path, port: int) -> list[str]:
    """For an etcd of its own in the folder."""
    peer = f"http://127.0.0.1:{free_port()}"
    url = f"http://127.0.0.1:{port}"
    return [
        f"--data-dir={folder}/etcd",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def apiserver_flags(folder: Path, made: Certificates, store: int, port: int) -> list[str]:
    """RBAC, tokens from the folder's tokens.csv, no service accounts for pods; `store` is etcd's port."""
    return [
        f"--etcd-servers=http://127.0.0.1:{store}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        "--insecure-port=0",
        f"--tls-cert-file={made.cert}",
        f"--tls-private-key-file={made.key}",
        f"--token-auth-file={folder}/tokens.csv",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={made.key}",
        f"--service-account-signing-key-file={made.key}",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
        f"--kubelet-certificate-authority={made.ca}",
        "--kubelet-preferred-address-types=InternalIP",
        # Else it would write its address into Endpoints, which refuse loopback, and complain without end.
        "--endpoint-reconciler-type=none",
    ]


@contextmanager
def process(name: str, flags: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program as long as the context lasts; it writes to NAME.log in the folder."""
    program = binary(name)
    if not program:
        raise ServerError(f"{name} is missing: {MENDS[name]}")
    with (folder / f"{name}.log").open("wb") as log:
        command = [*leash(), program, *flags]
        running = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    try:
        yield running
    finally:
        # A frozen one does not hear SIGTERM, and a clean end has nothing to save here.
        running.kill()
        running.wait()


def leash() -> list[str]:
    """What makes a program end with us even where we are killed, where util-linux is there."""
    program = shutil.which("setpriv")
    return [program, "--pdeathsig", "KILL"] if program else []
