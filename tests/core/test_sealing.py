"""The last look at a bundle: whatever file shows a secret, it is found and never told; what is redacted passes."""

from __future__ import annotations

import html
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import documentsample
import pyarrow as pa
import pytest
from redactionwork import CASES, HIDDEN, planted

from benchmarks.planting import MAKERS
from gather_diagnostics.bundle import sealing, write
from gather_diagnostics.bundle.manifest import sealed
from gather_diagnostics.bundle.writing import contents, encoded
from gather_diagnostics.document import render, view
from gather_diagnostics.errors import VerificationError
from gather_diagnostics.model import Evidence
from gather_diagnostics.redaction import Redactor
from gather_diagnostics.tables import to_arrow, to_batch, to_frame

TOKEN = MAKERS["github-token"](random.Random(1)).value
NAME = "evidence-checkout-20260314T032000Z"


def files_of(evidence: Evidence) -> dict[str, bytes]:
    return sealed(evidence, NAME, contents(evidence, render(view(evidence))))


@pytest.fixture(scope="module")
def files() -> Mapping[str, bytes]:
    return files_of(replace(documentsample.incident(), raws={"git/1b6a.diff": "+x = 1\n"}))


@pytest.mark.parametrize("sample", ["incident", "healthy", "blind", "hostile"])
def test_what_is_clean_passes(sample: str) -> None:
    sealing.check(files_of(getattr(documentsample, sample)()), Redactor())


@pytest.mark.parametrize(
    "path",
    ["evidence.md", "evidence.html", "evidence.json", "findings.json", "manifest.json", "raw/git/1b6a.diff"],
)
def test_a_secret_is_found_in_any_file(files: Mapping[str, bytes], path: str) -> None:
    content = files[path].decode()
    content = (
        json.dumps([json.loads(content), f"x {TOKEN}"]) if path.endswith(".json") else f"{content}\n<b>{TOKEN}</b>"
    )
    with pytest.raises(VerificationError) as refused:
        sealing.check({**files, path: content.encode()}, Redactor())
    assert f"'{path}': 1 of the kind github-token" in str(refused.value)
    assert TOKEN not in str(refused.value)
    assert refused.value.exit_code == 4


@pytest.mark.parametrize("column", ["message", "labels", "template", "ref"])
def test_a_secret_is_found_in_every_kind_of_column(column: str) -> None:
    evidence = documentsample.incident()
    row = {
        "time": documentsample.NOW,
        "ref": "app.log:1",
        "message": "fine",
        column: {"a": TOKEN} if column == "labels" else TOKEN,
    }
    logs = to_frame("logs", [to_batch("logs", "logfiles", [row])])
    logs["template"] = TOKEN if column == "template" else "fine"
    with pytest.raises(VerificationError, match=r"'tables/logs\.parquet': 1 of the kind github-token"):
        sealing.check(contents(replace(evidence, findings=(), tables={"logs": logs}), {}), Redactor())


def test_a_secret_that_only_its_key_gives_away_is_found_in_cells_and_raw_records(files: Mapping[str, bytes]) -> None:
    text = f"db_password={HIDDEN}".encode()
    with pytest.raises(VerificationError, match="of the kind password") as refused:
        sealing.check({**files, "raw/git/1b6a.diff": text}, Redactor())
    assert HIDDEN not in str(refused.value)


@pytest.mark.parametrize("shown", [r"ghp\_{}", "ghp&#95;{}", "gh\u200bp_{}"])
def test_a_secret_is_found_as_a_reader_sees_it(files: Mapping[str, bytes], shown: str) -> None:
    text = shown.format(TOKEN.removeprefix("ghp_"))
    with pytest.raises(VerificationError, match="github-token"):
        sealing.check({**files, "evidence.md": text.encode()}, Redactor())


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer [redacted:authorization:<*>]",
        "Authorization: [redacted:authoriz…",
        "api_key=[redacted:ap",
    ],
)
def test_placeholders_that_were_cut_or_masked_are_no_secrets(files: Mapping[str, bytes], text: str) -> None:
    shown = html.escape(text).encode()
    sealing.check({**files, "evidence.html": shown, "evidence.md": shown, "evidence.json": json.dumps(text).encode()},
                  Redactor())  # fmt: skip


