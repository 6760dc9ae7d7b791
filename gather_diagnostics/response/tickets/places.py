"""Where a tracker is: its address from the environment."""

from __future__ import annotations

from urllib.parse import urlsplit

from gather_diagnostics.errors import InputError
from gather_diagnostics.http.address import address
from gather_diagnostics.response.tickets.model import Environ

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def server(environ: Environ, name: str, example: str, default: str = "") -> str:
    """The URL in a variable, without a slash at its end. Raises InputError where there is none that can be used."""
    given = environ.get(name, "").strip() or default
    if not given:
        raise InputError(f"{name} is not set: set it to the address of the server, e.g. {example}")
    try:
        found = address(given)
    except ValueError as error:
        raise InputError(f"{name} is no address of a server: {error}; set it to e.g. {example}") from error
    if found.username or found.password:
        raise InputError(f"{name} has a user or password in it: give the address alone, e.g. {example}")
    parts = urlsplit(found.url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise InputError(f"{name} begins with http: only https keeps the token from others, e.g. {example}")
    return found.url
