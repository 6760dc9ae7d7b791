"""What keeps a bundle from being written leaves nothing half-written."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bundlework import NAME
from conftest import missing
from evidencesample import DOCUMENTS

from gather_diagnostics import BundleError, Evidence
from gather_diagnostics.bundle import archive, verify, write


@pytest.mark.parametrize(
    ("call", "number", "why"),
    [
        ("fsync", errno.ENOSPC, "the disk is full"),
        ("fsync", errno.EDQUOT, "the disk quota is used up"),
        ("mkdir", errno.EROFS, "read-only file system"),
        ("mkdir", errno.EACCES, "permission is denied"),
        ("rename", errno.EPERM, "permission is denied"),
        ("scandir", errno.EIO, "Input/output error"),
    ],
)
def test_what_keeps_it_from_being_written_is_one_sentence(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, why: str
) -> None:
    genuine, calls = getattr(os, call), []

    def failing(*args: Any, **named: Any) -> Any:
        calls.append(args)
        if len(calls) >= (5 if call == "fsync" else 1):
            raise OSError(number, os.strerror(number))
        return genuine(*args, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing)
        with pytest.raises(BundleError, match=f"the bundle can't be written to {re.escape(str(tmp_path))}: .*{why}"):
            write(evidence, DOCUMENTS, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing_behind(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(archive, "pack", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(evidence, DOCUMENTS, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "deeper/down"])
def test_a_file_is_no_place_for_a_bundle(evidence: Evidence, tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BundleError, match="it is not a folder; choose another output folder"):
        write(evidence, {}, tmp_path / "file" / below)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP])
def test_file_systems_without_hard_links_will_do(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def unsupported(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", unsupported)
    written = write(evidence, DOCUMENTS, tmp_path)
    assert written.archive is not None
    assert verify(written.archive) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == [NAME, f"{NAME}.tar.gz"]


_IN_A_SMALL_PLACE = """
import datetime, resource, sys
from pathlib import Path
from evidencesample import DOCUMENTS, sample_evidence
from gather_diagnostics import BundleError
from gather_diagnostics.bundle import write
where, limit = Path(sys.argv[1]), int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    write(sample_evidence(datetime.datetime(2026, 3, 14, tzinfo=datetime.UTC)), DOCUMENTS, where)
except BundleError as error:
    print(error)
    print(list(where.iterdir()))
"""
TESTS = Path(__file__).parents[2]


def in_a_small_place(where: Path, limit: int = 0, *before: str | Path) -> str:
    """What is told where a bundle can't be written; `before` is a command that runs the writer."""
    run = subprocess.run(
        [*before, sys.executable, "-c", _IN_A_SMALL_PLACE, where, str(limit)],
        env=os.environ | {"PYTHONPATH": f"{TESTS.parent}:{TESTS}"},
        capture_output=True,
        text=True,
        check=True,
    )
    message, left = run.stdout.splitlines()
    assert message.startswith(f"the bundle can't be written to {where}: ")
    assert left == "[]"
    return message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "why"),
    # From no room for the first file to room for all but the archive; 84 KiB will do.
    [(f"size={kilobytes}k", "the disk is full") for kilobytes in (8, 16, 32, 64, 76, 80)]
    + [("size=9m,nr_inodes=9", "the disk is full"), ("size=9m,ro", "read-only file system")],
)
def test_a_real_full_or_read_only_disk(tmp_path: Path, options: str, why: str) -> None:
    namespace = ["unshare", "-rm"]
    if subprocess.run([*namespace, "mount", "-t", "tmpfs", "none", tmp_path], capture_output=True).returncode:
        missing("a tmpfs in a namespace of our own", "it takes root, or a kernel that lets users have namespaces")
    script = f'mount -t tmpfs -o {options} none "$1" && shift && exec "$@"'
    assert why in in_a_small_place(tmp_path, 0, *namespace, "sh", "-c", script, "sh", tmp_path)


@pytest.mark.parametrize("limit", [1, 4096, 9000])
def test_files_that_may_not_grow(tmp_path: Path, limit: int) -> None:
    """As `ulimit -f` has it: a disk that is full for one writer alone, on any machine."""
    assert "a file would be larger than is allowed there" in in_a_small_place(tmp_path, limit)


@pytest.mark.slow
def test_a_folder_that_is_not_ours_to_write(tmp_path: Path) -> None:
    """The real refusal of the kernel; root is refused nothing, so this is done as nobody."""
    tmp_path.chmod(0o755)
    before: list[str | Path] = []
    if os.geteuid() == 0:
        # Not below pytest's own folder, which is closed to others.
        tmp_path = Path("/usr")
        before = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        if subprocess.run([*before, sys.executable, "-c", "import gather_diagnostics"], cwd=TESTS.parent).returncode:
            missing("a Python that user 65534 may start", "the interpreter is below a folder closed to others")
    else:
        tmp_path.chmod(0o500)
    run = subprocess.run(
        [*before, sys.executable, "-c", _IN_A_SMALL_PLACE, tmp_path, "0"],
        env=os.environ | {"PYTHONPATH": f"{TESTS.parent}:{TESTS}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"the bundle can't be written to {tmp_path}: permission is denied" in run.stdout


def test_importing_the_bundle_is_cheap() -> None:
    script = (
        "import sys, gather_diagnostics.bundle; print({'pandas', 'pyarrow', 'numpy', 'pydantic'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert run.stdout == "set()\n"
