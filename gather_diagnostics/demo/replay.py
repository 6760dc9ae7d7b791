"""Answers Prometheus' HTTP API on loopback from recorded answers of a real Prometheus, moved along the clock.

The recording (`prometheus.json.gz`, made by scripts/record_demo.py) holds, of one staged incident:

    onset, start, step, steps     Unix seconds; samples lie at start, start + step, ...
    series    [{match: [selector], answer: [label set]}]
    instant   {PromQL: [{metric, value}]}                 as answered at the time it was asked
    range     {PromQL: [{metric, values: [number|null]}]} one value a step; null where there was no sample
    other     [{path, query: {parameter: [text]}, answer}] alerts, rules, targets, ...; as they were, at any time
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

Parameters = Mapping[str, Sequence[str]]

NAME = "prometheus.json.gz"


class RefusedError(Exception):
    """A question that the recording can't answer; sent as Prometheus sends errors."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


def recorded() -> dict[str, Any]:
    """The recording that comes with the package."""
    packed = files("gather_diagnostics.demo").joinpath(NAME).read_bytes()
    return json.loads(gzip.decompress(packed))  # type: ignore[no-any-return]


@contextmanager
def replay(onset: datetime, recording: Mapping[str, Any] | None = None) -> Iterator[str]:
    """Serve the recording so that its incident begins at `onset` (UTC; snapped down to the recorded step).

    Yields the URL of a server on loopback. No sample is later than the present, however long the recording goes on.
    """
    tape = Tape(recording or recorded(), onset)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"tape": tape}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="demo-prometheus", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class Tape:
    """A recording and the onset that it is moved to."""

    recording: Mapping[str, Any]
    onset: datetime

    @property
    def shift(self) -> int:
        """Seconds from the recorded to the wanted onset: a multiple of the step, so that samples stay on the grid."""
        step = int(self.recording["step"])
        return int((self.onset.timestamp() - self.recording["onset"]) // step * step)

    @property
    def start(self) -> int:
        return int(self.recording["start"]) + self.shift

    def end(self) -> float:
        """Time of the last sample there may be: recorded, and not in the future."""
        last = self.start + self.recording["step"] * (self.recording["steps"] - 1)
        return float(min(last, datetime.now(UTC).timestamp()))

    def answer(self, path: str, parameters: Parameters) -> Any:
        """The `data` of an answer. Raises RefusedError."""
        match path:
            case "/api/v1/query_range":
                return {"resultType": "matrix", "result": self._range(parameters)}
            case "/api/v1/query":
                return {"resultType": "vector", "result": self._instant(parameters)}
            case "/api/v1/series":
                return self._series(parameters)
        return self._other(path, parameters)

    def _range(self, parameters: Parameters) -> list[dict[str, Any]]:
        recorded = self._looked_up("range", _text(parameters, "query"))
        start, end = _number(parameters, "start"), _number(parameters, "end")
        step, grid = _number(parameters, "step"), int(self.recording["step"])
        if step <= 0 or step % grid:
            raise RefusedError(400, "bad_data", f"the demo was recorded every {grid} s: the step must be a multiple")
        times = []
        while start <= end:
            if self.start <= start <= self.end():
                times.append(start)
            start += step
        answer = [self._moved(one, times) for one in recorded]
        return [one for one in answer if one["values"]]

    def _moved(self, one: Mapping[str, Any], times: Sequence[float]) -> dict[str, Any]:
        at = [(t, one["values"][int(t - self.start) // int(self.recording["step"])]) for t in times]
        return {"metric": one["metric"], "values": [[t, f"{value:.6g}"] for t, value in at if value is not None]}

    def _instant(self, parameters: Parameters) -> list[dict[str, Any]]:
        recorded = self._looked_up("instant", _text(parameters, "query"))
        time = _number(parameters, "time") if "time" in parameters else datetime.now(UTC).timestamp()
        if not self.start <= time <= self.end():
            return []
        return [{"metric": one["metric"], "value": [time, one["value"]]} for one in recorded]

    def _looked_up(self, kind: str, expr: str) -> Any:
        if expr not in self.recording[kind]:
            message = f"this query was not recorded for the demo, so it has no answer here: {expr}"
            raise RefusedError(422, "execution", message)
        return self.recording[kind][expr]

    def _series(self, parameters: Parameters) -> Any:
        wanted = sorted(parameters.get("match[]", ()))
        known = next((r["answer"] for r in self.recording["series"] if r["match"] == wanted), None)
        if known is None:
            raise RefusedError(422, "execution", f"these series were not recorded for the demo: {' '.join(wanted)}")
        outside = _number(parameters, "end") < self.start or _number(parameters, "start") > self.end()
        return [] if outside else known

    def _other(self, path: str, parameters: Parameters) -> Any:
        wanted = {name: sorted(values) for name, values in parameters.items() if name not in ("start", "end")}
        for one in self.recording.get("other", ()):
            if (one["path"], one["query"]) == (path, wanted):
                return one["answer"]
        raise RefusedError(404, "not_found", f"the demo's stand-in for Prometheus has no {path} with {wanted}")


def _text(parameters: Parameters, name: str) -> str:
    if name not in parameters:
        raise RefusedError(400, "bad_data", f"the parameter {name} is missing")
    return parameters[name][0]


def _number(parameters: Parameters, name: str) -> float:
    text = _text(parameters, name)
    try:
        return float(text)
    except ValueError as error:
        raise RefusedError(400, "bad_data", f"the parameter {name} is not a number of seconds: {text}") from error


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes; together with delayed acknowledgements that would cost 40 ms an answer.
    disable_nagle_algorithm = True
    tape: Tape

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        try:
            data = self.tape.answer(asked.path, parse_qs(asked.query))
            self._send(200, {"status": "success", "data": data})
        except RefusedError as error:
            self._send(error.status, {"status": "error", "errorType": error.kind, "error": str(error)})

    def _send(self, status: int, document: Mapping[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent: stderr belongs to the command."""
