"""What a person may say about any HTTP server that is asked."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gather_diagnostics.config import LocalPath


class ServerSettings(BaseModel):
    """Credentials, headers and TLS: the same words for every server of Prometheus' family."""

    model_config = ConfigDict(extra="forbid")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="sent with every request")
    bearer_token: SecretStr = Field(default=SecretStr(""), description="sent as 'Authorization: Bearer ...'")
    bearer_token_file: LocalPath = Field(
        default="", repr=False, description="file with the bearer token, read again for every request"
    )
    sigv4_region: str = Field(
        default="",
        description="AWS region; signs requests with the AWS credentials at hand, for Amazon Managed Prometheus",
    )
    tenant: str = Field(default="", description="sent as X-Scope-OrgID: the tenant in Mimir, Cortex or Thanos")
    username: str = Field(default="", description="for HTTP basic authentication")
    password: SecretStr = Field(default=SecretStr(""), description="for HTTP basic authentication")
    verify_tls: bool = Field(
        default=True, description="false accepts any certificate; REQUESTS_CA_BUNDLE names a private authority"
    )
