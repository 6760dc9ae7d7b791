"""Secrets of every kind, made up by a seeded generator, in every carrier that secrets travel in."""

from __future__ import annotations

import base64
import json
import random
import re
import shlex
import string
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import quote

ALPHANUMERIC = string.ascii_letters + string.digits
BASE64 = ALPHANUMERIC + "+/"
URL_SAFE = ALPHANUMERIC + "-_"
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + "234567"
SYMBOLS = ALPHANUMERIC + "!@#%^*-_+=.~?"


class Planted(NamedTuple):
    """A secret and the key it stands under."""

    key: str
    value: str
    secret: str
    """What must not be seen any more: `value` or a part of it."""


Maker = Callable[[random.Random], Planted]


def pick(rng: random.Random, characters: str, length: int) -> str:
    """Random characters with a letter and a digit among them."""
    body = [rng.choice(characters) for _ in range(length - 2)]
    letter = next(c for c in characters if c.isalpha())
    return "".join([*body, letter, rng.choice("234567")])


def token(prefix: str, characters: str, length: int) -> Maker:
    """A token of a vendor, under a key that says nothing."""

    def make(rng: random.Random) -> Planted:
        value = prefix + pick(rng, characters, length)
        return Planted("note", value, value)

    return make


def keyed(key: str, characters: str, length: int) -> Maker:
    """A value without looks of its own."""

    def make(rng: random.Random) -> Planted:
        value = rng.choice(ALPHANUMERIC) + pick(rng, characters, length - 1)
        return Planted(key, value, value)

    return make


def shaped(form: str, characters: str, length: int, key: str = "note") -> Maker:
    """`form` with the secret where '@@' stands."""

    def make(rng: random.Random) -> Planted:
        secret = pick(rng, characters, length)
        return Planted(key, form.replace("@@", secret), secret)

    return make


def jwt(rng: random.Random) -> Planted:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": pick(rng, ALPHANUMERIC, 12), "iat": 1700000000})
    texts = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    value = ".".join([*texts, pick(rng, URL_SAFE, 43)])
    return Planted("note", value, value)


