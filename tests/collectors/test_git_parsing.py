"""Parsing by itself: no repository, any bytes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from collectors.git import Settings
from collectors.git.command import split
from collectors.git.files import kind_of, scope_of, sort_of
from collectors.git.history import Node, decode, decode_path, landings, moment, parse_log, stretch_of
from collectors.git.messages import Known, many_lines, one_line, pull_request, reverts_among
from collectors.git.patches import parse_patches, unquoted
from collectors.git.settings import CONFIG_PATTERNS
from collectors.git.web import site_of
from gather_diagnostics import Window

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


NAMES = st.binary(min_size=1, max_size=20).filter(lambda b: b"\0" not in b)
TEXTS = st.binary(max_size=60).filter(lambda b: b"\0" not in b)
COUNTS = st.one_of(st.just((b"-", b"-")), st.tuples(*[st.integers(0, 9999).map(lambda n: b"%d" % n)] * 2))
FILES = st.lists(st.tuples(COUNTS, st.none() | NAMES, NAMES), max_size=4)


@given(st.lists(st.tuples(TEXTS, TEXTS, FILES), max_size=4), st.integers(1, 7))
def test_no_message_or_path_breaks_the_log_apart(records: list[tuple[bytes, bytes, list[Any]]], size: int) -> None:
    stream = b""
    for number, (author, message, files) in enumerate(records):
        fields = [b"%040x" % number, b"", author, b"0", b"", b"0", message, b""]
        stream += b"\x01" + b"\0".join(fields) + b"\0"
        for at, ((added, deleted), old, new) in enumerate(files):
            stream += (b"\0\n" if at == 0 else b"") + added + b"\t" + deleted + b"\t"
            stream += b"\0" + old + b"\0" + new + b"\0" if old else new + b"\0"
    chunks = (stream[i : i + size] for i in range(0, len(stream), size))
    commits = list(parse_log(split(chunks)))
    assert [c.sha for c in commits] == [f"{n:040x}" for n in range(len(records))]
    for commit, (author, message, files) in zip(commits, records, strict=True):
        assert (commit.author, commit.message) == (decode(author), decode(message))
        assert [f.path for f in commit.files] == [decode_path(new) for _, _, new in files]
        assert [f.old_path for f in commit.files] == [old and decode_path(old) for _, old, _ in files]


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 50), st.integers(0, 100))
def test_patches_are_told_apart_and_cut(bodies: list[bytes], size: int, largest: int) -> None:
    marker = b"\0" + b"0f" * 16 + b" "
    bodies = [b.replace(marker, b"") for b in bodies]
    stream = b"".join(marker + b"%040x" % n + b"\0" + body for n, body in enumerate(bodies))
    patches = list(parse_patches((stream[i : i + size] for i in range(0, len(stream), size)), marker, largest))
    assert [p.sha for p in patches] == [f"{n:040x}" for n in range(len(bodies))]
    assert [bytes(p.kept) for p in patches] == [b[:largest] for b in bodies]
    assert [p.size for p in patches] == [len(b) for b in bodies]


def nodes(*seconds: int) -> Iterator[Node]:
    for at, second in enumerate(seconds):
        yield Node(f"s{at}", (f"s{at + 1}",), second)


def test_the_walk_ends_soon_after_the_window() -> None:
    endless = (Node(f"s{n}", (), 1_000_000 - 60 * n) for n in itertools.count())
    window = Window(moment(1_000_000 - 600), moment(1_000_000 - 60))
    stretch = stretch_of(endless, window)
    assert (stretch.top, stretch.bottom) == ("s2", "s11")
    assert len(stretch.line) < 200


@pytest.mark.parametrize(
    ("seconds", "top", "bottom"),
    [
        ((), None, None),
        ((50,), None, None),
        ((5, 4), "s0", "s0"),
        ((50, 15, 12), "s1", None),
        ((50, 15, 5), "s1", "s2"),
    ],
)
def test_stretches(seconds: tuple[int, ...], top: str | None, bottom: str | None) -> None:
    stretch = stretch_of(nodes(*seconds), Window(moment(10), moment(20)))
    assert (stretch.top, stretch.bottom) == (top, bottom)


def test_a_commit_comes_by_the_oldest_merge_that_could_have_brought_it() -> None:
    graph = {
        n.sha: n
        for n in (
            Node("m2", ("m1", "b"), 40),
            Node("m1", ("r", "a"), 30),
            Node("b", ("a",), 25),
            Node("a", ("r",), 20),
            Node("r", (), 10),
        )
    }
    line = [graph["m2"], graph["m1"], graph["r"]]
    assert {k: v.sha for k, v in landings(line, graph).items()} == {"a": "m1", "b": "m2"}


@pytest.mark.parametrize(
    ("message", "number"),
    [
        ("Merge pull request #12 from a/b\n\nTitle", 12),
        ("Smaller pool (#7)", 7),
        ("Merge branch 'a' into 'main'\n\nTitle\n\nSee merge request acme/shop!34", 34),
        ("Merged PR 5: Title", 5),
        ("Merged in a (pull request #6)", 6),
        ("Fix #9 in the parser", None),
        ("Title\n\nlike in (#8)\n", None),
    ],
)
def test_pull_requests(message: str, number: int | None) -> None:
    assert pull_request(message) == number


def test_reverts_by_short_sha() -> None:
    known = [Known("abcdef1234"), Known("0" * 10)]
    assert reverts_among([("r", "This reverts commit abcdef12.")], known).by == {"abcdef1234": "r"}


@given(st.text())
def test_shown_texts_hold_no_control_characters(text: str) -> None:
    line = one_line(text)
    assert "\n" not in line
    assert "\x1b" not in line + many_lines(text)
    assert len(line) <= 500


@given(st.binary())
def test_every_byte_string_can_be_written(text: bytes) -> None:
    decode(text).encode()
    decode_path(text).encode()
    unquoted(text).encode()


def test_quoted_paths() -> None:
    assert unquoted(rb'"a \"b\"\tc\303\244\\"') == 'a "b"\tcä\\'
    assert unquoted(b"plain") == "plain"


@pytest.mark.parametrize(
    ("path", "sort"),
    [
        ("app/pool.py", "code"),
        ("deploy/values-prod.yaml", "config"),
        ("x/config/pool.json", "config"),
        ("data/pool.json", "code"),
        (".env.production", "config"),
        ("infra/main.tf", "config"),
        ("pyproject.toml", "code"),
        (".github/workflows/ci.yml", "code"),
        ("config/flags.yaml", "flag"),
        ("data/feature_toggles.json", "flag"),
        ("app/flags.go", "code"),
        ("README.md", "docs"),
        ("docs/x.py", "docs"),
        ("requirements.txt", "code"),
        ("tests/data/x.yaml", "tests"),
        ("pool_test.go", "tests"),
        ("src/contest.py", "code"),
    ],
)
def test_sorts_of_files(path: str, sort: str) -> None:
    assert sort_of(path, CONFIG_PATTERNS) == sort


def test_sorts_together() -> None:
    assert (kind_of(["config", "flag"]), kind_of(["flag"]), kind_of(["config", "docs"])) == ("config", "flag", "commit")
    assert kind_of([]) == "commit"
    assert scope_of(["code", "tests", "docs"]) == "code"
    assert scope_of(["tests", "docs"]) == "tests"
    assert scope_of([]) is None


@pytest.mark.parametrize(
    ("remote", "commit"),
    [
        ("https://user:ghp_secret@github.com/acme/shop.git", "https://github.com/acme/shop/commit/x"),
        ("git@github.com:acme/shop.git", "https://github.com/acme/shop/commit/x"),
        ("ssh://git@gitlab.example.com:2222/group/sub/shop", "https://gitlab.example.com/group/sub/shop/-/commit/x"),
        ("https://gitlab.example.com:8443/a/b/", "https://gitlab.example.com:8443/a/b/-/commit/x"),
        ("https://git.example.com/a/b", None),
        ("/srv/github/acme/shop.git", None),
        ("https://github.com:bad/acme/shop", None),
        ("javascript://github.com/a/b", None),
        ("https://github.com/shop", None),
        ("", None),
    ],
)
def test_sites(remote: str, commit: str | None) -> None:
    site = site_of(remote)
    assert (site.commit("x") if site else None) == commit


@given(st.text())
def test_any_remote_can_be_read(remote: str) -> None:
    site = site_of(remote)
    assert site is None or "@" not in site.page.partition("/")[0]


def test_deploy_refs_are_whole_names() -> None:
    for bad in ("deployments/*", "refs/*", "refs/"):
        with pytest.raises(ValidationError, match="whole name"):
            Settings(deploy_refs=[bad])
