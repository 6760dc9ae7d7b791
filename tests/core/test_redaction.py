"""Redaction: what goes and what stays."""

from __future__ import annotations

import base64
import json
import pickle
import random
import re
import threading
from typing import Any

import pytest
from redactionwork import CASES, HEX40, HIDDEN, log_batch, planted

from benchmarks.planting import MAKERS, UNNATURAL, leaked
from gather_diagnostics.redaction import Redactor, patterns

UUID = "550e8400-e29b-41d4-a716-446655440000"
SHARED = Redactor()
"""For tests of one text each: putting the rules together takes longer than using them."""


@pytest.mark.parametrize(("kind", "carrier"), CASES)
def test_every_kind_is_caught_in_every_carrier(kind: str, carrier: str) -> None:
    made, text = planted(kind, carrier)
    assert leaked(made.secret, text) or carrier in ("json", "escaped", "twice", "pair", "env"), (
        "the test plants nothing"
    )

    shown = SHARED.text(text, "raw/git")

    assert not leaked(made.secret, shown), shown
    assert patterns.PLACEHOLDER.search(shown)


@pytest.mark.parametrize(("kind", "carrier"), CASES)
def test_surroundings_stay(kind: str, carrier: str) -> None:
    _, text = planted(kind, carrier)

    shown = SHARED.text(text, "raw/git")

    assert shown.split("[redacted:", 1)[0] == text[: shown.index("[redacted:")]
    for neighbour in ("status", "replicas: 3", "retrying in 5 s", "--verbose", "PORT=8080", "</config>"):
        assert (neighbour in shown) == (neighbour in text)


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("carrier", ["json", "escaped", "twice", "pair"])
def test_json_stays_json(kind: str, carrier: str) -> None:
    if (kind, carrier) not in UNNATURAL:
        shown = json.loads(SHARED.text(planted(kind, carrier)[1], "raw/http"))
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

    shown = SHARED.batch("logs", log_batch(["started"], labels=labels)).column("labels")[0].as_py()

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
    assert SHARED.text(line, "logs.message") == line
    assert SHARED.text(f"first\n  {line}\nlast", "logs.message") == f"first\n  {line}\nlast"


def test_ordinary_json_is_left_alone_byte_for_byte() -> None:
    labels = {"token": 12, "secret": True, "password": None, "author": "x", "z": [1.50, {"auth": "basic"}]}
    before = log_batch(["auth: ok"], labels=labels)

    assert Redactor().batch("logs", before).equals(before)


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


def test_the_report_counts_every_occurrence_in_composed_texts_that_are_the_same() -> None:
    redactor = Redactor()
    told = {redactor.composed(f"{place} says ghp_{'a1B2' * 9}", place) for place in ("findings", "response")}
    told |= {redactor.composed(f"findings says ghp_{'a1B2' * 9}", "findings")}

    assert len(told) == 2
    assert redactor.report == {"github-token": {"findings": 2, "response": 1}}


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
        for i in range(30):
            shown.append(shared.text(f"password={HIDDEN}{i}", "x"))
            shared.batch("logs", log_batch([f"password={HIDDEN}{i}"]))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(shown)) == 30
    assert shared.report == {"password": {"logs.message": 240, "x": 240}}
