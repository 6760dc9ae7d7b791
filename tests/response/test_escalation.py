"""The escalation matrix: the shipped one, one's own, and what is wrong with a file."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import yaml

from gather_diagnostics.errors import ConfigError
from gather_diagnostics.response import escalation
from gather_diagnostics.response.severity import SCHEMES

SHIPPED = Path(__file__).parents[2] / "runbooks" / "escalation-matrix.yaml"
TINY = """\
scheme: words
levels:
  critical: {respond_within: 5m, update_every: 15m, notify: [oncall], then: {1h: [boss], 10m: [second]}}
  high: {respond_within: 10m, update_every: 1h, notify: [oncall]}
  medium: {respond_within: 1d, update_every: 2d, notify: [oncall]}
  low: {respond_within: 2d, update_every: 7d, notify: [oncall]}
roles:
  oncall: whoever has the phone
  second: the next one
  boss:
"""


def judged(level: str, scheme: str = "sev") -> dict[str, str]:
    return {"level": level, "scheme": scheme}


def test_the_shipped_matrix_becomes_calmer_with_each_level() -> None:
    levels = escalation.read(None).levels
    assert len(levels) == 4
    for worse, better in itertools.pairwise(levels):
        assert worse.respond_minutes <= better.respond_minutes
        assert worse.update_minutes <= better.update_minutes
        assert worse.respond_minutes <= worse.update_minutes


def test_every_shipped_runbook_names_a_role_of_the_shipped_matrix() -> None:
    roles = escalation.roles(escalation.read(None))
    texts = {path.name: path.read_text() for path in SHIPPED.parent.glob("*.md")}
    named = {name: next(iter(yaml.safe_load_all(text.split("\n---")[0])))["escalation"] for name, text in texts.items()}
    assert {name: role for name, role in named.items() if role not in roles} == {}


def test_a_plan_tells_who_is_called_when(tmp_path: Path) -> None:
    path = tmp_path / "matrix.yaml"
    path.write_text(TINY)
    matrix = escalation.read(path)
    assert escalation.plan(judged("SEV1"), matrix, "team-orders") == {
        "respond_minutes": 5,
        "update_minutes": 15,
        "notify": ["oncall"],
        "owner": "team-orders",
        "then": [{"after_minutes": 10, "notify": ["second"]}, {"after_minutes": 60, "notify": ["boss"]}],
    }
    assert escalation.plan(judged("P2", "p0"), matrix, "")["respond_minutes"] == 24 * 60
    assert escalation.roles(matrix) == {"oncall", "second", "boss"}


def test_nobody_is_called_where_nothing_calls_for_it() -> None:
    plan = escalation.plan(judged(""), escalation.read(None), "team-orders")
    assert plan == {"respond_minutes": 0, "update_minutes": 0, "notify": [], "owner": "team-orders", "then": []}


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_levels_may_be_named_in_any_scheme(scheme: str) -> None:
    text = TINY.replace("scheme: words", f"scheme: {scheme}")
    for old, new in zip(SCHEMES["words"], SCHEMES[scheme], strict=True):
        text = text.replace(f"  {old}:", f"  {new}:")
    assert escalation.parse(text, "m.yaml").levels[1].update_minutes == 60


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("  low:", "  lowest:", "m.yaml:6: levels.lowest: is no level"),
        ("  low: {respond_within: 2d, update_every: 7d, notify: [oncall]}\n", "", "m.yaml:2: levels: low is missing"),
        ("respond_within: 10m", "respond_within: soon", "m.yaml:4: levels.high.respond_within: needs a time such as"),
        ("respond_within: 10m, ", "", "m.yaml:4: levels.high.respond_within: needs a time such as"),
        ("respond_within: 10m", "respond_within: 10s", "m.yaml:4: levels.high.respond_within: 10s is less than a min"),
        ("10m: [second]", "10m: [nobody]", "m.yaml:3: levels.critical.then.10m.0: 'nobody' is not among the roles"),
        ("10m: [second]", "10: [second]", "m.yaml:3: levels.critical.then.10: needs a time"),
        ("then: {1h: [boss], 10m: [second]}", "then: [boss]", "m.yaml:3: levels.critical.then: needs lines such as"),
        ("notify: [oncall]}\n  medium", "notify: []}\n  medium", "m.yaml:4: levels.high.notify: names nobody"),
        ("update_every: 1h", "update: 1h", "m.yaml:4: levels.high.update: there is no such key"),
        ("scheme: words", "scheme: stars", "m.yaml:1: scheme: 'stars' is none of"),
        ("scheme: words", "schema: words", "m.yaml:1: schema: there is no such key: did you mean scheme?"),
        ("  critical: {", "  critical: 5 #{", "m.yaml:3: levels.critical: needs the keys"),
        (TINY, "- a\n- b\n", "m.yaml:1: expected 'key: value' lines"),
        (TINY, "", "m.yaml:1: roles: needs keys of its own"),
        ("roles:", "roles: [", "not valid YAML"),
        ("  oncall: whoever has the phone", "  oncall: &x me\n  x: *x", "aliases (*name) are not supported"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line_and_key(old: str, new: str, complaint: str) -> None:
    assert old in TINY
    with pytest.raises(ConfigError) as raised:
        escalation.parse(TINY.replace(old, new, 1), "m.yaml")
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't read the escalation matrix .*nowhere"):
        escalation.read(tmp_path / "nowhere")
    (tmp_path / "latin").write_bytes("rôles: 1".encode("latin-1"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        escalation.read(tmp_path / "latin")
    (tmp_path / "long").write_text("#" * 200_001)
    with pytest.raises(ConfigError, match="larger than 200,000 bytes"):
        escalation.read(tmp_path / "long")
