"""The document's claims: what they rest on, and that a document is found which says what its bundle does not."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import documentsample as sample
import pandas as pd
import pytest
from click.testing import CliRunner

from gather_diagnostics import Evidence, Gap, cli, pipeline, runner
from gather_diagnostics.bundle.manifest import digest
from gather_diagnostics.bundle.parquet import from_parquet, to_parquet
from gather_diagnostics.bundle.verifying import contradictions, verify
from gather_diagnostics.document import view
from gather_diagnostics.document.claims.comparing import Compared
from gather_diagnostics.document.claims.figures import find, stands_for, within
from gather_diagnostics.document.claims.recomputing import differs, recomputed
from gather_diagnostics.document.claims.statements import check, errors_of, filled, one_of
from gather_diagnostics.document.claims.texts import unlike

Json = dict[str, Any]


def evidence(*, broken: bool = True) -> Evidence:
    """The sample's tables, each of the source that covers it, with what the analyzers really find in them."""
    tables = {
        **sample.tables({"changes": sample.change_rows()}, "git"),
        **sample.tables({"logs": sample.log_rows(180 if broken else 0)}, "logfiles"),
        **sample.tables({"metrics": sample.metric_rows(broken)}, "prometheus"),
    }
    return runner.analyze(replace(sample.incident(), tables=tables, findings=()))


@pytest.fixture(scope="module")
def once() -> Evidence:
    return evidence()


@pytest.fixture(scope="module")
def whole(once: Evidence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pipeline.deliver(once, tmp_path_factory.mktemp("bundle")).folder


@pytest.fixture
def bundle(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "bundle"))


def reseal(folder: Path) -> None:
    """Hashes as somebody puts them right who knows how."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for path in manifest["files"]:
        content = (folder / path).read_bytes()
        manifest["files"][path] = {"sha256": digest(content), "bytes": len(content)}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name != "SHA256SUMS")
    sums = (f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in names)
    (folder / "SHA256SUMS").write_text("".join(sums))
    assert verify(folder) == []


def change_text(folder: Path, name: str, old: str, new: str, *, most: int = -1) -> None:
    text = (folder / name).read_text()
    assert old in text, f"{old} is not in {name}"
    (folder / name).write_text(text.replace(old, new, most))
    reseal(folder)


def change_json(folder: Path, change: Callable[[Json], None], name: str = "evidence.json") -> None:
    document = json.loads((folder / name).read_text())
    change(document)
    (folder / name).write_text(json.dumps(document))
    reseal(folder)


def change_table(folder: Path, table: str, change: Callable[[pd.DataFrame], None]) -> None:
    path = folder / "tables" / f"{table}.parquet"
    frame = from_parquet(table, path)
    change(frame)
    path.write_bytes(to_parquet(table, frame))
    reseal(folder)


def compared(folder: Path, once: Evidence | None = None) -> Compared:
    """Where no table was altered, the analyzers' answers are known: `once`."""
    return contradictions(folder, (lambda _: once) if once else runner.analyze)


def of_another_version(document: Json) -> None:
    document["tool"]["version"] = "0.0.9"


def claim(document: Mapping[str, Any], id_: str) -> Json:
    return next(c for c in document["claims"] if c["id"] == id_)


# What is claimed


def test_a_fresh_bundle_bears_out_every_claim(bundle: Path) -> None:
    found = compared(bundle)
    assert found.problems == ()
    assert found.unmade == ""
    assert found.claims > 40
    assert found.figures > 40


@pytest.mark.slow
@pytest.mark.parametrize("made", ["healthy", "interrupted", "partial", "empty", "no metrics"])
def test_so_do_partial_and_empty_ones(made: str, tmp_path: Path) -> None:
    whole = evidence(broken=made != "healthy")
    bundles = {
        "healthy": whole,
        "interrupted": replace(whole, interrupted=True),
        "partial": replace(whole, gaps=(*whole.gaps, Gap("git", "commits", "timeout", "12.5 s were not enough"))),
        "empty": runner.analyze(replace(whole, tables={}, coverage=(), raws={})),
        "no metrics": runner.analyze(replace(whole, tables={"logs": whole.tables["logs"]}, coverage=())),
    }
    assert compared(pipeline.deliver(replace(bundles[made], coverage=()), tmp_path).folder).problems == ()


