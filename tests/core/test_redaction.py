"""Redaction: what goes, what stays, and that it does so whatever it is fed."""

from __future__ import annotations

import ast
import base64
import json
import pickle
import random
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.redaction import CARRIERS, MAKERS, UNNATURAL, Planted, leaked
from gather_diagnostics.redaction import Redactor, patterns, redactor, shapes
from gather_diagnostics.tables import to_batch

TIME = datetime(2026, 3, 14, 3, 0, tzinfo=UTC)
HEX40 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"
UUID = "550e8400-e29b-41d4-a716-446655440000"
CASES = [(kind, carrier) for kind in MAKERS for carrier in CARRIERS if (kind, carrier) not in UNNATURAL]
ALL_RULES = (*patterns.RULES, patterns.EMAILS, patterns.ADDRESSES)


def planted(kind: str, carrier: str) -> tuple[Planted, str]:
    made = MAKERS[kind](random.Random(f"{kind} {carrier}"))
    return made, CARRIERS[carrier](made)


def log_batch(messages: list[str], **columns: Any) -> pa.RecordBatch:
    rows = [{"time": TIME, "ref": "app.log:1", "message": m, **columns} for m in messages]
    return to_batch("logs", "logfiles", rows)


@pytest.mark.parametrize(("kind", "carrier"), CASES)
def test_every_kind_is_caught_in_every_carrier(kind: str, carrier: str) -> None:
    made, text = planted(kind, carrier)
    assert leaked(made.secret, text) or carrier in ("json", "escaped", "twice", "pair", "env"), (
        "the test plants nothing"
    )

    shown = Redactor().text(text, "raw/git")

    assert not leaked(made.secret, shown), shown
    assert patterns.PLACEHOLDER.search(shown)


@pytest.mark.parametrize(("kind", "carrier"), CASES)
def test_surroundings_stay(kind: str, carrier: str) -> None:
    _, text = planted(kind, carrier)

    shown = Redactor().text(text, "raw/git")

    assert shown.split("[redacted:", 1)[0] == text[: shown.index("[redacted:")]
    for neighbour in ("status", "replicas: 3", "retrying in 5 s", "--verbose", "PORT=8080", "</config>"):
        assert (neighbour in shown) == (neighbour in text)


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("carrier", ["json", "escaped", "twice", "pair"])
def test_json_stays_json(kind: str, carrier: str) -> None:
    if (kind, carrier) not in UNNATURAL:
        shown = json.loads(Redactor().text(planted(kind, carrier)[1], "raw/http"))
        if carrier == "escaped":
            json.loads(shown["body"])


def test_a_columns_prefilter_lets_through_what_the_rules_take() -> None:
    texts = [planted(kind, carrier)[1] for kind, carrier in CASES]
    redactor = Redactor()

    shown = redactor.batch("logs", log_batch(texts)).column("message").to_pylist()

    assert shown == [redactor.text(text, "x") for text in texts]


@pytest.mark.parametrize(("kind", "carrier"), CASES)
def test_json_columns(kind: str, carrier: str) -> None:
    made, text = planted(kind, carrier)
    labels = {"text": text, "nested": [{made.key: made.value}], "count": 3}

    shown = Redactor().batch("logs", log_batch(["started"], labels=labels)).column("labels")[0].as_py()

    assert not leaked(made.secret, shown), shown
    assert json.loads(shown)["count"] == 3


