"""The document as the text of a comment that fits, with a word on the archive and the mark it is found again by."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from gather_diagnostics.response.tickets.model import Package

Form = Literal["markdown", "jira", "plain"]
_CUT = "\nThe rest was cut: see evidence.html in the bundle.\n"
_WIDTH = 100


def comment(package: Package, form: Form, most: int, *, attached: bool) -> str:
    """Document, a line on the archive, and the mark, in at most `most` characters.

    `attached`: the archive is, or will be, beside this text. Else the text says where it is, or how to know it by its
    checksum. The mark is invisible in Markdown and Jira, the last line in plain text.
    """
    foot = f"\n{_about(package, form, attached)}\n{_mark(package, form)}\n"
    return body(package.document, form, most - len(foot)) + foot


def body(document: Mapping[str, Any], form: Form, most: int) -> str:
    """The document in at most `most` characters; says what was cut."""
    match form:
        case "markdown":
            from gather_diagnostics.document import markdown

            return replace(markdown.FORM, most=min(most, markdown.MOST)).written(document, "")
        case "jira":
            from gather_diagnostics.document import jira

            return replace(jira.FORM, most=min(most, jira.MOST)).written(document, "")
    from gather_diagnostics.document.terminaltext import to_text

    return _lines(to_text(document, width=_WIDTH), most)


def about(package: Package, *, attached: bool) -> str:
    """Where the archive is, as one plain sentence; where there are links, they are to follow."""
    what = f"{package.file} ({size(package.size)}, SHA-256 {package.sha256})"
    if attached:
        return f"The whole evidence is attached: {what}."
    if package.links:
        return f"The whole evidence is {what}, to be had at:"
    return f"The whole evidence is {what}; it is with whoever wrote this."


def size(count: int) -> str:
    """'1.2 MB', '340 kB': powers of ten, as limits are told."""
    for unit, power in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= power:
            return f"{count / power:.1f} {unit}"
    return f"{count} bytes"


def digest(*texts: str) -> str:
    """Which text this is, for `Progress`."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def too_large(package: Package, most: int, who: str) -> str:
    """For `Receipt.left_out` and plans; '' where the archive fits. `most` in bytes."""
    if package.size <= most:
        return ""
    taken = f"larger than the {size(most)} that {who} takes" if most else f"not sent, as {who} takes no files"
    return f"the archive, {size(package.size)}, is {taken}: the text says where it is and its checksum"


def _about(package: Package, form: Form, attached: bool) -> str:
    from gather_diagnostics.document.escaping import jira_text, link, markdown_text

    words = about(package, attached=attached)
    links = [] if attached else [found for url in package.links if (found := link(url))]
    match form:
        case "markdown":
            return " ".join([markdown_text(words), *(f"<{url}>" for url in links)])
        case "jira":
            return " ".join([jira_text(words), *(f"[{url}]" for url in links)])
    return "\n".join([words, *links])


def _mark(package: Package, form: Form) -> str:
    match form:
        case "markdown":
            return f"<!-- {package.stamp} -->"
        case "jira":
            return f"{{anchor:{package.stamp}}}"
    return f"[{package.stamp}]"


def _lines(text: str, most: int) -> str:
    """Whole lines of a text, as many as fit."""
    if len(text) <= most:
        return text
    room = most - len(_CUT)
    return text[: text.rfind("\n", 0, room) + 1] + _CUT
