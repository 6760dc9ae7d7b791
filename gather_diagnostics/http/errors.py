"""What may be wrong with an answer, or with its absence; the rest is said by requests' own exceptions.

requests.RequestException
    AnswerError                  it is no result
        ThrottledError           it asks for fewer requests
    requests.Timeout
        OutOfTimeError           the time of the whole source is over
    (body.TooLargeError, auth.CredentialsError)
ValueError
    MalformedError               it is JSON, and not what the API promises
"""

from __future__ import annotations

from datetime import datetime

import requests


class AnswerError(requests.RequestException):
    """An answer that is no result: another status than 200, not JSON, or JSON of another kind."""

    def __init__(self, status: int, message: str, kind: str = "", location: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        """The server's own sentence, or the beginning of what it sent."""
        self.kind = kind
        """The server's own name for it (Prometheus' errorType: bad_data, timeout, ...); '' where it has none."""
        self.location = location
        """Where it redirects to, without the query, which holds states and tokens."""


class ThrottledError(AnswerError):
    """A rate limit. `until` is when it ends, UTC by this machine's clock, where the server says so."""

    def __init__(self, status: int, message: str, until: datetime | None) -> None:
        super().__init__(status, message)
        self.until = until


class OutOfTimeError(requests.Timeout):
    """The deadline of the whole source has fallen; nothing was sent, or the rest of the answer not waited for."""


class MalformedError(ValueError):
    """An answer that is JSON, but not what the API promises; the message says what is odd."""


Trouble = requests.RequestException | MalformedError
"""What a question to a server may fail with."""
TROUBLES = (requests.RequestException, MalformedError)
"""The same for `except`."""
