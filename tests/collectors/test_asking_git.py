"""Single questions to git: real repositories, and whatever may be typed in place of a question."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitreading import clone, plant
from gitworld import World
from hypothesis import given
from hypothesis import strategies as st

from collectors.git import Git, Settings, commands
from gather_diagnostics import Answer, Gap, Request, questions, runner
from gather_diagnostics.redaction import Redactor

MakeRequest = Callable[..., Request]
HOUR = timedelta(hours=1)


def ask(request: Request, folder: Path, query: str, **settings: Any) -> Answer | Gap:
    (item,) = Git(Settings(repo=str(folder), **settings)).ask(request, query)
    return item


def answered(request: Request, folder: Path, query: str, **settings: Any) -> Answer:
    found = ask(request, folder, query, **settings)
    assert isinstance(found, Answer), found
    return found


@pytest.fixture
def shop(world: World, now: datetime) -> World:
    """A monorepo: three commits of checkout, one of cart; the newest of main is not checked out."""
    world.commit(
        now - 30 * HOUR, "Begin", {"services/checkout/pool.py": "a = 1\nb = 2\n", "services/cart/app.py": "1\n"}
    )
    world.commit(now - 20 * HOUR, "Cart only", {"services/cart/app.py": "2\n"})
    world.commit(now - 10 * HOUR, "Pool of two", {"services/checkout/pool.py": "a = 2\nb = 2\n"})
    world.tag("v1")
    world.commit(now - HOUR, "Pool of three", {"services/checkout/pool.py": "a = 3\nb = 2\n", "README": "x\n"})
    return world


def subjects(answer: Answer) -> list[Any]:
    return [row[3] for row in answer.rows]


def test_a_log_reads_the_services_own_paths(shop: World, make_request: MakeRequest) -> None:
    request = make_request()
    found = answered(request, shop.folder, "log")
    assert found.columns == ("COMMIT", "DATE", "AUTHOR", "SUBJECT")
    assert subjects(found) == ["Pool of three", "Pool of two", "Begin"]
    assert found.rows[0][:3] == (shop.git("rev-parse", "--short", "HEAD"), "2026-03-14T02:20:00Z", "Ada")
    assert found.ref == f"git -C {shop.folder} log"
    assert found.cut == ""
    assert subjects(answered(request, shop.folder, "log -- .")) == [
        "Pool of three", "Pool of two", "Cart only", "Begin",
    ]  # fmt: skip
    assert subjects(answered(request, shop.folder, "log -- services/cart")) == ["Cart only", "Begin"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("log -n 1", ["Pool of three"]),
        ("log -2 --oneline", ["Pool of three", "Pool of two"]),
        ("log --max-count=1", ["Pool of three"]),
        ("log v1", ["Pool of two", "Begin"]),
        ("log v1..", ["Pool of three"]),
        ("log v1..main", ["Pool of three"]),
        ("log v1 main", ["Pool of three"]),
        ("log --since 2026-03-14T00:00:00Z", ["Pool of three"]),
        ("log '--until=2026-03-13T18:00:00Z'", ["Pool of two", "Begin"]),
        ("log --grep 'of three'", ["Pool of three"]),
        ("log --author Nobody", []),
        ("log -S 'a = 2'", ["Pool of three", "Pool of two"]),
        ("log -S'a = 1' --no-merges --first-parent", ["Pool of two", "Begin"]),
    ],
)
def test_logs_are_narrowed_down(shop: World, make_request: MakeRequest, query: str, expected: list[str]) -> None:
    assert subjects(answered(make_request(), shop.folder, query)) == expected


def test_show_diff_and_blame(shop: World, make_request: MakeRequest) -> None:
    request = make_request()
    shown = [row[0] for row in answered(request, shop.folder, "show --stat").rows]
    assert shown[0] == f"commit {shop.git('rev-parse', 'HEAD')}"
    assert shown[1:3] == ["Author: Ada <ada@example.com>", shown[2]]
    assert str(shown[2]).startswith("Date:   2026-03-14T02:20:00")
    assert any("services/checkout/pool.py | 2 +-" in str(line) for line in shown)
    only = [row[0] for row in answered(request, shop.folder, "show --stat HEAD -- README").rows]
    assert only[-1] == " 1 file changed, 1 insertion(+)"
    between = [row[0] for row in answered(request, shop.folder, "diff --stat v1..main").rows]
    assert [str(line).split("|")[0].strip() for line in between[:-1]] == ["README", "services/checkout/pool.py"]
    assert answered(request, shop.folder, "diff --stat v1 main").rows == tuple((line,) for line in between)
    blamed = answered(request, shop.folder, "blame -L 1,2 -- services/checkout/pool.py")
    assert blamed.columns == ("LINE",)
    first, second = (str(row[0]) for row in blamed.rows)
    assert first.startswith(shop.git("rev-parse", "--short=8", "HEAD"))
    assert (first.endswith("a = 3"), second.endswith("b = 2")) == (True, True)
    (old,) = answered(request, shop.folder, "blame -L 1,+1 v1 -- services/checkout/pool.py").rows
    assert str(old[0]).endswith("a = 2")


def test_what_is_not_there_is_a_gap(shop: World, make_request: MakeRequest, tmp_path: Path) -> None:
    request = make_request()
    gap = ask(request, shop.folder, "show --stat v9")
    assert isinstance(gap, Gap)
    assert (gap.cause, "there is no commit 'v9'" in gap.why) == ("not_found", True)
    gap = ask(request, shop.folder, "blame -L 1,2 -- nowhere.py")
    assert isinstance(gap, Gap)
    assert "nowhere.py" in gap.why
    gap = ask(request, tmp_path, "log")
    assert isinstance(gap, Gap)
    assert gap.cause == "not_found"


@pytest.mark.slow
def test_long_answers_are_cut_and_say_so(world: World, make_request: MakeRequest, now: datetime) -> None:
    world.commit(now - HOUR, "Many", {f"f{n}.py": "x\n" for n in range(300)})
    found = answered(make_request(), world.folder, "show --stat")
    assert len(found.rows) == questions.MOST_ROWS
    assert found.cut == "there is more; the first 200 rows are kept"
    for number in range(questions.MOST_ROWS):
        world.dated(now, "commit", "-q", "--allow-empty", "-m", f"n{number}")
    found = answered(make_request(), world.folder, "log -- .")
    assert (len(found.rows), "there is more" in found.cut) == (questions.MOST_ROWS, True)
    assert answered(make_request(), world.folder, "log -n 200 -- .").cut == ""


REFUSED = [
    "", "   ", "push", "fetch origin", "gc", "config core.pager x", "checkout main", "archive HEAD", "grep x",
    "-c a=b log", "--exec-path=. log", "log --output=/tmp/x", "log --exec=x", "log -p", "log --ext-diff",
    "log --textconv", "log --show-signature", "log --all", "log --stdin", "log -O order", "log -n", "log -n x",
    "log -n 1 -n 2", "log --since", "log --oneline=x", "log a b c", "log -L 1,2:f", "log --upload-pack=x",
    "log --remotes", "log '", "log\0", "log \ud800", "show", "show HEAD", "show --stat a..b", "show --stat -p",
    "show --stat --format=%h", "diff --stat", "diff --stat HEAD", "diff --stat --no-index a b",
    "diff --stat --output=x a b", "diff a..b", "blame f", "blame -- f", "blame -L 1,2 f", "blame -L :main -- f",
    "blame -L 1,2 -- f g", "blame -L 1,2 --contents x -- f", "blame -L '/x/,+1' -- f", "blame -L 1,2 a..b -- f",
    "blame -L 1,2 -S x -- f", "log " + "x" * 1001,
]  # fmt: skip


@pytest.mark.parametrize("query", REFUSED)
def test_what_is_no_read_is_refused_before_git_runs(
    shop: World, make_request: MakeRequest, query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path / "bin", monkeypatch, "*", f"touch {tmp_path}/ran")
    gap = ask(make_request(), shop.folder, query)
    assert isinstance(gap, Gap)
    assert (gap.cause, gap.why.startswith("the question is not asked: ")) == ("invalid", True)
    assert "show --stat [REVISION]" in gap.mend
    assert len(gap.wanted) < 250
    assert not (tmp_path / "ran").exists()


NAMES = ["--output=/tmp/pwned", "-p", "--all", "$(touch pwned)", "; touch pwned", "--", "@{u}", ":/Pool", "v1^{tree}"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_never_becomes_an_option(
    shop: World, make_request: MakeRequest, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As revision, as path, as value of an option: git hears it behind '--', or in one word with its option."""
    heard = tmp_path / "heard"
    plant(
        tmp_path / "bin",
        monkeypatch,
        "*",
        f"""for a in "$@"; do printf '%s\\037' "$a"; done >> {heard}; echo >> {heard}""",
    )
    quoted = shlex.quote(name)
    for query in (
        f"show --stat {quoted}",
        f"log {quoted}",
        f"log --grep={quoted}",
        f"log -- {quoted}",
        f"log -S {quoted}",
    ):
        ask(make_request(), shop.folder, query)
    assert not (shop.folder / "pwned").exists()
    for line in heard.read_text().splitlines():
        words = line.split("\037")
        end = next((words.index(w) for w in ("--end-of-options", "--") if w in words), len(words))
        assert name == "--" or name not in words[:end], words


