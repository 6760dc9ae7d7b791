"""A note on an issue or merge request of GitLab, with the archive uploaded to the project.

Pages: docs.gitlab.com/api/notes, docs.gitlab.com/api/project_markdown_uploads, docs.gitlab.com/api/rest/authentication.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self
from urllib.parse import quote

from gather_diagnostics.errors import SendError
from gather_diagnostics.response.tickets import credentials, texts
from gather_diagnostics.response.tickets.addresses import wrong
from gather_diagnostics.response.tickets.answers import an_object, edited, pages, read
from gather_diagnostics.response.tickets.client import Client, Headers
from gather_diagnostics.response.tickets.commenting import Became, Comment, is_ours, receipt, settle
from gather_diagnostics.response.tickets.model import Environ, Limits, Package, Progress, Receipt
from gather_diagnostics.response.tickets.multipart import Multipart
from gather_diagnostics.response.tickets.places import server
from gather_diagnostics.response.tickets.refusals import refusal
from gather_diagnostics.response.tickets.uploads import named

TOKEN = "GITLAB_TOKEN"  # noqa: S105 - its name
_ADDRESS = re.compile(r"gitlab:([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+)([#!])([1-9]\d{0,9})")
_KINDS = {"#": "issues", "!": "merge_requests"}
_UPLOAD = r"/uploads/[0-9a-f]{32}/"
"""How the path of an upload begins, as Markdown of the project has it."""


@dataclass(frozen=True)
class GitLab:
    """gitlab:group/project#12 (!12 for a merge request), at CI_API_V4_URL, GITLAB_URL or gitlab.com."""

    address: str
    api: str
    project: str
    kind: str
    """'issues' or 'merge_requests'."""
    number: int
    environ: Environ

    name: ClassVar[str] = "gitlab"
    limits: ClassVar[Limits] = Limits(file=100 * 1024**2, text=1_000_000)
    """As delivered: docs.gitlab.com/administration/settings/account_and_limit_settings; a note's is GitLab's own."""
    public: ClassVar[str] = "anybody, if the project is public"

    @classmethod
    def parse(cls, address: str, environ: Environ) -> Self:
        matched = _ADDRESS.fullmatch(address)
        if not matched or {".", ".."} & set(matched[1].split("/")):
            raise wrong(address, cls.name)
        return cls(address, _api(environ), matched[1], _KINDS[matched[2]], int(matched[3]), environ)

    def plan(self, package: Package) -> list[str]:
        what = "issue" if self.kind == "issues" else "merge request"
        too_large = texts.too_large(package, self.limits.file, "GitLab")
        archive = f"{named(package).file} ({texts.size(package.size)}) uploaded to {self.project}"
        return [
            f"a note on {what} {self.number} of {self.project} at {self.api}, in place of the one from an earlier time",
            too_large or archive,
            credentials.told(self.environ, TOKEN),
        ]

    def send(self, package: Package, done: Progress) -> Receipt:
        package = named(package)
        token = credentials.need(self.environ, TOKEN)
        client = Client("GitLab", Headers(Authorization=f"Bearer {token}"), {"Accept": "application/json"}, self._cures)
        project = f"{self.api}/projects/{quote(self.project, safe='')}"
        thread = _Thread(client, f"{project}/{self.kind}/{self.number}")
        # The notes are read first: they tell whether the ticket exists, and what an earlier run has uploaded.
        became, path, left_out = _uploaded(client, project, package, thread.notes, done, self.limits.file)
        text = _text(package, path, self.limits.text)
        note, comment = settle(thread, package, text, done)
        what = (became, f"{package.file} ({texts.size(package.size)})") if path else None
        return receipt(self._page(comment), note, what, left_out)

    @property
    def _cures(self) -> dict[int, str]:
        there = f"{self.project} has no such {'issue' if self.kind == 'issues' else 'merge request'} {self.number}"
        return {
            401: f"{TOKEN} is wrong or has expired: make one with the scope 'api'",
            403: f"{TOKEN} may not write there: it needs the scope 'api' and the role Reporter or above",
            404: f"{there}, or {TOKEN} has no right to see it",
            413: "the administrator sets how large an upload may be",
        }

    def _page(self, comment: Comment) -> str:
        """The API tells of no address of a note; this is the one that GitLab itself links to."""
        host = self.api.removesuffix("/api/v4")
        return f"{host}/{self.project}/-/{self.kind}/{self.number}#note_{comment.id}"


