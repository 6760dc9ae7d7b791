"""Walking a runbook: what evidence and sources answer, what is asked of a person, where decisions lead, how it ends."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import documentsample as sample
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gather_diagnostics import Answer, ConfigError, Gap
from gather_diagnostics.document import view
from gather_diagnostics.response.runbooks.reading import parse
from gather_diagnostics.response.walking import Done, Ground, Reply, Taken, exit_code, walk
from gather_diagnostics.response.walking.answering import first_number
from gather_diagnostics.response.walking.telling import as_json, closing, findings, opening, verdict

HEAD = """---
id: x
title: X
kind: cause
when: {all: ["onset"]}
escalation: service owner
last_reviewed: 2026-11-01
---
Intro.
"""
HOLDS = 'if: "onset: time != null"'
FAILS = 'if: "onset: time == null"'
NOBODY = 'if: "weather: severity >= high"'
QUERY = "prometheus: 'sum(up{job={{ service | promql }}})'"


@functools.cache
def document() -> dict[str, Any]:
    return view(sample.incident())


def book(*steps: str) -> Any:
    """`kind id: YAML lines` each."""
    text = HEAD
    for step in steps:
        head, _, block = step.partition("\n")
        kind, _, id_ = head.partition(" ")
        text += f"\n## Step {id_}\nProse of {id_}.\n```{kind}\nid: {id_}\n{block}\n```\n"
    return parse(text, "x.md")


@dataclass
class Watching:
    """A person who answers as given; `None` where the answers run out."""

    says: Sequence[bool | None] = ()
    does: Sequence[Done | None] = ()
    told: list[str] = field(default_factory=list)
    asked: list[Reply] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._says, self._does = iter(self.says), iter(self.does)

    def begins(self, number: int, step: Any, hint: str) -> None:
        self.told.append(opening(number, step, hint))

    def ends(self, reply: Reply) -> None:
        self.told.append(closing(reply))

    def holds(self, reply: Reply) -> bool | None:
        self.asked.append(reply)
        return next(self._says, None)

    def did(self) -> Done | None:
        return next(self._does, None)


def clock() -> Callable[[], datetime]:
    times: Iterator[int] = iter(range(10**6))
    return lambda: datetime(2026, 3, 14, 3, 30, tzinfo=UTC) + timedelta(minutes=next(times))


def walked(runbook: Any, person: Watching | None = None, ask: Any = None, **ground: Any) -> list[Taken]:
    return list(
        walk(runbook, Ground(document(), {"service": "checkout"}, ask=ask, **ground), person or Watching(), clock())
    )


def outcomes(taken: Sequence[Taken]) -> dict[str, str]:
    return {t.step["id"]: t.reply.outcome for t in taken}


# Checks


@pytest.mark.parametrize(("condition", "outcome"), [(HOLDS, "yes"), (FAILS, "no"), (NOBODY, "unknown")])
def test_a_check_is_answered_by_the_evidence(condition: str, outcome: str) -> None:
    (one,) = walked(book(f"check a\n{condition}"))
    assert one.reply.outcome == outcome
    assert bool(one.reply.missed) == (outcome == "unknown")
    assert exit_code([one]) == (2 if outcome == "unknown" else 0)
    entry = one.entry
    assert (entry.kind, entry.runbook, entry.step, entry.outcome) == ("check", "x", "a", outcome)
    assert (entry.source, entry.ref, entry.title) == ("runbook", "runbook:x#a", "Step a")
    assert entry.time == datetime(2026, 3, 14, 3, 30, tzinfo=UTC)


def test_what_the_evidence_shows_is_named() -> None:
    (one,) = walked(book('check a\nif: "suspect: probability > 0.1"'))
    suspect = document()["changes"][0]
    assert suspect["summary"] in one.reply.words
    assert one.entry.details["findings"] == [suspect["finding"]]


def answering(*cells: Any, columns: tuple[str, ...] = ("job", "value"), **more: Any) -> Any:
    """A source that answers with these rows, and keeps what it was asked."""

    def ask(source: str, query: str) -> Answer:
        asked.append((source, query))
        return Answer(columns, tuple(cells), "http://prometheus/graph", **more)

    asked: list[tuple[str, str]] = []
    ask.asked = asked  # type: ignore[attr-defined]
    return ask


def test_a_query_is_filled_in_and_asked() -> None:
    ask = answering(("checkout", 3.0))
    (one,) = walked(book(f"check a\n{QUERY}\nexpect: 'value > 2'"), ask=ask)
    assert ask.asked == [("prometheus", 'sum(up{job="checkout"})')]
    assert one.reply.outcome == "yes"
    assert one.reply.words == "prometheus answers 3, and expected is value > 2."
    assert one.reply.lines == ("job=checkout, value=3.0",)
    assert not one.reply.missed
    assert one.entry.details["query"] == 'sum(up{job="checkout"})'
    assert one.entry.details["value"] == 3.0


@pytest.mark.parametrize(
    ("rows", "expect", "outcome"),
    [
        ([("a", 0.5)], "value > 2", "no"),
        ([("a", 0.5)], "value < 2 and rows == 1", "yes"),
        ([], "rows == 0", "yes"),
        ([], "value < 2", "unknown"),
        ([("a", "NaN")], "value < 2", "unknown"),
        ([("a", True)], "value < 2", "unknown"),
        ([("a", None), ("b", 7)], "value == 7", "yes"),
    ],
)
def test_an_expectation_is_held_against_the_answer(rows: list[Any], expect: str, outcome: str) -> None:
    (one,) = walked(book(f"verify a\n{QUERY}\nexpect: '{expect}'"), ask=answering(*rows))
    assert one.reply.outcome == outcome


def test_a_source_has_the_last_word() -> None:
    """The evidence is from before, the source from now."""
    (one,) = walked(book(f"check a\n{HOLDS}\n{QUERY}\nexpect: 'value > 2'"), ask=answering(("a", 1)))
    assert one.reply.outcome == "no"
    assert one.reply.words.startswith("The evidence says so: ")
    assert one.reply.words.endswith("prometheus answers 1, and expected is value > 2.")


@pytest.mark.parametrize(("kind", "outcome"), [("check", "done"), ("verify", "unknown")])
def test_an_answer_without_expectation_is_to_be_read(kind: str, outcome: str) -> None:
    rows = [(f"job-{n}", n) for n in range(9)]
    (one,) = walked(book(f"{kind} a\n{QUERY}"), ask=answering(*rows))
    assert one.reply.outcome == outcome
    assert len(one.reply.lines) == 5
    assert "9 rows" in one.reply.words


def test_the_evidence_decides_where_an_answer_is_only_to_be_read() -> None:
    (one,) = walked(book(f"check a\n{FAILS}\n{QUERY}"), ask=answering(("a", 1)))
    assert one.reply.outcome == "no"


def test_a_source_that_can_not_be_asked_is_told_with_the_mend() -> None:
    gap = Gap("prometheus", "the answer", "unreachable", "connection refused", "set PROMETHEUS_URL")
    (one,) = walked(book(f"check a\n{HOLDS}\n{QUERY}\nexpect: 'value > 2'"), ask=lambda source, query: gap)
    assert one.reply.outcome == "yes"
    assert one.reply.missed == "prometheus could not be asked: connection refused. Mend: set PROMETHEUS_URL."
    assert exit_code([one]) == 2


def test_offline_nothing_is_asked() -> None:
    (one,) = walked(book(f"check a\n{HOLDS}\n{QUERY}\nexpect: 'value > 2'"))
    assert one.reply.outcome == "yes"
    assert one.reply.missed == "prometheus was not asked, since nothing is asked offline."


def test_a_query_with_a_name_that_is_not_known_is_not_asked() -> None:
    ask = answering(("a", 1))
    (one,) = walked(book("check a\nkubernetes: 'get pods -n {{ namespace }}'"), ask=ask)
    assert ask.asked == []
    assert "does not tell <namespace>" in one.reply.missed


def test_a_person_answers_what_nobody_else_can() -> None:
    person = Watching(says=[True, False])
    taken = walked(book("check a\n", f"check b\n{NOBODY}", "check c\n"), person)
    assert outcomes(taken) == {"a": "yes", "b": "no", "c": "unknown"}
    assert [t.reply.details.get("by") for t in taken] == ["person", "person", None]
    assert [bool(t.reply.missed) for t in taken] == [False, False, True]
    assert len(person.asked) == 3


# Decisions


def test_a_decision_leads_on() -> None:
    steps = ["check b\n" + HOLDS, "check c\n" + HOLDS]
    for condition, path in ((HOLDS, ["a", "c"]), (FAILS, ["a", "b", "c"])):
        taken = walked(book(f"decide a\n{condition}\nthen: c\nelse: b", *steps))
        assert [t.step["id"] for t in taken] == path
        assert "Going on with" in taken[0].reply.words


def test_a_decision_without_else_goes_on_in_order() -> None:
    taken = walked(book(f"decide a\n{FAILS}\nthen: c", f"check b\n{HOLDS}", f"check c\n{HOLDS}"))
    assert [t.step["id"] for t in taken] == ["a", "b", "c"]
    assert taken[0].reply.words.endswith("Going on in order.")


@pytest.mark.parametrize("condition", [NOBODY, ""])
def test_where_the_evidence_does_not_decide_a_person_does(condition: str) -> None:
    runbook = book(f"decide a\n{condition}\nthen: c\nelse: b", f"check b\n{HOLDS}", f"check c\n{HOLDS}")
    assert [t.step["id"] for t in walked(runbook, Watching(says=[True]))] == ["a", "c"]
    taken = walked(runbook)
    assert [t.step["id"] for t in taken] == ["a", "b", "c"]
    assert taken[0].reply.words.endswith("It is left open. Going on in order.")
    assert exit_code(taken) == 2


def test_loops_end() -> None:
    taken = walked(book(f"check a\n{HOLDS}", f"decide b\n{HOLDS}\nthen: a", f"check c\n{HOLDS}"))
    assert [t.step["id"] for t in taken] == ["a", "b"] * 3 + ["c"]
    assert taken[5].reply.words.endswith("a was walked 3 times already. Going on in order.")
    assert [t.number for t in taken] == list(range(1, 8))


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7), st.sampled_from([HOLDS, FAILS, NOBODY])), max_size=8))
def test_any_decisions_end(leads: list[tuple[int, int, str]]) -> None:
    ids = [f"s{n}" for n in range(8)]
    steps = [f"decide s{n}\n{c}\nthen: s{a}\nelse: s{b}" for n, (a, b, c) in enumerate(leads)]
    steps += [f"check {id_}\n{HOLDS}" for id_ in ids[len(leads) :]]
    taken = walked(book(*steps))
    assert len(taken) <= 8 * 3 * 8


def test_a_decision_that_leads_nowhere_is_a_mistake_of_the_runbook() -> None:
    with pytest.raises(ConfigError, match=r"x\.md:\d+: else: there is no step 'nowhere'"):
        walked(book(f"decide a\n{HOLDS}\nthen: a\nelse: nowhere"))


# Acts


def test_an_act_is_shown_and_never_done() -> None:
    person = Watching(does=[Done("done", "rolled back at 03:31")])
    steps = book(
        "act a\ncommand: 'kubectl rollout restart -n {{ namespace }} deployment/{{ service }}'\nrisk: R.\nundo: U."
    )
    (one,) = walked(steps, person)
    assert (one.reply.outcome, one.reply.words, one.reply.missed) == ("done", "rolled back at 03:31", "")
    assert one.entry.details == {
        "by": "person",
        "command": "kubectl rollout restart -n <namespace> deployment/checkout",
    }
    assert "      $ kubectl rollout restart -n <namespace> deployment/checkout\n" in person.told[0]
    assert "   Risk: R.\n   To undo: U.\n" in person.told[0]
    assert exit_code([one]) == 0


def test_an_act_that_nobody_does_is_left_to_a_person() -> None:
    (one,) = walked(book("act a\n"))
    assert (one.reply.outcome, one.reply.words) == ("skipped", "It is left to a person.")
    assert exit_code([one]) == 2


def test_an_act_takes_its_command_from_the_proposal_that_helps() -> None:
    proposal = {
        "kind": "roll_back", "what": "W.", "command": "helm rollback shop 3", "why": ["It is new."], "helps": True,
        "risk": "R.", "undo": "helm rollback shop 4", "findings": [], "supports": [],
    }  # fmt: skip
    person = Watching()
    (one,) = walked(book("act a\nmitigation: roll_back"), person, mitigations=[proposal])
    assert one.step["text"] == "helm rollback shop 3"
    useless = {**proposal, "helps": False, "why": ["A migration was in between.", "It can't be undone."]}
    (one,) = walked(book("act a\nmitigation: roll_back"), person, mitigations=[useless])
    assert one.step["text"] == ""
    assert "This will not help (roll back): A migration was in between. It can't be undone." in person.told[2]
    walked(book("act a\nmitigation: fail_over"), person)
    assert "does not tell enough to write a command for this (fail over)" in person.told[4]


def test_what_was_done_makes_the_evidence_stale() -> None:
    steps = [
        "act a\n",
        f"verify b\n{HOLDS}",
        f"verify c\n{HOLDS}\n{QUERY}\nexpect: 'value > 2'",
        f"decide d\n{HOLDS}\nthen: d",
    ]
    taken = walked(book(*steps), Watching(does=[Done("done")]), answering(("a", 3)))
    assert outcomes(taken) == {"a": "done", "b": "unknown", "c": "yes", "d": "unknown"}
    assert "from before that was done" in taken[1].reply.words
    assert outcomes(walked(book(*steps[:2]), Watching(does=[Done("skipped")]))) == {"a": "skipped", "b": "yes"}


# Did it help?


def test_the_exit_code_says_whether_it_helped() -> None:
    helped, useless, open_ = f"verify a\n{HOLDS}", f"verify b\n{FAILS}", "verify c\nrecovery: true"
    assert exit_code(walked(book(helped))) == 0
    assert exit_code(walked(book(helped, open_))) == 2
    assert exit_code(walked(book(helped, useless, open_))) == 4
    assert exit_code([]) == 0


def test_the_last_word_of_a_verify_step_counts() -> None:
    steps = ["verify a\n", "decide b\nthen: a\nelse: c", f"check c\n{HOLDS}"]
    taken = walked(book(*steps), Watching(says=[False, True, True, False]))
    assert [t.reply.outcome for t in taken] == ["no", "yes", "yes", "no", "yes"]
    assert exit_code(taken) == 0


def test_recovery_points_to_the_command_that_compares() -> None:
    (one,) = walked(book("verify a\nrecovery: true"), Watching(says=[True]))
    assert one.step["text"] == "gather_diagnostics recovery"
    assert one.reply.outcome == "yes"


def test_what_was_walked_stays_when_it_is_interrupted() -> None:
    class Leaving(Watching):
        def holds(self, reply: Reply) -> bool | None:
            raise KeyboardInterrupt

    taken: list[Taken] = []
    steps = walk(book(f"check a\n{HOLDS}", "check b\n"), Ground(document(), {}), Leaving(), clock())
    with pytest.raises(KeyboardInterrupt):
        for one in steps:
            taken.append(one)  # noqa: PERF402
    assert [t.step["id"] for t in taken] == ["a"]


# Telling


def test_a_walk_reads_well() -> None:
    person = Watching(does=[Done("done", "Went back to v2.14.0.")])
    walked(
        book(f"check a\n{HOLDS}\n{QUERY}\nexpect: 'value > 2'", "act b\nmitigation: scale"), person, answering(("a", 3))
    )
    assert person.told[0] == (
        "1. Step a  [check]\n   Prose of a.\n      if onset: time != null\n"
        '      prometheus: sum(up{job="checkout"})\n      expect value > 2\n'
    )
    assert person.told[1].startswith("      job=a, value=3\n   -> yes. The evidence says so: ")
    assert person.told[2].startswith("2. Step b  [for you to do]\n   Prose of b.\n   The evidence does not tell enough")
    assert person.told[3] == "   -> done. Went back to v2.14.0.\n"


def test_what_was_seen_is_not_told_again() -> None:
    before = Reply("unknown", "Nobody knows.", "m", ("row",))
    after = Reply("yes", "Nobody knows. A person says yes.", "", ("row",))
    assert findings(before) == "      row\n   Nobody knows.\n"
    assert closing(after, before.words) == "   -> yes. A person says yes.\n"
    assert closing(after) == "      row\n   -> yes. Nobody knows. A person says yes.\n"


@given(st.text(max_size=200))
def test_nothing_acts_on_the_terminal(text: str) -> None:
    answer = Answer((f"c{text}",), ((f"{text}\x1b[2J\r",),), "")
    (one,) = walked(book(f"check a\n{QUERY}"), ask=lambda source, query: answer)
    shown = closing(one.reply) + opening(1, {**one.step, "prose": text, "title": text}, text)
    assert all(c == "\n" or c.isprintable() or c == " " for c in shown if ord(c) < 0xA0)


@pytest.mark.parametrize(
    ("steps", "code", "words"),
    [
        ([f"check a\n{HOLDS}"], 0, "x was walked, and nothing was left open."),
        (
            [f"check a\n{HOLDS}", "act b\n"],
            2,
            "x was walked; 1 of 2 steps is left to a person.",
        ),
        ([f"verify a\n{FAILS}"], 4, "x was walked, and it did not help: call the service owner."),
        ([f"check a\n{HOLDS}"], 130, "Interrupted after 1 step of x."),
    ],
)
def test_the_verdict(steps: list[str], code: int, words: str) -> None:
    runbook = book(*steps)
    assert verdict(runbook, walked(runbook), code) == words


def test_json_has_every_part() -> None:
    (one,) = walked(book(f"check a\n{HOLDS}"))
    told = as_json(one)
    assert set(told) == {
        "number", "id", "kind", "title", "text", "risk", "undo", "time", "outcome", "answer", "missed", "details",
    }  # fmt: skip
    assert (told["id"], told["outcome"], told["time"]) == ("a", "yes", "2026-03-14T03:30:00+00:00")


def test_the_first_number_is_the_first_cell_that_is_one() -> None:
    assert first_number(Answer(("a", "b"), (("x", None), ("1", 2), (3, 4)), "")) == 2
    assert first_number(Answer(("a",), ((True,),), "")) is None
