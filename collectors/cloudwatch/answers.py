"""Answers that are not AWS's, put so that botocore does not take them for something else."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any
from xml.sax.saxutils import escape

from collectors.cloudwatch.troubles import BadAnswerError, cut


def readable(operation_model: Any, response_dict: MutableMapping[str, Any], **_: Any) -> None:
    """A handler of botocore's event before-parse. Raises BadAnswerError.

    botocore takes JSON that is cut off, or a page of HTML, for an answer without anything in it; and a proxy's refusal,
    where it expects XML, for a mistake of the parser, so that nobody learns of the status.
    """
    body = response_dict.get("body")
    status = int(response_dict.get("status_code") or 0)
    if not isinstance(body, bytes) or not body:
        return
    model = operation_model.service_model
    # botocore before 1.36 knew one protocol for each service.
    if "json" in (getattr(model, "resolved_protocol", "") or model.protocol):
        if status == 200:
            _check_json(body)
    elif status == 200:
        _check_xml(body, f"<{operation_model.name}Response")
    elif b"<Code>" not in body:
        response_dict["body"] = _refusal(status, body)


def _check_json(body: bytes) -> None:
    try:
        json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadAnswerError(f"what should be JSON is not ({error}): {_said(body)}") from error


def _check_xml(body: bytes, begins: str) -> None:
    """A page of HTML may be fine XML, on which botocore breaks."""
    if begins.encode() not in body[:1_000]:
        raise BadAnswerError(f"there is no {begins}> in it: {_said(body)}")


def _refusal(status: int, body: bytes) -> bytes:
    """An error in AWS's Query protocol whose code is the status, as botocore itself has it where it expects JSON."""
    error = f"<Error><Code>{status}</Code><Message>{escape(_said(body))}</Message></Error>"
    return f"<ErrorResponse>{error}</ErrorResponse>".encode("utf-8", "replace")


def _said(body: bytes) -> str:
    """The beginning, without what XML does not allow."""
    text = cut(body[:200].decode("utf-8", "replace"))
    return "".join(c for c in text if c.isprintable())
