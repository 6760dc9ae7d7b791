"""What commit messages say besides their text: pull requests, reverts, trailers.

The forms: GitHub's 'Merge pull request #1 from ...' and '... (#1)', GitLab's 'See merge request group/project!1',
Azure's 'Merged PR 1: ...', Bitbucket's 'Merged in ... (pull request #1)', git-revert(1)'s 'This reverts commit ...'.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_PULL_REQUESTS = (
    re.compile(r"^Merge pull request #(\d{1,9})\b", re.ASCII),
    re.compile(r"^Merged PR (\d{1,9}):", re.ASCII),
    re.compile(r"^[^\n]*\((?:pull request )?[#!](\d{1,9})\)\s*(?:\n|$)", re.ASCII),
    re.compile(r"^See merge request [^\s!]*!(\d{1,9})\s*$", re.ASCII | re.MULTILINE),
    re.compile(r"^[^\n]*\n\s*[^\n]*\(pull request #(\d{1,9})\)", re.ASCII),
)
_REVERTS = re.compile(r"\bThis reverts commit ([0-9a-f]{7,64})\b")
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


def reverts_among(messages: Iterable[tuple[str, str]], known: Iterable[str]) -> Mapping[str, str]:
    """Full sha -> sha of the commit that reverted it, from (sha, message) pairs."""
    shas = sorted(known)
    found: dict[str, str] = {}
    for sha, message in messages:
        if target := reverted(message):
            found |= {full: sha for full in shas if full.startswith(target)}
    return found


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
