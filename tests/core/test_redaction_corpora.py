"""Redaction against what the field's scanners know, and against what they are known to miss."""

from __future__ import annotations

import base64
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from propertywork import examples
from pydantic import ValidationError
from redactionwork import HIDDEN, log_batch

from benchmarks import disguises, scanner_rules
from benchmarks.planting import ALPHANUMERIC, MAKERS, leaked, readable
from gather_diagnostics import config
from gather_diagnostics.errors import ConfigError
from gather_diagnostics.redaction import Redactor, custom, patterns
from gather_diagnostics.redaction.settings import Redaction

SEED = 20_260_314
"""Not the benchmark's, whose values the rules were looked at with."""
TOKEN = "ghp_" + "a1B2" * 9
CODE = {"my_password = foo(hey)you", "kind: ExternalSecret"}
"""Beginnings of ordinary texts that are replaced nevertheless: code that could be a password, and a name as a value."""


@pytest.mark.parametrize("sample", list(scanner_rules.samples(SEED, 2)), ids=lambda s: s.rule)
def test_every_scanner_rules_values_are_caught(sample: scanner_rules.Sample) -> None:
    assert leaked(sample.secret, sample.text)

    shown = SHARED.text(sample.text, "x")

    assert not leaked(sample.secret, shown), shown


@pytest.mark.parametrize("text", scanner_rules.ORDINARY)
def test_the_scanners_false_positives_stay(text: str) -> None:
    if not text.startswith(tuple(CODE)):
        assert SHARED.text(text, "x") == text


@pytest.mark.parametrize("kind", disguises.KINDS)
@pytest.mark.parametrize("disguise", disguises.DISGUISES)
def test_disguises(disguise: str, kind: str) -> None:
    for number in range(5):
        rng = random.Random(f"{SEED} {disguise} {kind} {number}")
        made = MAKERS[kind](rng)
        worn = disguises.DISGUISES[disguise](rng, made.key, made.value)

        shown = "\n".join(Redactor().text(record, "x") for record in worn.records)
        cells = Redactor().batch("logs", log_batch(worn.records)).column("message").to_pylist()

        assert not any(readable(piece, shown) for piece in worn.pieces), shown
        assert not any(readable(piece, "\n".join(cells)) for piece in worn.pieces), cells


@given(
    st.text(ALPHANUMERIC, min_size=24, max_size=60).filter(
        lambda t: any(map(str.isdigit, t)) and any(map(str.isupper, t)) and any(map(str.islower, t))
    ),
    st.sampled_from(sorted(disguises.DISGUISES)),
    st.integers(0, 2**32),
)
@settings(max_examples=examples(300))
def test_no_secret_is_left_in_any_disguise(secret: str, disguise: str, seed: int) -> None:
    worn = disguises.DISGUISES[disguise](random.Random(seed), "client_secret", secret)

    shown = "\n".join(SHARED.text(record, "x") for record in worn.records)

    assert secret not in shown
    assert not any(len(piece) >= 12 and piece in shown for piece in worn.pieces), shown


