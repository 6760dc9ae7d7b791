"""How a request says who asks: a token, a token's file, basic authentication, or Amazon's signature."""

from __future__ import annotations

import threading
from typing import Any

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from gather_diagnostics.http.address import Address
from gather_diagnostics.http.settings import ServerSettings

LARGEST_TOKEN = 65_536
"""Bytes of a token's file."""
AMP = "aps"
"""The name Amazon Managed Service for Prometheus signs by."""


class CredentialsError(requests.RequestException):
    """The credentials that the settings name can't be had; nothing was sent."""

    def __init__(self, why: str, mend: str) -> None:
        super().__init__(why)
        self.mend = mend


class Bearer(AuthBase):
    """A header alone would lose against an entry in ~/.netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class BearerFile(AuthBase):
    """Reads the token for every request: Kubernetes replaces a service account's before it expires."""

    def __init__(self, path: str, source: str) -> None:
        self._path = path
        self._source = source

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return Bearer(self._token())(request)

    def _token(self) -> str:
        """Raises CredentialsError."""
        mend = f"correct sources.{self._source}.bearer_token_file"
        try:
            with open(self._path, "rb") as stream:
                token = stream.read(LARGEST_TOKEN).decode().strip()
        except OSError as error:
            why = f"the token's file {self._path} can't be read: {error.strerror or error}"
            raise CredentialsError(why, mend) from error
        except UnicodeDecodeError as error:
            raise CredentialsError(f"the token's file {self._path} holds no text", mend) from error
        if not token:
            raise CredentialsError(f"the token's file {self._path} is empty", mend)
        return token


class SigV4(AuthBase):
    """Signs with the AWS credentials of the environment: variables, profile, SSO, or the machine's role.

    Source: docs.aws.amazon.com/prometheus/latest/userguide/AMP-compatible-APIs.html
    """

    def __init__(self, region: str, source: str) -> None:
        self._region = region
        self._source = source
        self._lock = threading.Lock()
        self._found: Any = None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        # A blank is '+' to requests and '%20' in what is signed (RFC 3986); a real plus is '%2B' by now.
        request.url = (request.url or "").replace("+", "%20")
        signed = AWSRequest(method=request.method, url=request.url, data=request.body)
        SigV4Auth(self._credentials(), AMP, self._region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        return request

    def _credentials(self) -> Any:
        """Raises CredentialsError."""
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session

        mend = "log in (aws sso login), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        try:
            with self._lock:  # looking for them may mean a login, which nobody wants twice
                self._found = self._found or Session().get_credentials()
            frozen = self._found.get_frozen_credentials() if self._found else None
        except BotoCoreError as error:
            raise CredentialsError(f"the AWS credentials can't be had: {error}", mend) from error
        if frozen is None:
            why = f"sources.{self._source}.sigv4_region is set, and there are no AWS credentials"
            raise CredentialsError(why, mend)
        return frozen


def auth(settings: ServerSettings, where: Address, source: str) -> AuthBase | None:
    """What signs the requests, by the settings; credentials in the address come last. Reads and sends nothing.

    `source` is the collector's name, for errors that say which setting to correct.
    """
    if settings.sigv4_region:
        return SigV4(settings.sigv4_region, source)
    if token := settings.bearer_token.get_secret_value():
        return Bearer(token)
    if settings.bearer_token_file:
        return BearerFile(settings.bearer_token_file, source)
    if settings.username or settings.password.get_secret_value():
        return HTTPBasicAuth(settings.username.encode(), settings.password.get_secret_value().encode())
    if where.username or where.password:
        return HTTPBasicAuth(where.username.encode(), where.password.encode())
    return None
