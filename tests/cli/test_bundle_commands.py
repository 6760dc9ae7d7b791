"""`show`, `diff`, `open` and `query` as a person types them, on bundles of one's own and of strangers."""

from __future__ import annotations

import atexit
import csv
import gc
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import webbrowser
from pathlib import Path

import documentsample as sample
import pytest

from gather_diagnostics import Evidence
from gather_diagnostics.bundle import Written, write
from gather_diagnostics.document import render, view
from gather_diagnostics.tables import to_batch, to_frame

FORMULAS = ["=1+1", "+1", "-1+2", "@x", "\t=1", "plain", "\x1b[31mred"]


@pytest.fixture(scope="module", autouse=True)
def _duckdb_ends_quietly() -> None:
    """Its binding tells of objects that are left at the end; `pipeline`, which `query` does not load, keeps them."""
    from gather_diagnostics import pipeline  # noqa: F401

    atexit.unregister(gc.freeze)


def bundled(evidence: Evidence, place: Path) -> Written:
    return write(evidence, render(view(evidence)), place)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return bundled(sample.incident(), tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: asked.append(url) is None)
    return asked


# show


@pytest.mark.parametrize(
    ("format_", "begins"),
    [("text", "checkout: "), ("md", "# checkout"), ("jira", "h1. checkout"), ("slack", "{"), ("json", "{")],
)
def test_show_prints_every_form(run, written: Written, format_: str, begins: str) -> None:
    for bundle in (written.folder, written.archive):
        ran = run("show", bundle, "--format", format_)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith(begins)
        assert "7.10%" in ran.out
        assert "\x1b" not in ran.out


def test_show_prints_one_section(run, written: Written) -> None:
    assert run("show", written.folder, "--section", "gaps").out.startswith("Gaps, and how to mend them")
    assert set(run("show", written.folder, "--section", "why", "--format", "json").json) >= {"changes", "verdict"}
    assert run("show", written.folder, "--section", "nix").code == 1
    assert run("show", written.folder, "--section", "others").out == "This bundle has nothing in that section.\n"


def test_show_is_what_the_bundle_holds(run, written: Written) -> None:
    assert run("show", written.folder, "--format", "md").out == (written.folder / "evidence.md").read_text()
    assert run("show", written.folder, "--format", "json").json == json.loads(
        (written.folder / "evidence.json").read_text()
    )


@pytest.mark.parametrize("command", ["show", "open", "query"])
def test_what_is_no_bundle_is_one_sentence(run, tmp_path: Path, command: str) -> None:
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "nowhere", tmp_path / "empty"):
        ran = run(command, place, *(["SELECT 1"] if command == "query" else []))
        assert ran.code == 1
        assert ran.err.startswith("error: ")
        assert len(ran.err.splitlines()) == 1


def on_terminal(place: Path, *arguments: object, **environment: str) -> str:
    """What a person sees, through a pager that only passes on; colours go to one called less."""
    (place / "less").write_text("#!/bin/sh\nexec cat\n")
    (place / "less").chmod(0o755)
    master, slave = pty.openpty()
    known = {"PAGER": str(place / "less"), "TERM": "xterm", "COLUMNS": "80", "LANG": "C.UTF-8"}
    command = [sys.executable, "-m", "gather_diagnostics", *map(str, arguments)]
    with subprocess.Popen(command, stdout=slave, stdin=slave, env=os.environ | known | environment) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:  # Linux' way to say that the other end is closed
                break
            if not piece:
                break
            shown += piece
    os.close(master)
    assert process.returncode == 0
    return shown.decode()


@pytest.mark.slow
def test_a_terminal_gets_colours_and_nothing_else_of_the_kind(tmp_path: Path) -> None:
    folder = bundled(sample.hostile(), tmp_path).folder
    shown = on_terminal(tmp_path, "show", folder)
    escapes = set(re.findall("\x1b\\[[0-9;]*[A-Za-z]", shown))
    assert "\x1b[1m" in escapes
    assert escapes <= {"\x1b[1m", "\x1b[2m", "\x1b[0m"}
    assert shown.count("\x1b") == len(re.findall("\x1b\\[[012]m", shown))
    assert "\x1b" not in on_terminal(tmp_path, "show", folder, NO_COLOR="1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format_", "begins"), [("md", "# checkout"), ("jira", "h1. checkout"), ("slack", '{\n "text"')]
)
def test_a_run_prints_what_show_prints_of_its_bundle(run, tmp_path: Path, format_: str, begins: str) -> None:
    ran = run("demo", "--quiet", "--format", format_)
    assert ran.out.startswith(begins)
    (folder,) = (path for path in tmp_path.iterdir() if path.name.startswith("evidence-") and path.is_dir())
    assert ran.out == run("show", folder, "--format", format_).out