SHARED = Redactor()


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_key_block_in_records_of_its_own_goes_to_its_last_line(cut: int) -> None:
    """Also where one batch ends in the midst of it; what other streams say in between stays."""
    worn = disguises.key_block(random.Random(cut))
    shared, shown = Redactor(), []
    for part in (worn.records[:cut], worn.records[cut:]):
        lines = [line for record in part for line in (f"INFO {record}", "ok")]
        rows = log_batch(lines)
        instances = ["a", "b"] * (len(lines) // 2)
        index = rows.schema.get_field_index("instance")
        rows = rows.set_column(index, "instance", _strings(instances, rows.schema.field(index).type))
        shown += shared.batch("logs", rows).column("message").to_pylist()

    assert not any(piece in "\n".join(shown) for piece in worn.pieces)
    assert shown[1::2] == ["ok"] * len(worn.records)
    assert (shown[0], shown[-2]) == ("INFO starting", "INFO listening on 8080")


def _strings(values: list[str], kind: Any) -> Any:
    import pyarrow as pa

    return pa.array(values, kind)


def digests(*texts: str) -> set[str]:
    return {match[0][-9:-1] for text in texts for match in patterns.PLACEHOLDER.finditer(text)}


def test_a_secret_has_one_placeholder_in_tables_raws_and_encodings() -> None:
    """Plain, in JSON in JSON, base64, in a Secret's manifest, broken over lines, in a column of JSON."""
    shared = Redactor()
    value = base64.b64encode(HIDDEN.encode()).decode()
    batch = shared.batch("logs", log_batch([f"password={HIDDEN}"], labels={"db_password": HIDDEN}))
    texts = (
        json.dumps({"log": json.dumps({"password": HIDDEN})}),
        f"kind: Secret\ndata:\n  a: {value}\n",
        f'{{"kind":"Secret","data":{{"a":"{value}"}}}}',
        f"postgres://shop:{HIDDEN}@db/x",
    )
    raws = [shared.text(text, "raw/git") for text in texts]

    assert len(digests(*raws, str(batch.to_pylist()))) == 1
    wrapped = f"{'x' * 40} {TOKEN[:20]}\n  {TOKEN[20:]}"
    plain = base64.b64encode(TOKEN.encode()).decode()
    assert len(digests(*(shared.text(t, "raw/git") for t in (TOKEN, wrapped, plain)))) == 1


def test_secrets_in_a_column_of_manifests() -> None:
    manifest = {"kind": "Secret", "data": {"a.conf": "bm9uc2Vuc2U="}, "stringData": {"b": HIDDEN}, "type": "Opaque"}

    shown = Redactor().batch("logs", log_batch(["x"], labels={"object": manifest})).column("labels")[0].as_py()

    assert HIDDEN not in shown
    assert "bm9uc2" not in shown
    assert json.loads(shown)["object"]["type"] == "Opaque"


@pytest.mark.parametrize(
    "text",
    [
        "kind: ConfigMap\ndata:\n  log.level: ZGVidWc=\n",
        "kind: SecretStore\ndata:\n  log.level: ZGVidWc=\n",
        "kind: Secret\nmetadata:\n  name: a\n---\nkind: ConfigMap\ndata:\n  log.level: ZGVidWc=\n",
        "payload aGVsbG8gd29ybGQgdGhpcyBpcyBqdXN0IHRleHQ= read",
        f"{'x' * 60} commit 9f86d081884c7d659a2f\n2026-03-14 first line\n  at com.example.Shop(Shop.java:12)",
    ],
)
def test_what_looks_like_a_disguise_and_is_none_stays(text: str) -> None:
    assert SHARED.text(text, "x") == text


def test_kinds_of_ones_own_and_what_is_allowed() -> None:
    chosen = Redaction(patterns={"customer-id": "CUST-[0-9]{4}"}, allow=["sk_test_.*", "password-of-the-docs"])
    line = "é CUST-1234 CUST-12 sk_test_abcdefghij12 sk_live_abcdefghij12 password=password-of-the-docs"

    shown = chosen.redactor().text(line, "x")
    column = chosen.redactor().batch("logs", log_batch([line, "CUST-9999"])).column("message").to_pylist()

    form = "é [redacted:customer-id] CUST-12 sk_test_abcdefghij12 [redacted:stripe-key] password=password-of-the-docs"
    assert re.sub(r":\w{8}\]", "]", shown) == re.sub(r":\w{8}\]", "]", column[0]) == form
    assert column[1].startswith("[redacted:customer-id:")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"patterns": {"x": "(?=a)"}}, "no RE2 expression"),
        ({"patterns": {"x": "a*"}}, "matches an empty text"),
        ({"patterns": {"Customer ID": "a"}}, "small letters"),
        ({"allow": ["("]}, "no RE2 expression"),
        ({"mails": True}, "Extra inputs"),
    ],
)
def test_settings_that_can_not_work_are_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Redaction.model_validate(settings)


def test_the_configuration_names_line_and_key(tmp_path: Path) -> None:
    file = tmp_path / "diagnostics.yaml"
    file.write_text("redaction:\n  emails: true\n  patterns:\n    x: '(?=a)'\n")
    with pytest.raises(ConfigError, match=r"line 4, redaction\.patterns\.x: the pattern .* is no RE2 expression"):
        config.read(file)

    file.write_text("redaction:\n  emails: true\n")
    assert "jane" not in config.read(file).settings.redaction.redactor().text("jane@example.com", "x")


@given(st.text(max_size=60), st.sampled_from(["[a-z]+", "é", "a.?b", "(x|y){2}", r"\d", r"[(][a-z]|\("]))
@settings(max_examples=examples(150))
def test_ones_own_matches_are_those_of_re(text: str, pattern: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    found = [text[s.start : s.end] for s in custom.spans(text, {"k": pattern})]
    assert found == [m[0] for m in re.finditer(pattern, text, re.ASCII) if m[0]]
