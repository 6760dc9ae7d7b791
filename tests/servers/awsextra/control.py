"""What a test and the server say to each other outside of AWS's API: POST /_test/<helper>, JSON both ways."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import datetime
from typing import Any

PATH = "/_test/"


class ServerError(RuntimeError):
    """The server did not come up, or refused what a test told it; the message ends with its own words."""


def tell(url: str, helper: str, arguments: dict[str, Any]) -> Any:
    """What the helper returned. Raises ServerError with the server's traceback."""
    body = json.dumps(arguments, default=encoded).encode()
    request = urllib.request.Request(f"{url}{PATH}{helper}", data=body, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read(), object_hook=decoded)
    except urllib.error.HTTPError as error:
        raise ServerError(f"{helper}: {error.read().decode(errors='replace')[-1500:]}") from error


def encoded(value: Any) -> Any:
    """An aware datetime or bytes, for JSON."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return {"$time": value.isoformat()}
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    raise TypeError(f"not sent: {value!r} (a naive datetime?)")


def decoded(value: dict[str, Any]) -> Any:
    """json.loads' object_hook: the reverse of `encoded`."""
    return datetime.fromisoformat(value["$time"]) if set(value) == {"$time"} else value
