"""The `jira` library with the manners of `client`: throttling waits, no redirect is followed, errors are sentences."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import requests

from gather_diagnostics.errors import SendError
from gather_diagnostics.http.clock import is_throttled, lifted
from gather_diagnostics.http.troubles import cut, innermost
from gather_diagnostics.response.tickets.client import ANSWER_SECONDS, ATTEMPTS, CONNECT_SECONDS, PATIENCE
from gather_diagnostics.response.tickets.refusals import refusal, unanswered

if TYPE_CHECKING:
    import jira


class Refused(SendError):
    """An answer that is no good one."""

    def __init__(self, words: str, response: requests.Response) -> None:
        super().__init__(words)
        self.status = response.status_code
        self.throttled = is_throttled(response)


def session(url: str, mail: str, token: str) -> jira.JIRA:
    """Asks nobody yet. Raises SendError where the library is not installed."""
    try:
        import jira
    except ImportError as error:
        raise SendError(
            "the Python package 'jira' is not installed: pip install 'gather-diagnostics[tickets]'"
        ) from error
    made = jira.JIRA(
        server=url,
        basic_auth=(mail, token) if mail else None,
        token_auth=None if mail else token,
        get_server_info=False,
        max_retries=0,  # the library would send a comment a second time when the first got no answer
        timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
    )
    # It has no setting for this. A redirect would carry the evidence along.
    made._session.max_redirects = 0
    return made


class Asked:
    """`asked(lambda client: client.issue("OPS-1"))`: raises SendError, a Refused where the server said no."""

    def __init__(self, client: jira.JIRA, url: str, cures: Mapping[int, str]) -> None:
        self._client = client
        self._url = url
        self._cures = cures

    def __call__(self, call: Callable[[jira.JIRA], Any]) -> Any:
        end = time.monotonic() + PATIENCE
        for left in reversed(range(ATTEMPTS)):
            try:
                return self._once(call)
            except _Wait as wait:
                if not left or time.monotonic() + wait.seconds > end:
                    raise wait.refused from None
                time.sleep(wait.seconds)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, call: Callable[[jira.JIRA], Any]) -> Any:
        from jira.exceptions import JIRAError

        try:
            return call(self._client)
        except JIRAError as error:
            # Its own words hold all headers of the answer.
            raise self._said(error) from None
        except requests.TooManyRedirects as error:
            raise self._refused(error.response) if error.response is not None else self._odd() from error
        except requests.JSONDecodeError as error:
            raise self._odd() from error
        except requests.RequestException as error:
            raise unanswered(error, "Jira", self._url, innermost(error)) from error
        except (KeyError, TypeError, AttributeError, ValueError, NotImplementedError) as error:
            # What the library stumbles over where an answer has another shape.
            raise self._odd() from error

    def _said(self, error: Any) -> Exception:
        if error.response is None:
            return SendError(f"Jira: {cut(str(error.text or 'no answer'))}")
        return self._refused(error.response)

    def _refused(self, response: requests.Response) -> Exception:
        refused = Refused(str(refusal(response, "Jira", self._cures)), response)
        if not refused.throttled:
            return refused
        until = lifted(response)
        seconds = 1.0 if until is None else max((until - datetime.now(UTC)).total_seconds(), 0.0)
        return _Wait(seconds, refused)

    def _odd(self) -> SendError:
        return SendError(f"{self._url} answers, but not like Jira: is JIRA_URL its address, with the path it has?")


class _Wait(Exception):
    """It is throttled."""

    def __init__(self, seconds: float, refused: Refused) -> None:
        super().__init__(seconds)
        self.seconds = seconds
        self.refused = refused
