"""Somebody else's bundle is opened with suspicion."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from propertywork import examples

from gather_diagnostics import BundleError, Evidence
from gather_diagnostics.bundle import Written, archive, pages, parquet, read, verify
from gather_diagnostics.tables import schema


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


def test_what_a_killed_reader_unpacked_is_removed_by_the_next(written: Written, tmp_path: Path) -> None:
    """Evidence must not stay in the temporary folder, whatever ended the process that looked at it."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    script = (
        "import os, sys, pathlib\n"
        "from gather_diagnostics.bundle.folders import opened\n"
        "with opened(pathlib.Path(sys.argv[1])) as folder:\n"
        "    if sys.argv[2] == 'dies': os.kill(os.getpid(), 9)\n"
    )

    def reader(what: str) -> int:
        return subprocess.run(
            [sys.executable, "-c", script, str(written.archive), what],
            cwd=Path(__file__).parents[3],
            env=os.environ | {"TMPDIR": str(temporary)},
        ).returncode

    assert reader("dies") == -9
    (left,) = temporary.iterdir()
    assert stat.S_IMODE(left.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) & 0o077 for p in left.rglob("*")} == {0}
    assert reader("lives") == 0
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("there", [False, True])
def test_without_room_to_unpack_it_says_so(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    if there:
        (tmp_path / "file").write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    with pytest.raises(BundleError, match=r"can't be unpacked to the temporary folder .* set TMPDIR"):
        read(written.archive)


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
    content[column.dictionary_page_offset + column.total_compressed_size - 1] ^= 1
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


ROWS = 20_000


def bomb(folder: Path, columns: dict[str, Any], rows: int = ROWS, **how: Any) -> Path:
    """logs.parquet with these columns; others are null, or empty texts of the year 1970."""
    whole = {
        f.name: columns[f.name] if f.name in columns
        else pa.nulls(rows, f.type) if f.nullable
        else pa.array(np.zeros(rows, "int64")).cast(f.type) if pa.types.is_timestamp(f.type)
        else pa.array([""] * rows)
        for f in schema("logs")
    }  # fmt: skip
    path = folder / "tables/logs.parquet"
    # Without Arrow's own schema a reader takes the texts for plain ones, not for a dictionary.
    pq.write_table(pa.table(whole), path, compression="zstd", store_schema=False, coerce_timestamps="us", **how)
    return path


def repeated(text: str, rows: int = ROWS) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, "int32")), pa.array([text]))


@pytest.mark.slow
@pytest.mark.parametrize("case", ["one long text", "many columns", "pages of zeros"])
def test_kilobytes_that_stand_for_terabytes_take_no_memory(written: Written, case: str) -> None:
    """Before a text is written out a million times, and before a page is unpacked, its size is known."""
    texts = [f.name for f in schema("logs") if pa.types.is_string(f.type)]
    if case == "one long text":
        path = bomb(written.folder, {"message": repeated("x" * 50_000_000)})
    elif case == "many columns":
        path = bomb(written.folder, dict.fromkeys(texts, repeated("x" * 90_000)))
    else:
        path = bomb(written.folder, {"message": pa.array(["x" * 50_000_000])}, rows=1, use_dictionary=False)
        row = pq.read_table(path)
        with pq.ParquetWriter(path, row.schema, compression="zstd", use_dictionary=False) as file:
            for _ in range(22):
                file.write_table(row)
    assert path.stat().st_size < 100_000
    script = (
        "import re, sys, pathlib\n"
        "from gather_diagnostics.bundle import parquet\n"
        "import pandas, pyarrow.parquet\n"
        "try: parquet.from_parquet('logs', pathlib.Path(sys.argv[1]))\n"
        "except Exception as error: print(error)\n"
        "print(re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, path], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True
    )
    message, peak = run.stdout.splitlines()
    assert message == f"tables/logs.parquet takes more than {parquet.MAX_TABLE_BYTES} bytes of memory and is not read"
    # What is imported takes some 150 MB, the one long text a few times its 50 MB.
    assert int(peak) < 600_000


@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
def test_encodings_that_no_bundle_has_are_refused(written: Written, encoding: str) -> None:
    how: dict[str, Any] = {"use_dictionary": False, "column_encoding": {"message": encoding}}
    bomb(written.folder, {"message": pa.array(["x" * 1000] * 60)}, rows=60, **how)
    with pytest.raises(BundleError, match="an encoding that no bundle has"):
        read(written.folder)


def test_pages_without_number_are_refused(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_PAGES", 20)
    with pytest.raises(BundleError, match="it has more than 20 pages"):
        read(written.folder)


@pytest.mark.parametrize("how", [{}, {"data_page_version": "2.0"}, {"compression": "gzip"}, {"data_page_size": 100}])
def test_the_pages_tell_what_the_footer_of_an_honest_writer_tells(written: Written, how: dict[str, Any]) -> None:
    path = written.folder / "tables/logs.parquet"
    pq.write_table(pq.read_table(path), path, write_page_checksum=True, **how)
    with path.open("rb") as file:
        metadata = pq.read_metadata(file)
        groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
        said = sum(g.column(n).total_uncompressed_size for g in groups for n in range(metadata.num_columns))
        counted = pages.unpacked_bytes(file, metadata)
    # The footer counts the headers as well.
    assert 0.4 * said < counted <= said
    assert len(read(written.folder).tables["logs"]) == 60


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
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
