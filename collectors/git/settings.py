"""What can be set for the git source. Nothing needs to be."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gather_diagnostics.config import LocalPath

NAME = "git"
ANY_TAG = ["*"]
"""The default of `tag_patterns`: guess which tags are releases. Anything else is taken at its word."""

CONFIG_PATTERNS = [
    "*.yaml",
    "*.yml",
    "*.toml",
    "*.ini",
    "*.cfg",
    "*.conf",
    "*.env",
    ".env*",
    "*.properties",
    "*.tf",
    "*.tfvars",
    *(
        f"{folder}/*.json"
        for folder in ("config", "conf", "deploy", "helm", "k8s", "charts", "manifests", "kustomize", "flags")
    ),
]


class Settings(BaseModel):
    """Settings of the git collector; '{service}' in a text is replaced by the service's name."""

    model_config = ConfigDict(extra="forbid")

    repo: LocalPath = Field(
        default="", description="folder of the repository; empty: the one around the current directory"
    )
    paths: list[str] = Field(
        default_factory=list,
        description="folders and files of the service, from the repository's root; empty: services/{service},"
        " apps/{service}, ... where they exist, else the whole repository; '.': the whole repository",
    )
    branch: str = Field(
        default="", description="the branch that is deployed; empty: origin's default branch, else main, master or HEAD"
    )
    tag_patterns: list[str] = Field(
        default_factory=lambda: list(ANY_TAG),
        description="tags that mark a deploy, as globs; ['*']: those that look like releases of this service",
    )
    deploy_refs: list[str] = Field(
        default_factory=lambda: ["refs/deployments/*", "refs/deploy/*", "refs/environments/*"],
        description="refs outside refs/tags that mark a deploy, as globs of whole names",
    )
    config_patterns: list[str] = Field(
        default_factory=lambda: list(CONFIG_PATTERNS),
        description="files that are configuration, as globs; one with a '/' also matches below other folders",
    )
    max_commits: int = Field(default=2000, ge=1, le=50_000, description="commits read at most")
    older_commits: int = Field(
        default=100,
        ge=0,
        le=5000,
        description="newest commits read from before the change window, to tell who last changed a line that fails",
    )
    max_patch_bytes: int = Field(default=200_000, ge=0, description="bytes kept of one commit's patch")
    max_total_patch_bytes: int = Field(default=8_000_000, ge=0, description="bytes kept of all patches together")

    @field_validator("paths")
    @classmethod
    def _inside(cls, paths: list[str]) -> list[str]:
        cleaned = [p.strip().rstrip("/").removeprefix("./") if p.strip() != "/" else p for p in paths]
        for path in cleaned:
            if path.startswith("/") or ".." in path.split("/"):
                raise ValueError(f"{path!r} is not inside the repository: give a path from its root")
        return [p or "." for p in cleaned]

    @field_validator("branch")
    @classmethod
    def _no_option(cls, branch: str) -> str:
        if branch.startswith("-") or any(c.isspace() or c == "\0" for c in branch):
            raise ValueError(f"{branch!r} can't be the name of a branch")
        return branch

    @field_validator("deploy_refs")
    @classmethod
    def _whole_names(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            if not pattern.startswith("refs/") or pattern.strip("/*") == "refs":
                raise ValueError(f"{pattern!r} is not the whole name of a ref: write it like 'refs/deployments/*'")
        return patterns
