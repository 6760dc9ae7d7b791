"""An address taken apart, so that its credentials are never shown."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from gather_diagnostics.model import Gap


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is. `url` has no credentials in it and no slash at its end."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)


def address(url: str) -> Address:
    """Take a URL apart. Raises ValueError, without the URL's credentials in it, for one that can't be used."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it does not begin with http:// or https:// and a host")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = f"{host}:{parts.port}" if parts.port else host  # .port raises ValueError for nonsense
    clean = urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))
    return Address(clean, unquote(parts.username or ""), unquote(parts.password or ""))


def find(source: str, url: str, service: str, wanted: str, example: str) -> Address | Gap:
    """The server's address: `url` from the settings, with '{service}' filled in, else $<SOURCE>_URL.

    Or the Gap that says why there is none; `wanted` is what is lost by that.
    """
    variable, setting = f"{source.upper()}_URL", f"sources.{source}.url"
    url = url.replace("{service}", quote(service, safe="")).strip()
    name = setting if url else variable
    url = url or os.environ.get(variable, "").strip()
    if not url:
        why = f"no address of {source.capitalize()} is known"
        return Gap(source, wanted, "not_configured", why, f"set {variable} or {setting}")
    try:
        return address(url)
    except ValueError as error:
        why = f"{name} is no address of a server: {error}"
        return Gap(source, wanted, "not_configured", why, f"set {name} to e.g. {example}")
