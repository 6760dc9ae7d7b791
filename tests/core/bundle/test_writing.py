"""The bundle on disk: written whole, read back equal, named safely."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bundlework import NAME, assert_same, contents
from evidencesample import DOCUMENTS, sample_evidence
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from propertywork import examples

from gather_diagnostics import BundleError, Coverage, Evidence, Finding, Gap, Request, Support, Target, Window
from gather_diagnostics.bundle import Written, is_plain, naming, read, serial, verify, write
from gather_diagnostics.model import Cause, Severity
from gather_diagnostics.tables import to_batch, to_frame


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


@pytest.mark.parametrize(
    ("epoch", "wanted"), [("1700000000", 1700000000), ("", 1773458400), ("soon", 1773458400), ("9" * 5000, 1773458400)]
)
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


def test_the_folder_bears_the_time_that_was_asked_for(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    write(evidence, DOCUMENTS, tmp_path / "out")
    assert {p.stat().st_mtime for p in (tmp_path / "out").rglob("*")} == {1700000000}
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    before = time.time() - 5
    write(evidence, DOCUMENTS, tmp_path / "now")
    assert all(p.stat().st_mtime > before for p in (tmp_path / "now").rglob("*"))


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
    @given(values)
    def check(value: Any) -> None:
        text = serial.dump(value)
        assert serial.load(kind, text, "x.json") == value
        assert text.isascii()

    check()


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
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
