"""Tokens: from the environment or the system's keyring, never from the command line, never written anywhere.

keyring set gather_diagnostics JIRA_TOKEN          # https://keyring.readthedocs.io
"""

from __future__ import annotations

from gather_diagnostics.errors import SendError
from gather_diagnostics.response.tickets.model import Environ

SERVICE = "gather_diagnostics"
"""In the keyring; the name of the variable stands for the user."""


def find(environ: Environ, *names: str) -> str:
    """The first of these that the environment has, else the first that the keyring has; '' where there is none.

    Raises SendError for one that can't be sent in a header.
    """
    for name in names:
        if value := environ.get(name, "").strip():
            return _sound(value, name)
    for name in names:
        if value := _kept(name).strip():
            return _sound(value, name)
    return ""


def need(environ: Environ, *names: str) -> str:
    """As `find`. Raises SendError with the cure where there is none."""
    if value := find(environ, *names):
        return value
    words = " or ".join(names)
    raise SendError(f"there is no token: set {words}, or keep it with: keyring set {SERVICE} {names[0]}")


def told(environ: Environ, *names: str) -> str:
    """For a plan: which of them would be used, or what is to be set. The keyring is not asked: it may ask a person."""
    for name in names:
        if environ.get(name, "").strip():
            return f"with the token in {name}"
    return f"{' or '.join(names)} is not set: a token is looked for in the keyring"


def _kept(name: str) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        # It is optional: whoever does not use it need not have it.
        return ""
    try:
        return keyring.get_password(SERVICE, name) or ""
    except KeyringError:
        # No keyring on this machine, or one that nobody unlocked: the same as a keyring without it.
        return ""


def _sound(value: str, name: str) -> str:
    if value.isascii() and value.isprintable():
        return value
    raise SendError(f"{name} holds characters that no token has: copy it anew, without line breaks")
