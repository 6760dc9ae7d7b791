from __future__ import annotations

import random
import time

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from propertywork import examples

from gather_diagnostics.patterns import LONGEST, MASK, masks, merge, merged, merging, templates, texts

NAMES = ("amara", "jonas", "mei", "tunde", "olga", "raj")


def found(*messages: str) -> list[str]:
    return list(templates(pd.Series(messages, dtype="str")))


def masked(message: str) -> str:
    (text,) = masks(pa.array([message])).to_pylist()
    return str(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("order 4711 placed in 23 ms", "order 12 placed in 7 ms"),
        ("order 4711 placed in 23 ms", "order 12 placed in 1.5 seconds"),
        ("connect to 10.0.0.7:5432 refused", "connect to 192.168.1.12:5432 refused"),
        ("connect to db.example.org:5432 refused", "connect to 192.168.1.12:5432 refused"),
        ("listening on fe80::1a:2b:3c4d now", "listening on 10.0.0.1 now"),
        ("user 'amara' unknown", "user 'jonas' unknown"),
        ("read /var/data/a1.db failed", "read /var/data/b22.db failed"),
        ("read /var/data/orders failed", "read C:\\data\\orders failed"),
        ("trace 0af7651916cd43dd8448eb211c80319c lost", "trace 00f067aa0ba902b7 lost"),
        ("trace deadbeef lost", "trace 00f067aa0ba902b7 lost"),
        ("lock 550e8400-e29b-41d4-a716-446655440000 held", "lock abcdef12-e29b-4cd4-b716-44665544000f held"),
        ("mac ea:12:bc:de:ff:00 seen", "mac 00:1a:2b:3c:4d:5e seen"),
        ("born Sun Jul 17 14:03:34 2005 here", "born Mon, 12 Jun 2006 05:14:03 +0200 here"),
        ("sent 12 B", "sent 3.5 KB"),
        ("boom 1\n  at x.py:3", "boom 2\n  at y.py:9"),
        ("ports 1, 2, 3 open", "ports 7, 8 open"),
        ("said 'can't' here", "said 'yes' here"),
        ('"GET /cart?id=7 HTTP/1.1" 200', '"GET /orders/12 HTTP/1.1" 502'),
    ],
)
def test_like_messages_have_one_template(one: str, other: str) -> None:
    assert masked(one) == masked(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("order 1 placed", "order 1 refused"),
        ("link eth0 changed its state to UP", "link eth0 changed its state to DOWN"),
        ("VM Started (Lifecycle Event)", "VM Stopped (Lifecycle Event)"),
        ('"GET /cart HTTP/1.1" 200', '"POST /cart HTTP/1.1" 200'),
        ('{"level": "error", "msg": "no route to host"}', '{"level": "error", "msg": "disk is quite full"}'),
        ("java.io.IOException: stream of order closed", "java.net.SocketException: stream of order closed"),
        ('{"code": "x"}', '{"size": "x"}'),
        ("Marked 5 files", "Maybe 5 files"),
        ("can't do it, won't", "can't see it, won't"),
        ("say 'tis John's", "say 'tis Mary's"),
        ("setting cache.size=off for this worker", "setting cache.time=off for this worker"),
    ],
)
def test_unlike_messages_stay_apart(one: str, other: str) -> None:
    first, second = found(one, other)
    assert first != second


def test_a_value_without_digits_shows_in_a_large_family() -> None:
    lines = [f"invoice of {name} was paid too late" for name in NAMES]
    assert set(found(*lines)) == {f"invoice of {MASK} was paid too late"}
    assert len(set(found(*lines[: merging.MANY - 1]))) == merging.MANY - 1


def test_a_value_shows_where_a_masked_one_stands_in_its_place() -> None:
    few = ("session opened for user root by sshd", "session opened for user cyrus by sshd")
    assert set(found(*few)) == {f"session opened for user {MASK} by sshd"}
    one = ("session opened for user u17 by sshd", "session opened for user cyrus by sshd")
    assert set(found(*one)) == {f"session opened for user {MASK} by sshd"}


def test_names_of_things_are_values_also_two_at_a_time() -> None:
    pairs = ("registering class com.shop.Cart for com.shop.Main", "registering class com.shop.Order for com.bus.Loop")
    assert set(found(*pairs)) == {f"registering class {MASK} for {MASK}"}


def test_one_value_found_brings_another_to_light() -> None:
    lines = [f"gave {name} the key of room blue" for name in NAMES]
    assert set(found(*lines, "gave u17 the key of room 12")) == {f"gave {MASK} the key of room {MASK}"}


def test_values_side_by_side_are_one() -> None:
    lines = [f"invoice of {name} 17 was paid too late" for name in NAMES]
    assert set(found(*lines)) == {f"invoice of {MASK} was paid too late"}