ORDINARY = (
    'password authentication failed for user "shop"',
    "token: invalid",
    "secret not found",
    "Failed password for root from 1.2.3.4 port 22 ssh2",
    "Failed password for invalid user admin from 10.0.0.1 port 4711 ssh2",
    "token=expired user=42",
    "Invalid token: unexpected end of input at line 3",
    "Wrong password: attempt 3 of 5",
    "password: must be at least 8 characters",
    "password=null",
    'password="" host=db',
    "max_tokens=200 prompt_token=812 completion_token: 99",
    f"commit {HEX40}",
    f"image registry.example.com/shop/checkout@sha256:{HEX40}{HEX40[:24]}",
    f"docker://nginx:1.25@sha256:{HEX40}{HEX40[:24]}",
    f"request_id={UUID} trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "pod=checkout-7d9f8b6c5-x2x9z node=ip-10-0-1-17.ec2.internal",
    'MountVolume.SetUp failed for volume "certs" : secret "checkout-tls" not found',
    "secret=checkout-tls-7f9c namespace=shop",
    "imagePullSecret: regcred-2024",
    "auth: Authentication failed for user bob",
    "auth=publickey user=git",
    "password: ${DB_PASSWORD}",
    "password: $DB_PASSWORD",
    "password: {{ .Values.db.password }}",
    'password = os.environ["DB_PASSWORD"]',
    "password = self.settings.db_password",
    'token = request.headers.get("x")',
    "token := parseToken(header)",
    "def login(user: str, password: str) -> None:",
    'raise ValueError("password: " + reason)',
    "connect(user=user, password=parts['password'])",
    "BasicAuth username=b'user' password=(redacted)>",
    "if token == nil {",
    "PWD=/srv/shop/app",
    "PASSWORD=*****",
    "password: <redacted>",
    "password=[FILTERED]",
    "credentials: /var/run/secrets/credentials.json",
    "private_key: /etc/ssl/private/key.pem",
    "http://host:8080/path@2x.png",
    "authorization: denied by policy",
    "Bearer authentication required",
    "Unexpected token: '}' at position 5",
    "author=bob pass=12 fail=3 skipped=1",
    "first_pass: 10ms second_pass: 12ms",
    "took 1700000000000000000 ns at 1700000000000",
    "0.4111111111111111 of 4111-1111-1111-1112",
    "Cookie: none",
    "--password is required; use --token to set the token",
    "mysql -u root -p shop",
    "secret: arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf",
    'token="View Lock" Token{a64f992 token=Token{a64f992 ActivityRecord{de9231d}}}',
    "stream/token: com.apple.xpc.activity/4505: 132: stale",
    "git@github.com:shop/checkout.git and ssh://git@github.com/shop/checkout.git",
    "jane@example.com from 10.1.2.3",
    '["username","password","email"]',
    "password rotated at 2026-03-14, hashed with password sha256 and password 10ms later",
    "Basic authentication and basic 12345678 checks",
    "SELECT password, token FROM users WHERE token = $1",
    "data:image/png is 12 bytes; eyJ is how a token begins",
)


@pytest.mark.parametrize("line", ORDINARY)
def test_ordinary_text_is_left_alone(line: str) -> None:
    assert Redactor().text(line, "logs.message") == line
    assert Redactor().text(f"first\n  {line}\nlast", "logs.message") == f"first\n  {line}\nlast"


def test_ordinary_json_is_left_alone_byte_for_byte() -> None:
    labels = {"token": 12, "secret": True, "password": None, "author": "x", "z": [1.50, {"auth": "basic"}]}
    before = log_batch(["auth: ok"], labels=labels)

    assert Redactor().batch("logs", before).equals(before)


