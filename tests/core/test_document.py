"""The evidence document: what it says, that it says it always alike, and that nobody's text acts in it."""

from __future__ import annotations

import base64
import hashlib
import html as htmllib
import io
import json
import math
import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import documentsample as sample
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from propertywork import examples
from rich.console import Console

from gather_diagnostics import Coverage, Evidence, Finding, Gap, Support
from gather_diagnostics.document import brief, clock, impact, render, view
from gather_diagnostics.document.chart import draw
from gather_diagnostics.document.escaping import (
    cut,
    encodable,
    link,
    markdown_cell,
    markdown_code,
    markdown_link,
    markdown_text,
    terminal,
    visible,
)
from gather_diagnostics.document.limits import near
from gather_diagnostics.document.markdown import MOST, to_markdown
from gather_diagnostics.document.summary import print_summary
from gather_diagnostics.document.view import plain, to_json

SAMPLES = ("incident", "healthy", "blind", "hostile")
ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
NASTY = st.text(
    st.one_of(st.characters(), st.sampled_from("\x1b\x9b[]()<>!`*_|\\&#@:/\n\r\t -+.=~$\u202e\u200b\ud800"))
)
"""Any text at all, lone surrogates too, leaning to what Markdown, HTML and terminals take as orders."""
RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
"""HTML on, as at GitHub: a tag that gets through would show here."""


@pytest.fixture(scope="module")
def rendered() -> dict[str, dict[str, str]]:
    made = {name: render(view(getattr(sample, name)())) for name in SAMPLES}
    return {name: {file: data.decode() for file, data in files.items()} for name, files in made.items()}


class Page(HTMLParser):
    """Reads a page strictly: every element closed in order; keeps tags, attributes and text."""

    VOID = frozenset({"meta", "link", "br", "img", "hr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        assert len(attrs) == len(dict(attrs)), f"an attribute twice in <{tag}>"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.texts))

    def values(self, name: str) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get(name)) is not None]


def screen(document: dict[str, Any], width: int = 80, *, where: str = "./evidence-checkout") -> str:
    out = io.StringIO()
    print_summary(document, where, Console(file=out, width=width, highlight=False))
    return out.getvalue()


# The dict


def test_view_has_what_was_agreed() -> None:
    document = view(sample.incident())
    assert document["schema"] == 1
    assert document["service"] == "checkout"
    assert document["windows"]["incident"] == {"start": "2026-03-14T02:20:00+00:00", "end": "2026-03-14T03:20:00+00:00"}
    assert document["onset"]["time"] == "2026-03-14T02:57:04+00:00"
    assert document["onset"]["earliest"] == "2026-03-14T02:56:40+00:00"
    assert document["onset"]["finding"] == "onset"
    assert [c["id"] for c in document["changes"]] == [sample.DEPLOY, sample.OTHER, sample.README]
    assert document["stands_out"] is True
    assert document["none_probability"] == 0.03
    assert document["severity"]["given"] == "SEV2"
    assert document["severity"]["proposed"] == "high"
    assert all("rose" in reason for reason in document["severity"]["reasons"])
    assert document["tables"] == {"changes": 7, "logs": 356, "metrics": 1440}
    covered = {c["source"]: c for c in document["coverage"]}
    assert [document["gaps"][i]["wanted"] for i in covered["logfiles"]["gaps"]] == ["lines before 01:31"]
    assert covered["git"]["gaps"] == []
    assert [f["id"] for f in document["latency"]] == [
        "latency:p50",
        "latency:p95",
        "latency:p99",
        "latency:endpoint:/orders",
    ]


def test_view_is_deterministic_and_plain_json() -> None:
    once, again = view(sample.hostile()), view(sample.hostile())
    assert once == again
    assert to_json(once) == to_json(again)
    assert json.loads(to_json(once)) == json.loads(json.dumps(once))
    assert render(once) == render(again)


def test_the_three_files_come_from_the_dict_alone() -> None:
    document = view(sample.incident())
    assert render(json.loads(to_json(document))) == render(document)