def _api(environ: Environ) -> str:
    """GITLAB_URL is the server's address; CI_API_V4_URL, which its pipelines set, that of the API."""
    if not environ.get("GITLAB_URL", "").strip() and environ.get("CI_API_V4_URL", "").strip():
        return server(environ, "CI_API_V4_URL", "https://gitlab.example.com/api/v4")
    url = server(environ, "GITLAB_URL", "https://gitlab.example.com", "https://gitlab.com")
    return f"{url.removesuffix('/api/v4')}/api/v4"


def _uploaded(
    client: Client, project: str, package: Package, notes: list[Comment], done: Progress, most: int
) -> tuple[Became, str, str]:
    """What became of the archive, its path in Markdown ('' where it is not there), and why it was left out."""
    if left_out := texts.too_large(package, most, "GitLab"):
        return "sent", "", left_out
    if found := _found(package, notes, done):
        return "already", found, ""
    response = client.ask("POST", f"{project}/uploads", good=(201, 413), fresh=lambda: _form(package))
    if response.status_code == 413:
        return "sent", "", f"the archive: {refusal(response, client.title, client.cures)}"
    path = str(an_object(read(response, "GitLab"), "GitLab").get("url", ""))
    # It goes into Markdown: only one that can't end the link may.
    if not re.fullmatch(rf"{_UPLOAD}{re.escape(package.file)}", path):
        raise SendError(f"GitLab took {package.file}, but does not say where it is: is the address that of its API?")
    done.save("archive", package.sha256, {"path": path})
    return "sent", path, ""


def _form(package: Package) -> dict[str, Any]:
    form = Multipart([("file", package.file, "application/gzip", package.archive)])
    return {"data": form, "headers": {"Content-Type": form.content_type}}


def _found(package: Package, notes: list[Comment], done: Progress) -> str:
    """The path of an upload from an earlier time, by what is remembered, else by our own note; '' for none."""
    if done.has("archive", package.sha256) and (facts := done.facts("archive")):
        return facts.get("path", "")
    pattern = re.compile(rf"{_UPLOAD}{re.escape(package.file)}(?=\))")
    ours = (pattern.search(note.text) for note in notes if is_ours(note.text, package.mark))
    return next((found[0] for found in ours if found), "")


def _text(package: Package, path: str, most: int) -> str:
    """The comment, with a link to the upload above its mark."""
    line = f"Archive: [{package.file}]({path})\n" if path else ""
    text = texts.comment(package, "markdown", most - len(line), attached=bool(path))
    head, _, mark = text.rstrip().rpartition("\n")
    return f"{head}\n{line}{mark}\n"


@dataclass(frozen=True)
class _Thread:
    client: Client
    ticket: str
    """URL of the issue or merge request."""

    @cached_property
    def notes(self) -> list[Comment]:
        notes = pages(self.client, f"{self.ticket}/notes?sort=asc&order_by=created_at")
        return [_comment(note) for note in notes if not note.get("system")]

    def comments(self) -> list[Comment]:
        return self.notes

    def add(self, text: str) -> Comment:
        return _comment(an_object(self.client.json("POST", f"{self.ticket}/notes", json={"body": text}), "GitLab"))

    def edit(self, comment: Comment, text: str) -> Comment | None:
        response = edited(self.client, "PUT", f"{self.ticket}/notes/{comment.id}", json={"body": text})
        return _comment(an_object(read(response, "GitLab"), "GitLab")) if response else None


def _comment(found: Any) -> Comment:
    return Comment(str(found.get("id", "")), str(found.get("body") or ""))
