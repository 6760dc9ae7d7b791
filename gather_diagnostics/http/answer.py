"""The JSON of an answer, or the error that says what it is instead; and the times in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import requests

from gather_diagnostics.http.clock import is_throttled, lifted
from gather_diagnostics.http.errors import AnswerError, MalformedError, ThrottledError

SAID = ("message", "Message", "error_description", "error")
"""Keys under which servers put the sentence of a refusal."""


def document(response: requests.Response) -> Any:
    """The JSON of a good answer. Raises AnswerError; a ThrottledError where it asks for fewer requests."""
    try:
        found = json.loads(response.content)
    except (ValueError, RecursionError) as error:
        if response.status_code != 200:
            raise _refusal(response, beginning(response)) from error
        kind = response.headers.get("Content-Type", "something without a content type")
        raise AnswerError(200, f"{kind} instead of JSON: {beginning(response)}") from error
    if response.status_code != 200:
        fields = found if isinstance(found, dict) else {}
        said = next((str(fields[key]) for key in SAID if fields.get(key)), "") or beginning(response)
        raise _refusal(response, said, str(fields.get("errorType", "")))
    return found


def _refusal(response: requests.Response, said: str, kind: str = "") -> AnswerError:
    said = said[:1000] or response.reason or "nothing"
    if is_throttled(response):
        return ThrottledError(response.status_code, said, lifted(response))
    location = response.headers.get("Location", "") if 300 <= response.status_code < 400 else ""
    return AnswerError(response.status_code, said, kind, location.partition("?")[0])


def beginning(response: requests.Response) -> str:
    """The first characters of a body, on one line."""
    return " ".join(response.content[:2000].decode("utf-8", "replace").split())


def moment(text: Any) -> datetime:
    """A time as RFC 3339 writes it, UTC. Raises MalformedError."""
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise MalformedError(f"a time can't be read: {str(text)[:60]}") from error
    if time.tzinfo is None:
        raise MalformedError(f"a time without a zone: {str(text)[:60]}")
    return time.astimezone(UTC)
