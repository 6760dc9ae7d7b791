"""What a configuration wants redacted is redacted by the commands that only look, too."""

from __future__ import annotations

from pathlib import Path

import pytest

SETTINGS = """redaction:
  emails: true
  addresses: true
  patterns: {customer: 'CUST-[0-9]{8}'}
  allow: ['198\\.51\\.100\\.7']
sources:
  logfiles: {paths: [CUST-12345678.log, alice@example.com.log]}
  prometheus: {url: 'http://127.0.0.9:9'}
  alertmanager: {url: 'http://198.51.100.7:9'}
"""
HIDDEN = ("CUST-12345678", "alice@example.com", "127.0.0.9")
LOOKS = [["sources"], ["doctor", "--source", "logfiles", "--source", "prometheus"], ["--dry-run"]]


@pytest.mark.parametrize("format_", ["text", "json"])
@pytest.mark.parametrize("command", LOOKS, ids=lambda words: words[0])
def test_looking_shows_nothing_that_is_redacted(run, tmp_path: Path, command: list[str], format_: str) -> None:
    for name in ("CUST-12345678.log", "alice@example.com.log"):
        (tmp_path / name).write_text("2026-03-14T02:00:00Z INFO fine\n")
    config = tmp_path / "diagnostics.yaml"
    config.write_text(SETTINGS)
    words = (*command, "--service", "checkout", "--format", format_)

    ran = run(*words)

    assert [secret for secret in HIDDEN if secret in ran.out + ran.err] == []
    for kind in ("customer", "email", "address"):
        assert f"[redacted:{kind}:" in ran.out
    if "doctor" not in command:
        assert "198.51.100.7" in ran.out, "what is allowed stays"

    config.write_text(SETTINGS[SETTINGS.index("sources:") :])
    ran = run(*words)
    assert [secret for secret in HIDDEN if secret not in ran.out] == [], "the test would find nothing"


def test_an_archive_of_logs_is_redacted_likewise(run, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    lines = (
        f"2026-03-14T02:00:{n:02}Z ERROR CUST-12345678 at 198.51.100.7 asked alice@example.com {n}\n" for n in range(60)
    )
    (logs / "app.log").write_text("".join(lines))
    (tmp_path / "diagnostics.yaml").write_text(SETTINGS[: SETTINGS.index("sources:")])
    ran = run("analyze", "logs", "--format", "json")
    assert [secret for secret in HIDDEN if secret in ran.out + ran.err] == []
    assert "[redacted:customer:" in ran.out
