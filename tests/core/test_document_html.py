"""evidence.html without a browser: what its policy lets act, short sentences of the first screen, lanes, sparklines."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import documentsample as sample
import pytest

from gather_diagnostics import Finding
from gather_diagnostics.document import render, view
from gather_diagnostics.document.chart import LANES, draw, lanes, sparkline
from gather_diagnostics.document.html import changed, hashes, person, short, to_html
from gather_diagnostics.document.series import BINS

MOST_BYTES = 1_500_000


def shares(metric: str, value: float, unit: str = "ratio", **more: Any) -> list[dict[str, Any]]:
    """A metric that jumps at the onset, each minute."""
    return [
        {
            "time": sample.BASELINE.start + timedelta(minutes=i),
            "ref": f"{metric}:ratio",
            "metric": metric,
            "stat": "ratio",
            "value": value if sample.BASELINE.start + timedelta(minutes=i) >= sample.ONSET else value / 4,
            "unit": unit,
            "service": "checkout",
        }
        | more
        for i in range(120)
    ]


def with_metrics(*rows: dict[str, Any], findings: tuple[Finding, ...] = ()) -> dict[str, Any]:
    base = sample.incident()
    frames = {**base.tables, "metrics": sample.tables({"metrics": [*sample.metric_rows(), *rows]})["metrics"]}
    return view(replace(base, tables=frames, findings=(*base.findings, *findings)))


def stack_frame(**details: Any) -> dict[str, Any]:
    known = {
        "frame": {"function": "connection", "line": 7, "path": "/app/services/checkout/app/db/pool.py"},
        "exception": "PoolTimeout",
        "count": 1647,
        "state": "new",
    }
    headline = (
        "PoolTimeout “no connection from pool <*>” in connection (/app/…): 1,647 times. “Give each caller…” by A."
    )
    return {"question": "stack_frames", "headline": headline, "details": known | details}


@pytest.mark.parametrize("name", ["incident", "healthy", "blind", "hostile"])
def test_only_the_pages_own_style_and_script_may_act(name: str) -> None:
    page = to_html(view(getattr(sample, name)()))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    allowed = dict(part.split(" ", 1) for part in policy[1].replace("&#39;", "'").split("; "))
    assert allowed.pop("default-src") == "'none'"
    for tag, kind in (("style", "style-src"), ("script", "script-src")):
        bodies = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        assert len(bodies) == 1
        assert page.lower().count(f"<{tag}") == 1
        digest = base64.b64encode(hashlib.sha256(bodies[0].encode()).digest()).decode()
        assert allowed.pop(kind) == f"'sha256-{digest}'"
    assert allowed == {"img-src": "data:", "base-uri": "'none'", "form-action": "'none'"}
    bare = re.sub(r'="[^"]*"', "=", page)  # what stands in a value is text
    assert not re.search(r"<[^>]+\s(?:style|on[a-z]+|src|srcset)=", bare)


def test_script_reaches_for_nothing_and_builds_no_markup() -> None:
    script = re.findall(r"<script>(.*?)</script>", to_html(view(sample.healthy())), re.S)[0]
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval", "Function(", "fetch", "XMLHttp",
                 "import", "localStorage", "cookie", "http"):  # fmt: skip
        assert word not in script


def test_page_is_made_from_evidence_json_as_it_was_written() -> None:
    for name in ("incident", "healthy", "blind", "hostile"):
        document = view(getattr(sample, name)())
        files = render(document)
        assert files["evidence.html"].decode() == to_html(json.loads(files["evidence.json"]))


def test_large_evidence_makes_a_page_of_bounded_size() -> None:
    assert len(to_html(view(sample.large())).encode()) <= MOST_BYTES


def test_stack_frame_is_short_on_the_first_screen_and_whole_below() -> None:
    assert short(stack_frame()) == "PoolTimeout in connection (pool.py:7): 1,647 times (new)."
    assert short(stack_frame(state="risen")) == "PoolTimeout in connection (pool.py:7): 1,647 times."
    assert short(stack_frame(frame=None)) == stack_frame()["headline"]
    base = sample.incident()
    details = stack_frame()["details"]
    finding = Finding("stack_frames:1", "stack_frames", stack_frame()["headline"], 0.9, "high", details=details)
    page = to_html(view(replace(base, findings=(*base.findings, finding))))
    top, rest = page.split('<section id="when">')
    assert "PoolTimeout in connection (pool.py:7)" in top
    assert "Give each caller…" not in top
    assert "Give each caller…" in rest


def test_first_screen_has_the_suspects_commit_what_changed_and_what_to_do() -> None:
    document = view(sample.incident())
    top = to_html(document).split('<section id="when">')[0]
    asked = ("What is broken", "Since", "getting worse?", "First suspect", "What changed", "What to do first")
    order = [top.index(words) for words in (*asked, "What could not be seen")]
    assert order == sorted(order)
    assert "7 changes came in" in changed(document)
    assert "deploy checkout-v2.14.1, 02:54:04 UTC" in changed(document)
    for action in document["priority_actions"][:3]:
        assert action["action"].split("“")[0].rstrip() in top


def test_no_change_is_said_once_and_not_as_a_figure() -> None:
    assert changed(view(replace(sample.incident(), tables={}, findings=()))) == ""


def test_what_is_copied_is_whole_and_one_line() -> None:
    base = sample.incident()
    gap = replace(base.gaps[0], mend="kubectl get pods\nrm -rf /")
    page = to_html(view(replace(base, gaps=(gap,))))
    copied = re.findall(r'data-copy="([^"]*)"', page)
    assert "kubectl get pods ⏎ rm -rf /" in copied
    assert not [text for text in copied if "\n" in text]
    revisions = {c["revision"] for c in view(base)["changes"] if c["revision"]}
    assert revisions <= set(copied)


def test_names_and_hashes_are_short_where_they_are_only_read() -> None:
    assert person("Amara Okafor <amara@shop.example>") == "Amara Okafor"
    assert person("<amara@shop.example>") == "<amara@shop.example>"
    assert hashes(f"commit {'0123456789' * 4} fixes it") == "commit 0123456789 fixes it"
    assert hashes("a" * 41) == "a" * 41


# Saturation


def test_saturation_is_drawn_of_the_fullest_replica_with_its_limit() -> None:
    rows = [
        *shares("connections_of_limit", 0.4, instance="a"),
        *shares("connections_of_limit", 1.0, instance="b"),
        *shares("memory_of_limit", 0.3, instance="a"),
    ]
    document = with_metrics(*rows)
    series = next(s for s in document["series"] if s["name"] == "saturation")
    assert [line["name"] for line in series["lines"]] == ["connections", "memory"]
    assert max(v for _, v in series["lines"][0]["points"]) == 1.0
    svg = ElementTree.fromstring(draw(document, series))
    classes = [e.get("class") for e in svg.iter()]
    assert "limit" in classes
    assert "100 %" in [e.text for e in svg.iter("text")]
    assert "largest 100 %" in (svg.findtext("desc") or "")


def test_a_metric_found_saturated_is_drawn_under_its_own_name_and_percent_is_a_share() -> None:
    finding = Finding("saturation:cpu", "saturation", "CPU is full.", 0.9, "high", details={"metric": "cpu_use"})
    rows = [*shares("cpu_use", 97.0, "percent"), *shares("hit_ratio", 0.9)]
    document = with_metrics(*rows, findings=(finding,))
    lines = next(s for s in document["series"] if s["name"] == "saturation")["lines"]
    assert [line["name"] for line in lines] == ["cpu_use"]
    assert max(v for _, v in lines[0]["points"]) == pytest.approx(0.97)


def test_without_shares_of_limits_there_is_no_chart_of_them() -> None:
    assert "saturation" not in [s["name"] for s in view(sample.incident())["series"]]


# Sparklines and the timeline on one axis


def test_sparkline_counts_all_lines_of_its_pattern() -> None:
    document = view(sample.incident())
    series = next(s for s in document["series"] if s["name"] == "log_patterns")
    assert [line["name"] for line in series["lines"]] == [p["template"] for p in document["log_patterns"]]
    minutes = 120 / BINS
    pattern = document["log_patterns"][0]
    counted = sum(value for _, value in series["lines"][0]["points"]) * minutes
    assert counted == pytest.approx(pattern["incident"] + pattern["baseline"])
    svg = ElementTree.fromstring(sparkline(document, pattern["template"]))
    assert (svg.get("aria-label") or "").startswith("Lines a minute over baseline and incident: at most ")
    bars = next(e.get("d", "") for e in svg.iter("path"))
    assert bars.count("M") == len(series["lines"][0]["points"])
    assert draw(document, series) == ""
    assert sparkline(document, "no such pattern") == ""


def test_lanes_put_every_entry_on_one_axis() -> None:
    base = sample.incident()
    event = {"ref": "uid", "kind": "kubernetes", "reason": "BackOff", "object": "pod/a", "message": "restarting"}
    events = [event | {"time": sample.ONSET + timedelta(minutes=i)} for i in range(3)]
    alert = event | {"kind": "alert", "time": sample.ONSET + timedelta(minutes=5), "ref": "alert"}
    frames = {**base.tables, **sample.tables({"events": [*events, alert]})}
    document = view(replace(base, tables=frames))
    svg = ElementTree.fromstring(lanes(document))
    classes = [e.get("class") for e in svg.iter()]
    assert classes.count("mark mark-events") == 3
    assert classes.count("mark mark-alerts") == 1
    assert "bars" in classes
    assert "onset" in classes
    words = [e.text for e in svg.iter("text")]
    assert set(LANES.values()) <= set(words)
    changes = [e for e in document["timeline"] if e["table"] == "changes"]
    earlier = [e for e in changes if e["time"] < document["windows"]["baseline"]["start"]]
    assert classes.count("mark mark-changes") == len(changes) - len(earlier)
    assert f"{len(earlier)} earlier" in words


def test_lanes_say_where_nothing_was_seen() -> None:
    words = [e.text for e in ElementTree.fromstring(lanes(view(sample.incident()))).iter("text")]
    assert words.count("none in what was read") == 2
    assert lanes({**view(sample.incident()), "timeline": []}) == ""


def test_hostile_texts_in_pictures_are_text() -> None:
    document = view(sample.hostile())
    drawn = [lanes(document), *(sparkline(document, p["template"]) for p in document["log_patterns"])]
    drawn += [svg for s in document["series"] if (svg := draw(document, s))]
    allowed = {"svg", "title", "desc", "g", "rect", "line", "path", "circle", "text"}
    for svg in drawn:
        assert {e.tag for e in ElementTree.fromstring(svg).iter()} <= allowed


def test_usual_values_are_a_band_across_the_chart() -> None:
    document = view(sample.incident())
    rate = next(s for s in document["series"] if s["name"] == "error_rate")
    band = next(e for e in ElementTree.fromstring(draw(document, rate)).iter("rect") if e.get("class") == "band-usual")
    assert float(band.get("width", "0")) == 472.0
    assert 2.0 <= float(band.get("height", "0")) < 40
