"""`gather_diagnostics update` as a person types it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import documentsample as sample
import pytest

from gather_diagnostics.bundle import write
from gather_diagnostics.document import render, view

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    evidence = sample.incident()
    return write(evidence, render(view(evidence)), tmp_path_factory.mktemp("bundle")).folder


def test_the_bundles_severity_decides_when_the_next_one_is_due(run: Run, bundle: Path) -> None:
    ran = run("update", "initial", bundle)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("[SEV2] checkout: some requests fail\n")
    assert "Next update: by " in ran.out


@pytest.mark.parametrize("kind", ["initial", "progress", "resolved"])
def test_every_kind_in_every_form_from_folder_and_archive(run: Run, bundle: Path, kind: str) -> None:
    assert run("update", kind, bundle).out.startswith("[SEV2] checkout: ")
    assert json.loads(run("update", kind, bundle, "--format", "slack").out)["blocks"][0]["type"] == "header"
    assert run("update", kind, f"{bundle}.tar.gz", "--format", "json").json["kind"] == kind


def test_a_bundle_from_before_there_was_a_response(run: Run, tmp_path: Path) -> None:
    evidence = replace(sample.incident(), response=None)
    older = write(evidence, render(view(evidence)), tmp_path).folder
    (tmp_path / "diagnostics.yaml").write_text("response: {severity_scheme: p0}\n")
    assert run("update", "initial", older).out.startswith("[P1] checkout: some requests fail\n")


def test_what_is_left_to_fill_in_is_said(run: Run, bundle: Path) -> None:
    ran = run("update", "resolved", bundle)
    assert ran.code == 0
    assert ran.err == (
        "To fill in before you send it: <what fixed it>, <when it ended>.\n"
        "The evidence does not show that it is over: gather again, or run the recovery check.\n"
    )


def test_somebody_at_a_terminal_is_asked_what_fixed_it(run: Run, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for typed, told in (("We rolled back.\n", "What fixed it: We rolled back.\n"), ("\n", "<what fixed it>")):
        terminal = io.StringIO(typed)
        monkeypatch.setattr(terminal, "isatty", lambda: True)
        monkeypatch.setattr("sys.stdin", terminal)
        ran = run("update", "resolved", bundle)
        assert "What fixed it? (empty: fill it in later)" in ran.err
        assert told in ran.out


def test_severity_note_and_time_of_the_next_one(run: Run, bundle: Path) -> None:
    note = "Payments by card still work.\x1b[31m password=hunter2-hunter2"
    ran = run("update", "progress", bundle, "--severity", "p1", "--next-update", "20m", "--note", note)
    assert ran.out.startswith("[SEV1] ")
    assert "\nPayments by card still work." in ran.out
    assert "\x1b" not in ran.out
    assert "hunter2" not in ran.out


def test_scheme_matrix_and_templates_are_the_configurations(run: Run, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "diagnostics.yaml").write_text("response: {severity_scheme: words, templates: told}\n")
    (tmp_path / "told").mkdir()
    (tmp_path / "told" / "update-initial.txt.j2").write_text("{{ severity }}!\n")
    assert run("update", "initial", bundle).out == "SEV2!\n", "the bundle says what was judged then"
    assert run("update", "initial", bundle, "--severity", "S3").out == "medium!\n"
    (tmp_path / "told" / "update-initial.txt.j2").write_text("{{ severity }\n")
    ran = run("update", "initial", bundle)
    assert ran.code == 1
    assert ran.err.startswith("error: the template ")
    assert ran.err.count("\n") == 1
    (tmp_path / "diagnostics.yaml").write_text("response: {escalation_matrix: nowhere.yaml}\n")
    ran = run("update", "initial", bundle, "--severity", "S3")
    assert (ran.code, ran.out) == (1, "")
    assert "can't read the escalation matrix" in ran.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--severity", "awful"), "there is no severity 'awful': say SEV1, SEV2, SEV3 or SEV4"),
        (("--next-update", "soon"), "--next-update takes a duration"),
    ],
)
def test_bad_options_are_one_sentence(run: Run, bundle: Path, arguments: tuple[str, ...], complaint: str) -> None:
    ran = run("update", "initial", bundle, *arguments)
    assert (ran.code, ran.out) == (1, "")
    assert complaint in ran.err
    assert ran.err.count("\n") == 1


def test_no_bundle(run: Run, tmp_path: Path) -> None:
    assert run("update", "initial", tmp_path).code == 1
    assert run("update", "finished", tmp_path).code == 1
