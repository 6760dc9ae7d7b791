"""One function per target for text nobody vouches for: log lines, commit messages, labels, servers' answers.

HTML is escaped by Jinja's autoescape; `visible` goes before it. Markdown has three places with three rules: running
text, table cells and code spans (CommonMark 0.31 sections 2.4, 6.1; GFM 4.10, 6.9). Jira's markup has one rule for all
places, Slack's an escape for three characters only, and a spreadsheet takes a cell for a formula by its first one.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, urlsplit

_COLOUR = re.compile("(?:\x1b\\[|\x9b)[0-9;:]*m")
"""SGR sequences (ECMA-48 8.3.117): colours in a log carry nothing an on-call needs."""
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Controls, bidirectional overrides and marks (UAX #9), blanks without width, tag characters, lone surrogates."""
_NEWLINE = re.compile("\r\n?|\n")
_BREAK = " ⏎ "
_STACK = 4
"""Combining marks kept in a row: living scripts need no more, 'Zalgo' text covers its neighbours with them."""
_ASCII = str.maketrans({
    "“": '"', "”": '"', "‘": "'", "’": "'", "…": "...", "—": "-", "–": "-", "·": "|", "×": "x", "⏎": "/",
    "−": "-", "\u00a0": " ", "⟨": "<", "⟩": ">",
})  # fmt: skip


def visible(text: str, *, lines: bool = False) -> str:
    """Text in which nothing acts or hides: colours gone, controls and invisible characters shown as a name.

    Line breaks become ' ⏎ ' (kept with `lines`), tabs a space. Idempotent.
    """
    text = _NEWLINE.sub("\n" if lines else _BREAK, _COLOUR.sub("", text))
    if text.isascii() and text.isprintable():
        return text
    return _unstacked(_HIDDEN.sub(lambda match: _name(match[0], lines), text))


def _name(character: str, lines: bool) -> str:
    if character == "\t":
        return " "
    if character == "\n" and lines:
        return character
    return "⟨ESC⟩" if character == "\x1b" else f"⟨U+{ord(character):04X}⟩"


def _unstacked(text: str) -> str:
    if text.isascii():
        return text
    kept: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks <= _STACK:
            kept.append(character)
    return "".join(kept)


def terminal(text: str, *, lines: bool = False) -> str:
    """Text that can't move the cursor, change colours or reorder what is shown; with `lines`, breaks stay."""
    return visible(text, lines=lines)


def encodable(text: str, encoding: str) -> str:
    """The text as `encoding` can carry it: unchanged, or with ASCII and escapes for what it has no sign for."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    return text


def cut(text: str, most: int) -> str:
    """At most `most` characters, the last one '…' where some are gone."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


_ALWAYS = re.compile(r"[\\`*\[\]~|$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=//)|(?i:(?<=www)\.)")
_FIRST = re.compile(r"[#+\-=>]|\d{1,9}[.)](?= |$)")
"""What begins a heading, list or quotation at the start of a line only."""
_ENTITY = re.compile(r"&(?=#?[A-Za-z0-9]+;)")
_MENTION = re.compile(
    r"@|(?<=#)(?=\d)|(?i:(?<=\bGH)(?=-\d))"
    r"|(?<!\w)[!$&](?=\d)|(?<!\w)[~%](?=[\w\"])"  # GitLab: merge request, snippet, epic, label, milestone
    r"|:(?=[\w+'-]*[A-Za-z+-][\w+'-]*:|100:|1234:)"  # an emoji's name; no part of 17:52:00
)
_SPACES = re.compile(r" {2,}|^ +| +$")


def markdown_text(text: str) -> str:
    """Running Markdown text in one line that renders as itself: no markup, no HTML, no link, mention or reference.

    Only what would act is escaped, as this is read unrendered too. A zero-width space follows '@' and parts '#12',
    '!7', ':tada:' and their like, as code hosts look for those after rendering.
    """
    text = _SPACES.sub(" ", visible(text)).strip(" ")
    text = _ALWAYS.sub(lambda match: f"\\{match[0]}", _ENTITY.sub("&amp;", text)).replace("<", "&lt;")
    if first := _FIRST.match(text):
        at = first.end() - 1
        text = f"{text[:at]}\\{text[at:]}"
    return _MENTION.sub(lambda match: f"{match[0]}\u200b", text)


def markdown_cell(text: str) -> str:
    """Text for a table cell; never empty, as some renderers drop rows of empty cells."""
    return markdown_text(text) or "—"


_TAG = re.compile(r"<(?![\w.+-]+@[\w.-]+>)[A-Za-z/!?]")
"""What may be a tag; '<name@host>' is none."""
_TICKS = re.compile("`+")


