"""What a person may say about their Alertmanager. Nothing has to be said beyond its address."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gather_diagnostics.config import LocalPath


class AlertmanagerSettings(BaseModel):
    """`sources.alertmanager` in diagnostics.yaml. Texts may hold '{service}'."""

    model_config = ConfigDict(extra="forbid")
    url: str = Field(default="", description="address of the server, path prefix included; empty: $ALERTMANAGER_URL")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="sent with every request")
    bearer_token: SecretStr = Field(default=SecretStr(""), description="sent as 'Authorization: Bearer ...'")
    bearer_token_file: LocalPath = Field(
        default="", repr=False, description="file with the bearer token, read again for every request"
    )
    sigv4_region: str = Field(
        default="",
        description="AWS region; signs requests with the AWS credentials at hand, for Amazon Managed Prometheus",
    )
    tenant: str = Field(default="", description="sent as X-Scope-OrgID: the tenant in Mimir or Cortex")
    username: str = Field(default="", description="for HTTP basic authentication")
    password: SecretStr = Field(default=SecretStr(""), description="for HTTP basic authentication")
    verify_tls: bool = Field(
        default=True, description="false accepts any certificate; REQUESTS_CA_BUNDLE names a private authority"
    )
    matchers: list[str] = Field(
        default_factory=list,
        description="matchers that select the service's alerts, e.g. 'team=\"shop\"'; empty: the usual labels",
    )
    max_alerts: int = Field(default=1000, ge=1, le=100_000, description="alerts kept, and silences kept")