@given(st.text(max_size=60), st.sampled_from(["log ", "show --stat ", "diff --stat ", "blame -L 1,2 ", ""]))
def test_any_text_is_read_or_refused_in_words(text: str, before: str) -> None:
    try:
        command = commands.parse(before + text)
    except ValueError as error:
        assert str(error)
        return
    assert command.verb in ("log", "show", "diff", "blame")
    assert set(command.options) <= {
        "--stat", "--no-merges", "--merges", "--first-parent", "--oneline", "-n", "--since", "--until", "--author",
        "--grep", "-S", "-L",
    }  # fmt: skip
    for name in (command.revisions.first, command.revisions.second):
        assert not name.startswith("-") or command.revisions.dots


def test_no_program_of_the_repository_runs_and_nothing_is_fetched(
    shop: World, make_request: MakeRequest, tmp_path: Path, now: datetime
) -> None:
    evil = f"touch {tmp_path}/ran; cat"
    shop.commit(now - HOUR / 2, "Attributes", {".gitattributes": "* diff=evil filter=evil\n"})
    shop.commit(now - HOUR / 3, "More", {"services/checkout/pool.py": "a = 4\nb = 2\n"})
    for key in "diff.evil.textconv diff.evil.command diff.external filter.evil.clean core.fsmonitor core.pager".split():
        shop.git("config", key, evil)
    (shop.folder / "services/checkout/pool.py").write_text("a = 5\nb = 2\n")
    for query in ("log -S 'a = 4'", "show --stat", "diff --stat v1..main", "blame -L 1,2 -- services/checkout/pool.py"):
        assert answered(make_request(), shop.folder, query).rows
    assert not (tmp_path / "ran").exists()
    folder = clone(shop, tmp_path / "partial", "--filter=blob:none", "--no-checkout")
    os.rename(shop.folder, tmp_path / "away")  # a fetch would fail in other words
    gap = ask(make_request(), folder, "show --stat origin/main")
    assert isinstance(gap, Gap)
    assert (gap.cause, "nothing is fetched" in gap.why) == ("truncated", True)


