"""Bundles that were written long ago, one of each schema: read, verified and analyzed as on their first day."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bundlework import contents, repack
from conftest import missing

from gather_diagnostics.bundle import manifest, read, signed_by, verify

STORED = Path(__file__).parents[2] / "data" / "bundles"
VERSIONS = range(1, manifest.SCHEMA_VERSION + 1)


@pytest.fixture(params=VERSIONS)
def stored(request: pytest.FixtureRequest) -> Path:
    if not shutil.which("ssh-keygen"):
        missing("ssh-keygen", "apt-get install openssh-client")
    return STORED / f"schema-{request.param}.tar.gz"


@pytest.fixture
def unpacked(stored: Path, tmp_path: Path) -> Path:
    subprocess.run(["tar", "xzf", stored], cwd=tmp_path, check=True)
    (folder,) = tmp_path.iterdir()
    return folder


def test_every_schema_has_its_bundle_and_no_other_is_there() -> None:
    assert {p.name for p in STORED.glob("*.tar.gz")} == {f"schema-{version}.tar.gz" for version in VERSIONS}


def test_it_is_read_whole(stored: Path) -> None:
    evidence = read(stored)
    assert (evidence.request.service, evidence.request.asked.isoformat()) == ("checkout", "2026-03-14T03:20:00+00:00")
    assert {table: len(frame) for table, frame in evidence.tables.items()} == {
        "changes": 12, "logs": 811, "metrics": 11520,
    }  # fmt: skip
    assert {c.source: c.status for c in evidence.coverage} == dict.fromkeys(
        ("git", "logfiles", "prometheus"), "complete"
    )
    assert len(evidence.findings) == 23
    assert "raw/git/refs/tags/checkout-v2.14.1.txt" in {f"raw/{path}" for path in evidence.raws}


def test_it_is_still_what_was_signed(stored: Path) -> None:
    assert verify(stored) == []
    assert signed_by(stored, STORED / "allowed_signers") == "oncall@example.org"


@pytest.mark.slow
def test_any_change_to_any_file_is_found(unpacked: Path) -> None:
    dice = random.Random(3)
    for path, content in contents(unpacked).items():
        place = unpacked / path
        for _ in range(3):
            changed = bytearray(content)
            changed[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
            place.write_bytes(changed)
            assert any(path in problem for problem in verify(unpacked)), path
        place.write_bytes(content[:-1])
        assert verify(unpacked), path
        place.rename(place.with_name("renamed"))
        assert verify(unpacked), path
        place.with_name("renamed").unlink()
        # A missing signature is what an unsigned bundle looks like: whoever asks for signers finds it.
        assert bool(verify(unpacked)) == (path != "SHA256SUMS.sig"), path
        place.write_bytes(content)
    assert verify(unpacked) == []


@pytest.mark.slow
def test_the_same_evidence_makes_the_same_bytes_in_any_process(stored: Path, tmp_path: Path) -> None:
    """Whatever the seed of hashes, time zone, folder and umask: documents, tables and archive are equal."""
    first = analyzed(stored, tmp_path / "one", PYTHONHASHSEED="1", TZ="UTC", LC_ALL="C")
    second = analyzed(
        stored, tmp_path / "two" / "deeper", "umask 0;", PYTHONHASHSEED="2", TZ="Asia/Tokyo", LANG="de_DE"
    )
    assert first.keys() == second.keys()
    assert [path for path in first if first[path] != second[path]] == []
    assert any(path.endswith(".tar.gz") for path in first)


def analyzed(bundle: Path, out: Path, before: str = "", **environment: str) -> dict[str, bytes]:
    command = [sys.executable, "-m", "gather_diagnostics", "analyze", bundle, "--out", out, "--quiet"]
    run = subprocess.run(
        ["sh", "-c", f'{before} exec "$@"', "sh", *command],
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000", **environment},
        cwd=Path(__file__).parents[3],
        capture_output=True,
    )
    assert run.returncode in (0, 2), run.stderr
    assert {p.stat().st_mode & 0o077 for p in out.rglob("*")} == {0}
    assert {p.stat().st_mtime for p in out.rglob("*")} == {1700000000}
    return contents(out)


def test_a_person_may_pack_it_again(unpacked: Path, tmp_path: Path) -> None:
    again = repack(unpacked, tmp_path / "again.tar.gz")
    assert verify(again) == []
    assert signed_by(again, STORED / "allowed_signers", "oncall@example.org") == "oncall@example.org"