HIDDEN = "hunter2x"
FORMS = (
    "password={}",
    "DB_PASS={}",
    "invalid password: {} given",
    "password is set:\npassword: {}",
    "password=/var/{}/lib",
    "spring.datasource.password={}",
    "- name: DB_PASSWORD\n  value: {}\n- name: PORT\n  value: 80",
    '["--password", "{}"]',
    "ALTER USER shop WITH PASSWORD '{}'",
    "CREATE USER shop IDENTIFIED BY '{}'",
    "sshpass -p {} ssh host",
    "mysql -uroot -p{} shop",
    "curl -u shop:{} https://example.com",
    "redis-cli -h cache -a {} ping",
    "password: |\n  {}\n  second line\nnext: 1",
    "+password: |\n+  {}\n+next: 1",
    ':password=>"{}"',
    '("password", "{}")',
    "X-Api-Key: {}",
    "https://user:{}@host/",
    "postgres://u:p/{}@host/db",
    "jdbc:oracle:thin:scott/{}@//host:1521/x",
    "-e MYSQL_ROOT_PASSWORD={}",
    "password=ab,{};x=1",
    "Password='two {}'",
    'password="unterminated {}',
    r'{{"m":"password=\"a\\\"{}\""}}',
    '{{"name":"Authorization","value":"Basic {}"}}',
    "authorization [Bearer {}abcdefgh1234567890]",
    "?access_token={}&page=1",
    r"https:\/\/user:{}@host\/",
    '{{"password":\n   "{}"}}',
    '{{"X-Api-Key": ["{}"], "port": [80]}}',
    "q=password%3D{}%26page%3D1",
    "{{u'password': u'{}'}}",
    "Config(password=b'{}', user=1)",
    "machine example.com login shop password {}",
    "the password is {}.",
    "secret_key_base: {}",
    "pw={}&user=shop",
    "headers: map[Authorization:[Bearer {0}abc1] Cookie:[sid={0}] X-Api-Key:[{0}]]",
    '<add key="Password" value="{}"/>',
    "define('DB_PASSWORD', '{}');",
)


@pytest.mark.parametrize("form", FORMS)
def test_passwords_of_people(form: str) -> None:
    shown = Redactor().text(form.format(HIDDEN), "x")

    assert HIDDEN not in shown
    assert "[redacted:" in shown


@pytest.mark.parametrize(
    "labels",
    [
        {"env": [{"Name": "DB_PASSWORD", "Value": HIDDEN}]},
        {"secret": {"value": f"{HIDDEN}abcdef"}},
        {"Authorization": [f"Bearer {HIDDEN}"]},
        {"args": ["--verbose", "--password", HIDDEN]},
        {"password": [HIDDEN, "x" * 3]},
        {"body": f"password: {HIDDEN}\nuser: bob"},
        {"set-cookie": f"sid={HIDDEN}; Path=/"},
        {f"password={HIDDEN}": 1},
    ],
)
def test_keys_of_json_columns(labels: dict[str, Any]) -> None:
    shown = Redactor().batch("logs", log_batch(["x"], labels=labels)).column("labels")[0].as_py()

    assert HIDDEN not in shown
    assert json.loads(shown)


def test_basic_credentials_without_their_header() -> None:
    pair = base64.b64encode(f"shop:{HIDDEN}".encode()).decode()

    assert pair not in Redactor().text(f"sent Basic {pair} upstream", "x")


def test_a_password_in_a_url_goes_and_the_user_stays() -> None:
    shown = Redactor().text(f"GET https://shop:{HIDDEN}@db.internal:5432/x?y=1 200", "x")

    assert re.fullmatch(r"GET https://shop:\[redacted:url-password:\w{8}\]@db\.internal:5432/x\?y=1 200", shown)


def test_a_quotation_that_was_cut_ends_with_the_one_around_it() -> None:
    shown = Redactor().text('{"m":"password=\\"' + HIDDEN + '","x":"visible"}', "x")

    assert json.loads(shown)["x"] == "visible"
    assert HIDDEN not in shown


def test_undecodable_bytes_are_no_obstacle() -> None:
    redactor = Redactor()

    assert HIDDEN not in redactor.text(f"\ud800 password={HIDDEN}\udc80", "x")
    assert redactor.report == {"password": {"x": 1}}


def test_a_number_in_json_text_becomes_a_string() -> None:
    shown = json.loads(Redactor().text('{"password": 12345678, "port": 5432}', "x"))

    assert shown["port"] == 5432
    assert patterns.PLACEHOLDER.fullmatch(shown["password"])


def test_a_block_that_was_cut_goes_to_its_end() -> None:
    rule = "-" * 5
    assert re.fullmatch(
        r"key: \[redacted:private-key:\w{8}\]", Redactor().text(f"key: {rule}BEGIN EC PRIVATE KEY{rule}\nMHc\ncut", "x")
    )