def markdown_code(text: str, *, cell: bool = False) -> str:
    """A code span in one line; in a table cell the pipe needs a backslash even there (GFM 4.10).

    Text that looks like a tag becomes <code> with entities: it renders the same, and stays harmless in programs that
    read Markdown less carefully. Empty text has no code span: it becomes a dash.
    """
    text = _SPACES.sub(" ", visible(text)).strip(" ")
    if not text:
        return "—"
    if _TAG.search(text) or (cell and "\\" in text):
        return f"<code>{_entities(text)}</code>"
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if text[0] == "`" or text[-1] == "`" else ""
    span = f"{fence}{padding}{text}{padding}{fence}"
    return span.replace("|", "\\|") if cell else span


def _entities(text: str) -> str:
    return "".join(c if c.isalnum() or c in " /" or ord(c) > 0x7F else f"&#{ord(c)};" for c in text)


_INSIDE = re.compile(r"(?:raw|tables)/[A-Za-z0-9._/\-]+(?:#[A-Za-z0-9._\-]+)?")


def link(ref: str | None) -> str | None:
    """Where a reference may lead: an http(s) URL without user and password, or a file of the bundle; else None."""
    if not ref or len(ref) > 2000:
        return None
    if _INSIDE.fullmatch(ref):
        return None if ".." in ref.split("#")[0].split("/") else ref
    if not ref.startswith(("https://", "http://")) or not ref.isascii() or not ref.isprintable():
        return None
    try:
        parts = urlsplit(ref)
        plain = bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return None
    return quote(ref, safe="%/:?#&=+,@~!$*.-_'") if plain else None


def markdown_link(words: str, ref: str) -> str:
    """`words` (already Markdown) linked to what `link` let through; the words alone where it did not."""
    target = link(ref)
    return f"[{words}]({target})" if target else words


_JIRA = re.compile(
    r"[{}\[\]|*!\\]"  # macros, links, tables, bold, images
    r"|(?<!\w)[-_+^~?#]|[-_+^~?](?!\w)"  # in pairs around words; dashes; lists
    r"|@|(?<=[:;])[()DPp]|\((?=(?:[!?/+xyni*-]|on|off|\*[rgby])\))"  # mentions and smileys
    r"|:(?=//)|(?i:(?<=\bwww)\.|(?<=\bmailto):)|(?<=[A-Z][A-Z0-9])-(?=\d)|(?<=[A-Z]\d\d)-(?=\d)"  # addresses, issues
    r"|&(?=#?\w+;)"
)
_JIRA_ESCAPABLE = frozenset("-#*_+?^~|%{}[]()!@")
"""What a backslash goes before; the rest takes a character reference, the backslash itself too, as two break a line."""
_JIRA_FIRST = re.compile(r"(?i:h[1-6]|bq)(\.)(?= )")


def jira_text(text: str) -> str:
    """Text in one line that Jira's wiki renderer shows as itself, in running text, table cells and {{monospace}}.

    Atlassian's renderer knows a backslash before punctuation of its own only, and lets character references through.
    """
    text = _SPACES.sub(" ", visible(text)).strip(" ")
    if first := _JIRA_FIRST.match(text):
        text = f"{text[: first.start(1)]}\ue000{text[first.end(1) :]}"
    return _JIRA.sub(_jira_escaped, text).replace("\ue000", "&#46;")


def _jira_escaped(match: re.Match[str]) -> str:
    character = match[0]
    return f"\\{character}" if character in _JIRA_ESCAPABLE else f"&#{ord(character)};"


def jira_code(text: str) -> str:
    """Monospaced text; markup inside it acts like everywhere else and is escaped the same way."""
    return f"{{{{{escaped}}}}}" if (escaped := jira_text(text)) else "—"


_SLACK_ALIKE = str.maketrans({"*": "∗", "_": "＿", "~": "∼", "`": "ˋ"})
_SLACK_ACTS = re.compile(r"[*`~]|(?<!\w)_|_(?!\w)")
_EMOJI = re.compile(r":(?=[\w+'-]*[A-Za-z+-][\w+'-]*:|100:|1234:)")
_SLACK_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def slack_text(text: str) -> str:
    """Text in one line for Slack's mrkdwn: no mention, link, emoji or formatting.

    Slack has escapes for '&', '<' and '>' alone; '*', '_', '~' and '`' become signs that look alike where they would
    act.
    """
    text = _SPACES.sub(" ", visible(text)).strip(" ")
    text = _SLACK_ACTS.sub(lambda match: match[0].translate(_SLACK_ALIKE), text)
    return _EMOJI.sub(":\u200b", text).translate(_SLACK_ENTITIES)


def slack_code(text: str) -> str:
    """A code span of mrkdwn, where a backtick alone would act."""
    text = _SPACES.sub(" ", visible(text)).strip(" ").replace("`", "ˋ")
    return f"`{text.translate(_SLACK_ENTITIES)}`" if text else "—"


_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠|%]")
"""OWASP's list of what begins a formula, the full-width forms and DDE's '|' and '%' too."""


def csv_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula: such a one gets an apostrophe before it. Line breaks stay."""
    text = visible(text, lines=True)
    return f"'{text}" if _FORMULA.match(text) else text
