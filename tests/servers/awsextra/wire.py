"""From an HTTP request to (service, operation, parameters) and from an answer back to bytes, by botocore's own models.

Both protocols that botocore speaks to CloudWatch are understood: AWS JSON 1.0 (botocore >= 1.40) and Query (before).
An answer is checked against the operation's output shape before it leaves: an extension can't invent a key.
"""

from __future__ import annotations

import gzip
import io
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.parsers import create_parser
from botocore.utils import parse_timestamp
from botocore.validate import ParamValidator
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS, RequestDict
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

Environ = dict[str, Any]

# Signing name (in the Authorization header) to botocore's service name, where they differ.
SERVICES = {
    "elasticfilesystem": "efs",
    "elasticloadbalancing": "elbv2",
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}


class AwsError(Exception):
    """An error as AWS words it; `code` and `status` go on the wire."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True)
class Call:
    """One request that was understood."""

    service: str
    operation: str
    model: OperationModel
    protocol: str
    region: str
    signed: str
    """X-Amz-Date as sent: the client's clock."""
    params: dict[str, Any]
    """Names as in botocore's model; timestamps are aware UTC datetimes."""

    @property
    def by_query(self) -> bool:
        """Errors have the Query protocol's codes, whichever protocol carries them (CloudWatch)."""
        return self.protocol == "query" or "awsQueryCompatible" in self.model.service_model.metadata


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    sent: Iterable[bytes] | None = None
    """The body as it is to be sent, where not at once."""


def read(environ: Environ) -> Call | None:
    """None where the request is not signed or not of a modelled operation; moto deals with it."""
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split(",")[0].split("/")
    if len(scope) != 5:
        return None
    service = SERVICES.get(scope[3], scope[3])
    body = _buffered(environ)
    request = Request({**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})
    try:
        model = get_service_model(service)
        protocol = determine_request_protocol(model, request.content_type)
        operation, uri = _operation(service, request)
    except (NotFound, NotImplementedError, UnknownServiceError):
        return None
    shape: RequestDict = {
        "method": request.method,
        "values": request.values,
        "headers": request.headers,
        "body": request.data,
        "url_path": request.path,
        "url_params": dict(uri),
    }
    known = model.operation_model(operation)
    params = PROTOCOL_PARSERS[protocol](known, timestamp_parser=_time).parse(shape)
    return Call(service, operation, known, protocol, scope[2], environ.get("HTTP_X_AMZ_DATE", ""), params or {})


def _buffered(environ: Environ) -> bytes:
    """The whole body; left in `environ` for moto as it came, returned inflated."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body: bytes = environ["wsgi.input"].read(length) if length else b""
    environ["wsgi.input"] = io.BytesIO(body)
    return gzip.decompress(body) if environ.get("HTTP_CONTENT_ENCODING") == "gzip" else body


def _operation(service: str, request: Request) -> tuple[str, Mapping[str, Any]]:
    target = request.headers.get("X-Amz-Target")
    if target:
        return target.split(".")[-1], {}
    if request.values.get("Action"):
        return request.values["Action"], {}
    found, uri = get_service_router(service).match(request)
    return found.name, uri


def _time(value: Any) -> datetime:
    when: datetime = parse_timestamp(value)
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def write(call: Call, result: Mapping[str, Any]) -> Answer:
    """Raises AwsError('BrokenExtension') for a result that is not of the operation's output shape."""
    shape = call.model.output_shape
    problems = ParamValidator().validate(result, shape) if shape is not None else None
    if problems is not None and problems.has_errors():
        raise AwsError("BrokenExtension", f"{call.service} {call.operation}: {problems.generate_report()}")
    return _serialized(call, result, 200)


def understood(call: Call, answer: Answer) -> dict[str, Any]:
    """moto's answer as botocore would hand it to a client, without the metadata."""
    raw = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    found: dict[str, Any] = create_parser(call.protocol).parse(raw, call.model.output_shape)
    found.pop("ResponseMetadata", None)
    return found


def refuse(call: Call, error: AwsError) -> Answer:
    """The error in the call's protocol, with its status."""
    return _serialized(call, error, error.status)


def _serialized(call: Call, result: Any, status: int) -> Answer:
    done = get_serializer_class(call.service, call.protocol)(operation_model=call.model).serialize(result)
    body = done["body"]
    content = body.encode() if isinstance(body, str) else body
    headers = {**done["headers"], "x-amzn-RequestId": str(uuid.uuid4())}
    if call.protocol == "json":
        headers["Content-Type"] = (
            f"application/x-amz-json-{call.model.service_model.metadata.get('jsonVersion', '1.0')}"
        )
    return Answer(done["status_code"] if status == 200 else status, headers, content)