def test_plain_takes_what_plugins_put_into_details() -> None:
    given_ = {
        "nan": math.nan,
        "inf": np.float64("inf"),
        "count": np.int64(7),
        "share": np.float32(0.5),
        "yes": np.bool_(True),
        1: (1, {"b", "a"}),
        "when": sample.ONSET,
        "odd": object,
        "row": np.array([1.0, 2.0]),
    }
    made = plain(given_)
    json.dumps(made, allow_nan=False)
    assert made["nan"] is None
    assert made["inf"] is None
    assert (made["count"], made["share"], made["yes"]) == (7, 0.5, True)
    assert made["1"] == [1, ["a", "b"]]
    assert made["when"] == "2026-03-14T02:57:04+00:00"


def test_quotes_are_the_rows_that_claims_name() -> None:
    evidence = sample.incident()
    document = view(evidence)
    quotes = {(q["table"], q["row"]): q for q in document["quotes"]}
    first = document["onset"]["supports"][0]
    assert first["total"] == 180
    quote = quotes["logs", first["rows"][0]]
    assert sample.POOL in quote["text"]
    assert quote["ref"] == evidence.tables["logs"]["ref"][first["rows"][0]]
    deploy = document["changes"][0]["supports"][0]["rows"][0]
    assert quotes["changes", deploy]["text"] == "deploy b7712e4d checkout-v2.14.1 by Deploy Bot"


def test_rows_that_a_table_does_not_have_are_not_quoted() -> None:
    claims = tuple(
        Finding(f"x:{t}", "x", "Claim with 1 figure.", 0.5, supports=(Support(t, (0, 99_999, -1)),))
        for t in ("logs", "no")
    )
    document = view(replace(sample.incident(), findings=claims))
    assert {(q["table"], q["row"]) for q in document["quotes"] if q["row"] not in (152, 153, 154)} == {("logs", 0)}
    assert "metrics 99999" not in to_markdown(document)
    render(document)


def test_log_patterns_are_new_or_surging_only() -> None:
    patterns = view(sample.incident())["log_patterns"]
    assert [p["template"] for p in patterns] == [sample.TEMPLATE]
    assert (patterns[0]["incident"], patterns[0]["baseline"], patterns[0]["new"]) == (180, 0, True)
    assert patterns[0]["first"] == "2026-03-14T02:57:04+00:00"
    assert patterns[0]["example"].startswith(sample.POOL)


def test_without_baseline_logs_nothing_is_called_new() -> None:
    evidence = sample.incident()
    rows = [row for row in sample.log_rows() if row["time"] >= sample.INCIDENT.start]
    patterns = view(replace(evidence, tables={**evidence.tables, **sample.tables({"logs": rows})}, findings=()))[
        "log_patterns"
    ]
    assert patterns[0]["template"] == sample.TEMPLATE
    assert {p["new"] for p in patterns} == {None}


def test_timeline_is_in_order_and_tells_change_onset_and_first_error() -> None:
    timeline = view(sample.incident())["timeline"]
    assert [e["time"] for e in timeline] == sorted(e["time"] for e in timeline)
    kinds = [e["kind"] for e in timeline]
    assert kinds.count("onset") == 1
    assert "first error" in kinds
    deploy = next(e for e in timeline if e["what"].startswith("b7712e4d"))
    assert (deploy["kind"], deploy["table"], deploy["ref"]) == (
        "deploy",
        "changes",
        "https://git.example.com/shop/releases/checkout-v2.14.1",
    )


@pytest.mark.slow
def test_timeline_keeps_200_nearest_the_onset_and_counts_the_rest() -> None:
    document = view(sample.large())
    entries = document["timeline"]
    assert len(entries) == 200
    told = sum(e["kind"] in ("onset", "signal", "first error") for e in entries)
    assert document["timeline_omitted"] == 5007 + 5000 - (200 - told)
    assert any(e["kind"] == "onset" for e in entries)
    assert any(e["what"].startswith("b7712e4d") for e in entries)
    kept = near(entries, document["onset"], 20)
    assert len(kept) == 20
    assert [e["time"] for e in kept] == sorted(e["time"] for e in kept)


