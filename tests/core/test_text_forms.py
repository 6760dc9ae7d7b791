"""Markdown, Jira, Slack and the terminal: the same content, nobody's text acts, and each fits where it is pasted."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import documentsample as sample
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from propertywork import examples

from gather_diagnostics import Evidence, Finding
from gather_diagnostics.cli.show import SECTIONS as OFFERED
from gather_diagnostics.document import sparkline, view
from gather_diagnostics.document.escaping import (
    csv_cell,
    jira_code,
    jira_text,
    markdown_code,
    markdown_text,
    slack_code,
    slack_text,
    visible,
)
from gather_diagnostics.document.jira import MOST as JIRA_MOST
from gather_diagnostics.document.jira import to_jira
from gather_diagnostics.document.limits import Limits, ladder
from gather_diagnostics.document.markdown import MOST, to_markdown
from gather_diagnostics.document.outline import SECTIONS
from gather_diagnostics.document.slack import BLOCKS, CHARACTERS, HEADER, to_slack
from gather_diagnostics.document.terminaltext import to_text

SAMPLES = ("incident", "healthy", "blind", "hostile", "large")
NASTY = st.text(
    st.one_of(st.characters(), st.sampled_from("\x1b\x9b[]{}()<>!`*_|\\&#@:/;?^~+-=$%%\n\r\t .DPhx1q\u202e\u200b"))
)


def huge() -> Evidence:
    """More of everything than fits anywhere, in texts that grow when they are escaped."""
    evidence = sample.hostile()
    found = tuple(
        Finding(f"x:{i}", "x", sample.EVIL * 20, 0.5, "critical", supports=evidence.findings[0].supports)
        for i in range(500)
    )
    return replace(
        evidence, gaps=evidence.gaps * 300, findings=(*evidence.findings, *found), coverage=evidence.coverage * 60
    )


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    return {name: view(getattr(sample, name)()) for name in SAMPLES} | {"huge": view(huge())}


# Escaping


def unjira(text: str) -> str:
    """What Atlassian's renderer makes of text without markup: backslashes first, character references then."""
    return html.unescape(re.sub(r"(?<!\\)\\([-#*_+?^~|%{}\[\]()!@])", r"\1", text))


@settings(max_examples=examples(300))
@given(NASTY)
def test_jira_text_renders_as_itself(text: str) -> None:
    made = jira_text(text)
    assert unjira(made) == re.sub(" +", " ", visible(text)).strip(" ")
    assert "\\\\" not in made, "two backslashes break a line"
    assert not re.search(r"(?<!\\)[{}\[\]|*!]", made)
    assert not re.match(r"h[1-6]\. |bq\. |[-#*] ", made)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("{code}x{code}", r"\{code\}x\{code\}"),
        ("[evil|https://evil.example]", r"\[evil\|https&#58;//evil.example\]"),
        ("[~admin] @admin", r"\[\~admin\] \@admin"),
        ("!x.png!", r"\!x.png\!"),
        (r"C:\temp\new", "C:&#92;temp&#92;new"),
        ("h1. Title", "h1&#46; Title"),
        ("---- and --", r"\-\-\-\- and \-\-"),
        ("PAY-123 is fixed", r"PAY\-123 is fixed"),
        ("a :) b (x) c", r"a :\) b \(x) c"),
        ("2026-03-14 a_b 99%", "2026-03-14 a_b 99%"),
    ],
)
def test_jira_text_does_not_act(text: str, made: str) -> None:
    assert jira_text(text) == made
    assert jira_code("x}") == r"{{x\}}}"
    assert jira_code("") == "—"


@settings(max_examples=examples(300))
@given(NASTY)
def test_slack_text_holds_no_control_character_of_slacks(text: str) -> None:
    for made in (slack_text(text), slack_code(text)):
        assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", made)
    assert not re.search(r"[*`~]|(?<!\w)_|_(?!\w)", slack_text(text))
    assert slack_code(text).strip("`").count("`") == 0


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("<!channel> & <@U1>", "&lt;!channel&gt; &amp; &lt;@U1&gt;"),
        ("*bold* a_b _it_ ~no~", "∗bold∗ a_b ＿it＿ ∼no∼"),
        ("status :tada: at 17:52:00", "status :\u200btada: at 17:52:00"),
    ],
)
def test_slack_text_does_not_act(text: str, made: str) -> None:
    assert slack_text(text) == made


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "  =cmd|' /C calc'!A0", "\t=1", "\r=1", "＝1", "|x", "%x"],
)
def test_a_formula_is_text_in_csv(text: str) -> None:
    assert csv_cell(text).startswith("'")
    assert csv_cell("a=1") == "a=1"
    assert "\x1b" not in csv_cell("\x1b[31mred")


