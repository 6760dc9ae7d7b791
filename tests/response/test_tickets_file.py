"""A bundle into a folder: whole or not at all, and nothing is ever replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from servers.parcels import amended, attach, bundled, forget

from gather_diagnostics import InputError
from gather_diagnostics.bundle import Written, verify
from gather_diagnostics.errors import SendError
from gather_diagnostics.response.tickets.addresses import target


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return bundled(tmp_path / "out")


@pytest.fixture
def share(tmp_path: Path) -> Path:
    (tmp_path / "a share").mkdir()
    return tmp_path / "a share"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_archive_is_copied_once(written: Written, share: Path) -> None:
    receipt = attach(written.folder, share.as_uri(), {})
    again = attach(written.folder, share.as_uri(), {})

    (name,) = names(share)
    assert written.archive
    assert (share / name).read_bytes() == written.archive.read_bytes()
    assert verify(share / name) == []
    assert receipt.url == receipt.link == (share / name).as_uri()
    assert receipt.sent == again.already


def test_the_archive_alone_will_do(written: Written, share: Path) -> None:
    assert written.archive
    attach(written.archive, share.as_uri(), {})
    forget(written.folder)
    assert attach(written.folder, share.as_uri(), {}).already


def test_a_folder_without_its_archive_is_packed(written: Written, share: Path) -> None:
    assert written.archive
    content = written.archive.read_bytes()
    written.archive.unlink()
    attach(written.folder, share.as_uri(), {})

    (name,) = names(share)
    assert (share / name).read_bytes() == content


def test_another_bundles_archive_beside_it_is_not_taken_for_its_own(
    written: Written, share: Path, tmp_path: Path
) -> None:
    assert written.archive
    other = bundled(tmp_path / "other", name="evidence-other")
    assert other.archive
    written.archive.write_bytes(other.archive.read_bytes())
    attach(written.folder, share.as_uri(), {})

    (name,) = names(share)
    assert name.startswith(written.folder.name)
    assert (share / name).read_bytes() != other.archive.read_bytes()


def test_an_amended_bundle_lies_beside_the_first(written: Written, share: Path) -> None:
    attach(written.folder, share.as_uri(), {})
    attach(amended(written).folder, share.as_uri(), {})

    assert len(names(share)) == 2


def test_something_else_of_that_name_stays(written: Written, share: Path) -> None:
    attach(written.folder, share.as_uri(), {})
    (name,) = names(share)
    (share / name).write_bytes(b"mine")
    with pytest.raises(SendError, match="holds something else, which is not replaced"):
        attach(written.folder, share.as_uri(), {})

    assert (share / name).read_bytes() == b"mine"


def test_a_copy_that_fails_leaves_nothing(written: Written, share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gather_diagnostics.response.tickets.targets.file.os.fsync", full)
    with pytest.raises(SendError, match="No space left on device"):
        attach(written.folder, share.as_uri(), {})

    assert names(share) == []


def test_a_file_system_without_hard_links(written: Written, share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(source: object, target: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", none)
    attach(written.folder, share.as_uri(), {})

    assert len(names(share)) == 1


def test_a_folder_that_is_not_there(written: Written, tmp_path: Path) -> None:
    with pytest.raises(SendError, match="there is no folder"):
        attach(written.folder, (tmp_path / "nowhere").as_uri(), {})


def test_a_bundle_is_no_folder_to_copy_into(written: Written) -> None:
    with pytest.raises(SendError, match="is a bundle itself"):
        attach(written.folder, written.folder.as_uri(), {})
    assert verify(written.folder) == []


@pytest.mark.parametrize("address", ["file:relative", "file://host/share", "file:///a?b", "file:///a%00b", "file:"])
def test_no_folder(address: str) -> None:
    with pytest.raises(InputError, match="file:///mnt/incidents"):
        target(address, {})
