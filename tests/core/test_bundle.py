"""The bundle on disk: written whole, read back equal, verified, and refused where it is not ours to trust."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import math
import os
import random
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from evidencesample import DOCUMENTS, sample_evidence
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gather_diagnostics import BundleError, Coverage, Evidence, Finding, Gap, Request, Support, Target, Window
from gather_diagnostics.bundle import Written, archive, is_plain, naming, parquet, read, serial, verify, write
from gather_diagnostics.model import Cause, Severity
from gather_diagnostics.tables import schema, to_batch, to_frame

NAME = "evidence-checkout-20260314T032000Z"


@pytest.fixture
def evidence(now: datetime) -> Evidence:
    return sample_evidence(now)


@pytest.fixture
def written(evidence: Evidence, tmp_path: Path) -> Written:
    return write(evidence, DOCUMENTS, tmp_path / "out")


def assert_same(found: Evidence, wanted: Evidence) -> None:
    assert list(found.tables) == list(wanted.tables)
    for table, frame in wanted.tables.items():
        pd.testing.assert_frame_equal(found.tables[table], frame)
    assert replace(found, tables={}) == replace(wanted, tables={})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def repack(folder: Path, target: Path) -> Path:
    """A .tar.gz of a folder as a person would make it."""
    with tarfile.open(target, "w:gz") as tar:
        tar.add(folder, arcname="./" + folder.name)
    return target


# --- writing and reading again


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_what_is_written_is_read_again(evidence: Evidence, written: Written, kind: str) -> None:
    found = read(getattr(written, kind))
    assert_same(found, evidence)
    assert found.request.asked.tzinfo is UTC
    assert found.findings[0].time is not None
    assert found.findings[0].time.tzinfo is UTC


def test_integers_with_nulls_come_back_as_they_were(evidence: Evidence, written: Written) -> None:
    stored = pq.read_table(written.folder / "tables/events.parquet")
    assert stored.schema.field("count").type == pa.int64()
    assert sorted(stored["count"].to_pylist(), key=str) == [12, None]
    ready = read(written.folder).tables["workloads"].set_index("name")["ready"]
    assert (ready["checkout-1"], ready["checkout-2"], ready["checkout-3"]) == (True, None, False)


def test_documents_are_kept_byte_by_byte(written: Written) -> None:
    assert {name: (written.folder / name).read_bytes() for name in DOCUMENTS} == DOCUMENTS


def test_a_bundle_of_nothing_is_a_bundle(make_request: Callable[..., Request], tmp_path: Path) -> None:
    nothing = Evidence(request=make_request(), tables={}, coverage=(), gaps=(), interrupted=True, demo="staged")
    written = write(nothing, {}, tmp_path, archive=False)
    assert written.archive is None
    assert [p.name for p in tmp_path.iterdir()] == [written.folder.name]
    assert verify(written.folder) == []
    assert_same(read(written.folder), nothing)


def test_rows_keep_their_order(evidence: Evidence, tmp_path: Path) -> None:
    backwards = evidence.tables["logs"].iloc[::-1].reset_index(drop=True)
    written = write(replace(evidence, tables={"logs": backwards}), {}, tmp_path)
    pd.testing.assert_frame_equal(read(written.folder).tables["logs"], backwards)
    again = write(read(written.folder), {"evidence.md": b"rendered anew"}, tmp_path / "again")
    first, second = (w.folder / "tables/logs.parquet" for w in (written, again))
    assert first.read_bytes() == second.read_bytes()


def test_equal_evidence_makes_equal_bytes(evidence: Evidence, now: datetime, tmp_path: Path) -> None:
    one = write(evidence, DOCUMENTS, tmp_path / "one")
    other = replace(
        sample_evidence(now),
        tables=dict(reversed(evidence.tables.items())),
        raws=dict(reversed(evidence.raws.items())),
        redactions={"bearer": {"raw/git": 1, "logs.message": 2}},
    )
    two = write(other, dict(reversed(DOCUMENTS.items())), tmp_path / "two")
    assert contents(one.folder) == contents(two.folder)
    assert one.archive is not None
    assert two.archive is not None
    assert one.archive.read_bytes() == two.archive.read_bytes()


def test_a_value_that_is_not_a_number_does_not_cost_the_bundle(now: datetime, tmp_path: Path) -> None:
    row = {"time": now, "ref": "up", "metric": "latency", "stat": "p95", "unit": "s", "value": 1.0}
    frame = to_frame("metrics", [to_batch("metrics", "p", [row])]).assign(value=math.nan)
    written = write(replace(sample_evidence(now), tables={"metrics": frame}), {}, tmp_path)
    assert math.isnan(read(written.folder).tables["metrics"]["value"][0])


@pytest.mark.parametrize("frame", [pd.DataFrame({"time": [1]}), pd.DataFrame()])
def test_a_frame_that_does_not_fit_is_named(evidence: Evidence, tmp_path: Path, frame: pd.DataFrame) -> None:
    with pytest.raises(BundleError, match="table 'logs' can't be written"):
        write(replace(evidence, tables={"logs": frame}), {}, tmp_path)
    with pytest.raises(BundleError, match="no table 'nonsense'"):
        write(replace(evidence, tables={"nonsense": frame}), {}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_null_in_a_required_column_is_refused(evidence: Evidence, tmp_path: Path) -> None:
    frame = evidence.tables["logs"].copy()
    frame.loc[3, "message"] = None
    with pytest.raises(BundleError, match="message"):
        write(replace(evidence, tables={"logs": frame}), {}, tmp_path)


# --- layout, manifest, archive


def test_plain_sha256sum_checks_it(written: Written) -> None:
    run = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=written.folder, capture_output=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count(b": OK\n") == len(contents(written.folder)) - 1
    (written.folder / "evidence.md").write_bytes(b"changed")
    run = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=written.folder, capture_output=True)
    assert run.returncode == 1


def test_only_its_owner_may_read_it(written: Written) -> None:
    modes = {stat.S_IMODE(p.stat().st_mode) for p in (written.folder, *written.folder.rglob("*")) if p.is_dir()}
    assert modes == {0o700}
    assert written.archive is not None
    files = [p for p in (written.archive, *written.folder.rglob("*")) if p.is_file()]
    assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {0o600}


def test_the_manifest_says_what_is_there_and_nothing_of_the_machine(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame-of-the-environment")
    monkeypatch.setattr(sys, "argv", ["gather_diagnostics", "--token", "sesame-of-the-command-line"])
    folder = write(evidence, DOCUMENTS, tmp_path).folder
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert set(manifest) == {
        "schema_version", "tool", "version", "name", "created", "request", "coverage", "gaps", "redactions", "demo",
        "interrupted", "tables", "files",
    }  # fmt: skip
    assert (manifest["name"], manifest["created"]) == (NAME, "2026-03-14T03:20:00Z")
    assert manifest["tables"] == {table: len(frame) for table, frame in evidence.tables.items()}
    there = contents(folder)
    assert manifest["files"] == {
        path: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for path, content in there.items()
        if path not in ("manifest.json", "SHA256SUMS")
    }
    everything = b"".join(there.values())
    assert b"sesame" not in everything
    assert str(tmp_path).encode() not in everything


def test_the_archive_is_the_folder(written: Written, tmp_path: Path) -> None:
    assert written.archive is not None
    subprocess.run(["tar", "xzf", written.archive], cwd=tmp_path, check=True)
    assert contents(tmp_path / NAME) == contents(written.folder)
    assert written.archive.name == f"{NAME}.tar.gz"


@pytest.mark.parametrize(("epoch", "wanted"), [("1700000000", 1700000000), ("", 1773458400), ("soon", 1773458400)])
def test_the_archive_knows_one_time_and_no_owner(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: str, wanted: int
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    packed = write(evidence, DOCUMENTS, tmp_path).archive
    assert packed is not None
    with tarfile.open(packed) as tar:
        members = tar.getmembers()
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "", "", wanted)}
    for kind in (tarfile.TarInfo.isdir, tarfile.TarInfo.isfile):
        names = [m.name for m in members if kind(m)]
        assert names == sorted(names)
    assert int.from_bytes(packed.read_bytes()[4:8], "little") == wanted


# --- names


@given(st.text(max_size=200))
def test_any_service_name_makes_a_plain_file_name(service: str) -> None:
    part = naming.slug(service)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", part)


@pytest.mark.parametrize(
    ("service", "wanted"),
    [
        ("checkout", "checkout"),
        ("../../etc/passwd", "etc-passwd"),
        ("-rf", "rf"),
        ("日本", "service"),
        ("", "service"),
        ("a b\n/c", "a-b-c"),
        ("x" * 500, "x" * 64),
        ("shop.checkout_v2", "shop.checkout_v2"),
    ],
)
def test_service_names_are_made_safe(
    service: str, wanted: str, make_request: Callable[..., Request], tmp_path: Path
) -> None:
    request = make_request(service=service)
    folder = write(Evidence(request=request, tables={}, coverage=(), gaps=()), {}, tmp_path, archive=False).folder
    assert folder == tmp_path / f"evidence-{wanted}-20260314T032000Z"
    assert read(folder).request.service == service


def test_nothing_is_ever_replaced(evidence: Evidence, tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    (tmp_path / f"{NAME}-2.tar.gz").write_bytes(b"somebody's")
    (tmp_path / f"{NAME}-3").symlink_to("nowhere")
    names = [write(evidence, {}, tmp_path).folder.name for _ in range(2)]
    assert names == [f"{NAME}-4", f"{NAME}-5"]
    assert list((tmp_path / NAME).iterdir()) == []
    assert (tmp_path / f"{NAME}-2.tar.gz").read_bytes() == b"somebody's"
    manifest = json.loads((tmp_path / f"{NAME}-5" / "manifest.json").read_bytes())
    assert manifest["name"] == f"{NAME}-5"
    with tarfile.open(tmp_path / f"{NAME}-5.tar.gz") as tar:
        assert {m.name.split("/")[0] for m in tar} == {f"{NAME}-5"}


def test_a_name_taken_at_the_last_moment_is_left_alone(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def late(source: Path, target: Path) -> None:
        if target == tmp_path / NAME and not target.exists():
            target.mkdir()
            (target / "theirs").write_text("theirs")
        rename(source, target)

    monkeypatch.setattr(os, "rename", late)
    assert write(evidence, {}, tmp_path).folder.name == f"{NAME}-2"
    assert [p.name for p in (tmp_path / NAME).iterdir()] == ["theirs"]


def test_an_archive_name_taken_at_the_last_moment_is_left_alone(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def late(source: Path, target: Path) -> None:
        target.write_bytes(b"theirs")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(BundleError, match="is whole in"):
        write(evidence, {}, tmp_path)
    assert (tmp_path / f"{NAME}.tar.gz").read_bytes() == b"theirs"
    assert verify(tmp_path / NAME) == []


def test_writers_at_the_same_moment_do_not_disturb_each_other(evidence: Evidence, tmp_path: Path) -> None:
    together = threading.Barrier(6)
    done: list[Written] = []

    def one() -> None:
        together.wait()
        done.append(write(evidence, DOCUMENTS, tmp_path))

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = {NAME, *(f"{NAME}-{n}" for n in range(2, 7))}
    assert {w.folder.name for w in done} == wanted
    assert {p.name.removesuffix(".tar.gz") for p in tmp_path.iterdir()} == wanted
    assert [problem for p in tmp_path.iterdir() for problem in verify(p)] == []


def test_a_person_may_choose_the_name(evidence: Evidence, tmp_path: Path) -> None:
    assert write(evidence, {}, tmp_path, name="INC-42").folder == tmp_path / "INC-42"
    assert write(evidence, {}, tmp_path, name="INC-42").folder == tmp_path / "INC-42-2"


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "-rf", "a/b", "/tmp/x", "a b", "ä", "x" * 151, "a\n"])
def test_a_name_that_is_none_is_refused(evidence: Evidence, tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match="can't be called"):
        write(evidence, {}, tmp_path, name=name)
    assert list(tmp_path.iterdir()) == []


BAD_PATHS = [
    "",
    "../x",
    "/etc/passwd",
    "git/../../x",
    "git//x",
    "./x",
    "git/.",
    "ä",
    "a\\b",
    "a\nb",
    "a/",
    "x" * 201,
    "C:x",
]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_raw_records_can_not_leave_the_bundle(evidence: Evidence, tmp_path: Path, path: str) -> None:
    assert not is_plain(path)
    with pytest.raises(BundleError, match="raw record"):
        write(replace(evidence, raws={path: "text"}), {}, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_raw_record_can_not_be_file_and_folder(evidence: Evidence, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="'git/a' and 'git/a/b'"):
        write(replace(evidence, raws={"git/a/b": "1", "git/a": "2"}), {}, tmp_path)


@pytest.mark.parametrize("name", ["manifest.json", "SHA256SUMS", "findings.json", "tables", "raw", "a/b", "..", ""])
def test_documents_can_not_replace_the_bundles_own_files(evidence: Evidence, tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match="document"):
        write(evidence, {name: b""}, tmp_path)


# --- JSON round trips

# Surrogates are not UTF-8; `test_what_json_has_not_...` covers them.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
times = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28), timezones=st.just(UTC))
windows = st.builds(
    lambda start, length: Window(start, start + length),
    times,
    st.timedeltas(timedelta(microseconds=1), timedelta(days=1)),
)
finite = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers() | finite | texts
jsons = st.recursive(scalars, lambda c: st.lists(c, max_size=3) | st.dictionaries(texts, c, max_size=3), max_leaves=8)
counts = st.dictionaries(texts, st.integers(0), max_size=3)
supports = st.builds(Support, texts, st.lists(st.integers(0), max_size=4).map(tuple), st.integers(0))
findings = st.builds(
    Finding, texts, texts, texts, st.floats(0, 1), st.sampled_from(get_args(Severity)), st.none() | times,
    st.none() | windows, st.lists(supports, max_size=2).map(tuple), st.dictionaries(texts, jsons, max_size=3),
)  # fmt: skip
words = st.lists(texts, max_size=3).map(tuple)
requests = st.builds(
    Request, texts, times, windows, windows, windows, st.lists(windows, max_size=2).map(tuple), texts, texts, texts,
    words, words, texts, finite,
)  # fmt: skip
gaps = st.builds(Gap, texts, texts, st.sampled_from(get_args(Cause)), texts, texts)
coverages = st.builds(
    Coverage, texts, st.lists(st.builds(Target, texts, texts, texts), max_size=2).map(tuple), counts, finite,
    st.sampled_from(["complete", "partial", "failed", "not_used"]),
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "values"), [(Request, requests), (Gap, gaps), (Coverage, coverages), (Finding, findings)]
)
def test_the_values_survive_json(kind: Any, values: st.SearchStrategy[Any]) -> None:
    @settings(max_examples=100, deadline=None)
    @given(values)
    def check(value: Any) -> None:
        text = serial.dump(value)
        assert serial.load(kind, text, "x.json") == value
        assert text.isascii()

    check()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(requests, st.lists(findings, max_size=2), st.lists(gaps, max_size=2), st.lists(coverages, max_size=2), texts)
def test_any_evidence_survives_the_disk(
    tmp_path: Path, request_: Request, found: list[Finding], lost: list[Gap], covered: list[Coverage], raw: str
) -> None:
    evidence = Evidence(request_, {}, tuple(covered), tuple(lost), tuple(found), {"git/x": raw}, {"token": {"logs": 1}})
    written = write(evidence, {}, tmp_path)
    assert verify(written.folder) == []
    assert_same(read(written.folder), evidence)
    shutil.rmtree(written.folder)


def test_what_json_has_not_becomes_what_it_has() -> None:
    details = {
        "nan": math.nan, "inf": np.float64("inf"), "int": np.int64(3), "array": np.array([1.5, math.nan]),
        "bool": np.True_, "time": datetime(2026, 3, 14, 4, 20, tzinfo=UTC), "set": {2, 1}, "lone": "a\udc80", 7: (1, 2),
    }  # fmt: skip
    assert json.loads(serial.dump(details)) == {
        "nan": None, "inf": None, "int": 3, "array": [1.5, None], "bool": True, "time": "2026-03-14T04:20:00Z",
        "set": [1, 2], "lone": "a?", "7": [1, 2],
    }  # fmt: skip


# --- verifying


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


def test_every_bit_of_the_sums_counts(written: Written) -> None:
    sums = written.folder / "SHA256SUMS"
    content = sums.read_bytes()
    line = content.index(b"\n") + 1
    for bit in range(8 * line):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        sums.write_bytes(changed)
        assert verify(written.folder), bit


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
            # Only gzip's own header (time, system) may change unnoticed: it is not part of what was packed.
            assert place < 10
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


# --- archives by an enemy


def member(name: str, content: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def packed(target: Path, members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(target, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return target


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([member("b/../../evil", b"x")], "unsafe name"),
        ([member("../evil", b"x")], "unsafe name"),
        ([member("/tmp/evil", b"x")], "unsafe name"),
        ([member("b/ä", b"x")], "unsafe name"),
        ([member("b/\x1b[2J", b"x")], "unsafe name"),
        ([member("b/" + "d/" * 600 + "x", b"x")], "unsafe name"),
        ([member("b/l", type=tarfile.SYMTYPE, linkname="/etc/passwd")], "link, device or sparse"),
        ([member("b/l", type=tarfile.LNKTYPE, linkname="b/x")], "link, device or sparse"),
        ([member("b/d", type=tarfile.CHRTYPE, devmajor=1, devminor=5)], "link, device or sparse"),
        ([member("b/d", type=tarfile.BLKTYPE)], "link, device or sparse"),
        ([member("b/f", type=tarfile.FIFOTYPE)], "link, device or sparse"),
        ([member("b/x", b"1"), member("b/x", b"2")], "twice"),
        ([member("b/x", b"1"), member("./b/x", b"2")], "twice"),
        ([member("b/x", b"1"), member("b/x/y", b"2")], "file and folder"),
        ([member("b/x/y", b"1"), member("b/x", b"2")], "file and folder"),
        ([member("b/x", type=tarfile.DIRTYPE), member("b/x", b"2")], "file and folder"),
        ([member("a/x", b"1"), member("b/x", b"2")], "exactly one folder"),
        ([member("x", b"1")], "exactly one folder"),
        ([], "exactly one folder"),
    ],
)
def test_an_unsafe_archive_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: list[tuple[tarfile.TarInfo, bytes]], why: str
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    enemy = packed(tmp_path / "enemy.tar.gz", members)
    with pytest.raises(BundleError, match=why) as caught:
        read(enemy)
    assert "\x1b" not in str(caught.value)
    assert len(verify(enemy)) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["enemy.tar.gz", "tmp"]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_sparse_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10**12)
    subprocess.run(["tar", "czSf", "enemy.tar.gz", "--transform=s,^,b/,", "sparse"], cwd=tmp_path, check=True)
    with pytest.raises(BundleError, match="link, device or sparse"):
        read(tmp_path / "enemy.tar.gz")


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    bomb = packed(tmp_path / "bomb.tar.gz", [member("b/zeros", bytes(archive.RATIO_FROM + 1))])
    assert bomb.stat().st_size < 200_000
    with pytest.raises(BundleError, match="unpacks to more than"):
        read(bomb)


def test_a_bomb_in_a_header_is_refused(tmp_path: Path) -> None:
    huge = member("b/x")[0]
    huge.pax_headers = {"comment": "x" * (archive.RATIO_FROM + 1)}
    with pytest.raises(BundleError, match="unpacks to more than"):
        read(packed(tmp_path / "bomb.tar.gz", [(huge, b"")]))


def test_headers_without_end_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "one.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(member("b/x", pax_headers={"comment": "x"})[0])
    header = (tmp_path / "one.tar").read_bytes()[:1024]
    (tmp_path / "endless.tar.gz").write_bytes(gzip.compress(header * 5000))
    with pytest.raises(BundleError, match=r"endless\.tar\.gz"):
        read(tmp_path / "endless.tar.gz")


def test_what_is_too_large_or_too_much_is_refused(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 12)
    for path in (written.folder, written.archive):
        with pytest.raises(BundleError, match="more than 12 files"):
            read(path)
    monkeypatch.setattr(archive, "MAX_MEMBERS", 100)
    monkeypatch.setattr(archive, "MAX_BYTES", 20_000)
    for path in (written.folder, written.archive):
        with pytest.raises(BundleError, match="more than 20000 bytes"):
            read(path)


def test_an_archive_leaves_nothing_behind(written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = sorted(tmp_path.rglob("*"))
    read(written.archive)
    assert sorted(tmp_path.rglob("*")) == before


# --- bundles that are none


def changed_manifest(folder: Path, **fields: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | fields))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "manifest.json can't be read"),
        (b"\xff\xfe", "manifest.json can't be read"),
        (b"[]", "manifest.json can't be read"),
        (b"{}", "schema_version"),
        (b'{"schema_version": "1"}', "schema_version"),
        (b'{"schema_version": 0}', "no bundle schema 0"),
        (b'{"schema_version": 1}', "tool"),
        (b'{"schema_version": 2, "version": "9.0"}', "newer gather_diagnostics .'9.0', bundle schema 2"),
        (b"[" * 100_000, "manifest.json can't be read"),
        (b'{"schema_version": 1' + b"0" * 5000 + b"}", "can't be read|newer"),
    ],
)
def test_a_manifest_that_is_none_is_refused(written: Written, text: bytes, why: str) -> None:
    (written.folder / "manifest.json").write_bytes(text)
    with pytest.raises(BundleError, match=why) as caught:
        read(written.folder)
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)
    assert verify(written.folder)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"created": "2026-03-14T03:20:00"}, "no zone"),
        ({"created": "0001-01-01T00:00:00+05:00"}, "out of range"),
        ({"gaps": [{"source": "x"}]}, "gaps"),
        ({"tables": {"../../etc": 1}}, "does not know"),
        ({"tables": {"spans": 1}}, "tables/spans.parquet is missing"),
        ({"tables": {"logs": 61}}, "60 rows, but manifest.json says 61"),
        ({"files": {"raw/../../../etc/passwd": {"sha256": "", "bytes": 1}}}, "can't be one of a bundle"),
        ({"files": {"raw/gone.txt": {"sha256": "", "bytes": 1}}}, "'raw/gone.txt' is missing"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(written: Written, fields: dict[str, Any], why: str) -> None:
    changed_manifest(written.folder, **fields)
    with pytest.raises(BundleError, match=re.escape(why)):
        read(written.folder)


def test_times_of_other_zones_are_read_as_utc(written: Written, now: datetime) -> None:
    request = json.loads((written.folder / "manifest.json").read_bytes())["request"]
    changed_manifest(written.folder, request=request | {"asked": "2026-03-14T05:20:00+02:00"})
    asked = read(written.folder).request.asked
    assert (asked, asked.tzinfo) == (now, UTC)


@pytest.mark.parametrize("path", ["manifest.json", "findings.json", "tables/logs.parquet"])
def test_a_missing_file_is_named(written: Written, path: str) -> None:
    (written.folder / path).unlink()
    with pytest.raises(BundleError, match=f"{path}.*missing"):
        read(written.folder)


def test_bytes_that_are_no_text_are_named(written: Written) -> None:
    (written.folder / "raw/git/patches/4f2a9c1.patch").write_bytes(b"\xff")
    with pytest.raises(BundleError, match="is not UTF-8"):
        read(written.folder)
    (written.folder / "findings.json").write_text('{"findings": [{"id": 1}]}')
    with pytest.raises(BundleError, match=r"findings\.json can't be read: findings\.0\.id"):
        read(written.folder)


@pytest.mark.parametrize("what", ["a text", "nothing", "a zip"])
def test_what_is_no_bundle_is_refused(tmp_path: Path, what: str) -> None:
    if what == "nothing":
        with pytest.raises(BundleError, match="there is no bundle at"):
            read(tmp_path / "nothing")
    else:
        (tmp_path / "x").write_bytes(b"PK\x03\x04" if what == "a zip" else b"hello")
        with pytest.raises(BundleError, match=r"no whole \.tar\.gz"):
            read(tmp_path / "x")
    with pytest.raises(BundleError, match="not an evidence bundle"):
        read(tmp_path)


# --- Parquet by an enemy


def no_utf8(rows: int) -> pa.Array:
    lengths, text = np.arange(rows + 1, dtype=np.int32), b"\xff" * rows
    return pa.StringArray.from_buffers(rows, pa.py_buffer(lengths), pa.py_buffer(text))


def replaced(table: pa.Table, column: str, values: Any) -> pa.Table:
    return table.set_column(table.schema.get_field_index(column), column, values)


def changed_logs(folder: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    path = folder / "tables/logs.parquet"
    pq.write_table(change(pq.read_table(path)), path)


MALFORMED: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "text": (lambda t: replaced(t, "level", no_utf8(len(t))), "Invalid UTF8"),
    "type": (lambda t: replaced(t, "level", pa.array([1] * len(t))), "'level' is int64, not string"),
    "zone": (lambda t: replaced(t, "time", t["time"].cast(pa.timestamp("us"))), "'time' is timestamp"),
    "unknown": (lambda t: t.append_column("evil", t["level"]), "has a column 'evil'"),
    "required": (lambda t: t.drop_columns(["message"]), "'message' has rows without a value"),
    "null": (lambda t: replaced(t, "message", pa.array([None] * len(t), pa.string())), "rows without a value"),
    "json": (lambda t: replaced(t, "labels", pa.array(["{"] * len(t))), "'labels' holds text that is no JSON"),
    "deep": (lambda t: replaced(t, "labels", pa.array(["[" * 10**5] * len(t))), "'labels' holds text that is no JSON"),
    "year": (
        lambda t: replaced(t, "time", pa.array([2**62] * len(t), pa.timestamp("us", "UTC"))),
        "'time' holds a time out of range",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_table_that_does_not_fit_is_refused(written: Written, case: str) -> None:
    change, why = MALFORMED[case]
    changed_logs(written.folder, change)
    with pytest.raises(BundleError, match=re.escape(why)):
        read(written.folder)


def test_a_flipped_bit_in_a_page_is_found_while_reading(written: Written) -> None:
    path = written.folder / "tables/metrics.parquet"
    column = pq.read_metadata(path).row_group(0).column(schema("metrics").names.index("value"))
    content = bytearray(path.read_bytes())
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"tables/metrics\.parquet can't be read: .*CRC"):
        read(written.folder)


def test_columns_an_older_version_had_not_are_null(evidence: Evidence, written: Written) -> None:
    changed_logs(written.folder, lambda t: t.drop_columns(["tenant", "labels"]))
    logs = read(written.folder).tables["logs"]
    assert list(logs.columns) == schema("logs").names
    assert logs["tenant"].isna().all()
    pd.testing.assert_series_equal(logs["message"], evidence.tables["logs"]["message"])


def test_a_small_file_of_huge_rows_is_refused(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    changed_logs(written.folder, lambda t: replaced(t, "message", pa.array(["x" * 100_000] * len(t))))
    assert (written.folder / "tables/logs.parquet").stat().st_size < 200_000
    monkeypatch.setattr(parquet, "MAX_TABLE_BYTES", 1_000_000)
    with pytest.raises(BundleError, match="more than 1000000 bytes of memory"):
        read(written.folder)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_parquet_is_refused_or_read_but_never_breaks(written: Written, data: st.DataObject) -> None:
    path = written.folder / "tables/events.parquet"
    content = path.read_bytes()
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(changed[: data.draw(st.just(len(content)) | st.integers(0, len(content)))])
    try:
        assert list(parquet.from_parquet("events", path).columns) == schema("events").names
    except BundleError as error:
        assert str(error).startswith("tables/events.parquet")
    finally:
        path.write_bytes(content)


# --- what keeps a bundle from being written


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
import sys, datetime
from pathlib import Path
from evidencesample import DOCUMENTS, sample_evidence
from gather_diagnostics import BundleError
from gather_diagnostics.bundle import write
where = Path(sys.argv[1])
try:
    write(sample_evidence(datetime.datetime(2026, 3, 14, tzinfo=datetime.UTC)), DOCUMENTS, where)
except BundleError as error:
    print(error)
    print(list(where.iterdir()))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "why"),
    [("size=32k", "the disk is full"), ("size=64k", "the disk is full"), ("size=9m,ro", "read-only file system")],
)
def test_a_real_full_or_read_only_disk(tmp_path: Path, options: str, why: str) -> None:
    if subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", tmp_path], capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a tmpfs in a namespace of our own")
    root = Path(__file__).parents[2]
    script = f'mount -t tmpfs -o {options} none "$1" && exec "$2" -c "$3" "$1"'
    run = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", tmp_path, sys.executable, _IN_A_SMALL_PLACE],
        env=os.environ | {"PYTHONPATH": f"{root}:{root / 'tests'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    message, left = run.stdout.splitlines()
    assert message.startswith(f"the bundle can't be written to {tmp_path}: ")
    assert why in message
    assert left == "[]"


def test_importing_the_bundle_is_cheap() -> None:
    script = (
        "import sys, gather_diagnostics.bundle; print({'pandas', 'pyarrow', 'numpy', 'pydantic'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert run.stdout == "set()\n"