def test_every_sentence_of_fact_is_a_claim() -> None:
    document = view(evidence())
    told = {c["at"]: c for c in document["claims"] if c["at"]}
    for place, finding in enumerate(document["findings"]):
        assert told[f"/findings/{place}/headline"]["supports"] == finding["supports"]
    for place, entry in enumerate(document["timeline"]):
        assert told[f"/timeline/{place}/what"]["id"] == f"claim:{entry['id']}"
    for place, change in enumerate(document["changes"]):
        for number, reason in enumerate(change["for"]):
            assert told[f"/changes/{place}/for/{number}/words"]["sentence"] == reason["words"]
    assert {c["id"] for c in document["claims"] if c["at"] is None} >= {"claim:since", "claim:how-bad"}
    assert len({c["id"] for c in document["claims"]}) == len(document["claims"])


def test_figures_of_the_sentences_are_recomputed() -> None:
    document = view(evidence())
    checks = {c["name"]: c for c in claim(document, "claim:latency:p95")["checks"]}
    assert {name: c["measure"] for name, c in checks.items()} == {
        "baseline": "median",
        "incident": "median",
        "peak": "max",
        "peak_time": "time_of_max",
    }
    sentence = claim(document, "claim:latency:p95")["sentence"]
    assert all(c["figure"] in sentence for c in checks.values())
    pattern = next(c for c in document["claims"] if c["kind"] == "pattern")
    assert {c["name"]: c["value"] for c in pattern["checks"]}["incident"] == 180


def test_equal_evidence_has_equal_ids_and_more_of_it_keeps_them() -> None:
    def ids(document: Mapping[str, Any]) -> set[str]:
        return {e["id"] for part in ("findings", "timeline", "changes", "gaps", "claims") for e in document[part]}

    one = evidence()
    frames = dict(one.tables)
    frames["events"] = sample.tables(
        {"events": [{"time": sample.ONSET, "ref": "x", "kind": "alert", "reason": "FIRING", "message": "errors"}]}
    )["events"]
    more = replace(one, tables=frames)
    assert ids(view(one)) == ids(view(evidence()))
    assert ids(view(one)) <= ids(view(more))
    assert len(ids(view(more)) - ids(view(one))) == 2


# What is found