@pytest.mark.parametrize("text", [":tada: done", "see !12", "costs $7", "epic &3", "label ~bug", 'for %"v1"', ":+1:"])
def test_markdown_text_is_no_reference_or_emoji(text: str) -> None:
    made = markdown_text(text)
    assert "\u200b" in made
    assert re.sub("[\u200b\\\\]", "", html.unescape(made)) == text


def test_times_and_addresses_stay_readable_in_markdown() -> None:
    assert markdown_text("at 17:52:00 UTC, 5.6 % of a:b") == "at 17:52:00 UTC, 5.6 % of a:b"
    assert markdown_code("Deploy Bot <bot@shop.example>") == "`Deploy Bot <bot@shop.example>`"
    assert markdown_code("<b>x</b>").startswith("<code>&#60;")


# Sizes


@pytest.mark.parametrize("name", [*SAMPLES, pytest.param("huge", marks=pytest.mark.slow)])
def test_every_form_fits_where_it_is_pasted(documents: dict[str, dict[str, Any]], name: str) -> None:
    document = documents[name]
    for section in ("", *SECTIONS):
        assert len(to_markdown(document, section)) <= MOST
        assert len(to_jira(document, section)) <= JIRA_MOST
        message = json.loads(to_slack(document, section))
        assert 0 < len(message["blocks"]) <= BLOCKS
        for block in message["blocks"]:
            most = HEADER if block["type"] == "header" else CHARACTERS
            assert 0 < len(block["text"]["text"]) <= most


def first_screen(text: str, heading: str) -> str:
    """Without the links of rows, which may be cut below it."""
    return re.sub(r"\[(\w+ \d+)(?:\]\(#[^)]*\)|\|#[^\]]*\])", r"\1", text[: text.index(heading)])


def test_the_first_screen_is_never_cut() -> None:
    """However much there is of the rest."""
    evidence = sample.incident()
    spread = tuple(
        Finding(
            f"load:{i}",
            "load",
            f"Load of shard {i} rose. {'word ' * 250}",
            0.5,
            "low",
            supports=evidence.findings[0].supports,
        )
        for i in range(400)
    )
    more = view(replace(evidence, findings=(*evidence.findings, *spread)))
    for render, most, heading in ((to_markdown, MOST, "## When"), (to_jira, JIRA_MOST, "h2. When")):
        short, long = first_screen(render(view(evidence)), heading), first_screen(render(more), heading)
        assert len(render(more)) <= most
        assert "Left out here: " in long
        assert "The whole is in evidence.html." in long
        told = re.compile(r"Left out here: .*\n\n")
        assert told.sub("", long) == told.sub("", short)


@pytest.mark.slow
def test_markdown_has_the_first_screen_when_nothing_else_fits(documents: dict[str, dict[str, Any]]) -> None:
    text = to_markdown(documents["huge"])
    for words in ("**What is broken**", "**Since**", "**First suspect**", "**Not seen**"):
        assert words in text
    anchors = set(re.findall(r'<a name="([^"]+)">', text)) | {"gaps"}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


def test_what_is_cut_first_is_what_the_bundle_has_anyway() -> None:
    steps = list(ladder())
    assert steps[0] == Limits()
    assert steps[1].quotes < steps[0].quotes
    assert replace(steps[1], quotes=steps[0].quotes) == steps[0]
    gone = next(i for i, step in enumerate(steps) if not step.quotes)
    assert all(step.gaps == Limits().gaps and step.candidates == Limits().candidates for step in steps[: gone + 1])


# Content


def test_error_patterns_say_lines_times_and_rows_in_their_own_columns(documents: dict[str, dict[str, Any]]) -> None:
    text = to_markdown(documents["incident"], "what")
    header = next(line for line in text.splitlines() if line.startswith("| Error pattern"))
    row = next(line for line in text.splitlines() if "PoolTimeout" in line and line.startswith("| `"))
    named = dict(zip((c.strip() for c in header.strip("|").split(" | ")), row.strip("|").split(" | "), strict=True))
    assert named["Lines in the incident"].strip() == "180"
    assert named["First, UTC"].strip() == "02:57:04"
    assert named["Last, UTC"].strip() == "03:19:52"
    assert named["Rows"].strip().startswith("[logs 152](#logs-152)")


