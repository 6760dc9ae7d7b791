from __future__ import annotations

import gzip
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest


def write_log(path: Path, minutes: int = 100, bad_from: int = 20, every: int = 5) -> Path:
    """JSON lines until now; errors in the last `bad_from` minutes."""
    now = datetime.now(UTC)
    with path.open("w") as file:
        for second in range(0, minutes * 60, every):
            at = now - timedelta(minutes=minutes) + timedelta(seconds=second)
            file.write(json.dumps({"time": at.isoformat(), "level": "info", "msg": f"order {second} placed"}) + "\n")
            if at > now - timedelta(minutes=bad_from):
                file.write(json.dumps({"time": at.isoformat(), "level": "error", "msg": f"pool empty {second}"}) + "\n")
    return path


def test_zero_configuration_in_a_checkout(run, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "-b", "main"], check=True)
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "Start"], check=True
    )
    ran = run("--service", "checkout", "--format", "json", "--quiet")
    assert ran.code == 0, ran.err
    document = ran.json
    status = {c["source"]: c["status"] for c in document["coverage"]}
    assert status.pop("git") == "complete"
    assert set(status.values()) == {"not_used"}, status
    assert document["onset"]["time"] is None
    assert (Path(document["bundle"]) / "evidence.html").is_file()


def test_logs_alone(run, tmp_path: Path) -> None:
    log = write_log(tmp_path / "app.log")
    ran = run("--service", "checkout", "--logs", log, "--format", "json", "--quiet")
    assert ran.code == 0, ran.err
    found = datetime.fromisoformat(ran.json["onset"]["time"])
    assert abs(found - (datetime.now(UTC) - timedelta(minutes=20))) < timedelta(minutes=1)
    assert ran.err == ""


def test_text_output_fits_one_screen_and_names_the_bundle(run, tmp_path: Path) -> None:
    ran = run("--service", "checkout", "--logs", write_log(tmp_path / "app.log"))
    assert ran.code == 0
    assert len(ran.out.splitlines()) <= 24
    assert "evidence-checkout-" in ran.out
    assert "logfiles: complete" in ran.err


def test_a_bundle_can_be_verified_and_analyzed_again(run, tmp_path: Path) -> None:
    first = run("--service", "checkout", "--logs", write_log(tmp_path / "app.log"), "--format", "json", "--quiet").json
    for bundle in (first["bundle"], first["archive"]):
        assert run("verify", bundle).code == 0
        again = run("analyze", bundle, "--format", "json", "--out", tmp_path / "again")
        assert again.code == 0, again.err
        assert again.json["onset"] == first["onset"]
        assert again.json["findings"] == first["findings"]
        assert again.json["bundle"] != first["bundle"]
    (Path(first["bundle"]) / "evidence.md").write_text("nothing happened")
    tampered = run("verify", first["bundle"])
    assert tampered.code == 4
    assert "evidence.md" in tampered.err


def test_dry_run_reads_nothing(run, tmp_path: Path) -> None:
    unreadable = tmp_path / "app.log"
    unreadable.write_bytes(gzip.compress(b"x")[:-4])
    ran = run("--service", "checkout", "--logs", unreadable, "--dry-run")
    assert ran.code == 0
    assert "app.log" in ran.out
    assert "would be read" in ran.out
    assert not list(tmp_path.glob("evidence-*"))


def test_nothing_to_read_is_exit_code_3(run, tmp_path: Path) -> None:
    ran = run("--service", "checkout", "--quiet")
    assert ran.code == 3
    assert ran.err.startswith("error: no source could be read")
    assert "PROMETHEUS_URL" in ran.err
    assert ran.out == ""
    assert not list(tmp_path.iterdir())


def test_one_source_that_fails_makes_it_partial(run, tmp_path: Path) -> None:
    log = write_log(tmp_path / "app.log")
    ran = run("--service", "checkout", "--logs", log, "--logs", tmp_path / "missing.log", "--format", "json", "--quiet")
    assert ran.code == 2
    assert any("missing.log" in g["why"] or "missing.log" in g["wanted"] for g in ran.json["gaps"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--service NAME"),
        (["--service", ""], "--service"),
        (["--service", "a\x1b[31mb"], "not a service name"),
        (["--service", "x", "--sorce", "git"], "No such option"),
        (["--service", "x", "--source", "gti"], "there are git"),
        (["--service", "x", "--since", "soon"], "--since takes a duration"),
        (["--service", "x", "--from", "2026-03-14T03:00Z", "--to", "2026-03-14T02:00Z"], "reversed"),
        (["--service", "x", "--at", "2999-01-01T00:00Z"], "future"),
        (["--service", "x", "--deadline", "0s"], "--deadline"),
        (["--service", "x", "--config", "missing.yaml"], "missing.yaml"),
        (["analyze", "missing"], "missing"),
        (["verify", "missing"], "missing"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_1(run, tmp_path: Path, arguments: list[str], words: str) -> None:
    ran = run(*arguments)
    assert ran.code == 1
    assert words in ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err
    assert "\x1b" not in ran.err
    assert not list(tmp_path.iterdir()), "nothing half-written"


def test_a_service_the_catalogue_does_not_know(run, tmp_path: Path) -> None:
    (tmp_path / "diagnostics.yaml").write_text("services:\n  checkout: {}\n")
    ran = run("--service", "chekcout")
    assert ran.code == 1
    assert "did you mean 'checkout'?" in ran.err


def test_a_target_folder_that_cannot_be_written(run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = run("--service", "checkout", "--logs", write_log(tmp_path / "app.log"), "--out", tmp_path / "file", "--quiet")
    assert ran.code == 1
    assert "file" in ran.err
    assert ran.out == ""


def test_our_own_environment_and_arguments_are_recorded_nowhere(run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SOME_PRIVATE_THING", "canary-in-the-environment")
    config = tmp_path / "canary-configuration-name.yaml"
    config.write_text("sources:\n  prometheus: {bearer_token: canary-credential}\n")
    log = write_log(tmp_path / "app.log")
    out = tmp_path / "canary-folder"
    ran = run("--service", "checkout", "--logs", log, "--config", config, "--format", "json", "--out", out)
    written = b"".join(f.read_bytes() for f in out.rglob("*") if f.is_file())
    assert b"pool empty" in written
    assert b"canary" not in written
    assert "canary" not in ran.err


def test_sources_say_what_was_found_and_why(run, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "-b", "main"], check=True)
    ran = run("sources", "--service", "checkout")
    assert ran.code == 0
    assert "git:" in ran.out
    assert "because" in ran.out
    assert "prometheus: not in use" in ran.out
    assert run("sources", "--format", "json").json["sources"]["prometheus"]["used"] is False


def test_the_description_and_severity_a_person_gave_are_kept(run, tmp_path: Path) -> None:
    log = write_log(tmp_path / "app.log")
    ran = run("--service", "x", "--logs", log, "--description", "burn rate", "--severity", "SEV2", "--format", "json")
    assert ran.json["description"] == "burn rate"
    assert ran.json["severity"]["given"] == "SEV2"


def test_completion_is_offered() -> None:
    import os
    import sys

    environment = os.environ | {"_GATHER_DIAGNOSTICS_COMPLETE": "bash_source"}
    done = subprocess.run(
        [sys.executable, "-m", "gather_diagnostics"], env=environment, capture_output=True, text=True, check=True
    )
    assert "complete" in done.stdout