def pem(rng: random.Random) -> Planted:
    lines = [pick(rng, BASE64, 64) for _ in range(6)] + [pick(rng, BASE64, 30) + "=="]
    kind = rng.choice(["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
    rule = "-" * 5
    value = "\n".join([f"{rule}BEGIN {kind}PRIVATE KEY{rule}", *lines, f"{rule}END {kind}PRIVATE KEY{rule}"])
    return Planted("note", value, "\n".join(lines))


def card(rng: random.Random) -> Planted:
    digits = [4, *(rng.randrange(10) for _ in range(14))]
    doubled = sum(d if i % 2 else (d * 2 - 9 if d > 4 else d * 2) for i, d in enumerate(digits))
    number = "".join(map(str, [*digits, -doubled % 10]))
    separator = rng.choice(["", " ", "-"])
    value = separator.join(re.findall("....", number))
    return Planted("note", value, value)


MAKERS: dict[str, Maker] = {
    "aws-access-key-id": token("AKIA", UPPER, 16),
    "aws-secret-access-key": keyed("aws_secret_access_key", BASE64, 40),
    "aws-session-token": token("IQoJb3JpZ2lu" + "X2Vj", BASE64, 300),
    "gcp-api-key": token("AIza", URL_SAFE, 35),
    "private-key": pem,
    "azure-account-key": shaped("AccountName=shop;AccountKey=@@==;EndpointSuffix=x", BASE64, 86),
    "azure-sas": shaped("https://shop.blob.core.windows.net/c?sv=2022-11-02&sig=@@%3D&sp=r", ALPHANUMERIC, 43),
    "github-token": token("ghp_", ALPHANUMERIC, 36),
    "github-app-token": token("ghs_", ALPHANUMERIC, 36),
    "github-pat": token("github_pat_", ALPHANUMERIC + "_", 82),
    "gitlab-token": token("glpat-", URL_SAFE, 20),
    "slack-token": token("xoxb-", string.digits + string.ascii_letters, 50),
    "slack-webhook": shaped("https://hooks.slack.com/services/T0/B0/@@", ALPHANUMERIC, 24),
    "stripe-key": token("sk_live_", ALPHANUMERIC, 24),
    "stripe-restricted": token("rk_live_", ALPHANUMERIC, 24),
    "stripe-test": token("sk_test_", ALPHANUMERIC, 24),
    "sendgrid-key": shaped("SG.abcdefghijklmnop123456.@@", URL_SAFE, 43),
    "twilio-key": token("SK", HEX, 32),
    "twilio-auth-token": keyed("twilio_auth_token", HEX, 32),
    "npm-token": token("npm_", ALPHANUMERIC, 36),
    "pypi-token": token("pypi-AgEIcHlwaS5vcmc", URL_SAFE, 120),
    "jwt": jwt,
    "url-password": shaped("https://shop:@@@internal.example.com/path?x=1", ALPHANUMERIC + "!~*-_.", 14),
    "postgres-url": shaped("postgresql://shop:@@@db.internal:5432/orders?sslmode=require", ALPHANUMERIC + "-_.", 14),
    "mongodb-url": shaped("mongodb+srv://shop:@@@m1.internal,m2.internal/orders", ALPHANUMERIC, 14),
    "redis-url": shaped("redis://:@@@cache:6379/0", ALPHANUMERIC, 14),
    "amqp-url": shaped("amqp://shop:@@@mq:5672/%2f", ALPHANUMERIC, 14),
    "mysql-dsn": shaped("shop:@@@tcp(db:3306)/orders", ALPHANUMERIC, 14),
    "ado-string": shaped("Server=db;Database=orders;User Id=shop;Password=@@;Encrypt=true", ALPHANUMERIC + "!#", 14),
    "jdbc-url": shaped("jdbc:postgresql://db/orders?user=shop&password=@@&ssl=true", ALPHANUMERIC, 14),
    "libpq-dsn": shaped("host=db user=shop password=@@ dbname=orders", ALPHANUMERIC + "!#", 14),
    "bearer": shaped("Bearer @@", URL_SAFE, 40, "Authorization"),
    "basic": shaped("Basic @@=", ALPHANUMERIC, 23, "Proxy-Authorization"),
    "token-scheme": shaped("Token @@", HEX, 40, "Authorization"),
    "cookie": shaped("theme=dark; session=@@; lang=en", ALPHANUMERIC, 32, "Cookie"),
    "set-cookie": shaped("sid=@@; Path=/; HttpOnly", ALPHANUMERIC, 32, "Set-Cookie"),
    "password": keyed("db_password", SYMBOLS, 14),
    "word-password": keyed("password", string.ascii_lowercase, 10),
    "passphrase": keyed("ssh_passphrase", ALPHANUMERIC, 12),
    "api-key": keyed("api_key", HEX, 32),
    "camel-api-key": keyed("partnerApiKey", ALPHANUMERIC, 24),
    "client-secret": keyed("client_secret", ALPHANUMERIC + "~-_", 40),
    "access-token": keyed("access_token", URL_SAFE, 40),
    "bare-token": keyed("token", HEX, 32),
    "bare-secret": keyed("secret", ALPHANUMERIC, 20),
    "credentials": keyed("credentials", ALPHANUMERIC, 20),
    "auth": keyed("auth", BASE64, 24),
    "card-number": card,
}
"""Every kind of secret with a way to make one."""


def as_yaml(planted: Planted) -> str:
    if "\n" in planted.value:
        body = planted.value.replace("\n", "\n    ")
        return f"service:\n  {planted.key}: |\n    {body}\n  replicas: 3\n"
    needs_quotes = ": " in planted.value or planted.value[0] in "!@#%*?&-"
    shown = json.dumps(planted.value) if needs_quotes or " #" in planted.value else planted.value
    return f"service:\n  name: checkout\n  {planted.key}: {shown}\n  replicas: 3\n"


def as_logfmt(planted: Planted) -> str:
    needs_quotes = any(c in planted.value for c in ' ="\n')
    shown = json.dumps(planted.value) if needs_quotes else planted.value
    return f"level=info msg=connect {planted.key}={shown} status=200"


def as_json(planted: Planted) -> str:
    return json.dumps({"level": "info", planted.key: planted.value, "status": 200})


def as_pair(planted: Planted) -> str:
    return json.dumps({"env": [{"name": planted.key.upper(), "value": planted.value}, {"name": "X", "value": "1"}]})


CARRIERS: dict[str, Callable[[Planted], str]] = {
    "plain": lambda p: f"connecting with {p.key}: {p.value}\nretrying in 5 s",
    "json": as_json,
    "escaped": lambda p: json.dumps({"body": as_json(p), "status": 200}),
    "twice": lambda p: json.dumps({"outer": json.dumps({"body": as_json(p), "status": 200})}),
    "dict": lambda p: f"options { ({'user': 'shop', p.key: p.value})!r} given",
    "yaml": as_yaml,
    "logfmt": as_logfmt,
    "env": lambda p: f"USER=shop\nexport {p.key.upper()}={shlex.quote(p.value)}\nPORT=8080",
    "flag": lambda p: f"exec run --{p.key.replace('_', '-')} {shlex.quote(p.value)} --verbose",
    "query": lambda p: f"GET https://api.example.com/v1/orders?page=1&{p.key}={quote(p.value, safe='')}&n=2 200",
    "pair": as_pair,
    "xml": lambda p: f"<config><user>shop</user><{p.key}>{p.value}</{p.key}></config>",
}
"""How secrets travel."""

UNNATURAL = frozenset(
    {("cookie", "flag"), ("set-cookie", "flag")}
    | {(kind, "query") for kind in ("cookie", "set-cookie", "bearer", "basic", "token-scheme", "private-key")}
    | {(kind, carrier) for kind in ("cookie", "set-cookie") for carrier in ("xml", "env", "dict")}
    | {(kind, carrier) for kind in ("bearer", "basic", "token-scheme") for carrier in ("xml",)}
    | {(kind, "query") for kind in MAKERS if kind.endswith(("-url", "-dsn", "-string", "url-password", "-sas"))}
    | {("slack-webhook", "query"), ("azure-account-key", "query")}
)
"""(kind, carrier): nobody writes a Cookie header as a flag or a whole URL, percent-encoded, into another's query."""


_PLACEHOLDER = re.compile(r"\[redacted:[^\]]*\]")


def leaked(secret: str, shown: str) -> bool:
    """Whether the secret, or eight characters of it in a row, can still be read outside of placeholders."""
    shown = _PLACEHOLDER.sub("", shown)
    pieces = [run[i : i + 8] for run in re.findall(r"[A-Za-z0-9]{8,}", secret) for i in range(len(run) - 7)]
    return any(piece in shown for piece in pieces) or secret in shown or quote(secret, safe="") in shown


def readable(piece: str, shown: str) -> bool:
    """Whether a piece of a broken secret can still be read; pieces under five characters may be."""
    return leaked(piece, shown) if len(piece) >= 8 else len(piece) > 4 and piece in _PLACEHOLDER.sub("", shown)


def plant(rng: random.Random, each: int) -> Iterator[tuple[str, str, str, str]]:
    """(kind, carrier, secret, text)"""
    for kind, make in MAKERS.items():
        for carrier, carry in CARRIERS.items():
            if (kind, carrier) not in UNNATURAL:
                for _ in range(each):
                    planted = make(rng)
                    yield kind, carrier, planted.secret, carry(planted)
