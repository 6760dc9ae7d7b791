"""A bundle for people outside: no name is left, the same name is the same everywhere, and analysis finds the same."""

from __future__ import annotations

import ipaddress
import json
import stat
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import recordedsource
from click.testing import CliRunner
from conftest import NOW
from hypothesis import given, settings
from hypothesis import strategies as st
from propertywork import examples
from scenarioform import read as read_scenario
from scenarioplay import play

from gather_diagnostics import Gap, Request, Target, Window, plugins
from gather_diagnostics.bundle import read, verify, write
from gather_diagnostics.cli.share import share as command
from gather_diagnostics.document import render, view
from gather_diagnostics.model import Coverage, Evidence, KnownError
from gather_diagnostics.redaction.renaming import StandIns, finding, renamed
from gather_diagnostics.redaction.renaming.replacing import Renamer
from gather_diagnostics.runner import analyze
from gather_diagnostics.tables import to_batch, to_frame

HOME = "/" + "home/dana"
"""In two pieces, since no file of ours may mention a place on somebody's machine."""
NAMES = (
    "Dana Okafor", "dana.okafor", "Okafor", "acme-shop.com", "Łukasz", "Wójcik", "lukasz@acme", "jsmith", "bob77",
    "db-01", "web-07", "prod.acme", "grafana.acme", "10.20.30.40", "203.0.113.77", "2001:db9::1:42", "ip-10-1-2-3",
    "globex", "initech-eu", "555123", "481516234201", HOME, "ledger-2", "kafka.acme",
)  # fmt: skip
"""What must not be read any more, in small and large letters."""
DANA = "Dana Okafor <dana.okafor@acme-shop.com>"
PATCH = (
    f"commit 1b6a\nAuthor: {DANA}\nReviewed-by: Łukasz Wójcik <lukasz@acme-shop.com>\n\n"
    "+host = 'db-01.prod.acme.internal'\n"
)
MESSAGES = (
    "connect to db-01.prod.acme.internal:5432 failed: timeout after 250 ms",
    "user=jsmith tenant=globex order 5 refused by 10.20.30.40:8080",
    'upstream "web-07" answered 502 to 203.0.113.77 for GET /t/globex/orders/7',
    "login of bob77 failed; user \"bob77\" from 2001:db9::1:42",
    'posted to "https://grafana.acme.internal/d/1?var-host=db-01&orgId=3" by dana.okafor',
    "customer_id=555123 over its quota on ip-10-1-2-3.eu-west-1.compute.internal",
    f"wrote {HOME}/app.log for arn:aws:iam::481516234201:user/jsmith",
    "PoolTimeout: no connection to orders.prod.acme.internal, 3 of initech-eu wait",
)  # fmt: skip


def _frame(table: str, source: str, rows: list[Mapping[str, Any]]) -> Any:
    return to_frame(table, [to_batch(table, source, rows)])


