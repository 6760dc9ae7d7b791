"""Redirects, rate limits and every way a forge may fail: each ends in time, with cause and mend."""

from __future__ import annotations

import json
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from forgework import KINDS, MakeRequest, bare_environment, read, source, told
from servers import faults
from servers.forge import REPOSITORY, TOKEN, Repo, forge
from servers.prometheus import Answer, broken_off, dripping, free_port, hanging, saying

from gather_diagnostics import Gap, Rows


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare_environment(monkeypatch, tmp_path)


@pytest.fixture
def repo() -> Repo:
    return Repo()


def test_a_token_follows_no_redirect_and_no_page_to_another_host(
    repo: Repo, make_request: MakeRequest, now: datetime
) -> None:
    with forge("github", told(repo, "github", now)) as other, forge("github", told(repo, "github", now)) as server:
        away = saying(302, "", headers={"Location": f"{other.url}/repos/{REPOSITORY}"})
        elsewhere = saying(200, "[]", headers={"Link": f'<{other.url}/x>; rel="next"'})
        repo.instead = {"/pulls": away, "/releases": elsewhere}
        found = read(make_request(), source(server.url))
        assert other.paths == []
    assert [(g.cause, g.wanted) for g in found.gaps] == [("denied", "changes merged to main")]


def test_a_renamed_repository_is_followed_on_its_own_host(repo: Repo, make_request: MakeRequest, now: datetime) -> None:
    with forge("github", told(repo, "github", now)) as server:
        moved = saying(301, "", headers={"Location": f"/repos/{REPOSITORY}/releases"})
        repo.instead = {"/pulls": moved}
        repo.answers = [saying(301, "", headers={"Location": f"{server.url}/repos/{REPOSITORY}"})]
        found = read(make_request(), source(server.url))
    assert len(found.rows) == 4, "an answer of another kind is told, what came before stays"
    assert [g.wanted for g in found.gaps] == ["changes merged to main"]


# Rate limits


def limited(until: datetime, status: int = 403) -> Answer:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(until.timestamp()))}
    return saying(status, '{"message": "API rate limit exceeded"}', headers=headers)


@pytest.mark.parametrize("status", [403, 429])
def test_a_spent_limit_names_its_end_and_ends_asking(
    status: int, repo: Repo, make_request: MakeRequest, now: datetime
) -> None:
    until = datetime.now(UTC) + timedelta(minutes=30)
    with forge("github", told(repo, "github", now)) as server:
        repo.instead = {"/compare/": limited(until, status)}
        found = read(make_request(), source(server.url))
        after = server.paths.index(next(p for p in server.paths if "/compare/" in p))
        assert after == len(server.paths) - 1, "asking on would make it worse"
    assert found.ids == ["deployment:4", "deployment:3", "deployment:2"], "what was known is told"
    assert [g.cause for g in found.gaps] == ["throttled", "throttled"]
    assert f"{until:%Y-%m-%d %H:%M:%S} UTC" in found.gaps[0].why
    assert found.gaps[1].wanted == "releases, changes merged to main"


@pytest.mark.parametrize(
    "answer",
    [
        saying(429, '{"message": "slow down"}', headers={"Retry-After": "1"}),
        saying(403, '{"message": "secondary rate limit"}', headers={"Retry-After": "1"}),
        saying(502, "<html>bad gateway</html>", kind="text/html"),
        saying(503, ""),
        broken_off(b'{"default_branch": "ma'),
    ],
)
def test_throttled_then_fine(answer: Answer, repo: Repo, make_request: MakeRequest, now: datetime) -> None:
    with forge("github", told(repo, "github", now)) as server:
        repo.answers = [answer]
        found = read(make_request(), source(server.url))
    assert (len(found.rows), found.gaps) == (6, [])


def test_retries_are_counted(repo: Repo, make_request: MakeRequest) -> None:
    with forge("github", repo) as server:
        repo.instead = {"/": saying(503, "down")}
        found = read(make_request(), source(server.url))
        assert len(server.paths) == 2, "once more, no oftener"
    assert [g.cause for g in found.gaps] == ["unreachable"]


# The fault matrix


