"""How Prometheus and Alertmanager are told who asks, and that no secret of it is ever shown."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from servers.prometheus import saying, stub

from collectors.alertmanager import Alertmanager
from collectors.prometheus import Prometheus
from gather_diagnostics import Gap, Request

KEY, SECRET, SESSION, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "c2Vzc2lvbg==", "eu-west-1"
KINDS = pytest.mark.parametrize("kind", [Prometheus, Alertmanager])


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


def answer(handler: BaseHTTPRequestHandler) -> None:
    """Empty, in the way of either server."""
    if "/api/v2/" in handler.path:
        saying(200, "[]")(handler)
    else:
        data: Any = [] if "/series" in handler.path or "/query_exemplars" in handler.path else {"result": []}
        saying(200, json.dumps({"status": "success", "data": data}))(handler)


def collected(kind: Any, request: Request, **fields: Any) -> list[Gap]:
    """The gaps, but for those that say that there is nothing."""
    items = kind(kind.Settings.model_validate(fields)).collect(request)
    return [i for i in items if isinstance(i, Gap) and i.cause not in ("not_found", "invalid")]


# --- Amazon's signature, checked as its documentation says


def encoded(text: str) -> str:
    return quote(text, safe="-_.~")


def signature(handler: BaseHTTPRequestHandler, signed: list[str], scope: str) -> str:
    """Signature Version 4 of a GET, from what has arrived (docs.aws.amazon.com/IAM: signed API requests)."""
    parts = urlsplit(handler.path)
    # As the server reads it: '+' is a plus here, not a blank.
    pairs = parse_qsl(parts.query.replace("+", "%2B"), keep_blank_values=True)
    query = "&".join(sorted(f"{encoded(k)}={encoded(v)}" for k, v in pairs))
    headers = "".join(f"{name}:{' '.join(handler.headers[name].split())}\n" for name in signed)
    path = quote(parts.path, safe="/-_.~")
    nothing = hashlib.sha256(b"").hexdigest()
    canonical = "\n".join(["GET", path, query, headers, ";".join(signed), nothing])
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", handler.headers["X-Amz-Date"], scope, digest])
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def amazon(handler: BaseHTTPRequestHandler) -> None:
    """Refuses whatever is not signed right."""
    kind, _, rest = handler.headers.get("Authorization", "").partition(" ")
    told = dict(part.strip().split("=", 1) for part in rest.split(",")) if rest else {}
    key, _, scope = told.get("Credential", "").partition("/")
    signed = told.get("SignedHeaders", "").split(";")
    right = (
        (kind, key) == ("AWS4-HMAC-SHA256", KEY)
        and scope.endswith(f"/{REGION}/aps/aws4_request")
        and {"host", "x-amz-date"} <= set(signed)
        and handler.headers.get("X-Amz-Security-Token") == SESSION
        and hmac.compare_digest(signature(handler, signed, scope), told["Signature"])
    )
    answer(handler) if right else saying(403, '{"message": "the signature does not match"}')(handler)


@KINDS
def test_requests_to_amazon_are_signed(
    kind: Any, make_request: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION)
    request = make_request('pay + "ship" ~ä/*')
    with stub(amazon) as running:
        url = f"{running.url}/workspaces/ws-1"
        assert not collected(kind, request, url=url, sigv4_region=REGION)
        assert all(path.startswith("/workspaces/ws-1/api/v") for path in running.paths)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
        (gap,) = collected(kind, request, url=url, sigv4_region=REGION)
    assert (gap.cause, "does not match" in gap.why) == ("denied", True)


@KINDS
def test_without_aws_credentials_nothing_is_sent(kind: Any, make_request: Callable[..., Request]) -> None:
    with stub(amazon) as running:
        (gap,) = collected(kind, make_request(), url=running.url, sigv4_region=REGION)
    assert (gap.cause, "aws sso login" in gap.mend) == ("not_configured", True)
    assert not running.paths


# --- tokens and tenants


@KINDS
def test_a_tokens_file_is_read_anew_for_every_request(
    kind: Any, make_request: Callable[..., Request], tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")

    def rotating(handler: BaseHTTPRequestHandler) -> None:
        file.write_text("second\n")
        answer(handler)

    with stub(rotating) as running:
        collected(kind, make_request(), url=running.url, bearer_token_file=str(file))
    sent = [h["Authorization"] for h in running.headers]
    assert sent[0] == "Bearer first"
    assert set(sent[1:]) == {"Bearer second"}


@KINDS
@pytest.mark.parametrize(
    ("content", "words"), [(None, "No such file"), (b"", "is empty"), (b"\xff\xfe", "holds no text")]
)
def test_a_tokens_file_that_is_none_is_told(
    kind: Any, make_request: Callable[..., Request], tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with stub(answer) as running:
        (gap,) = collected(kind, make_request(), url=running.url, bearer_token_file=str(file))
        (checked,) = kind(kind.Settings(url=running.url, bearer_token_file=str(file))).check(make_request())
    assert (gap.cause, checked.cause) == ("not_configured", "not_configured")
    assert words in gap.why
    assert f"sources.{kind.name}.bearer_token_file" in gap.mend
    assert not running.paths


@KINDS
def test_the_tenant_is_named_in_every_request(kind: Any, make_request: Callable[..., Request]) -> None:
    with stub(answer) as running:
        collected(kind, make_request(), url=running.url, tenant="shop-{service}")
    assert {h.get("X-Scope-OrgID") for h in running.headers} == {"shop-checkout"}


@KINDS
def test_settings_hide_what_is_secret(kind: Any) -> None:
    secrets = {"headers": {"X-Key": "hunter2"}, "bearer_token": "hunter2", "password": "hunter2"}
    shown = repr(kind.Settings.model_validate({**secrets, "bearer_token_file": "/run/hunter2"}))
    assert "hunter2" not in shown
    assert "X-Key" in shown


@KINDS
def test_a_redirect_gets_no_credentials(kind: Any, make_request: Callable[..., Request]) -> None:
    with stub(answer) as thief, stub(saying(302, "", headers={"Location": f"{thief.url}/?t0ken"})) as running:
        (gap,) = collected(kind, make_request(), url=running.url, bearer_token="t")
    assert not thief.paths
    assert (gap.cause, "t0ken" in gap.why) == ("denied", False)


@KINDS
def test_only_reads_are_sent(kind: Any, make_request: Callable[..., Request]) -> None:
    """The stub answers GET alone: anything else would be a gap."""
    with stub(answer) as running:
        assert not collected(kind, make_request(), url=running.url)
        assert not [i for i in kind(kind.Settings(url=running.url)).check(make_request()) if "501" in str(i)]
    assert len(running.paths) >= 2
