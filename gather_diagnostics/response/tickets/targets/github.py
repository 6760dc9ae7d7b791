"""A comment on an issue or pull request of GitHub, also of GitHub Enterprise Server.

Pages: docs.github.com/en/rest/issues/comments (a pull request's are an issue's), /rest/about-the-rest-api/api-versions.
There is no way to upload a file by the API: the comment tells where the archive is, or its checksum.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from gather_diagnostics.document.escaping import link
from gather_diagnostics.response.tickets import credentials, texts
from gather_diagnostics.response.tickets.addresses import wrong
from gather_diagnostics.response.tickets.answers import an_object, edited, pages, read
from gather_diagnostics.response.tickets.client import Client, Headers
from gather_diagnostics.response.tickets.commenting import Comment, receipt, settle
from gather_diagnostics.response.tickets.model import Environ, Limits, Package, Progress, Receipt
from gather_diagnostics.response.tickets.places import server

PUBLIC_API = "https://api.github.com"
VERSION = "2022-11-28"
_ADDRESS = re.compile(r"github:([A-Za-z0-9-]+(?:_[A-Za-z0-9]+)?)/([A-Za-z0-9._-]+)#([1-9]\d{0,9})")
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": VERSION}


@dataclass(frozen=True)
class GitHub:
    """github:owner/repo#12, on github.com or at GITHUB_API_URL."""

    address: str
    api: str
    repository: str
    number: int
    environ: Environ

    name: ClassVar[str] = "github"
    limits: ClassVar[Limits] = Limits(file=0, text=65_536)
    public: ClassVar[str] = "anybody, if the repository is public"

    @classmethod
    def parse(cls, address: str, environ: Environ) -> Self:
        matched = _ADDRESS.fullmatch(address)
        if not matched or matched[2] in (".", ".."):
            raise wrong(address, cls.name)
        api = server(environ, "GITHUB_API_URL", "https://github.example.com/api/v3", PUBLIC_API)
        return cls(address, api, f"{matched[1]}/{matched[2]}", int(matched[3]), environ)

    def plan(self, package: Package) -> list[str]:
        where = f"#{self.number} of {self.repository} at {self.api}"
        return [
            f"a comment on {where}, in place of the one from an earlier time",
            texts.too_large(package, self.limits.file, "GitHub"),
            credentials.told(self.environ, *self._variables),
        ]

    def send(self, package: Package, done: Progress) -> Receipt:
        token = credentials.need(self.environ, *self._variables)
        client = Client("GitHub", Headers(Authorization=f"Bearer {token}"), _HEADERS, self._cures)
        text = texts.comment(package, "markdown", self.limits.text, attached=False)
        thread = _Thread(client, f"{self.api}/repos/{self.repository}/issues", self.number)
        became, comment = settle(thread, package, text, done)
        return receipt(comment.url, became, None, texts.too_large(package, self.limits.file, "GitHub"))

    @property
    def _variables(self) -> tuple[str, ...]:
        """As gh has them: a token of the public server is not for another one, unless it is the only one."""
        public = ("GITHUB_TOKEN", "GH_TOKEN")
        return public if self.api == PUBLIC_API else ("GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN", *public)

    @property
    def _cures(self) -> dict[int, str]:
        token = next((name for name in self._variables if self.environ.get(name)), self._variables[0])
        return {
            401: f"{token} is wrong or has expired: set it anew, e.g. {token}=$(gh auth token)",
            403: f"{token} may not write there: give it 'Issues: write' (and 'Pull requests: write'), and look whether"
            " the conversation is locked",
            404: f"{self.repository} has no #{self.number}, or {token} has no right to see it",
            410: f"#{self.number} was deleted, or {self.repository} has no issues",
            422: "the comment was not accepted as it is",
        }


@dataclass(frozen=True)
class _Thread:
    client: Client
    issues: str
    """URL of the repository's issues."""
    number: int

    def comments(self) -> Iterator[Comment]:
        return (_comment(one) for one in pages(self.client, f"{self.issues}/{self.number}/comments"))

    def add(self, text: str) -> Comment:
        said = self.client.json("POST", f"{self.issues}/{self.number}/comments", json={"body": text})
        return _comment(an_object(said, "GitHub"))

    def edit(self, comment: Comment, text: str) -> Comment | None:
        response = edited(self.client, "PATCH", f"{self.issues}/comments/{comment.id}", json={"body": text})
        return _comment(an_object(read(response, "GitHub"), "GitHub")) if response else None


def _comment(found: Any) -> Comment:
    return Comment(str(found.get("id", "")), str(found.get("body") or ""), link(str(found.get("html_url", ""))) or "")
