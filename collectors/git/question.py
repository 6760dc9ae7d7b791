"""One question to the local clone. Nothing is fetched, nothing of the work tree is read."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice

from collectors.git.command import Client, GitError, split
from collectors.git.commands import Command, Revisions
from collectors.git.gaps import gap_of
from collectors.git.history import DIFF_OPTIONS, LOG, decode, moment
from collectors.git.repository import Repository, resolve
from collectors.git.settings import NAME
from gather_diagnostics import Answer, Gap, questions
from gather_diagnostics.model import Cell

COLUMNS = ("COMMIT", "DATE", "AUTHOR", "SUBJECT")
"""Of `log`; the others print lines of text."""
_FIELDS = "%h%x00%ct%x00%an%x00%s"
_SHOWN = "commit %H%nAuthor: %an <%ae>%nDate:   %cI%n%n%B"
_STAT = "--stat=120,80"
"""Columns of a line, and of the path in it: git-diff(1)."""


class UnknownRevisionError(Exception):
    """A name that stands for no commit; the message is the name."""


def answer(repository: Repository, client: Client, command: Command, query: str) -> Answer | Gap:
    """What git prints, or why it does not. Raises nothing of git's."""
    wanted, top = questions.wanted(query), repository.folders.top
    try:
        arguments = _arguments(repository, client, command)
        with closing(client.stream(*arguments)) as chunks:
            rows = _commits(chunks) if command.verb == "log" else _lines(chunks)
            columns: Sequence[str] = COLUMNS if command.verb == "log" else ("LINE",)
            return questions.answer(columns, rows, shlex.join(["git", "-C", top, *shlex.split(query)]))
    except UnknownRevisionError as error:
        mend = f"see what is there: git -C {shlex.quote(top)} log; paths come after '--'"
        return Gap(NAME, wanted, "not_found", f"there is no commit {str(error)[:100]!r} in {top}", mend)
    except GitError as error:
        return gap_of(error, wanted, top)


def _arguments(repository: Repository, client: Client, command: Command) -> list[str]:
    """For git: revisions as hashes, paths behind '--'. Raises UnknownRevisionError and GitError."""
    revisions = _resolved(command.revisions, repository, client)
    paths = ["--", *command.paths]
    match command.verb:
        case "log":
            return [
                *LOG,
                "-z",
                *DIFF_OPTIONS,
                f"--format={_FIELDS}",
                *_chosen(command),
                revisions,
                *_own(command, repository),
            ]
        case "show":
            # The hash is one of a commit: show would print a blob's contents.
            return ["show", *LOG[1:], *DIFF_OPTIONS, _STAT, f"--format={_SHOWN}", revisions, *paths]
        case "diff":
            return ["diff", *DIFF_OPTIONS, _STAT, revisions, *paths]
        case _:
            quiet = ["--no-textconv", "--no-progress", "--ignore-revs-file=", "--date=iso-strict"]
            return ["blame", *quiet, "-L", command.options["-L"], revisions, *paths]


def _chosen(command: Command) -> Iterator[str]:
    """Options that narrow a log down, each with its value in one word."""
    # One more than is kept: else nobody would know that there are more.
    most = questions.MOST_ROWS + 1
    yield f"--max-count={min(int(command.options.get('-n', most)), most)}"
    for option, value in command.options.items():
        if option == "-S":
            yield f"-S{value}"
        elif option not in ("-n", "--oneline"):
            yield f"{option}={value}" if value else option


def _own(command: Command, repository: Repository) -> list[str]:
    """Paths of a log: those that are named, else the service's; '.' for all."""
    return ["--", *(() if command.paths == (".",) else command.paths or repository.paths)]


def _resolved(revisions: Revisions, repository: Repository, client: Client) -> str:
    first = _hash(revisions.first, repository, client)
    return f"{first}{revisions.dots}{_hash(revisions.second, repository, client)}" if revisions.dots else first


def _hash(name: str, repository: Repository, client: Client) -> str:
    found = resolve(client, name) if name else repository.branch.tip
    if found is None:
        raise UnknownRevisionError(name or repository.branch.name)
    return found


def _commits(chunks: Iterator[bytes]) -> Iterator[list[Cell]]:
    pieces = (decode(piece) for piece in split(chunks))
    while len(commit := list(islice(pieces, len(COLUMNS)))) == len(COLUMNS):
        sha, seconds, *told = commit
        # git writes UTC in one way or another, by its version.
        yield [sha, f"{moment(int(seconds)):%Y-%m-%dT%H:%M:%SZ}", *told]


def _lines(chunks: Iterator[bytes]) -> Iterator[list[Cell]]:
    return ([decode(line)] for line in split(chunks, b"\n"))
