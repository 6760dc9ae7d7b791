"""Talks to AWS through boto3: one door for every call, with the deadline, the declared actions and the bounds."""

from __future__ import annotations

import json
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

from collectors.cloudwatch.permissions import declared
from collectors.cloudwatch.troubles import OUTSIDE, BadAddressError, BadAnswerError, CallError, OutOfTimeError

CONNECT_SECONDS = 4.0
ANSWER_SECONDS = 15.0
"""Longest wait for one answer; less when the source has less time."""
ATTEMPTS = 3
"""How often a call is tried where AWS throttles or stumbles."""

Answer = Mapping[str, Any]


def client_config(seconds: float) -> Config:
    """Time-outs and retries for a source that has so many seconds."""
    wait = max(1.0, min(ANSWER_SECONDS, seconds / 3))
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
        self._session = boto3.Session(botocore_session=core, region_name=region)
        self._config = client_config(seconds)
        self._endpoint = endpoint_url or None
        self._deadline = time.monotonic() + seconds
        self._clients: dict[str, Any] = {}
        # Sessions are not thread-safe, clients are.
        self._lock = threading.Lock()
        self.skew: float | None = None
        """AWS's clock minus ours, in seconds, by its first answer."""

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
            raise CallError(action, self.region, error) from error

    def _client(self, service: str) -> Any:
        with self._lock:
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
        client.meta.events.register("before-parse", _readable)
        return client

    def _noted(self, action: str, answer: object) -> Answer:
        if not isinstance(answer, Mapping):
            raise CallError(action, self.region, BadAnswerError(f"{type(answer).__name__} instead of a structure"))
        if self.skew is None:
            self.skew = _skew(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", ""))
        return answer


def _readable(operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:
    """botocore takes JSON that is cut off, or a page of HTML, for an answer without anything in it: refuse those.

    Raises BadAnswerError. A handler of botocore's event before-parse.
    """
    body = response_dict.get("body")
    model = operation_model.service_model
    # botocore before 1.36 knew one protocol for each service.
    spoken = getattr(model, "resolved_protocol", "") or model.protocol
    if "json" not in spoken or response_dict.get("status_code") != 200 or not isinstance(body, bytes) or not body:
        return
    try:
        json.loads(body)
    except (ValueError, RecursionError) as error:
        said = body[:200].decode("utf-8", "replace")
        raise BadAnswerError(f"what should be JSON is not ({error}): {said}") from error


def _pascal(operation: str) -> str:
    return "".join(part.capitalize() for part in operation.split("_"))


def _skew(date: str) -> float | None:
    try:
        told = parsedate_to_datetime(date)
    except ValueError:
        return None
    return (told - datetime.now(UTC)).total_seconds() if told.tzinfo else None
