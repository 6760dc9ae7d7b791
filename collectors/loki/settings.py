"""What a person may say about their Loki. Nothing has to be said beyond its address."""

from __future__ import annotations

from pydantic import Field

from gather_diagnostics.http.settings import ServerSettings

NAME = "loki"


class LokiSettings(ServerSettings):
    """`sources.loki` in diagnostics.yaml. Texts may hold '{service}'."""

    url: str = Field(default="", description="address of the server, path prefix included; empty: $LOKI_URL")
    selector: str = Field(
        default="",
        description='LogQL matchers that select the service, e.g. \'app="checkout",namespace="shop"\';'
        " empty: the label is found",
    )
    max_lines: int = Field(
        default=100_000, ge=1, le=5_000_000, description="log lines that are read; all others are counted by Loki"
    )
    max_bytes: int = Field(default=200_000_000, ge=1, description="bytes of log lines that are read")
