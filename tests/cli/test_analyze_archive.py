"""`gather_diagnostics analyze` on archives of logs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from archivework import START, write


@pytest.mark.slow
def test_an_archive_becomes_a_bundle_like_any_other(run, tmp_path: Path) -> None:
    first = run("analyze", write(tmp_path / "shop"), "--format", "json", "--out", tmp_path / "out")
    assert first.code == 0, first.err
    assert "archive: complete, 6,300 rows" in first.err
    assert first.json["service"] == "shop"
    assert {f["question"] for f in first.json["findings"]} >= {"onset", "stack_frames"}
    assert run("verify", first.json["bundle"]).code == 0
    again = run("analyze", first.json["bundle"], "--format", "json", "--out", tmp_path / "again")
    assert again.json["findings"] == first.json["findings"]


@pytest.mark.slow
def test_times_and_service_are_those_of_a_live_run(run, tmp_path: Path) -> None:
    write(tmp_path / "logs")
    at = (START + timedelta(hours=1)).isoformat()
    ran = run("analyze", f"{tmp_path}/logs/", "--service", "shop", "--at", at, "--format", "json", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json["service"] == "shop"
    assert ran.json["windows"]["incident"]["start"].startswith("2026-03-14T00:15:00")


@pytest.mark.slow
def test_gaps_make_it_partial(run, tmp_path: Path) -> None:
    folder = write(tmp_path / "logs")
    (folder / "bad.log.gz").write_bytes(b"\x1f\x8b\x08nothing")
    ran = run("analyze", folder, "--format", "json", "--quiet")
    assert ran.code == 2
    assert any("bad.log.gz" in gap["why"] for gap in ran.json["gaps"])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere"], 1, "there is nothing at nowhere: give a bundle"),
        (["nowhere", "--engine", "dask"], 1, "there is nothing at nowhere"),
        (["bundle", "--engine", "dask"], 1, "--engine goes with an archive of logs"),
        (["bundle", "--from", "02:00"], 1, "--from goes with an archive of logs"),
        (["logs", "--scheduler", "tcp://127.0.0.1:1"], 1, "say --engine dask as well"),
        (["logs", "--at", "2999-01-01T00:00Z"], 1, "future"),
        (["logs", "--engine", "spark"], 1, "--engine"),
        (["logs"], 3, "holds no files"),
        (["s3://"], 1, "names no bucket"),
        (["bundle"], 1, "manifest.json is missing"),
    ],
)
def test_bad_input_is_one_sentence(run, tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "bundle" / "tables").mkdir(parents=True)
    ran = run("analyze", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err
    assert "Traceback" not in ran.err


def test_the_configured_zone_is_that_of_times_that_name_none(run, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    lines = (f"2026-03-14 02:{n:02}:00 INFO order {n} placed\n" for n in range(60))
    (tmp_path / "logs" / "app.log").write_text("".join(lines))
    (tmp_path / "diagnostics.yaml").write_text("sources: {logfiles: {timezone: Europe/Berlin}}\n")
    asked = run("analyze", "logs", "--format", "json").json["windows"]
    assert asked["baseline"]["start"].startswith("2026-03-14T01:00")
