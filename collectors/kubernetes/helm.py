"""Helm's release history as rows of the table `changes`. Pure.

Helm 3 keeps a Secret of type helm.sh/release.v1 for each revision: labels say name, version and status; the payload
(JSON, gzipped, base64 twice) has chart and times - and values and manifests, which are never looked at.
Source: helm.sh/docs/topics/advanced/#storage-backends
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from collectors.kubernetes.objects import (
    Object,
    Origin,
    created,
    integer,
    kind,
    labels,
    mapping,
    moment,
    name,
    notes,
    text,
)
from gather_diagnostics import Window

LARGEST = 32_000_000
"""Bytes of an unpacked payload: enough for any that fits a Secret in good faith."""


@dataclass(frozen=True, slots=True)
class Release:
    """One revision of a release."""

    name: str
    version: int
    status: str
    secret: Object = field(repr=False)
    """Metadata."""
    time: datetime | None = None
    chart: str = ""
    app: str = ""
    description: str = ""


def names(workloads: Iterable[Object], service: str) -> set[str]:
    """Releases that made the workloads; a release named like the service where none says."""
    found = {text(notes(w), "meta.helm.sh/release-name") for w in workloads} - {""}
    return found or {service}


def deployed(workloads: Iterable[Object]) -> str:
    """A workload that Helm deployed, by the labels and annotations that charts usually set; '' where none says so.

    Source: helm.sh/docs/chart_best_practices/labels/
    """
    for workload in workloads:
        told = labels(workload)
        if (
            told.get("app.kubernetes.io/managed-by") == "Helm"
            or "helm.sh/chart" in told
            or text(notes(workload), "meta.helm.sh/release-name")
        ):
            return f"{kind(workload)}/{name(workload)}"
    return ""


def release(secret: Object) -> Release | None:
    """By its labels; None for a Secret that is none of Helm's."""
    told = labels(secret)
    version = integer(told, "version")
    if told.get("owner") != "helm" or version is None or not text(told, "name"):
        return None
    return Release(text(told, "name"), version, text(told, "status"), secret, created(secret))


def with_payload(found: Release, secret: Object) -> Release:
    """The same with chart and times. Raises ValueError for a payload that can't be read."""
    document = _unpacked(text_of(secret))
    chart, info = mapping(document, "chart", "metadata"), mapping(document, "info")
    return Release(
        found.name,
        found.version,
        text(info, "status") or found.status,
        found.secret,
        moment(info, "last_deployed") or found.time,
        "-".join(filter(None, (text(chart, "name"), text(chart, "version")))),
        text(chart, "appVersion"),
        text(info, "description"),
    )


def text_of(secret: Object) -> str:
    payload = mapping(secret, "data").get("release")
    return payload if isinstance(payload, str) else ""


def _unpacked(payload: str) -> Any:
    try:
        packed = base64.b64decode(base64.b64decode(payload, validate=True), validate=True)
        stream = zlib.decompressobj(wbits=31)
        unpacked = stream.decompress(packed, LARGEST)
        if stream.unconsumed_tail:
            raise ValueError(f"it is larger than {LARGEST:,} bytes")
        return json.loads(unpacked)
    except (binascii.Error, zlib.error, RecursionError) as error:
        raise ValueError(f"it is not packed as Helm packs it: {error}") from error


def rows(history: Sequence[Release], origin: Origin, window: Window) -> Iterator[dict[str, Any]]:
    """A row for each revision of one release inside the window."""
    ordered = sorted(history, key=lambda r: r.version)
    for before, this in zip([None, *ordered], ordered, strict=False):
        if this.time is not None and this.time in window:
            yield _row(this, before, origin)


def _row(this: Release, before: Release | None, origin: Origin) -> dict[str, Any]:
    done = this.status in ("deployed", "superseded")
    details = {
        "kind": "HelmRelease",
        "release": this.name,
        "status": this.status,
        "chart": this.chart,
        "app_version": this.app,
        "previous_chart": before.chart if before else "",
        "description": this.description,
        "context": origin.context,
        "rollback": this.description.lower().startswith("rollback to") or None,
    }
    return {
        "time": this.time,
        "ref": origin.ref(this.secret, "Secret"),
        "id": origin.id(
            {**this.secret, "metadata": {**mapping(this.secret, "metadata"), "name": this.name}},
            this.version,
            "HelmRelease",
        ),
        "kind": "deploy",
        "service": origin.service,
        "revision": str(this.version),
        "previous": str(before.version) if before else None,
        "summary": _summary(this, before)[:1000],
        "finished": (_modified(this) or this.time) if done else None,
        "details": {k: v for k, v in details.items() if v},
    }


def _modified(this: Release) -> datetime | None:
    """When its status was last written, of which Helm notes the Unix seconds in a label."""
    seconds = integer(labels(this.secret), "modifiedAt")
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None and 0 < seconds < 9_000_000_000 else None


def _summary(this: Release, before: Release | None) -> str:
    parts = []
    for word, new, old in (
        ("chart", this.chart, before.chart if before else ""),
        ("app", this.app, before.app if before else ""),
    ):
        if new:
            parts.append(f"{word} {old} -> {new}" if old and old != new else f"{word} {new}")
    if this.status not in ("deployed", "superseded"):
        parts.append(f"status {this.status}")
    if this.description and this.description.lower() not in ("install complete", "upgrade complete"):
        parts.append(this.description)
    return f"helm release {this.name} revision {this.version}: {'; '.join(parts) or this.status}"