def test_series_keep_spikes_when_thinned() -> None:
    rows = sample.metric_rows(broken=False, step=5)
    rows[5 * 900]["value"] = 42.0
    spiked = rows[5 * 900]["metric"], rows[5 * 900]["stat"]
    frames = sample.tables({"metrics": rows})
    document = view(replace(sample.healthy(), tables=frames, findings=()))
    lines = {(s["name"], line["name"]): line["points"] for s in document["series"] for line in s["lines"]}
    assert max(len(points) for points in lines.values()) <= 180
    assert max(value for _, value in lines[spiked]) == 42.0


def test_error_lines_are_drawn_where_no_metric_tells() -> None:
    frames = sample.tables({"logs": sample.log_rows()})
    document = view(replace(sample.incident(), tables=frames, findings=()))
    assert [s["name"] for s in document["series"]] == ["log_errors", "log_patterns"]
    points = dict(document["series"][0]["lines"][0]["points"])
    assert sum(points.values()) == 186
    assert points["2026-03-14T02:56:00+00:00"] == 0
    assert points["2026-03-14T03:05:00+00:00"] > 5
    assert "bars" in draw(document, document["series"][0])


# What it says


def test_first_screen_says_what_since_how_bad_worse_and_who(rendered: dict[str, dict[str, str]]) -> None:
    page, markdown = Page(rendered["incident"]["evidence.html"]), rendered["incident"]["evidence.md"]
    text = page.text
    places = [
        text.index(w)
        for w in (
            "logfiles read in part",
            "Failing requests rose from 0.12% to 7.10%",
            "02:57:04 UTC (03:57:04 CET)",
            "SEV2 is proposed",
            "getting worse over the last 15 minutes",
            "93 %",
            "took effect 3 min before the onset",
            "translates a receipt",
            "What could not be seen",
            "did it begin?",
        )
    ]
    assert places[0] == min(places)
    assert places[-1] == max(places)
    top = markdown[: markdown.index("## When")]
    for words in (
        "✅ **git** read: 7 changes",
        "⚠️ **logfiles** read in part",
        "▫️ not in use: kubernetes",
        "7.10%",
        "2026-03-14 02:57:04 UTC (03:57:04 CET)",
        "SEV2",
        "**93 %** deploy `checkout-v2.14.1`",
        "translates a receipt",
        "no kubeconfig was found",
    ):
        assert words in top


def test_every_claim_links_to_a_row_that_is_there(rendered: dict[str, dict[str, str]]) -> None:
    for name in SAMPLES:
        page = Page(rendered[name]["evidence.html"])
        ids = page.values("id")
        assert len(ids) == len(set(ids))
        wanted = {href[1:] for href in page.values("href") if href.startswith("#")}
        assert wanted <= set(ids)
        markdown = rendered[name]["evidence.md"]
        anchors = set(re.findall(r'<a name="([^"]+)">', markdown))
        assert set(re.findall(r"\]\(#([^)]+)\)", markdown)) <= anchors
    assert any(href.startswith("#logs-") for href in Page(rendered["incident"]["evidence.html"]).values("href"))


def test_healthy_service_reads_well(rendered: dict[str, dict[str, str]]) -> None:
    text = Page(rendered["healthy"]["evidence.html"]).text
    assert "Nothing that was seen is outside its baseline." in text
    assert "No onset between 02:20 and 03:20 UTC" in text
    assert "No first suspect" in text
    assert "No change is suspected" in text
    assert "no severity proposed" in text
    assert "onset 02:57" not in text
    assert brief.suspect(view(sample.healthy())) is None


