"""Whom the service calls, as topology, metrics and the service catalogue know it; and which of them a host is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from gather_diagnostics import Request, Tables

MOST = 500


class Peers:
    """Names of dependencies that are known, sorted."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted(names)[:MOST]
        self._by_host = {name.lower(): name for name in self.names}

    def of_host(self, host: str) -> str | None:
        """The peer that a host name (in lower case) stands for: the name itself, or its first label
        (payments.prod.svc.cluster.local)."""
        return self._by_host.get(host) or self._by_host.get(host.partition(".")[0])

    def named_in(self, text: str) -> str | None:
        """The first peer whose name stands in a text as a word."""
        found = self._words.search(text) if self.names else None
        return found[0] if found else None

    @cached_property
    def _words(self) -> re.Pattern[str]:
        # Longer names first: 'payments-db' is not 'payments'.
        names = sorted(self.names, key=lambda n: (-len(n), n))
        return re.compile(rf"(?<![\w-])(?:{'|'.join(re.escape(n) for n in names)})(?![\w-])")


def known_peers(request: Request, tables: Tables) -> Peers:
    found = set(request.dependencies)
    for table in ("topology", "metrics"):
        if table in tables:
            edges = tables[table]
            found |= set(edges.loc[edges["caller"] == request.service, "callee"].dropna().unique())
    return Peers(found - {request.service, ""})
