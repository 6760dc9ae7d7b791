"""Single questions as the runner puts them: deadlines, bugs, bounds, secrets, several answers as one."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from gather_diagnostics import Answer, Askable, Gap, Request, questions, runner
from gather_diagnostics.redaction import Redactor

Yielded = Callable[[Request, str], Iterator[Any]]


def source(yields: Yielded) -> Any:
    class Toy:
        name: ClassVar[str] = "toy"

        def ask(self, request: Request, query: str) -> Iterator[Any]:
            return yields(request, query)

    return Toy()


def ask(request: Request, yields: Yielded, query: str = "up", seconds: float = 5.0) -> Answer | Gap:
    return runner.ask(source(yields), request, query, Redactor(), seconds)


def test_an_answer_comes_as_it_is(make_request: Any) -> None:
    asked: list[tuple[float, str]] = []

    def good(request: Request, query: str) -> Iterator[Answer]:
        asked.append((request.source_seconds, query))
        yield Answer(("pod", "value"), (("a", 0.25), ("b", None), ("c", 3), ("d", True)), "http://here")

    found = ask(make_request(), good, "sum(x)", seconds=7)
    assert found == Answer(("pod", "value"), (("a", 0.25), ("b", None), ("c", 3), ("d", True)), "http://here")
    assert asked == [(7, "sum(x)")], "the source bounds itself by the time that is left"
    assert isinstance(source(good), Askable)


def test_without_a_source_there_is_its_gap(make_request: Any) -> None:
    gap = Gap("prometheus", "metrics", "not_configured", "no address is known", "password=hunter2hunter2")
    found = runner.ask(gap, make_request(), "up", Redactor(), 1)
    assert isinstance(found, Gap)
    assert (found.why, "hunter2" in found.mend) == (gap.why, False)


def test_a_collector_that_answers_no_questions(make_request: Any) -> None:
    class Mute:
        name: ClassVar[str] = "mute"

    found = runner.ask(Mute(), make_request(), "up", Redactor(), 1)  # type: ignore[arg-type]
    assert isinstance(found, Gap)
    assert (found.cause, found.wanted) == ("invalid", "the answer to up")
    assert "mute answers no single questions" in found.why


def test_a_question_that_hangs_ends_at_the_deadline(make_request: Any) -> None:
    release = threading.Event()

    def hangs(request: Request, query: str) -> Iterator[Answer]:
        yield Answer(("x",), ((1,),))
        release.wait(30)
        yield Answer(("x",), ((2,),))

    started = time.monotonic()
    found = ask(make_request(), hangs, seconds=0.3)
    assert time.monotonic() - started < 3
    assert isinstance(found, Answer)
    assert (found.rows, found.cut) == (((1,),), "it had not answered in full after 0.3 s")

    def silent(request: Request, query: str) -> Iterator[Answer]:
        release.wait(30)
        yield Answer((), ())

    gap = ask(make_request(), silent, seconds=0.3)
    release.set()
    assert isinstance(gap, Gap)
    assert (gap.cause, gap.source) == ("timeout", "toy")


def _raises(request: Request, query: str) -> Iterator[Answer]:
    raise KeyError("token=hunter2hunter2")
    yield


@pytest.mark.parametrize(
    ("yields", "words"),
    [
        (_raises, "it broke: KeyError"),
        (lambda r, q: iter([{"a": 1}]), "it may yield Answer or Gap"),
        (lambda r, q: iter([Answer(("a", "b"), ((1,),))]), "whose columns are not those of its rows"),
        (lambda r, q: iter([Answer(("a", "a"), ((1, 2),))]), "whose columns are not those of its rows"),
        (lambda r, q: None, "it broke: TypeError"),
    ],
)
def test_a_bug_owns_up(make_request: Any, yields: Any, words: str) -> None:
    gap = ask(make_request(), yields)
    assert isinstance(gap, Gap)
    assert (gap.cause, words in gap.why, "hunter2" in gap.why) == ("failed", True, False)


def test_nothing_at_all_is_a_gap(make_request: Any) -> None:
    gap = ask(make_request(), lambda r, q: iter(()))
    assert isinstance(gap, Gap)
    assert gap.why == "it answered nothing at all"


def test_answers_of_several_places_come_as_one(make_request: Any) -> None:
    def both(request: Request, query: str) -> Iterator[Answer | Gap]:
        yield Answer(("region", "lines"), (("a", 1),), "aws://a")
        yield Gap("toy", "x", "denied", "region b said no", "ask")
        yield Answer(("region", "level", "lines"), (("c", "ERROR", 3),), "aws://c", "some is missing")

    found = ask(make_request(), both)
    assert found == Answer(
        ("region", "lines", "level"),
        (("a", 1, None), ("c", 3, "ERROR")),
        "aws://a aws://c",
        "some is missing; region b said no",
    )


def test_gaps_alone_are_the_first_of_them(make_request: Any) -> None:
    gaps = [Gap("toy", "x", "denied", f"no {n}", "ask") for n in range(2)]
    assert ask(make_request(), lambda r, q: iter(gaps)) == gaps[0]


def test_secrets_are_redacted_wherever_they_stand(make_request: Any) -> None:
    key = [
        "-----BEGIN RSA PRIVATE KEY-----",
        *(["MIIEowIBAAKCAQEA" + "k3yBytes" * 6] * 3),
        "-----END RSA PRIVATE KEY-----",
    ]

    def leaks(request: Request, query: str) -> Iterator[Answer]:
        yield Answer(("password", "pod"), (("hunter2hunter2", "checkout-1"),))
        yield Answer(("LINE",), tuple((line,) for line in ["login token=hunter2hunter2", *key, "INFO fine"]))
        yield Answer(("x",), ((1,),), "https://me:hunter2hunter2@host/graph", "password: hunter2hunter2")

    found = ask(make_request(), leaks)
    assert isinstance(found, Answer)
    assert "hunter2" not in repr(found)
    assert "k3yBytes" not in repr(found), "a key's block goes over many lines"
    assert "checkout-1" in repr(found)
    assert "INFO fine" in repr(found)
    assert "x" in found.columns


def test_a_key_that_is_cut_hides_nothing_of_the_next_answer(make_request: Any) -> None:
    redactor = Redactor()
    begun = source(
        lambda r, q: iter([Answer(("LINE",), (("-----BEGIN RSA PRIVATE KEY-----",), ("MIIEowIBAAKCAQEA" * 4,)))])
    )
    runner.ask(begun, make_request(), "logs a", redactor, 5)
    after = source(lambda r, q: iter([Answer(("LINE",), (("plain",), ("words",)))]))
    found = runner.ask(after, make_request(), "logs a", redactor, 5)
    assert isinstance(found, Answer)
    assert found.rows == (("plain",), ("words",))


def test_a_question_with_a_secret_is_redacted_in_its_gap(make_request: Any) -> None:
    gap = ask(make_request(), _raises, "log --grep token=hunter2hunter2")
    assert "hunter2" not in repr(gap)


def test_answers_have_bounds() -> None:
    taken: list[int] = []

    def rows() -> Iterator[list[int]]:
        for n in range(10_000):
            taken.append(n)
            yield [n]

    found = questions.answer(["n"], rows(), "here")
    assert (len(found.rows), len(taken)) == (questions.MOST_ROWS, questions.MOST_ROWS + 1)
    assert found.cut == "there is more; the first 200 rows are kept"
    exact = questions.answer(["n"], ([n] for n in range(questions.MOST_ROWS)), "here", "a part")
    assert (len(exact.rows), exact.cut) == (questions.MOST_ROWS, "a part")
    wide = questions.answer(["t"], (["ä" * 10_000] for _ in range(50)), "here")
    assert (len(wide.rows), wide.cut) == (10, "there is more; the first 10 rows (200,000 bytes) are kept")
    (long,) = questions.answer(["t"], [["x" * 10**6]], "").rows
    assert len(str(long[0])) == questions.MOST_CELL


def test_cells_are_what_json_can_hold() -> None:
    found = questions.answer(["a", "b", "c"], [[math.nan, "\ud800x", -math.inf]], "")
    assert found.rows == (("nan", "?x", "-inf"),)


def test_a_plugins_answer_is_bounded_too(make_request: Any) -> None:
    found = ask(make_request(), lambda r, q: iter([Answer(("n",), tuple((n,) for n in range(500)))]))
    assert isinstance(found, Answer)
    assert len(found.rows) == questions.MOST_ROWS
    assert "there is more" in found.cut


def test_an_interrupt_passes_through(make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import _thread

    threading.Timer(0.2, _thread.interrupt_main).start()
    release = threading.Event()

    def hangs(request: Request, query: str) -> Iterator[Answer]:
        release.wait(20)
        yield Answer((), ())

    with pytest.raises(KeyboardInterrupt):
        ask(make_request(), hangs, seconds=20)
    release.set()


@pytest.mark.parametrize(("query", "words"), [("", "empty"), ("a 'b", "quotes"), ("a\0", r"U\+0000"), ("\udcff", "U")])
def test_questions_that_have_no_words(query: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        questions.words(query)