def test_missing_sources_are_never_taken_for_health(rendered: dict[str, dict[str, str]]) -> None:
    page = Page(rendered["blind"]["evidence.html"])
    for text in (page.text, rendered["blind"]["evidence.md"], screen(view(sample.blind()))):
        flat = re.sub(r"\s+", " ", text)
        assert "can't be told" in flat
        assert "outside its baseline" not in flat
        assert "connection refused" in flat
    assert "Latency was not seen." in page.text
    assert "set PROMETHEUS_URL to a server that answers" in page.text
    classes = [a["class"] or "" for tag, a in page.tags if tag == "a" and "source" in (a.get("class") or "").split()]
    assert [c.split()[1] for c in classes] == ["complete", "failed", "failed", "not_used"]
    assert rendered["blind"]["evidence.md"].count("✅") == 1
    assert "Interrupted." in page.text


def test_a_source_that_answered_with_nothing_is_not_shown_green() -> None:
    evidence = sample.incident()
    empty = tuple(replace(c, rows={}) for c in evidence.coverage[:1])
    document = view(replace(evidence, coverage=empty))
    assert brief.source_state(document["coverage"][0]) == "read, nothing there"
    assert "✅" not in to_markdown(document)


def test_changes_that_were_not_seen_are_said_to_be_unseen() -> None:
    document = view(replace(sample.incident(), tables=sample.tables({"logs": sample.log_rows()}), findings=()))
    assert "not the same as none made" in brief.suspect_words(document)
    assert any("No change was seen" in words for words in brief.unanswered(document))


def test_under_way_before_the_window_is_said() -> None:
    evidence = sample.incident()
    onset = evidence.findings[0]
    early = replace(onset, details={**onset.details, "before_window": True})
    assert "or earlier" in brief.since(view(replace(evidence, findings=(early, *evidence.findings[1:]))))


def test_a_slope_within_the_baseline_is_not_called_worse() -> None:
    evidence = sample.healthy()
    rising = {"trend": "rising", "trend_words": "getting worse over the last 15 minutes"}
    found = tuple(replace(f, details={**f.details, **rising}) if f.id == "error_rate" else f for f in evidence.findings)
    assert impact.trend(view(replace(evidence, findings=found))) == "Failing requests stay within their baseline."
    assert "getting worse" in impact.trend(view(sample.incident()))


def test_where_none_stands_out_the_likeliest_are_still_named() -> None:
    evidence = sample.incident()
    found = tuple(
        replace(f, details={**f.details, "stands_out": False}) if f.id == "changes" else f for f in evidence.findings
    )
    document = view(replace(evidence, findings=found))
    assert "No first suspect" in Page(render(document)["evidence.html"].decode()).text
    assert "? 93 % deploy “checkout-v2.14.1” by Deploy Bot" in screen(document)
    assert [c["id"] for c in brief.contenders(document)] == [sample.DEPLOY]


def test_demo_has_a_banner_everywhere() -> None:
    document = view(replace(sample.incident(), demo="A staged incident: nothing here happened."))
    files = render(document)
    for text in (files["evidence.html"].decode(), files["evidence.md"].decode()):
        assert text.index("Not real.") < text.index("kubernetes")
    assert "staged incident" in screen(document)
    assert "Not real." not in render(view(sample.incident()))["evidence.html"].decode()


def test_evidence_without_anything_renders() -> None:
    document = view(Evidence(sample.request(owner="", runbooks=()), {}, (), ()))
    files = render(document)
    Page(files["evidence.html"].decode())
    assert b"No source was asked" in files["evidence.md"]
    assert "can't be told" in screen(document)


def test_a_third_partys_finding_is_shown_with_its_question() -> None:
    odd = Finding("disk:sda", "disk", "Disk sda is 97 % full.", 0.8, "critical", details={"free": math.nan})
    evidence = sample.incident()
    files = render(view(replace(evidence, findings=(*evidence.findings, odd))))
    assert "Disk sda is 97 % full." in files["evidence.md"].decode().split("## Also found")[1]
    assert "Disk sda is 97 % full." in Page(files["evidence.html"].decode()).text


