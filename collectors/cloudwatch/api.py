"""Talks to AWS through boto3: one door for every call, with the deadline, the declared actions and the bounds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import HTTPClientError
from urllib3.exceptions import HTTPError

from collectors.cloudwatch.answers import readable
from collectors.cloudwatch.permissions import declared
from collectors.cloudwatch.transport import Bounded
from collectors.cloudwatch.troubles import OUTSIDE, BadAddressError, BadAnswerError, CallError, OutOfTimeError

CONNECT_SECONDS = 4.0
ANSWER_SECONDS = 15.0
"""Longest time for one answer; less when the source has less time."""
ATTEMPTS = 3
"""How often a call is tried where AWS throttles or stumbles."""

_MAKING = threading.Lock()
"""Clients are thread-safe, making them is not: all of a collection share one session of botocore's."""

Answer = Mapping[str, Any]


def answer_seconds(seconds: float) -> float:
    """How long one answer may take of a source that has so many seconds: all attempts fit, and leave some."""
    return max(0.1, min(ANSWER_SECONDS, seconds / (ATTEMPTS + 1)))


def client_config(seconds: float) -> Config:
    """Time-outs and retries for a source that has so many seconds."""
    wait = answer_seconds(seconds)
    return Config(
        connect_timeout=min(CONNECT_SECONDS, wait),
        read_timeout=wait,
        retries={"mode": "adaptive", "total_max_attempts": ATTEMPTS},
        user_agent_extra="gather-diagnostics",
        max_pool_connections=16,
    )


class Api:
    """AWS in one region, for one collection. Every method raises CallError for what the world may do, else bugs."""

    def __init__(self, core: botocore.session.Session, region: str, seconds: float, endpoint_url: str = "") -> None:
        self.region = region
        self._core = core
        self._seconds = seconds
        self._session = boto3.Session(botocore_session=core, region_name=region)
        self._config = client_config(seconds)
        self._answer_seconds = answer_seconds(seconds)
        self._endpoint = endpoint_url or None
        self._deadline = time.monotonic() + seconds
        self._clients: dict[str, Any] = {}
        self.skew: float | None = None
        """AWS's clock minus ours, in seconds, by its first answer."""

    def within(self, share: float) -> Api:
        """The same region with so much of the time, counted from now: for what may not hold up the rest."""
        return Api(self._core, self.region, self._seconds * share, self._endpoint or "")

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self._deadline - time.monotonic()

    def pause(self, seconds: float) -> None:
        """Wait, but not past the deadline."""
        time.sleep(max(0.0, min(seconds, self.left)))

    def call(self, service: str, operation: str, /, **params: Any) -> Answer:
        """One answer, e.g. call('logs', 'filter_log_events', logGroupName=...)."""
        action = f"{service}:{_pascal(operation)}"
        declared(action)
        with self._outside(action):
            answer = getattr(self._client(service), operation)(**params)
        return self._noted(action, answer)

    def pages(self, service: str, operation: str, /, **params: Any) -> Iterator[Answer]:
        """Answers page by page, as long as AWS has more."""
        action = f"{service}:{_pascal(operation)}"
        declared(action)
        with self._outside(action):
            pages = iter(self._client(service).get_paginator(operation).paginate(**params))
        while True:
            with self._outside(action):
                page = next(pages, None)
            if page is None:
                return
            yield self._noted(action, page)

    @contextmanager
    def _outside(self, action: str) -> Iterator[None]:
        try:
            if self.left <= 0:
                raise OutOfTimeError("no time was left to ask")
            yield
        except OUTSIDE as error:
            # botocore wraps whatever its transport raises, bugs included: only the world's doing is translated.
            inside = getattr(error, "kwargs", {}).get("error") if type(error) is HTTPClientError else None
            if inside is not None and not isinstance(inside, OSError | HTTPError):
                raise
            self._note_skew(getattr(error, "response", None) or {})
            raise CallError(action, self.region, error) from error

    def _client(self, service: str) -> Any:
        with _MAKING:
            if service not in self._clients:
                self._clients[service] = self._made(service)
            return self._clients[service]

    def _made(self, service: str) -> Any:
        try:
            # The region is named again: the regions of one collection share the session under the Session.
            client = self._session.client(
                service, region_name=self.region, endpoint_url=self._endpoint, config=self._config
            )
        except ValueError as error:
            # The only word botocore has for an endpoint that can't be read.
            if "endpoint" not in str(error).lower():
                raise
            raise BadAddressError(str(error)) from error
        client.meta.events.register("before-parse", readable)
        # botocore has no setting for how long or large a whole answer may be.
        endpoint = client._endpoint
        endpoint.http_session = Bounded(endpoint.http_session, self._deadline, self._answer_seconds)
        return client

    def _noted(self, action: str, answer: object) -> Answer:
        if not isinstance(answer, Mapping):
            raise CallError(action, self.region, BadAnswerError(f"{type(answer).__name__} instead of a structure"))
        self._note_skew(answer)
        return answer

    def _note_skew(self, answer: Answer) -> None:
        """A refusal bears a date too, and a refusal of the signature may be about nothing else."""
        if self.skew is None:
            self.skew = _skew(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", ""))


def _pascal(operation: str) -> str:
    return "".join(part.capitalize() for part in operation.split("_"))


def _skew(date: str) -> float | None:
    try:
        told = parsedate_to_datetime(date)
    except ValueError:
        return None
    return (told - datetime.now(UTC)).total_seconds() if told.tzinfo else None