def test_a_file_that_is_called_after_a_secret_is_found_and_not_named(files: Mapping[str, bytes]) -> None:
    with pytest.raises(VerificationError) as refused:
        sealing.check({**files, f"raw/git/{TOKEN}.diff": b"x"}, Redactor())
    assert "[redacted:github-token:" in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_a_secret_in_the_middle_of_a_very_long_line_is_found(files: Mapping[str, bytes]) -> None:
    for start in (0, sealing._PIECE - 20, 3 * sealing._PIECE):
        line = f"<p>{'x' * start} {TOKEN} {'y' * 200_000}".encode()
        with pytest.raises(VerificationError):
            sealing.check({**files, "evidence.html": line}, Redactor())


def test_the_configuration_says_what_else_is_one_and_what_is_none(files: Mapping[str, bytes]) -> None:
    shown = {**files, "raw/git/1b6a.diff": f"CUST-12345678 {TOKEN}".encode()}
    with pytest.raises(VerificationError, match="of the kind customer"):
        sealing.check(shown, Redactor(patterns={"customer": "CUST-[0-9]{8}"}, allow=["ghp_.*"]))
    sealing.check(shown, Redactor(allow=["ghp_.*"]))


def test_whatever_was_redacted_passes() -> None:
    redactor = Redactor()
    texts = [planted(kind, carrier)[1] for kind, carrier in CASES]
    rows = [
        {
            "time": documentsample.NOW,
            "ref": f"a:{n}",
            "message": text,
            "template": text,
            "labels": {"text": text, "n": n},
        }
        for n, text in enumerate(texts)
    ]
    logs = to_frame("logs", [redactor.batch("logs", to_batch("logs", "logfiles", rows))])
    raws = {f"x/{n}.txt": redactor.text(text, "raw/x") for n, text in enumerate(texts[::7])}
    evidence = replace(documentsample.incident(), findings=(), tables={"logs": logs}, raws=raws)
    sealing.check(files_of(evidence), redactor)
    sealing.check(files_of(evidence), Redactor())


def test_what_shows_is_counted_in_no_report() -> None:
    redactor = Redactor()
    assert redactor.showing(pa.array([TOKEN, None, TOKEN, "x"])) == {"github-token": 1}
    assert redactor.report == {}


def test_a_bundle_that_shows_a_secret_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="github-token"):
        write(documentsample.incident(), {"evidence.md": TOKEN.encode()}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def batches_of(evidence: Evidence) -> dict[str, list[pa.RecordBatch]]:
    return {table: to_arrow(table, frame).to_batches() for table, frame in evidence.tables.items()}


def test_what_was_looked_through_ahead_is_not_looked_through_again(monkeypatch: pytest.MonkeyPatch) -> None:
    evidence, redactor = replace(documentsample.incident(), raws={"git/1b6a.diff": "+x = 1\n"}), Redactor()
    sealing.look_ahead(batches_of(evidence), evidence.raws, redactor)
    looked: list[str] = []
    match = Redactor._match

    def seen(self: Redactor, texts: pa.Array, prefilters: Sequence[str] = ()) -> pa.BooleanArray:
        looked.extend(texts.to_pylist())
        return match(self, texts, prefilters)

    monkeypatch.setattr(Redactor, "_match", seen)
    names = set(encoded(evidence, redactor))
    assert names <= set(looked)
    assert len(looked) < len(names) + 10  # notes of the files' footers
    ahead, looked[:] = set(looked), []
    encoded(evidence, Redactor())
    assert "+x = 1\n" in looked
    assert "+x = 1\n" not in ahead


@pytest.mark.parametrize("place", ["message", "labels", "template", "raw"])
def test_a_secret_that_was_seen_ahead_still_keeps_the_bundle_from_being_written(place: str) -> None:
    row = {"time": documentsample.NOW, "ref": "a:1", "message": "x", "template": "x", "labels": {"a": "b"}}
    if place != "raw":
        row[place] = {"a": TOKEN} if place == "labels" else f"x {TOKEN}"
    logs = to_frame("logs", [to_batch("logs", "logfiles", [row])])
    raws = {"x/1.txt": TOKEN if place == "raw" else "x"}
    evidence, redactor = replace(documentsample.incident(), tables={"logs": logs}, raws=raws), Redactor()
    sealing.look_ahead(batches_of(evidence), evidence.raws, redactor)
    with pytest.raises(VerificationError, match="github-token"):
        encoded(evidence, redactor)
    assert redactor.report == {}
