"""A comment on an issue of Jira, with the archive attached: Jira Cloud, and Jira Server or Data Center.

Pages: developer.atlassian.com/cloud/jira/platform/rest/v2, groups 'Issue comments' and 'Issue attachments';
docs.atlassian.com/software/jira/docs/api/REST; developer.atlassian.com/server/jira/platform/personal-access-token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self
from urllib.parse import urlsplit

from gather_diagnostics.errors import InputError
from gather_diagnostics.response.tickets import credentials, texts
from gather_diagnostics.response.tickets.addresses import wrong
from gather_diagnostics.response.tickets.commenting import Became, Comment, receipt, settle
from gather_diagnostics.response.tickets.model import Environ, Limits, Package, Progress, Receipt
from gather_diagnostics.response.tickets.places import server
from gather_diagnostics.response.tickets.targets.jiraclient import Asked, Refused, session
from gather_diagnostics.response.tickets.uploads import named

if TYPE_CHECKING:
    import jira

URL, MAIL = "JIRA_URL", "JIRA_EMAIL"
TOKENS = ("JIRA_TOKEN", "JIRA_API_TOKEN")
PAGE = 100
"""Comments a request."""
_ADDRESS = re.compile(r"jira:([A-Za-z][A-Za-z0-9_]+-[1-9]\d{0,9})")
_CLOUD = (".atlassian.net", ".jira.com")


@dataclass(frozen=True)
class Jira:
    """jira:OPS-12, at JIRA_URL; with JIRA_EMAIL the token is an API token (Cloud), else a personal access token."""

    address: str
    url: str
    key: str
    mail: str
    environ: Environ

    name: ClassVar[str] = "jira"
    limits: ClassVar[Limits] = Limits(file=10 * 1024**2, text=32_767)
    """As delivered; how large an attachment may be is asked before one is sent."""
    public: ClassVar[str] = ""

    @classmethod
    def parse(cls, address: str, environ: Environ) -> Self:
        matched = _ADDRESS.fullmatch(address)
        if not matched:
            raise wrong(address, cls.name)
        url = server(environ, URL, "https://acme.atlassian.net")
        mail = environ.get(MAIL, "").strip()
        if not mail and (urlsplit(url).hostname or "").endswith(_CLOUD):
            raise InputError(f"{MAIL} is not set: Jira Cloud takes an API token with the e-mail address it belongs to")
        return cls(f"jira:{matched[1].upper()}", url, matched[1].upper(), mail, environ)

    def plan(self, package: Package) -> list[str]:
        archive = f"{named(package).file} ({texts.size(package.size)})"
        return [
            f"a comment on {self.key} at {self.url}, in place of the one from an earlier time",
            f"{archive} attached, unless it is larger than Jira says it takes ({texts.size(self.limits.file)} as"
            " delivered)",
            credentials.told(self.environ, *TOKENS) + (f", of {self.mail}" if self.mail else ""),
        ]

    def send(self, package: Package, done: Progress) -> Receipt:
        package = named(package)
        asked = Asked(session(self.url, self.mail, credentials.need(self.environ, *TOKENS)), self.url, self._cures)
        there = asked(lambda client: _files(client, self.key))
        became, left_out = _attached(asked, self.key, there, package, done)
        text = _text(package, self.limits.text, attached=not left_out)
        note, comment = settle(_Thread(asked, self.url, self.key), package, text, done)
        what = None if left_out else (became, f"{package.file} ({texts.size(package.size)})")
        page = f"{self.url}/browse/{self.key}?focusedCommentId={comment.id}"
        return receipt(page, note, what, left_out)

    @property
    def _cures(self) -> dict[int, str]:
        token = f"{TOKENS[0]} (with {MAIL} {self.mail})" if self.mail else TOKENS[0]
        return {
            401: f"{token} is wrong or has expired; a personal access token goes without {MAIL}",
            403: f"whoever {token} belongs to may not do that to {self.key}, or has to log in by hand once",
            404: f"there is no {self.key}, or whoever {token} belongs to has no right to see it",
            413: "the administrator sets how large an attachment may be",
        }


def _attached(asked: Asked, key: str, there: list[_File], package: Package, done: Progress) -> tuple[Became, str]:
    """What became of the archive, and why it was left out; '' where it is there."""
    if found := next((file for file in there if (file.name, file.size) == (package.file, package.size)), None):
        done.save("archive", package.sha256, {"id": found.id})
        return "already", ""
    meta = asked(lambda client: dict(client.attachment_meta()))
    if not meta.get("enabled", True):
        return "sent", "the archive: this Jira takes no attachments; the text says where it is and its checksum"
    most = meta.get("uploadLimit")
    if left_out := texts.too_large(package, most if isinstance(most, int) else Jira.limits.file, "Jira"):
        return "sent", left_out
    try:
        with package.archive.open("rb") as file:
            made = asked(lambda client: client.add_attachment(key, file, package.file).id)
    except Refused as error:
        if error.status not in (403, 413) or error.throttled:
            raise
        return "sent", f"the archive: {error}"
    done.save("archive", package.sha256, {"id": str(made)})
    return "sent", ""


class _File(NamedTuple):
    name: str
    size: int
    id: str


def _files(client: jira.JIRA, key: str) -> list[_File]:
    """What is attached. There is no such field where attachments are switched off."""
    found = getattr(client.issue(key, fields="attachment").fields, "attachment", None) or []
    return [_File(str(one.filename), int(one.size), str(one.id)) for one in found]


def _text(package: Package, most: int, *, attached: bool) -> str:
    """The comment; its mark is shown, as Jira Cloud drops anchors when it stores a comment."""
    text = texts.comment(package, "jira", most, attached=attached)
    return text.replace(f"{{anchor:{package.stamp}}}", f"{{{{{package.stamp}}}}}")


@dataclass(frozen=True)
class _Thread:
    asked: Asked
    url: str
    key: str

    def comments(self) -> Iterator[Comment]:
        seen: set[str] = set()
        while batch := [c for c in self._page(len(seen)) if c.id not in seen]:
            seen |= {c.id for c in batch}
            yield from batch

    def _page(self, start: int) -> list[Comment]:
        def page(client: jira.JIRA) -> list[Comment]:
            found = client.comments(self.key, start_at=start, max_results=PAGE, order_by="created")
            return [_comment(one) for one in found]

        return list(self.asked(page))

    def add(self, text: str) -> Comment:
        made: Comment = self.asked(lambda client: _comment(client.add_comment(self.key, text)))
        return made

    def edit(self, comment: Comment, text: str) -> Comment | None:
        try:
            self.asked(lambda client: self._update(client, comment.id, text))
        except Refused as error:
            if error.status in (400, 403, 404) and not error.throttled:
                return None
            raise
        return comment

    def _update(self, client: jira.JIRA, id_: str, text: str) -> None:
        found = client.comment(self.key, id_)
        # Jira tells addresses as its administrator wrote them; the token goes where the person said.
        found.self = f"{self.url}/rest/api/2/issue/{self.key}/comment/{id_}"
        found.update(body=text)


def _comment(found: jira.resources.Comment) -> Comment:
    return Comment(str(found.raw.get("id", "")), str(found.raw.get("body") or ""))