def test_a_candidate_with_few_details_is_shown() -> None:
    bare = Finding(
        "changes:x", "changes", "Change x: probability 0.40.", 0.4, details={"change": "x", "probability": 0.4}
    )
    files = render(view(replace(sample.incident(), findings=(bare,))))
    assert "40 %" in Page(files["evidence.html"].decode()).text
    assert "**40 %**" in files["evidence.md"].decode()


# Nobody's text acts


def test_no_tag_control_or_override_survives_anywhere(rendered: dict[str, dict[str, str]]) -> None:
    for name, text in rendered["hostile"].items():
        assert not ACTS.search(text), name
        # The page has one script, its own; see test_document_html.
        assert text.lower().count("<script") == (name == "evidence.html"), name
        assert "<img" not in text.lower(), name
    assert "alert(1)" in Page(rendered["hostile"]["evidence.html"]).text


def test_hostile_html_has_our_elements_only(rendered: dict[str, dict[str, str]]) -> None:
    page = Page(rendered["hostile"]["evidence.html"])
    assert {tag for tag, _ in page.tags}.isdisjoint({"img", "iframe", "object", "base", "form", "image", "use"})
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "style"]
    assert all(h.startswith(("#", "raw/", "tables/", "data:,", "https://git.example.com")) for h in page.values("href"))
    assert "{{ 7*7 }}" in page.text


def test_hostile_markdown_renders_to_our_elements_only(rendered: dict[str, dict[str, str]]) -> None:
    shown = RENDERER.render(rendered["hostile"]["evidence.md"])
    tags = set(re.findall(r"<([a-zA-Z][a-zA-Z0-9]*)", shown))
    known = {
        "h1",
        "h2",
        "p",
        "strong",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "ul",
        "ol",
        "li",
        "code",
        "a",
        "br",
        "blockquote",
    }
    assert tags <= known
    assert all(
        h.startswith(("#", "raw/", "tables/", "https://git.example.com")) for h in re.findall(r'href="([^"]*)"', shown)
    )
    assert "<h1>" in shown
    assert shown.count("<h1>") == 1


def test_summary_of_hostile_evidence_moves_no_cursor() -> None:
    text = screen(view(sample.hostile()), where="./\x1b[2Jx")
    assert not ACTS.search(text)


@given(NASTY)
def test_visible_hides_nothing_and_is_idempotent(text: str) -> None:
    for lines in (False, True):
        shown = visible(text, lines=lines)
        assert not ACTS.search(shown)
        assert lines or "\n" not in shown
        assert visible(shown, lines=lines) == shown
        shown.encode()
    assert terminal(text) == visible(text)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def _normal(text: str) -> str:
    return re.sub(" +", " ", visible(text)).strip(" ")


def _inside(shown: str, tag: str) -> str:
    match = re.fullmatch(rf"<{tag}>(.*)</{tag}>\n?", shown, re.S)
    assert match, shown
    return match[1]


@settings(max_examples=examples(300))
@given(NASTY)
def test_markdown_text_renders_as_itself(text: str) -> None:
    expected = _normal(text)
    for before in ("", "- ", "> ", "1. "):
        shown = RENDERER.render(before + markdown_text(text) + "\n")
        plain_ = re.sub(r"</?(?:p|ul|ol|li|blockquote)>\n?", "", shown)
        assert "<" not in plain_, (before, shown)
        assert htmllib.unescape(plain_).replace("\u200b", "").strip() == expected.strip()


@settings(max_examples=examples(300))
@given(NASTY)
def test_markdown_code_renders_as_itself(text: str) -> None:
    shown = _inside(RENDERER.render("x " + markdown_code(text) + " y\n").replace("\n", ""), "p")
    match = re.fullmatch(r"x (?:<code>(.*)</code>|—) y", shown)
    assert match, shown
    assert "<" not in (match[1] or "")
    assert htmllib.unescape(match[1] or "") == _normal(text)