def test_a_line_of_a_key_block_that_is_a_record_of_its_own() -> None:
    lines = MAKERS["private-key"](random.Random(5)).value.splitlines()

    shown = Redactor().batch("logs", log_batch([*lines, HEX40 + HEX40[:24], "/usr/share/" + "a" * 53]))

    messages = shown.column("message").to_pylist()
    assert all("[redacted:" in m for m in messages[:7])
    assert messages[-2:] == [HEX40 + HEX40[:24], "/usr/share/" + "a" * 53]


def test_equal_secrets_are_equal_placeholders_in_one_run_only() -> None:
    first, second = Redactor(), Redactor()
    text = f'password={HIDDEN} {{"client_secret": "{HIDDEN}"}} password={HIDDEN}y'

    one, two, three = (m[0][-9:-1] for m in patterns.PLACEHOLDER.finditer(first.text(text, "x")))

    assert one == two != three
    assert first.text(text, "x") != second.text(text, "x")


def test_a_redactor_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="stays in this process"):
        pickle.dumps(Redactor())


def test_options() -> None:
    text = "jane.doe@example.com from 10.1.2.3, 2001:db8::7 and 10.1.2.3:8080 at 10:15:00 in std::add v1.2"

    assert Redactor().text(text, "x") == text
    shown = Redactor(emails=True, addresses=True).text(text, "x")
    assert re.sub(r":\w{8}\]", "]", shown) == (
        "[redacted:email] from [redacted:address], [redacted:address] and [redacted:address]:8080"
        " at 10:15:00 in std::add v1.2"
    )


def test_the_report_counts_every_occurrence() -> None:
    redactor = Redactor()
    redactor.batch("logs", log_batch([f"password={HIDDEN} token=abcd1234efgh"] * 5 + ["fine"], tenant=f"pwd={HIDDEN}"))
    redactor.text(f"password={HIDDEN}", "gap")

    assert redactor.report == {
        "password": {"gap": 1, "logs.message": 5, "logs.tenant": 6},
        "token": {"logs.message": 5},
    }


def test_nulls_order_and_schema_stay() -> None:
    before = log_batch(["a", f"password={HIDDEN}", "b"])

    after = Redactor().batch("logs", before.slice(1))

    assert after.schema == before.schema
    assert after.column("tenant").null_count == 2
    assert after.column("message").to_pylist()[1] == "b"
    assert after.column("time").equals(before.slice(1).column("time"))
    assert Redactor().batch("logs", before.slice(0, 0)).num_rows == 0


def test_threads_share_a_redactor() -> None:
    shared, shown = Redactor(), []

    def work() -> None:
        for i in range(100):
            shown.append(shared.text(f"password={HIDDEN}{i}", "x"))
            shared.batch("logs", log_batch([f"password={HIDDEN}{i}"]))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(shown)) == 100
    assert shared.report == {"password": {"logs.message": 800, "x": 800}}


def test_what_breaks_is_replaced_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Iterator[Any]:
        raise ValueError("no")

    monkeypatch.setattr(shapes, "spans", fail)
    broken = Redactor()

    assert re.fullmatch(r"\[redacted:unreadable:\w{8}\]", broken.text(f"x {HIDDEN}", "gap"))
    labels = broken.batch("logs", log_batch([f"password={HIDDEN}"], labels={"password": "a", "b": HIDDEN}))
    assert HIDDEN not in str(labels.to_pylist())
    assert set(json.loads(labels.column("labels")[0].as_py())) == {"redacted"}
    assert broken.report == {"unreadable": {"gap": 1, "logs.labels": 1, "logs.message": 1}}


def test_a_text_that_never_settles_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redactor, "_PASSES", 1)

    assert "unreadable" in Redactor().text(f"password={HIDDEN}", "x")


