"""Questions as one would type them after `git`: reads of commits, of a strict list of options. Pure.

What git gets is made of the parts read here, with revisions replaced by the hashes they stand for: no text of a
question reaches it as an option, and none of these commands looks at the work tree, whose filters are programs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gather_diagnostics import questions

FORMS = (
    "log [REVISION | A..B] [-n N] [--since TIME] [--until TIME] [--author TEXT] [--grep TEXT] [-S TEXT] [--no-merges]"
    " [--first-parent] [-- PATH ...]",
    "show --stat [REVISION] [-- PATH ...]",
    "diff --stat A..B [-- PATH ...]",
    "blame -L START,END [REVISION] -- PATH",
)
_FLAGS = frozenset({"--stat", "--no-merges", "--merges", "--first-parent", "--oneline"})
_SPELLINGS = {"--max-count": "-n", "--after": "--since", "--before": "--until"}
_VALUED = frozenset({"-n", "--since", "--until", "--author", "--grep", "-S", "-L"})
_RANGE = re.compile(r"(.*?)(\.{2,3})(.*)", re.DOTALL)
_LINES = re.compile(r"[0-9]{1,7},\+?[0-9]{1,7}", re.ASCII)
MOST_WORD = 1_000
"""Characters of a revision, a path or an option's text."""


@dataclass(frozen=True, slots=True)
class Revisions:
    """Names of commits; '' stands for the deployed branch's newest."""

    first: str = ""
    dots: str = ""
    """'' for one commit, '..' or '...' for what lies between two."""
    second: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    verb: str
    """log, show, diff or blame."""
    revisions: Revisions
    options: Mapping[str, str]
    """Spelt as in FORMS; '' for those without a value."""
    paths: tuple[str, ...]


def parse(query: str) -> Command:
    """Raises ValueError, with the reason in words, for whatever is none of FORMS."""
    verb, *rest = questions.words(query)
    if verb not in _TAKEN:
        raise ValueError(f"{verb!r} is none of the reads {', '.join(_TAKEN)}")
    if long := next((word for word in rest if len(word) > MOST_WORD), ""):
        raise ValueError(f"{long[:40]!r}... is too long")
    end = rest.index("--") if "--" in rest else len(rest)
    taken, check = _TAKEN[verb]
    names, options = _parted(rest[:end], taken)
    command = Command(verb, _revisions(names), options, tuple(rest[end + 1 :]))
    check(command)
    return command


def _parted(words: Sequence[str], taken: frozenset[str]) -> tuple[list[str], dict[str, str]]:
    """What is no option, and the options, each given once."""
    names: list[str] = []
    options: dict[str, str] = {}
    left = iter(words)
    for word in left:
        if not word.startswith("-"):
            names.append(word)
            continue
        option, value = _option(word)
        if option not in taken:
            raise ValueError(f"{word.partition('=')[0]!r} is no option that is taken here")
        if option in options:
            raise ValueError(f"{option!r} is given twice")
        if option in _VALUED and value is None and (value := next(left, None)) is None:
            raise ValueError(f"{option!r} takes a value")
        options[option] = _checked(option, value or "")
    return names, options


def _option(word: str) -> tuple[str, str | None]:
    """An option by its usual spelling, and the value that is written to it."""
    if word.startswith("--"):
        name, sign, value = word.partition("=")
        return _SPELLINGS.get(name, name), value if sign else None
    if re.fullmatch(r"-[0-9]+", word):
        return "-n", word[1:]
    return word[:2], word[2:] or None


def _checked(option: str, value: str) -> str:
    if option in _FLAGS and value:
        raise ValueError(f"{option!r} takes no value")
    if option == "-n" and not re.fullmatch(r"[0-9]{1,6}", value):
        raise ValueError(f"-n takes a number of commits, not {value[:60]!r}")
    if option == "-L" and not _LINES.fullmatch(value):
        raise ValueError(f"-L takes lines as START,END or START,+NUMBER, not {value[:60]!r}")
    if option in _VALUED and not value:
        raise ValueError(f"{option!r} takes a value")
    return value


def _revisions(names: Sequence[str]) -> Revisions:
    if len(names) > 2:
        raise ValueError(f"two revisions are the most, here are {len(names)}; paths come after '--'")
    if len(names) == 2:
        return Revisions(names[0], "..", names[1])
    if not names:
        return Revisions()
    match = _RANGE.fullmatch(names[0])
    return Revisions(match[1], match[2], match[3]) if match else Revisions(names[0])


def _log(command: Command) -> None:
    return None


def _show(command: Command) -> None:
    _with_stat(command)
    if command.revisions.dots:
        raise ValueError("show takes one revision")


def _diff(command: Command) -> None:
    _with_stat(command)
    if not command.revisions.dots:
        raise ValueError("diff takes two revisions, A..B: the work tree is not looked at")


def _blame(command: Command) -> None:
    if "-L" not in command.options or len(command.paths) != 1 or command.revisions.dots:
        raise ValueError("blame takes -L START,END, one revision at most, and one path after '--'")


def _with_stat(command: Command) -> None:
    if "--stat" not in command.options:
        raise ValueError(f"{command.verb} takes --stat: contents are not printed")


_TAKEN: dict[str, tuple[frozenset[str], Callable[[Command], None]]] = {
    "log": ((_FLAGS | _VALUED) - {"--stat", "-L"}, _log),
    "show": (frozenset({"--stat"}), _show),
    "diff": (frozenset({"--stat"}), _diff),
    "blame": (frozenset({"-L"}), _blame),
}
