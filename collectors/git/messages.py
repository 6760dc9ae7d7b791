"""What commit messages say besides their text: pull requests, reverts, trailers.

The forms: GitHub's 'Merge pull request #1 from ...' and '... (#1)', GitLab's 'See merge request group/project!1',
Azure's 'Merged PR 1: ...', Bitbucket's 'Merged in ... (pull request #1)', git-revert(1)'s 'This reverts commit ...',
the buttons' 'Reverts group/project#1' (GitHub) and 'This reverts merge request !1' (GitLab).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_PULL_REQUESTS = (
    re.compile(r"^Merge pull request #(\d{1,9})\b", re.ASCII),
    re.compile(r"^Merged PR (\d{1,9}):", re.ASCII),
    re.compile(r"^[^\n]*\((?:pull request )?[#!](\d{1,9})\)\s*(?:\n|$)", re.ASCII),
    re.compile(r"^See merge request [^\s!]*!(\d{1,9})\s*$", re.ASCII | re.MULTILINE),
    re.compile(r"^[^\n]*\n\s*[^\n]*\(pull request #(\d{1,9})\)", re.ASCII),
)
_REVERTS = re.compile(r"\bThis reverts commit ([0-9a-f]{7,64})\b")
_REVERTS_NUMBER = re.compile(
    r"^(?:Reverts [\w.-]*(?:/[\w.-]+)*[#!]|This reverts merge request [^\s!]*!)(\d{1,9})\b", re.ASCII | re.MULTILINE
)
_REVERTS_SUBJECT = re.compile(r'^Revert "(.+)"(?:\s*\([^()\n]*[#!]\d+\))?\s*$', re.MULTILINE)
_NUMBERED = re.compile(r"\s*\((?:pull request )?[#!]\d{1,9}\)\s*$")
REVERT_WORDS = ("This reverts ", 'Revert "', "Reverts ")
"""One of them is in every message that is understood as a revert's."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
MOST_BODY = 8000
MOST_LINE = 500


def pull_request(message: str) -> int | None:
    """The number of the pull or merge request a commit says it came by."""
    head = message.strip()[:MOST_BODY]
    return next((int(found[1]) for form in _PULL_REQUESTS if (found := form.search(head))), None)


def reverted(message: str) -> str | None:
    """The (perhaps shortened) sha a revert takes back."""
    found = _REVERTS.search(message)
    return found[1] if found else None


@dataclass(frozen=True, slots=True)
class Known:
    """A commit that may have been reverted."""

    sha: str
    subject: str = ""
    pr: int | None = None
    merge: str | None = None
    """Full sha of the merge it came by: reverting that takes it back too."""


@dataclass(frozen=True, slots=True)
class Reversals:
    """Who took back whom."""

    by: Mapping[str, str] = field(default_factory=dict)
    """Full sha -> sha of the commit that reverted it, the latest one."""

    def of(self, sha: str) -> str | None:
        """The first commit that this one reverted, as far as it is known."""
        return next((full for full, by in self.by.items() if by == sha), None)

    def reinstated(self, sha: str) -> str | None:
        """The commit that reverted this one's revert."""
        return self.by.get(self.by.get(sha, ""))


def reverts_among(messages: Iterable[tuple[str, str]], known: Iterable[Known]) -> Reversals:
    """Pair reverts, as (sha, message), with what they take back. Both oldest first."""
    targets = list(known)
    found: dict[str, str] = {}
    for sha, message in messages:
        found |= {t.sha: sha for t in _taken_back(message, targets, sha)}
    return Reversals(found)


def _taken_back(message: str, known: Sequence[Known], own: str) -> list[Known]:
    """By sha; else by the number of a pull request; else the newest earlier commit of the quoted subject."""
    head = message.strip()[:MOST_BODY]
    if shas := _REVERTS.findall(head):
        return [k for k in known for s in shas if k.sha.startswith(s) or (k.merge or "").startswith(s)]
    if numbers := {int(n) for n in _REVERTS_NUMBER.findall(head)}:
        return [k for k in known if k.pr in numbers and k.sha != own]
    if quoted := _REVERTS_SUBJECT.match(head):
        at = next((n for n, k in enumerate(known) if k.sha == own), len(known))
        title = _NUMBERED.sub("", quoted[1])
        return [k for k in known[:at] if _NUMBERED.sub("", k.subject) == title][-1:]
    return []


def one_line(text: str) -> str:
    """Untrusted text as one line: control and direction-changing characters show as U+FFFD."""
    line = _CONTROLS.sub("\ufffd", " ".join(text.split(" ")).replace("\t", " ").replace("\n", " "))
    return line if len(line) <= MOST_LINE else line[: MOST_LINE - 1] + "…"


def many_lines(text: str) -> str:
    """The same for a text with line breaks and tabs; cut at MOST_BODY characters."""
    text = _CONTROLS.sub("\ufffd", text.replace("\r\n", "\n"))
    return text if len(text) <= MOST_BODY else text[: MOST_BODY - 1] + "…"


def grouped(trailers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Trailer key -> its values, in order."""
    found: dict[str, list[str]] = {}
    for key, value in trailers:
        found.setdefault(one_line(key), []).append(one_line(value))
    return found