@pytest.fixture
def evidence() -> Evidence:
    """Names in every place there is."""
    logs = [
        {"time": NOW - timedelta(seconds=60 * n), "ref": f"http://loki.acme-shop.com/x?q=%7Bhost%3D%22db-01%22%7D#{n}",
         "service": "checkout", "instance": ("web-07", "10.20.30.40:8080", "checkout-6d9f7c5b8-x7k2p")[n % 3],
         "level": "ERROR", "message": MESSAGES[n % len(MESSAGES)], "tenant": ("globex", "initech-eu", "42")[n % 3],
         "endpoint": "/t/globex/orders", "labels": {"node": "ip-10-1-2-3", "user": {"id": 7}, "customer_id": 555123}}
        for n in range(40)
    ]  # fmt: skip
    changes = [
        {"time": NOW - timedelta(hours=1), "ref": "raw/git/1b6a.diff", "id": "git:commit:1b6a", "kind": "commit",
         "service": "checkout", "author": DANA, "summary": "Raise the pool on db-01 (thanks @bob77)",
         "details": {"committer": "Łukasz Wójcik <lukasz@acme-shop.com>", "body": "As Dana said; cc @jsmith"}},
        {"time": NOW - timedelta(hours=2), "ref": "aws://x", "id": "cloudtrail:1", "kind": "config", "author": "jsmith",
         "service": "checkout", "summary": "UpdateService by jsmith", "details": {"account": "481516234201"}},
    ]  # fmt: skip
    metrics = [
        {"time": NOW - timedelta(seconds=30 * n), "ref": "http://prom.prod.acme.internal:9090/g",
         "metric": "latency", "stat": "p95", "value": 0.2, "unit": "s", "service": "checkout",
         "instance": "web-07:9100", "labels": {"host": "db-01", "tenant": "globex"}}
        for n in range(40)
    ]  # fmt: skip
    tables = {
        "changes": _frame("changes", "git", changes),
        "logs": _frame("logs", "loki", logs),
        "metrics": _frame("metrics", "prometheus", metrics),
    }
    hour = timedelta(hours=1)
    known = KnownError("own", (r"connect to db-01\.prod\.acme\.internal",), "our database", "it is down")
    request = Request(
        "checkout", NOW, Window(NOW - hour, NOW), Window(NOW - 2 * hour, NOW - hour), Window(NOW - 24 * hour, NOW),
        description="globex says checkout is slow, asks Dana Okafor", owner=DANA, dependencies=("orders",),
        runbooks=("https://wiki.acme-shop.com/checkout",), known_errors=(known,),
    )  # fmt: skip
    target = Target("commits", f"{HOME}/src/shop", "origin is git@git.acme-shop.com:shop/checkout.git")
    gap = Gap("prometheus", "metrics", "unreachable", "kafka.acme-shop.com: no route", "ssh jsmith@web-07 restart")
    raws = {"git/1b6a.diff": PATCH, "loki/web-07.json": json.dumps({"host": "web-07", "by": "Łukasz Wójcik"}),
            "notes/a.txt": "mount ledger-2.acme.internal: ledger-2 is full"}  # fmt: skip
    return Evidence(request, tables, (Coverage("git", (target,), {"changes": 2}, 1.0, "complete"),), (gap,), raws=raws)


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(f for f in folder.rglob("*") if f.is_file()):
        path = str(file.relative_to(folder))
        if file.suffix == ".parquet":
            table = pq.read_table(file)
            columns = [c.drop_null().unique().to_pylist() for c in table.columns if pa.types.is_string(c.type)]
            yield path, "\n".join(text for column in columns for text in column)
        else:
            yield path, f"{path}\n{file.read_text()}"


@pytest.fixture
def private(evidence: Evidence, tmp_path: Path) -> Path:
    analyzed = analyze(evidence)
    return write(analyzed, render(view(analyzed)), tmp_path / "private").folder


def _shared(private: Path, out: Path) -> Path:
    ran = CliRunner().invoke(command, [str(private), "--out", str(out)], standalone_mode=False)
    assert ran.exception is None, ran.output
    assert ran.return_value == 0
    (folder,) = (p for p in out.iterdir() if p.is_dir())
    assert str(folder) in ran.output
    return folder


def test_no_file_of_it_shows_a_name(private: Path, tmp_path: Path) -> None:
    whole = "\n".join(text for _, text in _texts(private)).lower()
    assert [n for n in NAMES if n.lower() not in whole] == [], "the test would find nothing"
    shared = _shared(private, tmp_path / "out")
    seen = [(name, path) for path, text in _texts(shared) for name in NAMES if name.lower() in text.lower()]
    assert not seen, "\n".join(map(str, seen))
    assert verify(shared) == []
    assert verify(private) == [], "the private one is as it was sealed"


def test_the_way_back_stays_with_the_private_one(private: Path, tmp_path: Path) -> None:
    shared = _shared(private, tmp_path / "out")
    names = private.parent / f"{private.name}.names.json"
    assert stat.S_IMODE(names.stat().st_mode) == 0o600
    mapping = json.loads(names.read_text())["names"]
    assert {"dana okafor", "dana.okafor", "dana.okafor@acme-shop.com"} <= set(mapping["person"]["person-1"])
    assert ["globex"] in mapping["tenant"].values()
    assert not list(tmp_path.glob("out/**/*names*"))
    _shared(private, tmp_path / "again")
    assert (private.parent / f"{private.name}.names-2.json").exists(), "an earlier way back is never lost"
    assert [text for _, text in _texts(shared)] == [text for _, text in _texts(next((tmp_path / "again").glob("*d")))]