def test_every_form_says_the_essentials(documents: dict[str, dict[str, Any]]) -> None:
    document = documents["incident"]
    slack = "\n".join(block["text"]["text"] for block in json.loads(to_slack(document))["blocks"])
    for text in (to_markdown(document), to_jira(document), slack, to_text(document, width=4000)):
        flat = text.replace("\\", "").replace("&amp;", "&")
        for words in ("7.10%", "02:57:04 UTC", "93 %", "checkout-v2.14.1", "took effect 3 min before the onset", "│"):
            assert words in flat, words
        assert "no kubeconfig was found" in flat


def test_sections_are_those_of_the_option() -> None:
    assert tuple(SECTIONS) == OFFERED


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_is_its_part_of_the_whole(documents: dict[str, dict[str, Any]], section: str) -> None:
    document = documents["large"]
    for render in (to_text, to_jira):
        part = render(document, section).strip()
        assert part
        assert part.splitlines()[0] in render(document)
    assert all(key in document for key in SECTIONS[section][1])


def test_hostile_text_stays_text_in_every_form(documents: dict[str, dict[str, Any]]) -> None:
    document = documents["hostile"]
    slack = json.loads(to_slack(document))
    texts = [to_markdown(document), to_jira(document), to_text(document), *(b["text"]["text"] for b in slack["blocks"])]
    for text in texts:
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert "<script" not in to_markdown(document)
    assert not any("<" in b["text"]["text"].replace("<https://git.example.com", "") for b in slack["blocks"][1:])
    jira = to_jira(document)
    assert "\\!\\[i" in jira
    assert not re.search(r"(?<!\\)!", jira)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_terminal_text_keeps_to_the_width(documents: dict[str, dict[str, Any]], width: int) -> None:
    for name in ("incident", "healthy", "blind"):
        long = [line for line in to_text(documents[name], width=width).splitlines() if len(line) > width]
        assert all(" " not in line.strip(" -|") for line in long), long


def test_terminal_text_has_colours_only_where_they_are_wanted(documents: dict[str, dict[str, Any]]) -> None:
    assert "\x1b[" in to_text(documents["incident"], colours=True)
    plain = to_text(documents["hostile"], colours=True)
    assert set(re.findall("\x1b\\[[0-9;]*[A-Za-z]", plain)) <= {"\x1b[1m", "\x1b[2m", "\x1b[0m"}


# Sparklines

START = datetime(2026, 3, 14, tzinfo=UTC).timestamp()


def test_bars_keep_the_spike_and_mark_the_onset() -> None:
    points = [(START + 60 * i, 1.0 if i != 47 else 50.0) for i in range(60)]
    line = sparkline.bars(points, START, START + 3600, START + 1800)
    assert len(line) == sparkline.WIDTH + 1
    assert line.index(sparkline.MARK) == sparkline.WIDTH // 2
    assert line.count("█") == 1
    assert line.index("█") == 1 + int(47 / 60 * sparkline.WIDTH)


def test_a_hole_is_no_zero() -> None:
    points = [(START + 60 * i, 5.0) for i in range(60) if not 20 <= i < 40]
    line = sparkline.bars(points, START, START + 3600, START + 1800)
    assert 6 <= line.count(sparkline.HOLE) <= 8
    assert "▁" not in line
    assert "▁" in sparkline.bars(points, START, START + 3600, START, sparse=True)


@given(st.lists(st.tuples(st.floats(0, 3599), st.floats(0, 1e300)), min_size=1, max_size=60), st.floats(-10, 4000))
def test_bars_take_any_values(points: list[tuple[float, float]], mark: float) -> None:
    line = sparkline.bars(points, 0, 3600, mark)
    assert line.count(sparkline.MARK) == 1
    assert set(line) <= set(sparkline.BARS + sparkline.HOLE + sparkline.MARK)


def test_sparks_of_the_sample() -> None:
    document = view(sample.incident())
    found = {(s.chart, s.name): s for s in sparkline.sparks(document)}
    p99 = found["latency", "p99"]
    assert sparkline.amount(p99.before, p99.unit).endswith(" ms")
    assert (p99.since or 0) > 3 * (p99.before or 0)
    assert sparkline.marked(document)[1] == "the onset"
    outside = {**document, "onset": {**document["onset"], "time": (sample.NOW - timedelta(days=2)).isoformat()}}
    assert sparkline.marked(outside)[1] == "the start of the incident window"
