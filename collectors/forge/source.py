"""The collector's entrances. What asks a forge is imported in them: other sources need not wait for it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

from collectors.forge.place import Place, Unknown, find_place
from collectors.forge.settings import NAME, ForgeSettings
from gather_diagnostics import Gap, Raw, Request, Rows, Skew, Target

if TYPE_CHECKING:
    from collectors.forge.client import Client


class Forge:
    """Deployments, releases and merged changes from GitHub's or GitLab's API. In use where a token is there."""

    name: ClassVar[str] = NAME
    tables: ClassVar[frozenset[str]] = frozenset({"changes"})
    Settings: ClassVar[type[ForgeSettings]] = ForgeSettings

    def __init__(self, settings: ForgeSettings) -> None:
        self.settings = settings

    def plan(self, request: Request) -> Iterable[Target | Gap]:
        """The repository that would be asked, or the Gap that says why none can be. Sends nothing."""
        place = self._place(request)
        if isinstance(place, Gap):
            yield place
            return
        environments = ", ".join(e.replace("{service}", request.service) for e in self.settings.environments)
        what = f"deployments to {environments}, releases and merged changes"
        yield Target(what, f"{place.repository} on {place.api}", place.because)

    def check(self, request: Request) -> Iterable[Gap | Skew]:
        """Ask a question that costs nothing, then for the repository: tells address, TLS, token, rights and clock."""
        place = self._place(request)
        if isinstance(place, Gap):
            yield place
            return
        from collectors.forge.reading import dialect
        from collectors.forge.troubles import gap
        from gather_diagnostics.http.errors import TROUBLES

        client = self._client(request, place)
        forge = dialect(client)
        wanted = f"an answer of {place.api}"
        try:
            client.get(forge.greeting())
            wanted = f"the repository {place.repository}"
            forge.branch()
        except TROUBLES as error:
            yield gap(error, wanted, place)
        if client.skew is not None:
            yield Skew(client.skew)

    def collect(self, request: Request) -> Iterator[Rows | Raw | Gap | Skew]:
        """Rows of `changes`, deployments first."""
        from collectors.forge.reading import Reading

        place = self._place(request)
        if isinstance(place, Gap):
            yield place
        else:
            yield from Reading(self._client(request, place), self.settings, request).items()

    def _place(self, request: Request) -> Place | Gap:
        try:
            return find_place(self.settings, request.service, os.environ)
        except Unknown as unknown:
            return unknown.gap

    def _client(self, request: Request, place: Place) -> Client:
        from collectors.forge.client import Client

        return Client(place, request.source_seconds)