@settings(max_examples=examples(200))
@given(NASTY, NASTY, NASTY)
def test_a_table_row_keeps_its_cells(a: str, b: str, c: str) -> None:
    row = f"| {markdown_cell(a)} | {markdown_code(b, cell=True)} | {markdown_code(c, cell=True)} |"
    shown = RENDERER.render(f"| a | b | c |\n| --- | --- | --- |\n{row}\n")
    cells = re.findall(r"<td>(.*?)</td>", shown, re.S)
    assert len(cells) == 3
    assert htmllib.unescape(cells[0]).replace("\u200b", "").strip() == (_normal(a) or "—").strip()
    for cell, text in ((cells[1], b), (cells[2], c)):
        assert htmllib.unescape(re.sub("</?code>", "", cell)) == (_normal(text) or "—")


@pytest.mark.parametrize(
    "text", ["@everyone look", "see #12", "GH-7", "a@b.example", "www.evil.example", "https://evil.example"]
)
def test_markdown_text_neither_mentions_nor_links(text: str) -> None:
    made = markdown_text(text)
    assert not re.search(r"@\w|#\d|GH-\d|www\.|(?<!\\)://", made)


@pytest.mark.parametrize(
    ("ref", "target"),
    [
        ("https://git.example.com/a?b=c#d", "https://git.example.com/a?b=c#d"),
        ('http://localhost:9090/graph?g0.expr=up{a="b"}', "http://localhost:9090/graph?g0.expr=up%7Ba=%22b%22%7D"),
        ("raw/git/abc.patch", "raw/git/abc.patch"),
        ("raw/git/abc.patch#L12", "raw/git/abc.patch#L12"),
        ("raw/../../etc/passwd", None),
        ("/etc/passwd", None),
        ("javascript:alert(1)", None),
        ("https://user:secret@git.example.com/", None),
        ("https://github.com@evil.example/", None),
        ("https://[broken", None),
        ("https://", None),
        ("https://exämple.com/", None),
        ("https://a.example/\u202e", None),
        ("data:text/html,x", None),
        (None, None),
        ("", None),
    ],
)
def test_link_lets_through_what_is_safe(ref: str | None, target: str | None) -> None:
    assert link(ref) == target


@given(st.text().map("https://host.example/".__add__))
def test_a_markdown_link_is_one_link(ref: str) -> None:
    shown = _inside(RENDERER.render(markdown_link("here", ref)), "p")
    assert re.fullmatch(r'here|<a href="https://host\.example/[^"<>\s]*">here</a>', shown)


def test_cut_says_so() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert cut("abcd", 4) == "abcd"


# Sizes and limits


@pytest.mark.slow
def test_five_thousand_rows_are_fast_and_markdown_fits_an_issue() -> None:
    evidence = sample.large()
    render(view(sample.incident()))
    start = time.perf_counter()
    document = view(evidence)
    files = render(document)
    assert time.perf_counter() - start < 5.0
    assert len(files["evidence.md"].decode()) <= MOST
    Page(files["evidence.html"].decode())


@pytest.mark.slow
def test_markdown_that_would_not_fit_is_cut_and_says_so() -> None:
    evidence = sample.large()
    long = "".join(f"word{i} " for i in range(200))
    wordy = tuple(replace(f, headline=f"{f.headline} {long}") for f in evidence.findings)
    document = view(replace(evidence, findings=wordy))
    markdown = to_markdown(document)
    assert len(markdown) <= MOST
    assert "cut here to keep this document short" in markdown
    assert "## How this was made" in markdown
    assert set(re.findall(r"\]\(#([^)]+)\)", markdown)) <= set(re.findall(r'<a name="([^"]+)">', markdown))


def test_markdown_fits_even_when_every_text_is_huge() -> None:
    evidence = sample.hostile()
    gaps = evidence.gaps * 200
    findings = tuple(replace(f, headline=f.headline * 40) for f in evidence.findings) * 20
    assert len(to_markdown(view(replace(evidence, gaps=gaps, findings=findings)))) <= MOST


# The page


