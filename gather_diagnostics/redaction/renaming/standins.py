"""What stands for a name: person-1, host-3, tenant-2, an address out of ranges that nobody has."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Mapping
from typing import Literal

Kind = Literal["person", "host", "tenant", "account", "address"]

MAIL_DOMAIN = "mail.example"
"""example is nobody's top-level domain (RFC 2606)."""
_V4 = int(ipaddress.IPv4Address("198.18.0.0"))
"""Benchmarks of networks (RFC 2544): 131,072 addresses; what is beyond them follows in 240.0.0.0/4 (RFC 1112)."""
_V4_SIZE = 2**17
_V4_RESERVED = int(ipaddress.IPv4Address("240.0.0.0"))
_V6 = int(ipaddress.IPv6Address("2001:db8::"))
"""Documentation (RFC 3849)."""


class StandIns:
    """Name to stand-in, numbered in the order in which they are first asked for. One for a shared bundle."""

    def __init__(self) -> None:
        self._given: dict[tuple[Kind, str], str] = {}
        self._numbers: Counter[Kind] = Counter()
        self._ours: set[str] = set()

    def of(self, kind: Kind, name: str) -> str:
        """The stand-in of a name; capitals make no difference. What is a stand-in stays."""
        if name in self._ours:
            return name
        key = (kind, name.casefold())
        if key not in self._given:
            self._numbers[kind] += 1
            stand_in = _made(kind, name, self._numbers[kind])
            self._given[key] = stand_in
            self._ours.add(stand_in)
        return self._given[key]

    def same(self, kind: Kind, name: str, other: str) -> None:
        """Let `other` be another form of `name`: a login, an e-mail address, a host without its domain."""
        self._given.setdefault((kind, other.casefold()), self.of(kind, name))

    def derived(self, stand_in: str) -> str:
        """A longer form of a stand-in (with a domain), which from now on counts as one."""
        self._ours.add(stand_in)
        return stand_in

    def is_ours(self, name: str) -> bool:
        return name in self._ours

    @property
    def mapping(self) -> Mapping[str, Mapping[str, list[str]]]:
        """Kind to stand-in to the names it stands for, in small letters: what leads back."""
        found: dict[str, dict[str, list[str]]] = {}
        for (kind, name), stand_in in self._given.items():
            found.setdefault(kind, {}).setdefault(stand_in, []).append(name)
        return found


def _made(kind: Kind, name: str, number: int) -> str:
    if kind == "address":
        return _address(name, number)
    if kind == "account":
        return f"{number:012d}"
    return f"{kind}-{number}"


def _address(name: str, number: int) -> str:
    if ":" in name:
        return str(ipaddress.IPv6Address(_V6 + number))
    value = _V4 + number if number < _V4_SIZE else _V4_RESERVED + number - _V4_SIZE
    return str(ipaddress.IPv4Address(value))
