"""How secrets hide from scanners that read line by line: escaped, encoded, broken over lines."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from typing import NamedTuple


class Worn(NamedTuple):
    """A secret in its disguise: texts that are log records of their own, and pieces none of which may be seen."""

    records: list[str]
    pieces: list[str]


Disguise = Callable[[random.Random, str, str], Worn]
"""(generator, key, secret) to the secret in its disguise."""


def _whole(text: str, secret: str) -> Worn:
    return Worn([text], [secret])


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _nested(depth: int) -> Disguise:
    def wear(rng: random.Random, key: str, secret: str) -> Worn:
        text = json.dumps({"level": "info", key: secret, "status": 200})
        for _ in range(depth):
            text = json.dumps({"log": text, "stream": "stdout"})
        return _whole(text, secret)

    return wear


def _manifest(key: str, value: str, **more: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "shop", "namespace": "prod"},
        "data": {"LANG": _base64("en"), key: value} | more,
        "type": "Opaque",
    }


def _applied(rng: random.Random, key: str, secret: str) -> Worn:
    """`kubectl get secret -o json` with what was applied last in an annotation."""
    value = _base64(secret)
    applied = json.dumps(_manifest("settings", value), separators=(",", ":")) + "\n"
    shown = {"kind": "Pod", "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}}}
    return Worn([json.dumps(shown, indent=rng.choice([None, 4]))], [value, secret])


def _applied_env(rng: random.Random, key: str, secret: str) -> Worn:
    """The same of a Deployment with the secret in its environment."""
    env = [{"name": "PORT", "value": "80"}, {"name": key.upper(), "value": secret}]
    applied = json.dumps({"kind": "Deployment", "spec": {"containers": [{"env": env}]}})
    text = f"metadata:\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: |\n      {applied}\n"
    return _whole(text, secret)


def _secret_yaml(rng: random.Random, key: str, secret: str) -> Worn:
    value = _base64(secret)
    shown = rng.choice([value, json.dumps(value), f"|\n    {value}", f">-\n    {value}"])
    text = f"apiVersion: v1\nkind: Secret\ndata:\n  app.properties: {shown}\n  note: {_base64('x')}\ntype: Opaque\n"
    return Worn([text], [value, secret])


def _secret_yaml_data_first(rng: random.Random, key: str, secret: str) -> Worn:
    value = _base64(secret)
    text = f"apiVersion: v1\ndata:\n  settings: {value}\nkind: Secret\nmetadata:\n  name: shop\n"
    return Worn([text], [value, secret])


def _secret_json(rng: random.Random, key: str, secret: str) -> Worn:
    value = _base64(secret)
    text = json.dumps({"kind": "List", "items": [_manifest("settings", value)]}, indent=rng.choice([None, 2, 4]))
    return Worn([text], [value, secret])


def _string_data(rng: random.Random, key: str, secret: str) -> Worn:
    return _whole(f"kind: Secret\nstringData:\n  settings: {json.dumps(secret)}\n", secret)


def _encoded(rng: random.Random, key: str, secret: str) -> Worn:
    value = _base64(f"{'x' * rng.randrange(1, 4)} {key}={secret}\nport=80\n")
    return Worn([f"loaded {value} from the store"], [value[6:-18], secret])


def _encoded_lines(rng: random.Random, key: str, secret: str) -> Worn:
    value = _base64(f"# settings of the shop in production\nuser=shop\n{key}={secret}\nhost=db.internal\n" + "#" * 40)
    lines = [value[at : at + 76] for at in range(0, len(value), 76)]
    return Worn(["dump:\n" + "\n".join(lines) + "\ndone"], [secret, *lines])


def _literal(rng: random.Random, key: str, secret: str) -> Worn:
    style = rng.choice(["|", "|-", ">", ">-", "|+"])
    return _whole(f"service:\n  name: shop\n  {key}: {style}\n    {secret}\n  replicas: 3\n", secret)


def _below(rng: random.Random, key: str, secret: str) -> Worn:
    return _whole(f"service:\n  {key}:\n    {secret}\n  replicas: 3\n", secret)


def _folded_quotes(rng: random.Random, key: str, secret: str) -> Worn:
    at = rng.randrange(4, len(secret) - 4)
    text = f'service:\n  {key}: "{secret[:at]}\\\n    {secret[at:]}"\n  replicas: 3\n'
    return Worn([text], [secret[:at], secret[at:]])


def _columns(rng: random.Random, key: str, secret: str) -> Worn:
    """Cut at 80 columns by a terminal: at any place in the secret behind its first characters."""
    at = rng.randrange(6, len(secret) - 5)
    lead = f'shop-7d9f8b6c5 GET /orders {{"{key}":"'
    lead = "x" * (80 - len(lead) - at) + " " + lead if len(lead) + at < 79 else lead
    indent = rng.choice(["", "  ", "\t"])
    text = f'{lead}{secret[:at]}\n{indent}{secret[at:]}","status":200}}\nready'
    return Worn([text], [secret[:at], secret[at:]])


def _continued(rng: random.Random, key: str, secret: str) -> Worn:
    at = rng.randrange(6, len(secret) - 5)
    return Worn([f'export {key.upper()}="{secret[:at]}\\\n{secret[at:]}"\nexport A=1'], [secret[:at], secret[at:]])


KINDS = ("github-token", "stripe-key", "aws-secret-access-key", "password", "api-key", "gitlab-token", "client-secret")
"""Of `planting.MAKERS`: with looks of their own, and with none."""

DISGUISES: dict[str, Disguise] = {
    "json in json": _nested(1),
    "json three deep": _nested(3),
    "yaml block": _literal,
    "yaml below its key": _below,
    "yaml quotes over lines": _folded_quotes,
    "last-applied Secret": _applied,
    "last-applied env": _applied_env,
    "Secret as yaml": _secret_yaml,
    "Secret, data first": _secret_yaml_data_first,
    "Secret as json": _secret_json,
    "stringData": _string_data,
    "base64 of a file": _encoded,
    "base64 in lines": _encoded_lines,
    "cut at 80 columns": _columns,
    "backslash at line end": _continued,
}


def key_block(rng: random.Random) -> Worn:
    """A PEM key of which every line is a log record, with other records around."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = ["".join(rng.choices(letters, k=64)) for _ in range(5)] + [
        "".join(rng.choices(letters, k=rng.randrange(4, 60)))
    ]
    kind = rng.choice(["", "RSA ", "EC "])
    dashes = "-" * 5
    block = [f"{dashes}BEGIN {kind}PRIVATE KEY{dashes}", *body, f"{dashes}END {kind}PRIVATE KEY{dashes}"]
    return Worn(["starting", *block, "listening on 8080"], body)
