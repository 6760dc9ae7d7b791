"""`gather_diagnostics postmortem` as a person types it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import documentsample as sample
import pytest

from gather_diagnostics.bundle import write
from gather_diagnostics.cli.gather import gather
from gather_diagnostics.cli.postmortem import postmortem
from gather_diagnostics.document import render, view
from gather_diagnostics.model import Evidence

gather.add_command(postmortem)

Run = Callable[..., Any]


def written(evidence: Evidence, folder: Path) -> Path:
    return write(evidence, render(view(evidence)), folder).folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(sample.incident(), tmp_path_factory.mktemp("bundle"))


def test_a_draft_in_a_file_whole_and_private(run: Run, bundle: Path, tmp_path: Path) -> None:
    ran = run("postmortem", bundle, "--out", "draft.md")
    assert (ran.code, ran.out, ran.err) == (0, "", "Draft: draft.md\n")
    text = (tmp_path / "draft.md").read_text()
    assert text.startswith("# Post-mortem: checkout: some requests fail (14 March 2026)\n")
    assert f"`{bundle.name}`" in text
    assert "| Severity given | SEV2 |" in text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["draft.md"]
    assert (tmp_path / "draft.md").stat().st_mode & 0o777 == 0o600


def test_folder_and_archive_are_one_bundle_to_stdout(run: Run, bundle: Path) -> None:
    folder = run("postmortem", bundle, "--out", "-")
    assert (folder.code, folder.err) == (0, "")
    assert run("postmortem", f"{bundle}.tar.gz", "--out", "-").out == folder.out
    assert run("postmortem", bundle, f"{bundle}/", "--out", "-").out == folder.out, "the same, given twice"


def test_several_bundles(run: Run, bundle: Path, tmp_path: Path) -> None:
    base = sample.incident()
    asked = replace(base.request, service="cart", asked=sample.NOW + timedelta(minutes=3))
    other = written(replace(base, request=asked), tmp_path)
    out = run("postmortem", other, f"{bundle}.tar.gz", "--out", "-").out
    assert "| Service | checkout, cart |" in out
    assert f"| B2 | `{other.name}` | cart |" in out


def test_a_file_that_is_there_stays_without_force(run: Run, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "draft.md").write_text("mine\n")
    ran = run("postmortem", bundle, "--out", "draft.md")
    assert ran.code == 1
    assert ran.err == "error: draft.md is there already: give another --out, or --force to replace it\n"
    assert (tmp_path / "draft.md").read_text() == "mine\n"
    assert run("postmortem", bundle, "--out", "draft.md", "--force").code == 0
    assert (tmp_path / "draft.md").read_text().startswith("# Post-mortem")


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_comes_meanwhile_stays(
    run: Run, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    linked = os.link

    def link(one: Path, other: Path) -> None:
        other.write_text("somebody's\n")
        if not links:
            raise PermissionError(1, "Operation not permitted")
        linked(one, other)

    monkeypatch.setattr("os.link", link)
    ran = run("postmortem", bundle, "--out", "draft.md")
    assert ran.code == 1
    assert "is there already" in ran.err
    assert [p.name for p in tmp_path.iterdir()] == ["draft.md"]
    assert (tmp_path / "draft.md").read_text() == "somebody's\n"


def test_a_file_system_without_links(run: Run, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(one: Path, other: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", link)
    assert run("postmortem", bundle, "--out", "draft.md").code == 0
    assert [p.name for p in tmp_path.iterdir()] == ["draft.md"]


def test_title_and_severity_are_the_persons(run: Run, bundle: Path) -> None:
    title = "Pools ran dry\x1b[31m | password=hunter2-hunter2"
    out = run("postmortem", bundle, "--out", "-", "--title", title, "--severity", "P1").out
    assert out.startswith("# Post-mortem: Pools ran dry \\| password=")
    assert "hunter2" not in out
    assert "| Severity given | P1 |" in out


def test_a_bundle_from_before_there_was_a_response(run: Run, tmp_path: Path) -> None:
    older = written(replace(sample.incident(), response=None), tmp_path)
    (tmp_path / "diagnostics.yaml").write_text("response: {severity_scheme: p0}\n")
    out = run("postmortem", older, "--out", "-").out
    assert "| Severity proposed | P1 |" in out
    assert "A runbook fitted: “A deploy broke it”." in out


def test_the_configurations_template(run: Run, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "diagnostics.yaml").write_text("response: {templates: told}\n")
    (tmp_path / "told").mkdir()
    assert run("postmortem", bundle, "--out", "-").out.startswith("# Post-mortem: ")
    (tmp_path / "told" / "postmortem.md.j2").write_text("{{ severity.proposed }}: {{ causes[0].category }}\n")
    assert run("postmortem", bundle, "--out", "-").out == "SEV2: code bug\n"
    (tmp_path / "told" / "postmortem.md.j2").write_text("{{ severity.proposed }\n")
    ran = run("postmortem", bundle, "--out", "draft.md")
    assert ran.code == 1
    assert ran.err.startswith("error: the template ")
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "draft.md").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--out", "-", "--severity", "awful"), "there is no severity 'awful': say SEV1, SEV2, SEV3 or SEV4"),
        (("--out", "nowhere/draft.md"), "there is no folder "),
        (("--out", "x" * 300), "can't be written: File name too long"),
        (("--out", "."), ". is a folder: name a file in it with --out"),
        (("--out", "-", *(str(n) for n in range(20))), "21 bundles are too many for one incident: give at most 20"),
        (("--out", "-", "nothing"), "nothing"),
        ((), "Missing option '--out'"),
    ],
)
def test_bad_input_is_one_sentence(run: Run, bundle: Path, arguments: tuple[str, ...], complaint: str) -> None:
    ran = run("postmortem", bundle, *arguments)
    assert (ran.code, ran.out) == (1, "")
    assert complaint in ran.err
    assert "Traceback" not in ran.err
    assert ran.err.startswith("error: ")


@pytest.mark.slow
def test_the_demos_incident(run: Run) -> None:
    shown = run("demo", "--quiet", "--format", "json").json
    out = run("postmortem", shown["bundle"], "--out", "-").out
    assert "> **Not real.** " in out
    assert "First suspect: deploy “checkout-v2.14.1" in out
    assert "Give each caller its own connection pool" in out
    assert not [name for name in ("Okafor", "Weber", "Nair", "Deploy Bot") if name in out]


def test_nothing_to_tell_of(run: Run) -> None:
    assert run("postmortem", "--out", "-").code == 1