def test_text_of_the_repository_cannot_break_out_of_its_row(
    world: World, make_request: MakeRequest, now: datetime
) -> None:
    world.commit(now - HOUR, b"odd \x01 \x1b[31m subject \xff\n\nbody\n", {"f": "x\n"})
    (row,) = answered(make_request(), world.folder, "log -- .").rows
    assert row[3] == "odd \x01 \x1b[31m subject \xff".encode("latin-1").decode("latin-1")


def test_as_the_runner_puts_it(world: World, make_request: MakeRequest, now: datetime) -> None:
    world.commit(now - HOUR, "Log in with token=hunter2hunter2", {"f": "x\n"})
    source = Git(Settings(repo=str(world.folder)))
    found = runner.ask(source, make_request(), "log -n 1 -- .", Redactor(), 20)
    assert isinstance(found, Answer)
    assert str(found.rows[0][3]).startswith("Log in with token=[redacted:")
    assert found.ref == f"git -C {world.folder} log -n 1 -- ."
    gap = runner.ask(source, make_request(), "push --force", Redactor(), 20)
    assert isinstance(gap, Gap)
    assert gap.wanted == "the answer to push --force"


def test_the_time_is_kept(
    shop: World, make_request: MakeRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path / "bin", monkeypatch, "*--max-count*", "exec sleep 30")
    gap = ask(make_request(source_seconds=0.7), shop.folder, "log")
    assert isinstance(gap, Gap)
    assert gap.cause == "timeout"