@pytest.mark.parametrize("other_version", [False, True], ids=["this version", "another version"])
@pytest.mark.parametrize("where", ["evidence.json", "evidence.md", "evidence.html", "figure", "details", "both files"])
def test_an_altered_number_is_found(bundle: Path, where: str, other_version: bool, once: Evidence) -> None:
    headline = next(f for f in evidence().findings if f.id == "error_rate").headline
    digits = re.search(r"to (\d\.\d\d)%", headline)
    assert digits
    other = headline.replace(digits[0], "to 9.99%")
    if other_version:
        change_json(bundle, of_another_version)
    if where.startswith("evidence."):
        change_text(bundle, where, headline, other)
    elif where == "both files":
        change_text(bundle, "evidence.json", headline, other)
        change_text(bundle, "findings.json", headline, other)
    else:

        def change(document: Json) -> None:
            its = claim(document, "claim:error_rate")["checks"][1]
            finding = next(f for f in document["findings"] if f["id"] == "error_rate")
            if where == "figure":
                its["figure"] = "9.99%"
            else:
                its["value"] = finding["details"]["incident"] = 0.0999

        change_json(bundle, change)
    assert compared(bundle, once).problems


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["priority_actions"][0].update(action="Restart the database first."),
        lambda d: d["priority_actions"].clear(),
        lambda d: d["claims"].pop(),
        lambda d: d["findings"].pop(),
        lambda d: d["timeline"][0].update(time="2026-03-14T01:00:00+00:00"),
        lambda d: d["log_patterns"][0].update(incident=3),
        lambda d: d["changes"][0].update(probability=0.123),
        lambda d: d["severity"].update(proposed="low"),
        lambda d: d["onset"].update(time="2026-03-14T02:40:00+00:00"),
        lambda d: d["series"][0]["lines"][0]["points"][0].__setitem__(1, 9.0),
        lambda d: d["quotes"][0].update(text="nothing"),
        lambda d: d["tables"].update(logs=1),
        lambda d: d["coverage"][0]["rows"].update(changes=70),
        lambda d: d["error_rate"].clear(),
        lambda d: d["gaps"].clear(),
    ],
)
def test_whatever_else_is_altered_in_the_document_is_found(
    bundle: Path, change: Callable[[Json], None], once: Evidence
) -> None:
    change_json(bundle, change)
    assert compared(bundle, once).problems


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d["timeline"][2].update(what="nothing"), "another sentence stands at '/timeline/2/what'"),
        (lambda d: d["findings"][0].update(confidence=0.123), "and findings.json has"),
        (lambda d: d["error_rate"].clear(), "error_rate has 0 entries, and its findings have"),
        (lambda d: d["claims"][0].update(findings=["x"]), "there is no finding 'x'"),
        (lambda d: d["claims"][0]["supports"].append({"table": "logs", "rows": [9999], "total": 1}), "rests on rows"),
        (lambda d: d["claims"][0].update(at="/findings/99/x/y"), "another sentence stands"),
    ],
)
def test_a_document_of_another_version_has_to_agree_with_itself(
    bundle: Path, change: Callable[[Json], None], told: str, once: Evidence
) -> None:
    def altered(document: Json) -> None:
        of_another_version(document)
        change(document)

    change_json(bundle, altered)
    assert any(told in problem for problem in compared(bundle, once).problems)


def test_a_table_that_was_altered_is_found_by_the_claims_alone(bundle: Path) -> None:
    """The findings are not made anew for a document of another version: its own checks must tell."""

    def change(metrics: pd.DataFrame) -> None:
        late = (metrics["time"] > sample.ONSET + timedelta(minutes=3)) & (metrics["metric"] == "error_rate")
        metrics.loc[late, "value"] *= 0.5

    change_json(bundle, of_another_version)
    change_table(bundle, "metrics", change)
    problems = compared(bundle).problems
    assert any("claim:error_rate" in p and "incident is said to be" in p for p in problems)
    assert not any("log_errors" in p for p in problems)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("logs", "level", "INFO"),
        ("logs", "service", "cart"),
        ("changes", "time", pd.Timestamp("2026-03-14T01:00:00Z")),
    ],
)
@pytest.mark.parametrize("other_version", [False, True])
def test_altered_rows_are_found(bundle: Path, table: str, column: str, value: Any, other_version: bool) -> None:
    if other_version:
        change_json(bundle, of_another_version)
    rows = {"logs": slice(250, 300), "changes": slice(0, 7)}[table]

    def change(frame: pd.DataFrame) -> None:
        frame.loc[frame.index[rows], column] = value

    change_table(bundle, table, change)
    assert compared(bundle).problems


def test_findings_that_were_invented_everywhere_are_found(bundle: Path) -> None:
    """In findings.json, and every document made of them: only the analyzers can tell."""
    from gather_diagnostics.bundle import read
    from gather_diagnostics.bundle.reading import Findings
    from gather_diagnostics.bundle.serial import dump
    from gather_diagnostics.document import render

    found = read(bundle)
    lied = tuple(
        replace(f, headline="The database lost 42 rows.") if f.id == "saturation" else f for f in found.findings
    )
    assert lied != found.findings
    for name, content in render(view(replace(found, findings=lied))).items():
        (bundle / name).write_bytes(content)
    (bundle / "findings.json").write_bytes(dump(Findings(lied)))
    reseal(bundle)
    problems = compared(bundle).problems
    assert problems
    assert all("saturation" in p and "the analyzers give" in p for p in problems), problems


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"[]", b"\xff", b'{"schema": 2}', b"[" * 100_000, b'{"claims": [{"checks": [{"rows": [-1]}]}]}'],
)
def test_what_is_no_document_is_one_sentence(bundle: Path, text: bytes, once: Evidence) -> None:
    (bundle / "evidence.json").write_bytes(text)
    (problem,) = compared(bundle, once).problems
    assert problem.startswith("evidence.json is no")


