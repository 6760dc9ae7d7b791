"""What can be set for the source `logfiles`."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gather_diagnostics.config import LocalPath
from gather_diagnostics.logparse import LINE_BYTES

NAME = "logfiles"


class LogSettings(BaseModel):
    """Settings of the source `logfiles`."""

    model_config = ConfigDict(extra="forbid")
    paths: list[LocalPath] = Field(
        default_factory=list,
        description="files to read, as globs with ** and {service}; '-' is standard input; empty: the usual places",
    )
    timezone: str = Field("UTC", description="IANA name of the zone of stamps that name none")
    max_lines: int = Field(2_000_000, ge=1, description="log records kept over all files")
    max_bytes: int = Field(4 << 30, ge=1, description="bytes parsed of each file, counted decompressed")
    max_line_bytes: int = Field(LINE_BYTES, ge=256, le=1 << 24, description="bytes kept of a line")

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone {value!r}; IANA names look like Europe/Berlin") from error
        return value
