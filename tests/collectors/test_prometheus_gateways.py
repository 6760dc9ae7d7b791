"""What stands before Prometheus elsewhere, with a real one behind it: Mimir's tenants and prefix, authenticating
proxies, Amazon's signatures; and VictoriaMetrics behind the same.

Each gateway refuses in its product's own words; the gap names the cure.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from conftest import NOW
from servers.prometheus import Answer, openmetrics, prometheus, saying, stub
from servers.proxy import Guard, forwarding
from servers.victoriametrics import victoriametrics

from collectors.prometheus import Prometheus
from gather_diagnostics import Gap, Request, Rows

pytestmark = pytest.mark.slow

KEY, SECRET, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "eu-west-1"
HANDLERS = ("/pay", "/cart 100% +ä", "/a?b=c&d")


def history() -> str:
    begin, end = int((NOW - timedelta(hours=2, minutes=20)).timestamp()), int(NOW.timestamp())
    series = [
        (
            "http_requests_total",
            {"service": "checkout", "code": code, "handler": handler},
            [(t, rate * (t - begin)) for t in range(begin, end + 1, 15)],
        )
        for code, rate in (("200", 9.0), ("500", 1.0))
        for handler in HANDLERS
    ]
    return openmetrics({"http_requests": ("counter", series)})


@pytest.fixture(scope="module", params=["prometheus", "victoriametrics"])
def upstream(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "victoriametrics":
        with victoriametrics(history()) as url:
            yield url
        return
    file: Path = tmp_path_factory.mktemp("history") / "history.txt"
    file.write_text(history())
    with prometheus(file) as url:
        yield url


# --- the gateways


def header(name: str, value: str, refusal: Answer) -> Guard:
    """Lets through what has this header in every request."""
    return lambda handler: None if handler.headers.get(name) == value else refusal


def amazon(handler: BaseHTTPRequestHandler) -> Answer | None:
    """Recomputes the signature with botocore from what has arrived, as Amazon's front end does."""
    sent = handler.headers.get("Authorization", "")
    if not sent:
        return saying(403, '{"message": "Missing Authentication Token"}')
    signed = AWSRequest("GET", f"http://{handler.headers['Host']}{handler.path}")
    signed.context["timestamp"] = handler.headers["X-Amz-Date"]
    signed.headers["X-Amz-Date"] = handler.headers["X-Amz-Date"]
    signer = SigV4Auth(Credentials(KEY, SECRET), "aps", REGION)
    right = signer.signature(signer.string_to_sign(signed, signer.canonical_request(signed)), signed)
    late = datetime.now(UTC) - datetime.strptime(handler.headers["X-Amz-Date"], "%Y%m%dT%H%M%S%z") > timedelta(
        minutes=5
    )
    if sent.rpartition("Signature=")[2] == right and f"/{REGION}/aps/aws4_request" in sent and not late:
        return None
    return saying(403, '{"message": "The request signature we calculated does not match the signature you provided."}')


BASIC = "Basic " + base64.b64encode("me:pä".encode()).decode()
NO_ORG = saying(401, "no org id\n", "text/plain")
NOBODY = saying(401, "<h1>401 Authorization Required</h1>", "text/html")
GATEWAYS: dict[str, tuple[str, Guard, dict[str, Any], str]] = {
    # path prefix, guard, the settings that are right, and what the mend without them names
    "mimir": ("/prometheus", header("X-Scope-OrgID", "shop-checkout", NO_ORG), {"tenant": "shop-{service}"}, ".tenant"),
    "thanos": ("", header("THANOS-TENANT", "shop", NOBODY), {"headers": {"THANOS-TENANT": "shop"}}, "bearer_token"),
    "bearer": ("/base", header("Authorization", "Bearer t0k", NOBODY), {"bearer_token": "t0k"}, "bearer_token"),
    "basic": ("", header("Authorization", BASIC, NOBODY), {"username": "me", "password": "pä"}, "username"),
    "amazon": ("/workspaces/ws-1", amazon, {"sigv4_region": REGION}, "sigv4_region"),
}


def collected(request: Request, **fields: Any) -> tuple[list[Any], list[Gap]]:
    items = list(Prometheus(Prometheus.Settings.model_validate(fields)).collect(request))
    rows = [{k: v for k, v in row.items() if k != "ref"} for i in items if isinstance(i, Rows) for row in i.rows]
    return sorted(rows, key=str), [i for i in items if isinstance(i, Gap)]


@pytest.fixture(autouse=True)
def _amazons_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_gateway_gives_what_the_server_behind_it_gives(
    name: str, upstream: str, make_request: Callable[..., Request]
) -> None:
    prefix, guard, settings, _ = GATEWAYS[name]
    direct, gaps = collected(make_request(), url=upstream)
    assert {r["endpoint"] for r in direct if "endpoint" in r} == set(HANDLERS)
    with stub(forwarding(upstream, prefix, guard)) as running:
        rows, same_gaps = collected(make_request(), url=running.url + prefix, **settings)
        assert not [
            g
            for g in Prometheus(Prometheus.Settings.model_validate({"url": running.url + prefix, **settings})).check(
                make_request()
            )
            if isinstance(g, Gap)
        ]
    assert rows == direct
    assert [g.wanted for g in same_gaps] == [g.wanted for g in gaps] == ["latency of checkout"]


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_refusal_names_the_cure(name: str, make_request: Callable[..., Request]) -> None:
    prefix, guard, _, cure = GATEWAYS[name]
    with stub(forwarding("http://127.0.0.1:9", prefix, guard)) as running:
        rows, (gap,) = collected(make_request(), url=running.url + prefix)
    assert not rows
    assert gap.cause == "denied"
    assert cure in gap.mend


def test_without_its_prefix_mimir_is_not_found(make_request: Callable[..., Request]) -> None:
    with stub(forwarding("http://127.0.0.1:9", "/prometheus")) as running:
        _, (gap,) = collected(make_request(), url=running.url, tenant="shop")
    assert (gap.cause, "/prometheus" in gap.mend) == ("not_found", True)


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        (
            "User: arn:aws:sts::1:assumed-role/dev is not authorized to perform: aps:QueryMetrics on resource: ws-1",
            "allow aps:QueryMetrics",
        ),
        ("The security token included in the request is expired", "aws sso login"),
    ],
)
def test_amazons_refusals_name_the_cure(said: str, cure: str, make_request: Callable[..., Request]) -> None:
    with stub(saying(403, f'{{"Message": "{said}"}}')) as running:
        _, (gap,) = collected(make_request(), url=running.url, sigv4_region=REGION)
    assert (gap.cause, said in gap.why) == ("denied", True)
    assert gap.mend.startswith(cure) or cure in gap.mend