def test_the_same_name_is_the_same_everywhere(evidence: Evidence) -> None:
    stand_ins = StandIns()
    shared, _ = renamed(evidence, stand_ins)
    dana = stand_ins.of("person", "Dana Okafor")
    assert shared.request.owner == f"{dana} <{dana}@mail.example>" == shared.tables["changes"]["author"].iloc[1]
    assert f"asks {dana}" in shared.request.description
    assert f"Author: {dana} <{dana}@mail.example>" in shared.raws["git/1b6a.diff"]
    globex, host = stand_ins.of("tenant", "globex"), stand_ins.of("host", "db-01")
    logs, metrics = shared.tables["logs"], shared.tables["metrics"]
    assert set(logs["endpoint"]) == {f"/t/{globex}/orders"}
    assert json.loads(metrics["labels"].iloc[0]) == {"host": host, "tenant": globex}
    assert any(f"connect to {host}.example:5432 failed" in m for m in logs["message"])
    assert logs["ref"].str.contains(f"%22{host}%22").all(), "in an escaped query too"
    assert any("checkout-6d9f7c5b8-x7k2p" in i for i in logs["instance"]), "a service's pods keep their names"
    assert any("orders.host-" in m for m in logs["message"]), "so does a service at the head of its host"
    assert shared.request.known_errors[0].patterns == (f"connect to {host}.example",)


def test_addresses_stay_addresses_and_differ(evidence: Evidence) -> None:
    stand_ins = StandIns()
    text = Renamer(finding.find(evidence, ()), stand_ins).text
    shown = text("10.1.1.1 10.1.1.2 10.1.1.1 127.0.0.1 2001:db9::1 169.254.169.254 at 10:15:00").split()
    assert shown[0] == shown[2] != shown[1]
    assert all(ipaddress.ip_address(a) in ipaddress.ip_network("198.18.0.0/15") for a in shown[:3])
    assert ipaddress.ip_address(shown[4]) in ipaddress.ip_network("2001:db8::/32")
    assert shown[3:4] + shown[5:] == ["127.0.0.1", "169.254.169.254", "at", "10:15:00"]
    many = {stand_ins.of("address", f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(140_000)}
    assert len(many) == 140_000


def test_twice_is_as_once(evidence: Evidence) -> None:
    stand_ins = StandIns()
    shared, renamer = renamed(evidence, stand_ins)
    for text in (*shared.tables["logs"]["message"], *shared.raws.values(), shared.request.description):
        assert renamer.text(text) == text


def test_a_name_that_still_shows_stops_it_and_leaves_nothing(
    private: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gather_diagnostics import document

    monkeypatch.setattr(document, "render", lambda shown: {"evidence.md": b"written by Dana Okafor"})
    ran = CliRunner().invoke(command, [str(private), "--out", str(tmp_path / "out")], standalone_mode=False)
    assert "evidence.md" in str(ran.exception)
    assert "Dana" not in str(ran.exception)
    assert getattr(ran.exception, "exit_code", 0) == 4
    assert not (tmp_path / "out").exists()
    assert not list(private.parent.glob("*.names*"))


@settings(max_examples=examples(200), deadline=None)
@given(st.text(max_size=200))
def test_any_text_survives(text: str) -> None:
    hour = timedelta(hours=1)
    window = Window(NOW - hour, NOW)
    found = finding.find(Evidence(Request("checkout", NOW, window, window, window), {}, (), ()), [text])
    renamer = Renamer(found, StandIns())
    once = renamer.text(text)
    assert renamer.text(once) == once


SCENARIOS = (
    "one_tenant",
    "database_down",
    "login_burst",
    "bad_deploy",
    "dns_failure",
    "node_failure",
    "trace_into_library",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_analysis_finds_the_same_up_to_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "entry_points", recordedsource.installed)
    scenario = read_scenario(Path(__file__).parents[1] / "scenarios" / f"{name}.yaml")
    played = play(scenario, tmp_path, NOW)
    before = read(played.bundle)
    shared, renamer = renamed(before, StandIns())
    after = analyze(shared)
    assert {t: len(f) for t, f in shared.tables.items()} == {t: len(f) for t, f in before.tables.items()}
    wanted = [renamer.value(_plain(f)) for f in before.findings]
    assert [_plain(f) for f in after.findings] == wanted


def _plain(finding_: Any) -> Any:
    return json.loads(json.dumps(asdict(replace(finding_)), default=str))
