"""An address taken apart, so that its credentials are never shown. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit


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