def test_json_that_is_nested_too_deep_is_unreadable() -> None:
    batch = log_batch(["x"])
    deep = '{"password": "' + HIDDEN + '", "x": ' + "[" * 200_000 + "]" * 200_000 + "}"
    index = batch.schema.get_field_index("labels")
    columns = [pa.array([deep]) if i == index else batch.column(i) for i in range(batch.num_columns)]

    shown = (
        Redactor().batch("logs", pa.RecordBatch.from_arrays(columns, schema=batch.schema)).column("labels")[0].as_py()
    )

    assert "unreadable" in shown
    assert HIDDEN not in shown


def test_a_bug_passes_nothing_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Iterator[Any]:
        raise AttributeError("a bug")

    monkeypatch.setattr(shapes, "spans", fail)
    with pytest.raises(AttributeError):
        Redactor().text(HIDDEN, "x")


FRAGMENTS = st.one_of(
    st.sampled_from(
        [
            *(
                "password",
                "token",
                "secret",
                "api_key",
                "auth",
                "Authorization",
                "Cookie",
                "name",
                "value",
                "--pwd",
                "key",
            ),
            *(
                "=",
                ": ",
                ":",
                " = ",
                '"',
                "'",
                "\\",
                '\\"',
                " ",
                "\n",
                "\\n",
                ",",
                ";",
                "&",
                "{",
                "}",
                "[",
                "]",
                "<",
                ">",
            ),
            *(
                "|\n",
                "@",
                "://",
                "Bearer ",
                "Basic ",
                "hunter2",
                "word",
                "null",
                "12345678",
                "4111111111111111",
                "-----",
            ),
            *("BEGIN PRIVATE KEY", "END PRIVATE KEY", "AKIA" + "ABCDEFGH23456723", "ghp_" + "a1" * 18, "postgres"),
            *(
                "[redacted:password:0123abcd]",
                "[redacted:",
                ":0123abcd]",
                "mysql",
                " -p",
                "curl -u ",
                "eyJ",
                ".",
                "x" * 70,
            ),
        ]
    ),
    st.text(max_size=5),
)
TEXTS = st.lists(FRAGMENTS, max_size=25).map("".join)
SHARED = Redactor()


@given(TEXTS)
@settings(max_examples=600, deadline=None)
@example("[redacted:token:0123abcd]")
@example("password: word AKIA" + "ABCDEFGH23456723")
def test_redacting_twice_is_redacting_once(text: str) -> None:
    once = SHARED.text(text, "x")
    assert SHARED.text(once, "x") == once


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_the_prefilter_is_a_necessary_condition(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    redactor = Redactor()
    if redactor.text(text, "x") != text:
        assert pc.match_substring_regex(pa.array([text]), patterns.prefilter(patterns.RULES))[0].as_py()


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | TEXTS, lambda c: st.lists(c) | st.dictionaries(TEXTS, c))
)
@example(["--pwdtoken", "token"])
@settings(max_examples=80, deadline=None)
def test_json_columns_stay_json(value: Any) -> None:
    shown = SHARED.batch("logs", log_batch(["x"], labels={"password": value, "v": value})).column("labels")[0].as_py()
    again = SHARED.batch("logs", log_batch(["x"], labels=json.loads(shown))).column("labels")[0].as_py()
    assert again == shown


def compiled_patterns() -> list[tuple[str, str]]:
    own = {n: v.pattern for n, v in vars(patterns).items() if isinstance(v, re.Pattern)}
    return [*own.items(), *((f"{rule.kind} {i}", rule.pattern) for i, rule in enumerate(ALL_RULES))]


@pytest.mark.parametrize(("name", "pattern"), compiled_patterns())
def test_patterns_are_in_re2s_syntax_class(name: str, pattern: str) -> None:
    """No look-around and no back-references: RE2 refuses those. Only its limit of 1000 a repeat is lifted."""
    small = re.sub(r"\{(\d+),(\d{4,})\}", r"{\1,1000}", pattern)
    pc.match_substring_regex(pa.array([""]), small)


