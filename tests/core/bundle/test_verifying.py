"""Every flipped bit, added, removed or renamed file is found."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from bundlework import contents, repack

from gather_diagnostics import BundleError
from gather_diagnostics.bundle import Written, read, verify


@pytest.fixture(params=["folder", "archive"])
def tampered(request: pytest.FixtureRequest, written: Written, tmp_path: Path) -> Callable[[], list[str]]:
    """Verify the written folder, after the test changed it, as it is or packed again."""

    def check() -> list[str]:
        if request.param == "folder":
            return verify(written.folder)
        return verify(repack(written.folder, tmp_path / "repacked.tar.gz"))

    assert check() == []
    return check


def test_one_flipped_bit_in_any_file_is_found(written: Written, tampered: Callable[[], list[str]]) -> None:
    dice = random.Random(7)
    for path, content in contents(written.folder).items():
        for _ in range(4):
            if not content:
                continue
            changed = bytearray(content)
            changed[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
            (written.folder / path).write_bytes(changed)
            problems = tampered()
            assert problems, path
            assert any(path in problem for problem in problems) or path == "SHA256SUMS"
        (written.folder / path).write_bytes(content)
    assert tampered() == []


def test_every_character_of_the_sums_counts(written: Written) -> None:
    sums = written.folder / "SHA256SUMS"
    content = sums.read_bytes()
    line = content.index(b"\n") + 1
    for place in range(line):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        sums.write_bytes(changed)
        assert verify(written.folder), place


def test_removed_added_and_renamed_files_are_found(written: Written, tampered: Callable[[], list[str]]) -> None:
    there = contents(written.folder)
    for path, content in there.items():
        place = written.folder / path
        place.unlink()
        assert any(path in problem and "missing" in problem for problem in tampered()), path
        place.with_name("renamed").write_bytes(content)
        problems = tampered()
        assert any("renamed" in p and "does not name it" in p for p in problems), path
        assert any(path in p and "missing" in p for p in problems), path
        place.with_name("renamed").unlink()
        place.write_bytes(content)
    (written.folder / "raw/new").mkdir()
    (written.folder / "raw/new/üx").write_text("added")
    assert any("does not name it" in p or "unsafe name" in p for p in tampered())


def test_sums_and_manifest_must_agree(written: Written) -> None:
    """Somebody adds a file and puts it into SHA256SUMS: `sha256sum -c` is content, we are not."""
    (written.folder / "extra.txt").write_text("x")
    with (written.folder / "SHA256SUMS").open("a") as sums:
        sums.write(f"{hashlib.sha256(b'x').hexdigest()}  extra.txt\n")
    assert verify(written.folder) == ["'extra.txt' is there, but manifest.json does not name it"]


@pytest.mark.parametrize(
    "line", ["nonsense", f"{'0' * 64}  ../../etc/passwd", f"{'0' * 64}  /etc/passwd", f"{'0' * 64} *evidence.md", ""]
)
def test_a_bad_line_in_the_sums_is_named_and_never_followed(written: Written, line: str) -> None:
    with (written.folder / "SHA256SUMS").open("a") as sums:
        sums.write(line + "\n")
    (problem,) = verify(written.folder)
    assert re.match(r"SHA256SUMS line \d+ is not", problem)


def test_a_link_is_found_and_not_followed(written: Written, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes((written.folder / "evidence.md").read_bytes())
    (written.folder / "evidence.md").unlink()
    (written.folder / "evidence.md").symlink_to(tmp_path / "elsewhere")
    assert "'evidence.md' is neither a plain file nor a folder" in verify(written.folder)
    with pytest.raises(BundleError, match="neither a plain file"):
        read(written.folder)


def test_a_pipe_does_not_hold_anybody_up(written: Written) -> None:
    os.mkfifo(written.folder / "pipe")
    assert verify(written.folder) == ["'pipe' is neither a plain file nor a folder"]


def test_a_damaged_archive_is_found(written: Written, tmp_path: Path) -> None:
    assert written.archive is not None
    content = written.archive.read_bytes()
    unpacked, dice, other = gzip.decompress(content), random.Random(11), tmp_path / "other.tar.gz"
    for place in [*range(10), *(dice.randrange(len(content)) for _ in range(150))]:
        changed = bytearray(content)
        changed[place] ^= 1 << dice.randrange(8)
        other.write_bytes(changed)
        if not verify(other):
            # gzip's own header (time, system) may change, or how its content is spelt, but not what was packed.
            assert gzip.decompress(changed) == unpacked


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.999])
def test_a_cut_archive_is_found(written: Written, tmp_path: Path, share: float) -> None:
    assert written.archive is not None
    content = written.archive.read_bytes()
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(content[: int(len(content) * share)])
    (problem,) = verify(cut)
    assert "no whole .tar.gz" in problem
    with pytest.raises(BundleError, match=r"no whole \.tar\.gz"):
        read(cut)


def test_verify_needs_something_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no bundle at"):
        verify(tmp_path / "nothing")
    assert verify(tmp_path) == ["'SHA256SUMS' is missing", "'manifest.json' is missing"]