def test_many_names_do_not_make_two_states_a_value() -> None:
    lines = [f"pool com.shop.{name} changed its state to {state}" for name in NAMES for state in ("UP", "DOWN")]
    assert set(found(*lines)) == {f"pool {MASK} changed its state to {state}" for state in ("UP", "DOWN")}


def test_what_differs_in_two_places_is_no_family() -> None:
    masked = pa.array(
        ["down x/y <*> <*> }", "root x/y root a a", "root x/y a a state", "state = <*> root", "root", "a"]
    )
    assert merge(masked) == masked


def test_too_few_words_in_common_are_no_evidence() -> None:
    assert len(set(found(*(f"{name} started" for name in NAMES)))) == len(NAMES)


def test_the_first_line_counts_and_no_more_than_its_beginning() -> None:
    tail = " and so on" * LONGEST
    assert len(masked("x" + tail)) == LONGEST
    assert masked("id 1" + tail) == masked("id 1234567890" + tail)


def test_missing_messages_stay_missing() -> None:
    assert masks(pa.array(["a", None])).to_pylist() == ["a", None]
    assert merge(pa.array(["a", None])).to_pylist() == ["a", None]
    assert merge(pa.array([], pa.string())).to_pylist() == []


def test_too_many_words_are_left_as_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = pa.array([f"invoice of {name} was paid too late" for name in NAMES])
    monkeypatch.setattr(merging, "MOST_WORDS", 40)
    assert merge(lines) == lines


def test_masking_batch_by_batch_and_merging_once_is_the_whole() -> None:
    messages = [f"invoice {n} of {NAMES[n % 6]} was paid too late" for n in range(60)]
    batches = [masks(pa.array(messages[n : n + 7])).to_pylist() for n in range(0, 60, 7)]
    joined = pd.Series([text for batch in batches for text in batch], dtype="str", index=range(100, 160))
    once = merged(joined)
    assert once.tolist() == found(*messages)
    assert once.index.equals(joined.index)


VOCABULARY = (
    *NAMES,
    "opened",
    "closed",
    "for",
    "user",
    "the",
    "root",
    "10.0.0.1",
    "17",
    "=",
    "a.b.C",
    "(",
    ")",
    ",",
    MASK,
)
SENTENCES = st.lists(st.lists(st.sampled_from(VOCABULARY), max_size=8).map(" ".join), max_size=40)
ANYTHING = st.lists(st.text().map(lambda text: text.encode("utf-8", "replace").decode()), max_size=20)


@settings(max_examples=examples(40))
@given(st.one_of(ANYTHING, SENTENCES))
def test_one_template_for_each_message_whatever_it_holds(messages: list[str]) -> None:
    series = pd.Series(messages, dtype="str")
    result = templates(series)
    assert result.index.equals(series.index)
    assert result.notna().all()
    assert all(len(template) <= LONGEST + 3 * len(MASK) * LONGEST for template in result)


@settings(max_examples=examples(40))
@given(SENTENCES, st.randoms(use_true_random=False))
def test_neither_order_nor_frequency_matters(messages: list[str], dice: random.Random) -> None:
    expected = dict(zip(messages, found(*messages), strict=True))
    shuffled = [*messages, *messages[: len(messages) // 2]]
    dice.shuffle(shuffled)
    assert found(*shuffled) == [expected[message] for message in shuffled]


@settings(max_examples=examples(40))
@given(SENTENCES)
def test_merging_what_is_merged_changes_nothing(messages: list[str]) -> None:
    once = merge(masks(texts(pd.Series(messages, dtype="str"))))
    assert merge(once) == once


@settings(max_examples=examples(40))
@given(SENTENCES)
def test_masking_what_is_masked_changes_nothing(messages: list[str]) -> None:
    once = masks(pa.array(messages, pa.string()))
    assert masks(once) == once


@settings(max_examples=examples(40))
@given(SENTENCES)
def test_equal_masks_have_equal_templates(messages: list[str]) -> None:
    pairs = set(zip(masks(pa.array(messages, pa.string())).to_pylist(), found(*messages), strict=True))
    assert len({first for first, _ in pairs}) == len(pairs)


@pytest.mark.parametrize("unit", ["a1:", "/a", "<*> ", '"', "'a ", "{", "12:ab", "0 Jan ", "http://", "aa:"])
def test_hostile_repetition_takes_linear_time(unit: str) -> None:
    def seconds(length: int) -> float:
        lines = pa.array([unit * length + f" {word}" for word in ("up", "down")] * 5)
        start = time.perf_counter()
        merge(masks(lines))
        return time.perf_counter() - start

    seconds(10)
    assert seconds(200_000) < 1.0