def test_page_loads_nothing_and_its_policy_allows_its_style_only(rendered: dict[str, dict[str, str]]) -> None:
    for name in SAMPLES:
        text = rendered[name]["evidence.html"]
        page = Page(text)
        policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
        style = re.search(r"<style>(.*?)</style>", text, re.S)
        assert policy
        assert style
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        assert policy.startswith("default-src 'none'; ")
        assert f"style-src 'sha256-{digest}'" in policy
        assert "unsafe" not in policy
        script = re.search(r"<script>(.*?)</script>", text, re.S)
        assert script
        digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}'" in policy
        assert "url(" not in style[1]
        assert "@import" not in style[1]
        assert not page.values("src")
        assert [a.get("href") for tag, a in page.tags if tag == "link"] == ["data:,"]


def test_charts_are_wellformed_and_described(rendered: dict[str, dict[str, str]]) -> None:
    document = view(sample.incident())
    assert [s["name"] for s in document["series"]] == ["latency", "error_rate", "request_rate", "log_patterns"]
    for series in document["series"][:-1]:  # patterns are sparklines in a table, not charts
        svg = ElementTree.fromstring(draw(document, series))
        title, desc = svg.find("title"), svg.find("desc")
        assert title is not None
        assert desc is not None
        assert svg.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
        assert "Onset at 02:57:04 UTC" in (desc.text or "")
        classes = [e.get("class") for e in svg.iter()]
        assert "onset" in classes
        assert "band-onset" in classes
        assert "band-baseline" in classes
        assert classes.count("change first") == 1
        assert "UTC" in [e.text for e in svg.iter("text")]
    assert "median" in rendered["incident"]["evidence.html"]


def test_onset_is_drawn_where_it_was() -> None:
    document = view(sample.incident())
    svg = ElementTree.fromstring(draw(document, document["series"][0]))
    line = next(e for e in svg.iter("line") if e.get("class") == "onset")
    share = (sample.ONSET - sample.BASELINE.start) / (sample.NOW - sample.BASELINE.start)
    assert float(line.get("x1", "0")) == pytest.approx(54 + share * (540 - 54 - 14), abs=0.1)


def test_nothing_is_drawn_across_a_hole() -> None:
    hole = (sample.ONSET, sample.ONSET.replace(hour=3, minute=10))
    rows = [r for r in sample.metric_rows() if not hole[0] < r["time"] < hole[1]]
    document = view(replace(sample.incident(), tables=sample.tables({"metrics": rows}), findings=()))
    rate = next(s for s in document["series"] if s["name"] == "error_rate")
    svg = ElementTree.fromstring(draw(document, rate))
    path = next(e.get("d", "") for e in svg.iter("path"))
    assert path.count("M") == 2


@given(
    st.lists(st.floats(0, 1e12, allow_subnormal=False), min_size=1, max_size=30), st.sampled_from(["s", "ratio", "1/s"])
)
def test_any_values_can_be_drawn(values: list[float], unit: str) -> None:
    document = view(Evidence(sample.request(), {}, (), ()))
    times = [(sample.BASELINE.start + i * (sample.NOW - sample.BASELINE.start) / 40).isoformat() for i in range(30)]
    points = [list(pair) for pair in zip(times, values, strict=False)]
    svg = ElementTree.fromstring(
        draw(document, {"name": "x", "unit": unit, "lines": [{"name": "y", "points": points}]})
    )
    for element in svg.iter("line"):
        assert 0 <= float(element.get("y1", "0")) <= 232
    assert len(list(svg.iter("text"))) < 40


# The terminal


@pytest.mark.parametrize("name", [*SAMPLES, "large"])
@pytest.mark.parametrize("width", [80, 40, 200])
def test_summary_fits_one_screen(name: str, width: int) -> None:
    text = screen(view(getattr(sample, name)()), width)
    assert len(text.splitlines()) <= 23
    assert max(len(line) for line in text.splitlines()) <= width
    assert "\x1b" not in text
    assert text.splitlines()[-1].split() == ["Bundle", "./evidence-checkout"]


