"""Before and after a mitigation: better, worse or unchanged, and nothing said that two bundles do not show."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import documentsample as sample
import pytest

from gather_diagnostics import Evidence, Finding, Gap, Window
from gather_diagnostics.document.difference import compare, tell
from gather_diagnostics.document.difference.comparing import _fits
from gather_diagnostics.document.terminaltext import blocks_text

LATER = timedelta(minutes=30)


def bundle(
    now: datetime, share: Callable[[datetime], float], errors: Callable[[datetime], int], **more: Any
) -> Evidence:
    """Half a minute's samples, and error lines a minute, over baseline and incident up to `now`. `share` 0..1 says how
    bad it is."""
    noise = random.Random(int(now.timestamp()))
    incident = Window(now - timedelta(hours=1), now)
    baseline = Window(incident.start - timedelta(hours=1), incident.start)
    metrics, logs = [], []
    time = baseline.start
    while time < now:
        bad, wave = share(time), noise.uniform(0.9, 1.1)
        row = {"time": time, "ref": "x", "service": "checkout"}
        metrics += [
            row | {"metric": "latency", "stat": "p99", "value": wave * (0.4 + 1.6 * bad), "unit": "s"},
            row | {"metric": "error_rate", "stat": "ratio", "value": wave * (0.002 + 0.06 * bad), "unit": "ratio"},
            row | {"metric": "request_rate", "stat": "rate", "value": wave * 40, "unit": "1/s"},
        ]
        line = {"time": time, "ref": "x:1", "service": "checkout", "level": "ERROR"}
        logs += [line | {"message": sample.POOL, "template": sample.TEMPLATE}] * errors(time)
        logs.append(line | {"level": "INFO", "message": "ok", "template": "ok"})
        time += timedelta(seconds=30)
    frames = sample.tables({"metrics": metrics, "logs": logs} | more.pop("tables", {}))
    request = sample.request(asked=now, incident=incident, baseline=baseline)
    onset = Finding("onset", "onset", "It began.", 0.9, time=sample.ONSET)
    return Evidence(request, frames, (), (), findings=(onset,), **more)


def ill(time: datetime) -> float:
    return 1.0 if time >= sample.ONSET else 0.0


def mended(time: datetime) -> float:
    return 1.0 if sample.ONSET <= time < sample.NOW + timedelta(minutes=5) else 0.0


def lines(share: Callable[[datetime], float]) -> Callable[[datetime], int]:
    return lambda time: int(4 * share(time))


def pair(after: Callable[[datetime], float], **more: Any) -> dict[str, Any]:
    first = bundle(sample.NOW, ill, lines(ill))
    return compare(first, bundle(sample.NOW + LATER, after, lines(after), **more))


def measure(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(m for m in found["measures"] if m["name"] == name)


def test_a_rollback_that_worked_is_better_and_back_at_the_baseline() -> None:
    found = pair(mended)
    assert found["verdict"] == "better"
    assert {m["name"]: m["verdict"] for m in found["measures"]} == {
        "error_rate": "better",
        "log_errors": "better",
        "latency:p99": "better",
        "request_rate": "unchanged",
    }
    assert all(m["at_baseline"] for m in found["measures"] if m["name"] != "request_rate")
    assert [(p["template"], p["state"]) for p in found["patterns"]] == [(sample.TEMPLATE, "gone")]
    assert "Better; all that was measured is at its baseline." in blocks_text(tell(found))
    json.dumps(found, allow_nan=False)


def test_nothing_done_is_unchanged_and_still_above() -> None:
    found = pair(ill)
    assert found["verdict"] == "unchanged"
    assert measure(found, "error_rate")["at_baseline"] is False
    assert [p["state"] for p in found["patterns"]] == ["unchanged"]
    assert "still above the baseline: Failing requests, Error lines, p99" in " ".join(blocks_text(tell(found)).split())


def test_worse_is_worse() -> None:
    found = pair(lambda time: 3.0 if time >= sample.NOW else ill(time))
    assert found["verdict"] == "worse"
    assert [p["state"] for p in found["patterns"]] == ["more"]


def test_half_mended_is_better_and_above_the_baseline() -> None:
    found = pair(lambda time: 0.4 if time >= sample.NOW else ill(time))
    assert measure(found, "latency:p99")["verdict"] == "better"
    assert measure(found, "latency:p99")["at_baseline"] is False


def test_the_second_baseline_counts_only_up_to_the_onset() -> None:
    """It reaches 30 minutes into the trouble, which is not what is usual."""
    usual = measure(pair(mended), "error_rate")["baselines"]
    assert usual[0] == pytest.approx(0.002, rel=0.1)
    assert usual[1] == pytest.approx(0.002, rel=0.1)


def test_a_move_no_larger_than_the_baselines_differ_is_unchanged() -> None:
    """An evening is busier than a morning."""
    still = replace(bundle(sample.NOW, lambda time: 0.0, lambda time: 0), findings=())
    busy = replace(bundle(sample.NOW + timedelta(days=1), lambda time: 0.9, lambda time: 0), findings=())
    found = measure(compare(still, busy), "latency:p99")
    assert found["after"] > 3 * found["before"]
    assert found["verdict"] == "unchanged"


def test_too_few_samples_are_no_verdict() -> None:
    first = bundle(sample.NOW, ill, lines(ill))
    found = compare(first, bundle(sample.NOW + timedelta(minutes=1), mended, lines(mended)))
    assert measure(found, "error_rate")["verdict"] == "unknown"
    assert found["verdict"] == "unknown"
    assert any("Less than 5 minutes" in note for note in found["notes"])
    assert "can't be told" in blocks_text(tell(found))


def test_logs_alone_and_nothing_at_all() -> None:
    first, second = bundle(sample.NOW, ill, lines(ill)), bundle(sample.NOW + LATER, mended, lines(mended))
    bare = [replace(e, tables={"logs": e.tables["logs"]}) for e in (first, second)]
    found = compare(bare[0], bare[1])
    assert [m["name"] for m in found["measures"]] == ["log_errors"]
    assert found["verdict"] == "better"
    nothing = compare(replace(first, tables={}), replace(second, tables={}))
    assert (nothing["verdict"], nothing["patterns"], nothing["restarts"]) == ("unknown", None, None)
    assert "Error patterns can't be compared" in blocks_text(tell(nothing))


def test_the_wrong_order_and_two_services_are_said() -> None:
    first, second = bundle(sample.NOW, ill, lines(ill)), bundle(sample.NOW + LATER, mended, lines(mended))
    assert any("older than the first" in note for note in compare(second, first)["notes"])
    other = replace(second, request=replace(second.request, service="cart"))
    assert any("two services, checkout and cart" in note for note in compare(first, other)["notes"])


def test_restarts_changes_and_gaps_between_them() -> None:
    def replica(name: str, restarts: int | None) -> dict[str, Any]:
        return {"time": sample.NOW, "ref": name, "kind": "Pod", "name": name, "restarts": restarts}

    before = {"workloads": [replica("a", 1), replica("b", 0), replica("c", None)], "changes": sample.change_rows()}
    rollback = sample.change_rows()[0] | {"id": "git:tag:rollback", "summary": "back to v2.14.0", "time": sample.NOW}
    after = {"workloads": [replica("a", 4), replica("d", 0)], "changes": [*sample.change_rows(), rollback]}
    denied = Gap("kubernetes", "pods", "denied", "403", "grant it")
    slow = Gap("prometheus", "latency", "timeout", "too slow", "")
    first = replace(bundle(sample.NOW, ill, lines(ill), tables=before), gaps=(denied,))
    second = replace(bundle(sample.NOW + LATER, mended, lines(mended), tables=after), gaps=(slow,))
    found = compare(first, second)
    assert found["restarts"] == {"before": 1, "after": 4, "restarted": {"a": 3}, "replaced": 1, "new": 1}
    assert [c["id"] for c in found["changes"]] == ["git:tag:rollback"]
    assert [g["source"] for g in found["gaps"]["mended"]] == ["kubernetes"]
    assert [g["source"] for g in found["gaps"]["new"]] == ["prometheus"]
    text = " ".join(blocks_text(tell(found)).split())
    for words in ("a 3 more", "back to v2.14.0", "kubernetes: pods: 403", "prometheus: latency: too slow"):
        assert words in text


def test_suspects_are_those_of_the_bundles() -> None:
    found = compare(sample.incident(), sample.healthy())
    assert found["suspects"]["before"]["id"] == sample.DEPLOY
    assert found["suspects"]["after"] is None


def test_hostile_text_stays_text() -> None:
    text = blocks_text(tell(compare(sample.hostile(), sample.hostile())))
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize(
    ("template", "text", "fits"),
    [
        ("no pool <*> within <*>", "no pool orders within 2.0 s", True),
        ("no pool <*> within <*>", "no pool <*> within <*> s", True),
        ("no pool <*>", "a pool x", False),
        ("<*>", "anything", False),
        ("a<*>a", "a", False),
        ("a<*>b<*>c", "a-c-b", False),
        ("same", "same", True),
    ],
)
def test_a_line_fits_a_pattern(template: str, text: str, fits: bool) -> None:
    assert _fits(template, text) is fits


def test_a_strangers_pattern_can_not_keep_us_busy() -> None:
    assert not _fits("a<*>" * 5000 + "x", "a" * 100_000)
