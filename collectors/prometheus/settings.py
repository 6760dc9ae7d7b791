"""What a person may say about their Prometheus. Nothing has to be said beyond its address."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gather_diagnostics.http.settings import ServerSettings

NAME = "prometheus"
QueryName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")]
"""Also the name of a file in the bundle."""


class QuerySettings(BaseModel):
    """One query of the user's own."""

    model_config = ConfigDict(extra="forbid")
    expr: str = Field(
        min_length=1,
        description=(
            "PromQL; '{selector}' stands for the matchers that were found for the service (service=\"checkout\"),"
            " '{service}' for its name (escaped for a PromQL string), '{window}' for the rate window (60s)"
        ),
    )
    metric: str = Field(default="", description="column metric; empty: the query's name")
    stat: str = Field(default="avg", description="column stat: p50, p95, p99, avg, max, ratio or rate")
    unit: str = Field(default="count", description="column unit: s, ratio, 1/s, cores, bytes, percent or count")


class PrometheusSettings(ServerSettings):
    """`sources.prometheus` in diagnostics.yaml. Texts may hold '{service}'."""

    url: str = Field(default="", description="address of the server, path prefix included; empty: $PROMETHEUS_URL")
    selector: str = Field(
        default="",
        description='PromQL matchers that select the service, e.g. \'app="checkout",namespace="shop"\';'
        " empty: the label is found",
    )
    step_seconds: int = Field(
        default=0, ge=0, le=86400, description="seconds between samples; 0: about 240 steps in baseline and incident"
    )
    rate_window_seconds: int = Field(
        default=0,
        ge=0,
        le=86400,
        description="seconds that rates are taken over; 0: four scrape intervals, at least 60",
    )
    queries: dict[QueryName, QuerySettings] = Field(
        default_factory=dict, description="queries by name: new ones, or in place of a built-in of that name"
    )
    max_series: int = Field(default=500, ge=1, le=50_000, description="series kept of one query's answer")
    max_unknown: int = Field(
        default=50, ge=0, le=1000, description="other metrics of the service, of no known kind, that are read too"
    )