def test_summary_says_the_essentials() -> None:
    text = re.sub(r"\s+", " ", screen(view(sample.incident())))
    for words in (
        "7.10%",
        "2026-03-14 02:57:04 UTC (03:57:04 CET)",
        "SEV2 is proposed",
        "SEV2",
        "93 % deploy",
        "+ took effect 3 min before the onset",
        "− one of its two commits",
        "no kubeconfig was found",
        "logfiles read in part",
    ):
        assert words in text


@pytest.mark.parametrize("name", SAMPLES)
def test_summary_drops_nothing_however_full(name: str) -> None:
    evidence = replace(getattr(sample, name)(), demo="staged " * 30, interrupted=True)
    wordy = tuple(replace(f, headline=f.headline + " and more" * 40) for f in evidence.findings)
    text = screen(view(replace(evidence, findings=wordy)), 60)
    assert len(text.splitlines()) <= 23
    for label in ("Demo", "Partial", "Read", "Broken", "Since", "How bad", "Suspect", "Not seen", "Bundle"):
        assert re.search(f"^{label} ", text, re.M), label


def test_summary_without_gaps_says_what_that_means() -> None:
    assert "Not seen  nothing that was asked for" in screen(view(replace(sample.incident(), gaps=())))
    assert "nothing that was asked for" not in screen(view(sample.blind()))


def test_summary_prints_a_long_path_whole() -> None:
    where = "/srv/incidents/" + "long/" * 40 + "evidence-checkout"
    assert where in screen(view(sample.incident()), where=where)


def test_summary_in_an_encoding_without_the_signs() -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as out:
        print_summary(view(sample.incident()), "./größe", Console(file=out, width=80))
        out.flush()
        text = raw.getvalue().decode("ascii")
    assert '"checkout-v2.14.1"' in text
    assert "- one of its two commits" in text
    assert encodable("ä", "utf-8") == "ä"


def test_summary_has_colours_on_a_terminal_only() -> None:
    out = io.StringIO()
    print_summary(
        view(sample.incident()), ".", Console(file=out, width=80, force_terminal=True, color_system="standard")
    )
    assert "\x1b[" in out.getvalue()


# Times


def test_times_in_the_readers_zone() -> None:
    assert clock.local("2026-03-14T02:57:04+00:00", "Europe/Berlin") == "03:57:04 CET"
    assert clock.local("2026-03-14T02:57:04+00:00", "America/Los_Angeles") == "2026-03-13 19:57:04 PDT"
    assert clock.local("2026-03-14T02:57:04+00:00", "UTC") == ""
    assert clock.local("2026-03-14T02:57:04+00:00", "../etc/passwd") == ""
    assert clock.when("yesterday") is None
    assert clock.when("2026-03-14T02:57:04") is None
    assert clock.clock(None) == "—"


def test_hashes_are_short_and_versions_whole() -> None:
    assert brief.revision("4969fc2c3a063cc09945d9f2e319a443bae8597b") == "4969fc2c3a"
    assert brief.revision("registry.example.com/checkout:v2.14.1") == "registry.example.com/checkout:v2.14.1"


@pytest.mark.parametrize(("share", "words"), [(0.0, "< 1 %"), (0.4, "40 %"), (1.0, "> 99 %"), (None, "—")])
def test_probability_is_never_certain(share: float | None, words: str) -> None:
    assert brief.percent(share) == words


def test_several_unused_sources_are_named_in_one_line() -> None:
    evidence = sample.incident()
    names = ("cloudwatch", "forge", "kubernetes")
    used = tuple(c for c in evidence.coverage if c.status != "not_used")
    idle = tuple(Coverage(n, (), {}, 0.0, "not_used") for n in names)
    gaps = tuple(Gap(n, f"all of {n}", "not_configured", f"no {n}", f"set {n}") for n in names)
    document = view(replace(evidence, coverage=used + idle, gaps=gaps))
    assert "Not seen  not in use: cloudwatch, forge, kubernetes" in screen(document)
    rendered = render(document)
    for name in ("evidence.md", "evidence.html"):
        assert "set cloudwatch" in rendered[name].decode(), "each one's mend stands among the gaps"