def repeats(tree: Any) -> Iterator[tuple[int, list[Any]]]:
    """Every repetition of a parsed pattern: its most times, what it repeats."""
    for operator, argument in tree:
        if str(operator) in ("MAX_REPEAT", "MIN_REPEAT"):
            yield int(argument[1]), argument[2]
            yield from repeats(argument[2])
        elif str(operator) == "SUBPATTERN":
            yield from repeats(argument[3])
        elif str(operator) == "BRANCH":
            for branch in argument[1]:
                yield from repeats(branch)


def tails(tree: Any) -> list[Any]:
    """Last elements of a parsed pattern, where nothing that follows can make the engine go back."""
    items = list(tree)
    while items and str(items[-1][0]) == "AT":
        items.pop()
    if not items:
        return []
    operator, argument = items[-1]
    if str(operator) == "SUBPATTERN":
        return tails(argument[3])
    if str(operator) == "BRANCH":
        return [t for branch in argument[1] for t in tails(branch)]
    is_optional = str(operator) == "MAX_REPEAT" and argument[0] == 0
    return [items[-1], *(tails(items[:-1]) if is_optional else [])]


@pytest.mark.parametrize(("name", "pattern"), compiled_patterns())
def test_patterns_take_linear_time(name: str, pattern: str) -> None:
    """From its syntax, not from a clock: what is repeated without bound is one character and comes last, and
    repetitions within repetitions stay few."""
    parser: Any = re._parser  # type: ignore[attr-defined]
    tree = parser.parse(pattern)
    unbounded = 65_537
    last = [t[1][2] for t in tails(tree) if str(t[0]) == "MAX_REPEAT"]
    for most, body in repeats(tree):
        inner = [times for times, _ in repeats(body)]
        assert most < unbounded or (not inner and any(body is one for one in last)), f"{name}: unbounded before the end"
        assert most <= 1 or all(most * times <= 100_000 and times < unbounded for times in inner), f"{name}: nested"


ADVERSARIES = (
    "password=",
    "password='",
    'password=\\"',
    "password: null ",
    '"name":"password","value":"',
    "://a:",
    "eyJ-",
    "eyJa.",
    "-----BEGIN PRIVATE KEY",
    "Cookie: a=",
    "a=b;",
    "authorization: bearer ",
    "mysql -",
    "curl ",
    "4111 ",
    "4",
    "\\",
    '\\"',
    "AKIA",
    "name:",
    "[redacted:",
    "[redacted:password:01234567]",
    "a-",
    "a.a@",
    "::",
    "token ",
    "<password>",
)


@pytest.mark.slow
@pytest.mark.parametrize("unit", ADVERSARIES)
def test_a_megabyte_of_anything_ends(unit: str) -> None:
    text = (unit * (1_000_000 // len(unit) + 1))[:1_000_000]
    shown = Redactor(emails=True, addresses=True).text(text, "x")
    assert patterns.PLACEHOLDER.search(shown) or shown == text


def test_every_hint_and_need_is_necessary() -> None:
    """What a rule takes out of the planted corpus holds a hint of it and meets its need."""
    texts = [planted(kind, carrier)[1] for kind, carrier in CASES]
    seen = set()
    for rule in patterns.RULES:
        for text in filter(rule.compiled().search, texts):
            seen.add(rule.kind)
            assert any(hint in text.lower() for hint in rule.hints), rule
            assert pc.match_substring_regex(pa.array([text]), rule.needs)[0].as_py(), rule
    assert len(seen) > 15


def test_no_broad_except() -> None:
    """Fails closed on named errors alone: a broad clause would hide bugs."""
    tree = ast.parse(Path(redactor.__file__).read_text(encoding="utf-8"))
    caught = [ast.unparse(n.type) for n in ast.walk(tree) if isinstance(n, ast.ExceptHandler) and n.type]
    assert caught
    assert not any("Exception" in name.split("(")[-1].split(", ") for name in caught)
