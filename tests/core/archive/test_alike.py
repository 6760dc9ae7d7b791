"""Lines counted where they stand: as if the parser and the redactor had seen every one of them."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from propertywork import examples

from gather_diagnostics import Window
from gather_diagnostics.archive import alike, passing
from gather_diagnostics.archive.counting import Partial
from gather_diagnostics.archive.cuts import Part
from gather_diagnostics.archive.files import File
from gather_diagnostics.archive.passing import Pass
from gather_diagnostics.logparse import Block, stamps
from gather_diagnostics.redaction import Redactor, rules, shapes

START = datetime(2026, 3, 14, 2, tzinfo=UTC)
CARD = "4111111111111111"
FRONTS = (
    "{t:%Y-%m-%dT%H:%M:%S}.{ms:03d}Z {level} ",
    "{t:%Y-%m-%d %H:%M:%S},{ms:03d} {level:5} [main] com.shop.Cart - ",
    "{t:%b %d %H:%M:%S} host-{few} app[{n}]: ",
    "{letter}{t:%m%d %H:%M:%S}.{ms:03d}000   {few} cart.go:71] ",
    "{s}.{ms:03d} {level} ",
    "{s} ",
    "<{priority}>1 {t:%Y-%m-%dT%H:%M:%S}.{ms:03d}Z host{few} app {n} ID47 - ",
    '10.0.{few}.7 - - [{t:%d/%b/%Y:%H:%M:%S} +0000] "GET /v{few}/orders?id={n} HTTP/1.1" {status} {n} ',
    '{{"time": "{t:%Y-%m-%dT%H:%M:%S}.{ms:03d}Z", "level": {pino}, "pid": {n}, "id": "{hex}", "msg": "{json}"}}',
    '{{"ts": {s}.{ms:03d}, "level": "{level}", "status": {status}, "tenant": "t{few}", "msg": "{json}"}}',
    '{{"ts": {s}, "n": {zeros}, "path": "/v{few}/x", "status": {status}, "service": "s{few}", "method": "GET"}}',
    '{{"ts": {s}{ms:03d}, "at": {other}, "timestamp": {odd}, "level": "{level}", "msg": "{json}"}}',
    'time={t:%Y-%m-%dT%H:%M:%S}.{ms:03d}Z level={level} status={status} request_id={hex} msg="{json}"',
    "{t:%Y-%m-%dT%H:%M:%S}.{ms:03d}000000Z stdout {part} {level} ",
    "",
    "[{t:%Y-%m-%d %H:%M:%S} +0{few}00] ",
    "{t:%b %d %H:%M:%S} {odd} ",
)
BODIES = (
    "order {n} of customer {n} in {ms} ms",
    "{other} after {odd}",
    "cache {hex} missed, {hex} {n}",
    "token={hex}",
    "password=hunter{n}",
    "card {card} of {n}",
    "request_id={hex} tenant={few} done",
    "{few}{few}:{few}{few}:{few}{few} went by",
    "Grüße {n}",
    "2026 {n} {zeros}",
    "{word} {n}",
    "ERROR {n}\nTraceback (most recent call last):\n  File \"a.py\", line {n}, in f\nValueError: {n}",
    "fail {n}\njava.lang.Error: x\n\tat a.B(C.java:{n})\nCaused by: y.Z: {n}",
    "goroutine {n} [running]:\nmain.f(0x{hex})\n\t/a.go:{n}",
    "-----BEGIN RSA PRIVATE KEY-----",
    "MIIEpAIBAAKCAQEA{hex}",
)  # fmt: skip


def line(number: int, draw: random.Random, fronts: list[str], bodies: list[str]) -> str:
    when = START + timedelta(seconds=draw.choice([number, number, number // 60, 0]))
    epoch = int(when.timestamp())
    words = {
        "t": when,
        "s": epoch,
        "ms": draw.choice([0, 7, draw.randrange(1000)]),
        "level": draw.choice(["INFO", "ERROR", "info"]),
        "letter": draw.choice("IWEF"),
        "few": draw.randrange(3),
        "n": draw.choice([draw.randrange(10), draw.randrange(100_000, 1_000_000)]),
        "hex": f"{draw.getrandbits(64):016x}",
        "word": "".join(draw.choices("ghijkGHIJK+-:. AZ", k=draw.randrange(1, 9))),
        "priority": draw.randrange(10, 99),
        "status": draw.choice([200, 404, 503]),
        "part": draw.choice("FFP"),
        "pino": draw.choice([10, 30, 50]),
        "zeros": draw.choice(["10", "01", "00", "20"]),
        "other": draw.choice([1524480000, 1146800000, epoch]),
        "odd": draw.choice([1000000000, 9999999999]),
        "card": draw.choice([CARD, "4111111111111112", "1111111111111111"]),
    }
    body = draw.choice(bodies).format(**words)
    front = draw.choice(fronts)
    made = front.format(**words, json=body.replace("\n", "\\n").replace('"', "'"))
    return made + ("" if front.startswith(("{{", "time=")) else body)


def counted(path: Path, patch: pytest.MonkeyPatch, windows: tuple[Window, ...], *, sieve: bool) -> Partial:
    file = File(str(path), path.stat().st_size, datetime(2026, 3, 15, tzinfo=UTC))
    passing._known.cache_clear()
    with patch.context() as one:
        if not sieve:
            one.setattr(alike.Alike, "sieve", lambda self, blocks: blocks)
        return Pass("shop2", windows, b"k" * 32)(Part(file, 0, file.size))


def frame(partial: Partial) -> pd.DataFrame:
    found = partial.rows.to_pandas()
    return found.sort_values(list(found.columns)).reset_index(drop=True)


def same(path: Path, patch: pytest.MonkeyPatch, windows: tuple[Window, ...] = ()) -> Partial:
    plain, quick = (counted(path, patch, windows, sieve=sieve) for sieve in (False, True))
    assert quick.counts == plain.counts
    assert quick.redactions == plain.redactions
    pd.testing.assert_frame_equal(frame(quick), frame(plain))
    return quick


@pytest.mark.slow
@given(st.randoms(use_true_random=False), st.integers(1, 5), st.integers(1, 4), st.booleans())
@settings(phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_what_is_counted_is_what_would_have_been_parsed(
    tmp_path_factory: pytest.TempPathFactory, draw: random.Random, some: int, few: int, windowed: bool
) -> None:
    fronts, bodies = draw.choices(FRONTS, k=some), draw.choices(BODIES, k=few)
    path = tmp_path_factory.mktemp("alike") / "app.log"
    path.write_text("".join(f"{line(n, draw, fronts, bodies)}\n" for n in range(draw.randrange(400))))
    windows = (Window(START + timedelta(seconds=30), START + timedelta(seconds=170)),) if windowed else ()
    with pytest.MonkeyPatch.context() as patch:
        same(path, patch, windows)


@given(st.lists(st.binary(max_size=60), max_size=8), st.integers(1, 12))
@settings(phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_no_bytes_are_lost_or_make_it_fail(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], times: int
) -> None:
    stamps = [f"{START + timedelta(seconds=n):%Y-%m-%dT%H:%M:%SZ} ".encode() for n in range(len(pieces))]
    data = b"\n".join(stamp + piece for stamp, piece in zip(stamps, pieces, strict=True)) + b"\n"
    path = tmp_path_factory.mktemp("bytes") / "app.log"
    path.write_bytes(data * times)
    with pytest.MonkeyPatch.context() as patch:
        counts = same(path, patch).counts
    assert counts["lines"] == (data * times).count(b"\n") if pieces else True


DIGITS = st.text("0123456789", min_size=1, max_size=20)
GROUPS = st.lists(st.sampled_from(["4111", "1111", "111111", "11111", "3782", "822463"]), min_size=1, max_size=6)
GAPS = st.sampled_from(["", " ", "+", "-", "%20", "x", ":"])


@given(
    st.sampled_from(["", "a", "_", "("]), GAPS, GROUPS | st.lists(DIGITS, max_size=4), st.sampled_from(["", "a", "."])
)
@settings(max_examples=examples(500))
def test_no_number_is_a_secret_unless_its_shape_may_be_one(front: str, gap: str, groups: list[str], back: str) -> None:
    line = front + gap.join(groups) + back
    shape = stamps.shaped(pa.array([line]))[0].as_py()
    if any(shapes.spans_of(line, rules.BY_DIGITS)):
        assert re.search(Redactor().digits_enough, shape, re.ASCII)


def test_a_card_between_escapes_is_redacted_wherever_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def text(number: str) -> str:
        return f'{{"time": "2026-03-14T02:00:00Z", "level": "info", "msg": "of\\t{number}"}}\n'

    path = tmp_path / "app.log"
    path.write_text(text("1234567890123456") * 40 + text(CARD) * 3 + text("%20".join(["4111", *["1111"] * 3])))
    assert same(path, monkeypatch).redactions


def test_lines_before_one_that_is_left_are_counted_if_it_says_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine = "2026-03-14 02:00:00,123 INFO [main] order 7 placed\n"
    path, parsed = tmp_path / "app.log", list[str]()
    path.write_text(fine * 20 + "".join(f"{fine}2026-03-14 02:00:01,123 INFO [main] Z{n}Q\n" for n in "ghijk") + fine)
    left = alike.Alike.without_counted

    def noted(self: alike.Alike, block: Block) -> Block:
        rest = left(self, block)
        parsed.extend(rest.texts.to_pylist())
        return rest

    monkeypatch.setattr(alike.Alike, "without_counted", noted)
    assert same(path, monkeypatch).counts["lines"] == 31
    assert sum("order" in line for line in parsed) == 2, "the first and the last of the block"


def test_nearly_all_lines_are_counted_where_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw, path = random.Random(7), tmp_path / "app.log"
    fronts, bodies = [FRONTS[0], FRONTS[2], FRONTS[7], FRONTS[8], FRONTS[9]], [BODIES[0], BODIES[2]]
    path.write_text("".join(f"{line(n // 10, draw, fronts, bodies)}\n" for n in range(5000)))
    parsed: list[int] = []
    left = alike.Alike.without_counted

    def noted(self: alike.Alike, block: Block) -> Block:
        rest = left(self, block)
        parsed.append(len(rest.texts))
        return rest

    monkeypatch.setattr(alike.Alike, "without_counted", noted)
    assert same(path, monkeypatch).counts["lines"] == 5000
    assert sum(parsed) < 1000
