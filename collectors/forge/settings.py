"""What can be set for the source `forge`. With a token in the environment, nothing needs to be."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from gather_diagnostics.config import LocalPath

NAME = "forge"


class ForgeSettings(BaseModel):
    """`sources.forge` in diagnostics.yaml. Texts may hold '{service}'."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        default="",
        description="the repository's address, e.g. https://github.com/acme/shop;"
        " empty: `repository`, else the origin remote of the local clone",
    )
    repository: str = Field(default="", description="owner/name on GitHub, or a project's path on GitLab")
    repo: LocalPath = Field(
        default="",
        description="folder of a local clone whose origin names the repository; empty: the current directory",
    )
    kind: Literal["", "github", "gitlab"] = Field(
        default="", description="what the server is; empty: told by its address"
    )
    token: SecretStr = Field(
        default=SecretStr(""),
        description="may read deployments, contents and pull requests;"
        " empty: $GITHUB_TOKEN or $GH_TOKEN, for GitLab $GITLAB_TOKEN",
    )
    api_url: str = Field(
        default="",
        description="address of the API of GitHub Enterprise (https://HOST/api/v3) or of one's own GitLab"
        " (https://HOST/api/v4)",
    )
    environments: list[str] = Field(
        default_factory=lambda: ["production", "prod", "live"], description="environments whose deployments are read"
    )
    commits: bool = Field(default=True, description="ask which commits and files each deployment brought")
    max_deployments: int = Field(default=50, ge=1, le=1000, description="deployments read of each environment")
    max_merged: int = Field(default=100, ge=1, le=1000, description="merged changes read")

    @field_validator("repository")
    @classmethod
    def _path(cls, value: str) -> str:
        value = value.strip().strip("/")
        parts = value.split("/")
        if value and (len(parts) < 2 or any(p in ("", ".", "..") or not p.isprintable() for p in parts)):
            raise ValueError(f"{value!r} is not the path of a repository: write it like acme/shop")
        return value

    @field_validator("environments")
    @classmethod
    def _named(cls, value: list[str]) -> list[str]:
        names = list(dict.fromkeys(v.strip() for v in value if v.strip()))
        if not names:
            raise ValueError("name at least one environment")
        return names