@pytest.mark.parametrize("details", [{"signals": 5}, {"signals": [3]}, {"change": [], "for": 7}])
@pytest.mark.parametrize("id_", ["onset", "changes:x", "latency:p95"])
def test_odd_findings_make_no_traceback(bundle: Path, id_: str, details: Json, once: Evidence) -> None:
    def change(findings: Json) -> None:
        odd = {**findings["findings"][0], "id": id_, "question": id_.partition(":")[0], "details": details}
        findings["findings"] = [odd]

    change_json(bundle, change, "findings.json")
    assert compared(bundle, once).problems


@pytest.mark.slow
def test_no_more_checks_than_can_be_looked_at(bundle: Path, once: Evidence) -> None:
    def change(document: Json) -> None:
        its = claim(document, "claim:error_rate")
        document["claims"] = [{**its, "checks": its["checks"][:1] * 50}] * 101

    change_json(bundle, change)
    (problem,) = compared(bundle, once).problems
    assert "5050 checks" in problem


# The command


def test_the_command_tells_and_exits_as_verify_does(bundle: Path) -> None:
    run = CliRunner()
    done = run.invoke(cli.verify, ["--claims", str(bundle)], standalone_mode=False)
    assert done.return_value == 0
    assert re.search(r"\d+ claims stand, \d+ figures .* recomputed .*come out the same", done.output)
    change_text(bundle, "evidence.md", "180", "181")
    assert run.invoke(cli.verify, [str(bundle)], standalone_mode=False).return_value == 0
    failed = run.invoke(cli.verify, ["--claims", str(bundle)], standalone_mode=False)
    assert failed.exception.exit_code == 4
    assert "contradict it" in str(failed.exception)
    assert "evidence.md, line" in str(failed.exception)


def test_both_kinds_of_trouble_are_told(bundle: Path) -> None:
    text = (bundle / "evidence.md").read_text()
    (bundle / "evidence.md").write_text(text.replace("180", "181"))
    failed = CliRunner().invoke(cli.verify, ["--claims", str(bundle)], standalone_mode=False)
    assert "its SHA-256 differs" in str(failed.exception)
    assert "evidence.md, line" in str(failed.exception)


def test_a_document_of_another_version_is_held_to_its_claims(bundle: Path, once: Evidence) -> None:
    change_json(bundle, of_another_version)
    found = compared(bundle, once)
    assert found.problems == ()
    assert "written by version '0.0.9'" in found.unmade


# The parts


@pytest.mark.parametrize(
    ("sentence", "value", "figure"),
    [
        ("p95 rose from 234 ms to 1,299 ms (5.5 times)", 1.298585, "1,299 ms"),
        ("p95 rose from 234 ms to 1,299 ms", 0.234488, "234 ms"),
        ("rose from 0.27% to 6.21%", 0.062074, "6.21%"),
        ("rose from 0.27% to 6.21%", 0.0631, None),
        ("p95 is slow", 95, None),
        ("checkout-7 failed", 7, None),
        ("1,647 lines, 0 in the baseline", 0, "0"),
        ("1,647 lines", 647, None),
        ("first at 17:30:16 UTC", "2026-03-14T17:30:16.793000+00:00", "17:30:16"),
        ("since 17:30 UTC", "2026-03-14T18:30:16+01:00", "17:30"),
        ("since 17:30 UTC", "no time", None),
    ],
)
def test_the_figure_for_a_value_is_found(sentence: str, value: float | str, figure: str | None) -> None:
    assert find(sentence, value) == figure
    if figure:
        assert within(sentence, figure)
        assert stands_for(figure, value)