FAULTS: dict[str, tuple[Answer, str, str]] = {
    "hangs before the answer": (hanging(20), "timeout", "--deadline"),
    "hangs in the answer": (faults.hanging_midway(20), "timeout", "--deadline"),
    "drips": (dripping(20), "timeout", "--deadline"),
    "401": (saying(401, '{"message": "Bad credentials"}'), "denied", "token"),
    "403": (saying(403, '{"message": "Resource not accessible by token"}'), "denied", "read access to Deployments"),
    "404": (saying(404, '{"message": "Not Found"}'), "not_found", "sources.forge.repository"),
    "429": (saying(429, '{"message": "slow down"}', headers={"Retry-After": "3600"}), "throttled", "run again after"),
    "500": (saying(500, '{"message": "boom"}'), "unreachable", "githubstatus"),
    "503": (saying(503, "<html>down</html>", kind="text/html"), "unreachable", "githubstatus"),
    "truncated JSON": (saying(200, '{"default_branch": "ma'), "invalid", "sources.forge.api_url"),
    "wrong content type": (saying(200, "<html>log in</html>", kind="text/html"), "invalid", "sources.forge.api_url"),
    "wrong document": (saying(200, "[1, 2]"), "invalid", "sources.forge.api_url"),
    "deep JSON": (saying(200, "[" * 200_000), "invalid", "sources.forge.api_url"),
    "huge": (faults.endless(), "truncated", "sources.forge.commits"),
    "broken off": (broken_off(b'{"default_branch": '), "invalid", "curl"),
    "says the token": (saying(400, json.dumps({"message": f"no: {TOKEN}"})), "invalid", "sources.forge.api_url"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", FAULTS)
def test_faults(kind: str, fault: str, repo: Repo, make_request: MakeRequest, tmp_path: Path) -> None:
    answer, cause, mend = FAULTS[fault]
    repo.instead = {"/": answer}
    with forge(kind, repo) as server:
        found = faults.judged(make_request(source_seconds=2.0), source(server.url, kind), tmp_path)
    assert [g.cause for g in found.gaps] == [cause]
    (gap,) = found.gaps
    assert server.url in gap.why
    assert TOKEN not in repr(found.gaps)
    if kind == "github":
        assert mend in gap.mend


@pytest.mark.slow
@pytest.mark.parametrize("fault", [f for f in FAULTS if "hang" not in f and f != "drips"])
@pytest.mark.parametrize(
    ("part", "kept"),
    [("/statuses", ["pull", "pull", "release"]), ("/compare/", ["deployment"] * 3), ("/pulls", ["deployment"] * 3)],
)
def test_a_fault_in_one_question_keeps_the_others(
    fault: str, part: str, kept: list[str], repo: Repo, make_request: MakeRequest, now: datetime
) -> None:
    final = fault in ("401", "429")
    with forge("github", told(repo, "github", now)) as server:
        repo.instead = {part: FAULTS[fault][0]}
        found = read(make_request(), source(server.url))
    kinds = sorted(i.partition(":")[0] for i in found.ids)
    expected = [k for k in kept if k == "deployment"] if final else kept
    assert [k for k in kinds if k in kept][: len(expected)] == expected
    assert found.gaps[0].cause == FAULTS[fault][1]


@pytest.mark.parametrize(
    ("url", "cause", "said"),
    [
        ("http://127.0.0.1:{free}", "unreachable", "Connection refused"),
        ("http://nowhere.invalid", "unreachable", ""),
        ("https://127.0.0.1:{plain}", "unreachable", "TLS"),
    ],
)
def test_no_connection(url: str, cause: str, said: str, repo: Repo, make_request: MakeRequest, tmp_path: Path) -> None:
    with forge("github", repo) as server:
        address = url.format(free=free_port(), plain=server.url.rpartition(":")[2])
        found = faults.judged(make_request(source_seconds=3.0), source(address), tmp_path)
    (gap,) = found.gaps
    assert (gap.cause, said in gap.why) == (cause, True)
    assert "curl" in gap.mend


def test_a_certificate_of_nobody(repo: Repo, make_request: MakeRequest, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*faults.certificate(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        url = f"https://127.0.0.1:{server.server_port}"
        found = faults.judged(make_request(source_seconds=3.0), source(url), tmp_path)
    finally:
        server.shutdown()
        server.server_close()
    (gap,) = found.gaps
    assert (gap.cause, "certificate" in gap.why) == ("unreachable", True)
    assert "REQUESTS_CA_BUNDLE" in gap.mend


@pytest.mark.slow
def test_a_server_that_only_listens(make_request: MakeRequest, tmp_path: Path) -> None:
    with faults.deaf() as address:
        found = faults.judged(make_request(source_seconds=1.5), source(f"http://{address}"), tmp_path)
    assert [g.cause for g in found.gaps] == ["timeout"]


def test_a_server_killed_half_way(repo: Repo, make_request: MakeRequest, now: datetime) -> None:
    with forge("github", told(repo, "github", now)) as server:
        items = source(server.url).collect(make_request())
        first = next(i for i in items if isinstance(i, Rows))
        repo.instead = {"/": faults.dying()}
        rest = list(items)
    assert isinstance(first, Rows)
    gaps = [i for i in rest if isinstance(i, Gap)]
    assert {g.cause for g in gaps} == {"unreachable"}
    assert gaps[-1].wanted == "releases, changes merged to main"


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_repository_is_an_answer(kind: str, repo: Repo, make_request: MakeRequest, tmp_path: Path) -> None:
    with forge(kind, repo) as server:
        found = faults.judged(make_request(), source(server.url, kind), tmp_path)
    assert found.gaps == ()
    assert found.coverage[0].status == "complete"


def test_time_that_runs_out_keeps_what_came(repo: Repo, make_request: MakeRequest, now: datetime) -> None:
    with forge("github", told(repo, "github", now)) as server:
        repo.instead = {"/releases": hanging(20)}
        started = time.monotonic()
        found = read(make_request(source_seconds=1.5), source(server.url))
    assert time.monotonic() - started < 3
    assert len(found.rows) == 3
    assert [(g.cause, g.wanted) for g in found.gaps] == [
        ("timeout", "releases"),
        ("timeout", "changes merged to main"),
    ]
