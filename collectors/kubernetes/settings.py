"""What a person may say about their clusters. Nothing has to be said where kubectl works."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from gather_diagnostics.config import LocalPath

NAME = "kubernetes"


class KubernetesSettings(BaseModel):
    """`sources.kubernetes` in diagnostics.yaml. Texts may hold '{service}'."""

    model_config = ConfigDict(extra="forbid")
    kubeconfig: LocalPath = Field(
        default="", description="kubeconfig file; empty: $KUBECONFIG, ~/.kube/config, or the pod's service account"
    )
    contexts: list[str] = Field(
        default_factory=list, description="contexts of the kubeconfig to read, one a cluster; empty: the current one"
    )
    namespace: str = Field(default="", description="namespace to read, '*' for all; empty: the context's")
    selector: str = Field(
        default="",
        description="label selector of the service, e.g. 'app=checkout,tier!=cache'; empty: found by the usual labels"
        " (app.kubernetes.io/name, app, k8s-app, app.kubernetes.io/instance), else by the workload's name",
    )
    secrets: bool = Field(
        default=True,
        description="false asks for no Secrets: neither Helm's release history nor changes of Secrets are then seen",
    )
    max_log_bytes: int = Field(
        default=16 * 2**20, ge=2**16, le=2**30, description="bytes of log read of one container at most"
    )
    max_total_log_bytes: int = Field(
        default=256 * 2**20, ge=2**16, le=2**34, description="bytes of log read of all containers of a cluster at most"
    )
    max_log_lines: int = Field(
        default=20_000, ge=10, le=1_000_000, description="lines of log asked of one container at most, the newest"
    )
    page_size: int = Field(default=500, ge=1, le=5000, description="objects asked for in one answer")