# open


def test_open_starts_the_browser_on_the_bundles_own_page(run, written: Written, opened: list[str]) -> None:
    ran = run("open", written.folder)
    assert ran.code == 0
    assert ran.out == f"{written.folder / 'evidence.html'}\n"
    assert opened == [(written.folder / "evidence.html").as_uri()]


def test_open_makes_the_page_anew_for_an_archive(
    run, written: Written, opened: list[str], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ran = run("open", written.archive)
    page = Path(ran.out.strip())
    assert page.read_bytes() == (written.folder / "evidence.html").read_bytes()
    assert (page.stat().st_mode & 0o777, page.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert opened == [page.as_uri()]
    assert "made anew" in ran.err


def test_no_strangers_page_gets_to_the_browser(run, opened: list[str], tmp_path: Path, monkeypatch) -> None:
    """Its hashes are right: whoever makes a bundle can make them so."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    documents = render(view(sample.incident())) | {"evidence.html": b"<script>alert(1)</script>"}
    folder = write(sample.incident(), documents, tmp_path / "theirs").folder
    assert run("verify", folder).code == 0
    ran = run("open", folder)
    assert ran.code == 0
    assert not Path(ran.out.strip()).is_relative_to(folder)
    assert b"alert(1)" not in Path(ran.out.strip()).read_bytes()
    assert opened == [Path(ran.out.strip()).as_uri()]


def test_an_altered_bundle_is_not_opened(run, opened: list[str], tmp_path: Path) -> None:
    folder = bundled(sample.incident(), tmp_path).folder
    with (folder / "evidence.html").open("a") as page:
        page.write("<!-- -->")
    ran = run("open", folder)
    assert ran.code == 4
    assert "its SHA-256 differs" in ran.err
    assert opened == []


def test_without_a_browser_the_path_is_printed(run, written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    ran = run("open", written.folder)
    assert (ran.code, ran.out) == (0, f"{written.folder / 'evidence.html'}\n")
    assert "No browser was found" in ran.err


# diff


def test_diff_compares_two_bundles(run, written: Written, tmp_path: Path) -> None:
    healthy = bundled(sample.healthy(), tmp_path).archive
    ran = run("diff", written.folder, healthy)
    assert ran.code == 0
    assert ran.out.startswith("checkout: Better")
    assert "ends no later than the first's" in ran.out
    assert run("diff", written.folder, healthy, "--format", "json").json["verdict"] == "better"
    assert run("diff", written.folder, tmp_path / "nowhere").code == 1


# query


def test_query_answers_as_table_csv_and_json(run, written: Written) -> None:
    sql = "SELECT row, kind, time FROM changes WHERE author = 'Amara Okafor'"
    table = run("query", written.folder, sql)
    assert table.code == 0
    assert table.out.splitlines()[0].split() == ["row", "kind", "time"]
    assert table.out.splitlines()[-1] == "(1 row)"
    (found,) = run("query", written.archive, sql, "--format", "json").json
    assert found["kind"] == "commit"
    assert found["time"] == "2026-03-14T02:09:04+00:00"
    lines = run("query", written.folder, sql, "--format", "csv").out.splitlines()
    assert lines == ['"row","kind","time"', f'{found["row"]},"commit","2026-03-14T02:09:04+00:00"']


def test_row_is_the_number_that_the_document_names(run, written: Written) -> None:
    quote = next(q for q in view(sample.incident())["quotes"] if q["table"] == "logs")
    (found,) = run("query", written.folder, f"FROM logs WHERE row = {quote['row']}", "--format", "json").json
    assert found["ref"] == quote["ref"]


def test_query_shows_200_rows_and_says_how_many_there_are(run, written: Written) -> None:
    out = run("query", written.folder, "FROM logs").out.splitlines()
    assert len(out) == 203
    assert out[-1] == "(356 rows, 156 of them not shown: --format csv or json has all)"
    assert len(run("query", written.folder, "FROM logs", "--format", "json").json) == 356
    assert run("query", written.folder, "FROM logs WHERE false").out.splitlines()[-1] == "(0 rows)"
    assert run("query", written.folder, "FROM logs WHERE false", "--format", "json").json == []


@pytest.mark.parametrize(
    "sql",
    ["SHOW TABLES", "DESCRIBE logs", "SUMMARIZE changes", "WITH a AS (SELECT 1 AS x) FROM a", "VALUES (1)",
     "EXPLAIN SELECT 1", "SELECT details->>'$.files' FROM changes",
     "SELECT [1, NULL] AS a, {'b': 1.5::DECIMAL(9, 2)} AS b, 'x'::BLOB AS c, INTERVAL 1 DAY AS d, 1 AS e, 2 AS e,"
     " 'nan'::DOUBLE AS f, TIME '10:00' AS g, NULL AS h, 10::HUGEINT AS i, true AS j"],
)  # fmt: skip
def test_what_only_reads_is_answered(run, written: Written, sql: str) -> None:
    for format_ in ("table", "csv", "json"):
        ran = run("query", written.folder, sql, "--format", format_)
        assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT * FROM read_text('/etc/passwd')", "sees the tables of the bundle and nothing else"),
        ("SELECT * FROM read_csv('/etc/passwd')", "sees the tables of the bundle and nothing else"),
        ("SELECT * FROM glob('/etc/*')", "sees the tables of the bundle and nothing else"),
        ("FROM '/etc/passwd'", "The tables of the bundle are changes, logs, metrics"),
        ("FROM read_parquet('https://example.com/x.parquet')", "sees the tables of the bundle and nothing else"),
        ("FROM sniff_csv('/etc/passwd')", "sees the tables of the bundle and nothing else"),
        ("EXPLAIN ANALYZE COPY changes TO '{out}'", "nothing"),
        ("COPY changes TO '{out}'", "only reads"),
        ("EXPORT DATABASE '{out}'", "only reads"),
        ("INSTALL httpfs", "only reads"),
        ("LOAD '/tmp/evil.so'", "only reads"),
        ("ATTACH '{out}'", "only reads"),
        ("SET enable_external_access = true", "only reads"),
        ("RESET lock_configuration", "only reads"),
        ("PRAGMA database_list", "only reads"),
        ("CREATE TABLE x AS SELECT 1", "only reads"),
        ("DROP VIEW logs", "only reads"),
        ("SELECT 1; COPY changes TO '{out}'", "holds several statements"),
        ("", "holds no statement"),
        ("SELEC 1", "syntax error"),
        ("SELECT nix FROM logs", 'Referenced column "nix" not found'),
        ("FROM evidence", "does not exist! The tables of the bundle are changes, logs, metrics"),
        ("SELECT 'x'::INT", "Could not convert"),
        ("FROM range(1000000000)", "ask for fewer rows or columns"),
        pytest.param(
            "SELECT list(i) FROM range(2000000000) t(i)", "takes more than 1GB of memory", marks=pytest.mark.slow
        ),
        ("SELECT 'infinity'::TIMESTAMPTZ", "cast it to VARCHAR"),
        ("SELECT error('boom')", "boom"),
    ],
)  # fmt: skip
def test_what_does_more_than_read_the_tables_fails_with_a_sentence(
    run, written: Written, tmp_path: Path, sql: str, words: str
) -> None:
    out = tmp_path / "written"
    ran = run("query", written.folder, sql.format(out=out))
    assert ran.code == 1
    assert words in ran.err
    assert ran.out == ""
    assert len(ran.err.splitlines()) == 1
    assert "root:" not in ran.err
    assert not out.exists()


def test_a_variable_of_ours_is_no_table(run, written: Written) -> None:
    for name in ("tables", "frame", "connection", "sql"):
        assert "does not exist" in run("query", written.folder, f"FROM {name}").err


def test_csv_runs_nothing_in_a_spreadsheet_and_moves_no_cursor(run, tmp_path: Path) -> None:
    rows = [{"time": sample.NOW, "ref": "x", "message": text, "level": "ERROR"} for text in FORMULAS]
    frames = {"logs": to_frame("logs", [to_batch("logs", "sample", rows)])}
    folder = bundled(Evidence(sample.request(), frames, (), ()), tmp_path).folder
    out = run("query", folder, "SELECT message, -1 AS n FROM logs", "--format", "csv").out
    cells = [row[0] for row in csv.reader(io.StringIO(out))][1:]
    assert not any(re.match(r"\s*[=+\-@]", cell) for cell in cells)
    assert "plain" in cells
    assert "\x1b" not in out
    assert all(line.endswith(",-1") for line in out.splitlines()[1:]), "a number is no formula"
    for format_ in ("table", "json"):
        assert "\x1b" not in run("query", folder, "FROM logs", "--format", format_).out


@pytest.mark.slow
def test_ctrl_c_stops_a_query(written: Written) -> None:
    sql = "SELECT count(*) FROM range(100000000) a, range(100000000) b"
    command = [sys.executable, "-m", "gather_diagnostics", "query", str(written.folder), sql]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            time.sleep(4)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=15)
        finally:
            process.kill()
    assert process.returncode == 130
    assert b"Traceback" not in err