@pytest.mark.parametrize(
    ("measure", "table", "more", "wanted"),
    [
        ("lines", "logs", {"where": errors_of("checkout", one_of("template", sample.TEMPLATE))}, 180),
        ("rows", "logs", {"where": [one_of("level", "INFO")]}, 170),
        ("rows", "logs", {"where": [one_of("tenant", None)]}, 356),
        ("rows", "logs", {"where": [filled("tenant")]}, 0),
        ("different", "logs", {"column": "level"}, 2),
        ("share", "logs", {"where": [one_of("level", "ERROR")], "of": [], "window": "baseline"}, 4 / 94),
        ("lines_a_minute", "logs", {"where": [one_of("level", "INFO")], "window": "baseline"}, 1.5),
        ("first", "logs", {"where": [one_of("template", sample.TEMPLATE)]}, sample.ONSET.isoformat()),
        ("first", "logs", {"rows": []}, None),
        ("max", "metrics", {"where": [one_of("metric", "nothing")]}, None),
        ("rows", "spans", {}, 0),
    ],
)
def test_measures(measure: str, table: str, more: Json, wanted: Any) -> None:
    tables = sample.tables({"logs": sample.log_rows(), "metrics": sample.metric_rows()})
    if "window" in more:
        more = more | {"window": {"start": sample.BASELINE.start.isoformat(), "end": sample.BASELINE.end.isoformat()}}
    assert recomputed(check("x", measure, table, 0, **more), tables) == wanted


@pytest.mark.parametrize(
    "wrong",
    [
        {"table": "nothing"},
        {"table": "spans"},
        {"measure": "mean"},
        {"measure": "different"},
        {"measure": "share"},
        {"rows": [10**9]},
        {"where": [one_of("nothing", "x")]},
    ],
    ids=str,
)
def test_a_check_that_can_not_be_computed_is_a_problem(wrong: Json) -> None:
    tables = sample.tables({"logs": sample.log_rows()})
    given = check("x", "lines", "logs", 356)
    assert differs(given, "", tables) == ""
    assert "can't be recomputed" in differs({**given, **wrong, "measure": wrong.get("measure", "first")}, "", tables)


def test_no_check_may_be_laxer_than_all() -> None:
    tables = sample.tables({"logs": sample.log_rows()})
    assert "the tables give 356" in differs(check("x", "lines", "logs", 350, tolerance=1e9), "", tables)


def test_a_text_with_other_digits_is_found_and_others_are_left_alone() -> None:
    claims = [{"sentence": "Failing requests rose from 0.27% to 6.21%."}, {"sentence": "row 12 of 15"}]
    page = "<style>row 99 of 99</style><p>Failing requests <b>rose</b> from 0.27% to 6.21%.</p>"
    assert list(unlike("evidence.html", page, claims)) == []
    (problem,) = unlike("evidence.html", page.replace("6.21", "9.21"), claims)
    assert "to 9.21%" in problem
    assert list(unlike("evidence.md", r"row 12 of 15, arrow 34 of 99, row 12 of 155", claims)) == [
        "evidence.md: it says 'row 34 of 99' where evidence.json says 'row 12 of 15'"
    ]


@pytest.mark.parametrize("left", [(), ("logs",), ("metrics",), ("changes",)])
def test_findings_whose_tables_are_gone_still_make_a_document(left: tuple[str, ...], once: Evidence) -> None:
    """What is claimed is then contradicted, but nobody is left without a document."""
    tables = {name: once.tables[name] for name in left}
    document = view(replace(once, tables=tables))
    gone = [c for c in document["claims"] for k in c["checks"] if k["table"] not in left and k["value"]]
    assert gone
    assert all(any(differs(k, c["sentence"], tables) for k in c["checks"]) for c in gone)


def test_no_network_is_needed(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something was asked over the network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    assert compared(bundle).problems == ()
