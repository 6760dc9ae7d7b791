"""The forge collector against a loopback server that speaks GitHub's and GitLab's REST."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from gitworld import World
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from servers import faults
from servers.forge import REPOSITORY, TOKEN, Deploy, Repo, forge, sha
from servers.prometheus import Answer, Stub, broken_off, dripping, free_port, hanging, saying

from collectors.forge import Forge, ForgeSettings, client, fields
from collectors.forge.place import Unknown, find_place, host_and_path
from gather_diagnostics import Gap, Request, Rows, Target
from gather_diagnostics.tables import to_batch

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
KINDS = ("github", "gitlab")
MakeRequest = Callable[..., Request]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "GITHUB_TOKEN GH_TOKEN GITLAB_TOKEN GH_ENTERPRISE_TOKEN GITHUB_ENTERPRISE_TOKEN GITHUB_API_URL CI_API_V4_URL"
        " HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy REQUESTS_CA_BUNDLE CURL_CA_BUNDLE"
    ).split():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def source(url: str, kind: str = "github", **settings: Any) -> Forge:
    given = {"api_url": url, "kind": kind, "repository": REPOSITORY, "token": TOKEN, "environments": ["production"]}
    return Forge(ForgeSettings(**{**given, **settings}))


@dataclass
class Result:
    rows: list[dict[str, Any]]
    gaps: list[Gap]

    def row(self, id: str) -> dict[str, Any]:
        return next(r for r in self.rows if r["id"] == id)

    @property
    def ids(self) -> list[str]:
        return [r["id"].partition(":")[2] for r in self.rows]


def read(request: Request, source: Forge) -> Result:
    result = Result([], [])
    for item in source.collect(request):
        if isinstance(item, Gap):
            result.gaps.append(item)
        else:
            assert isinstance(item, Rows)
            to_batch(item.table, "forge", item.rows)
            result.rows += item.rows  # type: ignore[arg-type]
    assert TOKEN not in repr(result)
    return result


def steps(kind: str, begun: datetime, ended: datetime, *, well: bool = True) -> list[tuple[str, datetime]]:
    words = {"github": ("in_progress", "success", "failure"), "gitlab": ("running", "success", "failed")}[kind]
    return [(words[0], begun), (words[1 if well else 2], ended)]


@pytest.fixture
def repo(now: datetime) -> Repo:
    """Deployments 1 (before the window), 2 (good), 3 (failed), 4 (bad); the story is the same on both forges."""
    return Repo()


def told(repo: Repo, kind: str, now: datetime) -> Repo:
    moments = {1: 50 * HOUR, 2: 5 * HOUR, 3: 3 * HOUR, 4: 2 * HOUR}
    commits = {1: 10, 2: 12, 3: 13, 4: 15}
    repo.deploys = [
        Deploy(n, commits[n], now - ago, steps(kind, now - ago + MINUTE, now - ago + 4 * MINUTE, well=n != 3))
        for n, ago in moments.items()
    ]
    repo.deploys.append(Deploy(5, 15, now - HOUR, steps(kind, now - HOUR, now), environment="staging"))
    repo.deploys.append(Deploy(6, 15, now + HOUR, steps(kind, now + HOUR, now + HOUR)))
    repo.merges = [(40, 14, now - 4 * HOUR), (41, 15, now - 3 * HOUR), (39, 9, now - 60 * HOUR)]
    repo.releases = [("v1.4", 14, now - 4 * HOUR), ("v1.3", 9, now - 80 * HOUR)]
    return repo


# What is read


@pytest.mark.parametrize("kind", KINDS)
def test_deployments_with_what_they_brought(kind: str, repo: Repo, make_request: MakeRequest, now: datetime) -> None:
    with forge(kind, told(repo, kind, now)) as server:
        found = read(make_request(), source(server.url, kind))
    assert found.gaps == []
    merged = {"github": "pull", "gitlab": "merge_request"}[kind]
    release = {"github": "9014", "gitlab": "v1.4"}[kind]
    deployments = [f"deployment:{n}" for n in (4, 3, 2)]
    assert found.ids == [*deployments, f"release:{release}", f"{merged}:41", f"{merged}:40"]
    row = found.row(f"{kind}:deployment:4")
    assert (row["kind"], row["service"], row["author"]) == ("deploy", "checkout", "ada")
    assert (row["time"], row["finished"]) == (now - 2 * HOUR + MINUTE, now - 2 * HOUR + 4 * MINUTE)
    assert (row["revision"], row["previous"]) == (sha(15), sha(12)), "what failed in between is not what it replaced"
    details = row["details"]
    assert details["commits"] == [sha(15), sha(14), sha(13)], "newest first"
    assert (details["environment"], details["ref"], details["commits_total"]) == ("production", "main", 3)
    assert [f["path"] for f in details["files"]] == ["app/f13.py", "app/f14.py", "app/f15.py"]
    assert details["files"][0]["added"] == 2
    assert row["summary"] == "deployed main to production (3 commits)"
    assert row["ref"].startswith("http://127.0.0.1:")
    assert row["ref"].endswith("/deployments/4")
    assert "s3cr3t" not in repr(found), "no credentials of the addresses the server names"


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_deployment_says_so(kind: str, repo: Repo, make_request: MakeRequest, now: datetime) -> None:
    with forge(kind, told(repo, kind, now)) as server:
        row = read(make_request(), source(server.url, kind)).row(f"{kind}:deployment:3")
    assert row["finished"] is None
    assert row["details"]["failed"] == (now - 3 * HOUR + 4 * MINUTE).isoformat()
    assert row["summary"].startswith("failed to deploy main to production")


@pytest.mark.parametrize("kind", KINDS)
def test_a_rollback_says_what_it_takes_back(kind: str, repo: Repo, make_request: MakeRequest, now: datetime) -> None:
    repo.deploys = [
        Deploy(n, commit, now - ago, steps(kind, now - ago, now - ago + MINUTE))
        for n, commit, ago in ((1, 3, 9 * HOUR), (2, 5, 5 * HOUR), (3, 3, HOUR))
    ]
    with forge(kind, repo) as server:
        row = read(make_request(), source(server.url, kind)).row(f"{kind}:deployment:3")
    assert row["details"]["rolled_back"] == [sha(5), sha(4)]
    assert row["details"]["rollback"] is True
    assert row["summary"] == "deployed main to production (takes back 2 commits)"


@pytest.mark.parametrize("kind", KINDS)
def test_merged_changes_with_their_files(kind: str, repo: Repo, make_request: MakeRequest, now: datetime) -> None:
    with forge(kind, told(repo, kind, now)) as server:
        found = read(make_request(), source(server.url, kind))
    row = next(r for r in found.rows if r["kind"] == "commit")
    assert (row["time"], row["revision"], row["author"]) == (now - 3 * HOUR, sha(15), "ada")
    assert row["summary"] == {"github": "Change 15 (#41)", "gitlab": "Change 15 (!41)"}[kind]
    assert row["details"]["files"] == [{"path": "app/f15.py", "added": 2, "deleted": 1, "old_path": "app/old.py"}]
    assert (row["details"]["pr"], row["details"]["labels"], row["details"]["body"]) == (41, ["pool"], "Why.")


@pytest.mark.parametrize("kind", KINDS)
def test_a_release_that_was_deployed_is_no_other_change(
    kind: str, repo: Repo, make_request: MakeRequest, now: datetime
) -> None:
    with forge(kind, told(repo, kind, now)) as server:
        release = next(r for r in read(make_request(), source(server.url, kind)).rows if "release" in r["id"])
        assert (release["kind"], release["revision"], release["time"]) == ("deploy", sha(14), now - 4 * HOUR)
        assert release["summary"] == "released v1.4: Release v1.4"
        repo.deploys[3].ref = "v1.4"
        assert not [i for i in read(make_request(), source(server.url, kind)).ids if "release" in i]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("page", [1, 2, 100])
def test_pages_are_followed(kind: str, page: int, repo: Repo, make_request: MakeRequest, now: datetime) -> None:
    with forge(kind, told(repo, kind, now)) as server:
        whole = read(make_request(), source(server.url, kind))
        repo.page = page
        found = read(make_request(), source(server.url, kind))
    assert found == whole
    assert len(found.rows) == 6


def test_reading_stops_where_the_window_starts(repo: Repo, make_request: MakeRequest, now: datetime) -> None:
    repo.deploys = [
        Deploy(n, n, now - n * HOUR, steps("github", now - n * HOUR, now - n * HOUR)) for n in range(1, 300)
    ]
    repo.page = 30
    with forge("github", repo) as server:
        found = read(make_request(), source(server.url))
        assert len([p for p in server.paths if "/deployments?" in p]) == 1
    assert len(found.rows) == 24
    assert found.gaps == []


def test_a_deployment_begins_when_work_begins(repo: Repo, make_request: MakeRequest, now: datetime) -> None:
    states = [("queued", now - 9 * HOUR), ("in_progress", now - 2 * HOUR), ("success", now - HOUR), ("inactive", now)]
    repo.deploys = [Deploy(1, 1, now - 9 * HOUR, states)]
    with forge("github", repo) as server:
        (row,) = read(make_request(), source(server.url)).rows
        repo.deploys = [Deploy(1, 1, now - 9 * HOUR, states[:1])]
        assert read(make_request(), source(server.url)).rows == [], "it waits for an approval and changed nothing yet"
        repo.deploys = [Deploy(1, 1, now - 9 * HOUR)]
        (silent,) = read(make_request(), source(server.url)).rows
    assert (row["time"], row["finished"]) == (now - 2 * HOUR, now - HOUR), "'inactive' tells of its successor"
    assert (silent["time"], silent["finished"], silent["details"]["state"]) == (now - 9 * HOUR, None, "unknown")


def test_environments_may_name_the_service(repo: Repo, make_request: MakeRequest, now: datetime) -> None:
    repo.deploys = [Deploy(1, 1, now - HOUR, environment="checkout-prod"), Deploy(2, 2, now - HOUR)]
    with forge("github", repo) as server:
        found = read(make_request(), source(server.url, environments=["{service}-prod"]))
    assert found.ids == ["deployment:1"]


def test_limits_are_told(repo: Repo, make_request: MakeRequest, now: datetime) -> None:
    repo.deploys = [Deploy(n, n, now - n * MINUTE) for n in range(1, 9)]
    repo.merges = [(n, n, now - n * MINUTE) for n in range(1, 9)]
    with forge("github", repo) as server:
        found = read(make_request(), source(server.url, max_deployments=3, max_merged=2))
    assert [(g.cause, g.wanted) for g in found.gaps] == [
        ("truncated", "deployments to production"),
        ("truncated", "changes merged to main"),
    ]
    assert found.ids == ["deployment:1", "deployment:2", "deployment:3", "pull:1", "pull:2"]


def test_nothing_is_sent_but_reads_with_the_token(repo: Repo, make_request: MakeRequest, now: datetime) -> None:
    with forge("github", told(repo, "github", now)) as server:
        read(make_request(), source(server.url))
        assert {h["Authorization"] for h in server.headers} == {f"Bearer {TOKEN}"}
        assert {h["X-GitHub-Api-Version"] for h in server.headers} == {"2022-11-28"}
        assert not any(TOKEN in p for p in server.paths)
        without = len(server.paths)
        read(make_request(), source(server.url, commits=False))
        assert not any("/compare/" in p or "/files" in p for p in server.paths[without:])


@pytest.mark.parametrize("kind", KINDS)
def test_checking(kind: str, repo: Repo, make_request: MakeRequest) -> None:
    with forge(kind, repo) as server:
        assert list(source(server.url, kind).check(make_request())) == []
        assert server.paths[0] == {"github": "/rate_limit", "gitlab": "/version"}[kind]
        (gap,) = source(server.url, kind, token="wrong").check(make_request())
        assert (gap.cause, "401" in gap.why) == ("denied", True)
        (gap,) = source(server.url, kind, repository="acme/nothing").check(make_request())
        assert (gap.cause, gap.wanted) == ("not_found", "the repository acme/nothing")


# Where it is, and whether a token may go there


@pytest.mark.parametrize(
    ("origin", "environ", "settings", "api", "repository"),
    [
        ("git@github.com:acme/shop.git", {"GITHUB_TOKEN": "t"}, {}, "https://api.github.com", "acme/shop"),
        ("https://me:pw@github.com/acme/shop", {"GH_TOKEN": "t"}, {}, "https://api.github.com", "acme/shop"),
        ("https://gitlab.com/g/sub/shop.git", {"GITLAB_TOKEN": "t"}, {}, "https://gitlab.com/api/v4", "g/sub/shop"),
        ("", {"GITHUB_TOKEN": "t"}, {"repository": "acme/shop"}, "https://api.github.com", "acme/shop"),
        ("", {"GITLAB_TOKEN": "t"}, {"repository": "acme/shop"}, "https://gitlab.com/api/v4", "acme/shop"),
        (
            "git@github.example.com:a/b.git", {"GH_ENTERPRISE_TOKEN": "t"},
            {"api_url": "https://github.example.com/api/v3/"}, "https://github.example.com/api/v3", "a/b",
        ),
        (
            "git@git.example.com:a/b.git", {"GITLAB_TOKEN": "t", "CI_API_V4_URL": "https://git.example.com/api/v4"},
            {"kind": "gitlab"}, "https://git.example.com/api/v4", "a/b",
        ),
        ("", {"GITHUB_TOKEN": "t"}, {"url": "https://acme.ghe.com/a/{service}"}, "https://api.acme.ghe.com", "a/x"),
    ],
)  # fmt: skip
def test_places(
    origin: str, environ: dict[str, str], settings: dict[str, str], api: str, repository: str, tmp_path: Path
) -> None:
    clone = World(tmp_path / "clone")
    if origin:
        clone.git("remote", "add", "origin", origin)
    place = find_place(ForgeSettings(repo=str(clone.folder), **settings), "x", environ)
    assert (place.api, place.repository, place.token) == (api, repository, "t")
    assert "pw" not in repr(place)


@pytest.mark.parametrize(
    ("origin", "environ", "settings", "said"),
    [
        ("https://gitlab.evil.example/a/b", {"GITLAB_TOKEN": "t"}, {}, "not sent to a host only a clone names"),
        ("https://github.evil.example/a/b", {"GITHUB_TOKEN": "t"}, {}, "not sent to a host only a clone names"),
        ("https://evil.ghe.com/a/b", {"GITHUB_TOKEN": "t"}, {}, "not sent to a host only a clone names"),
        ("https://git.example.com/a/b", {"GITLAB_TOKEN": "t"}, {}, "can't be told from its address"),
        ("https://github.com/a/b", {}, {}, "there is no token"),
        ("https://github.com/a/b", {"GITLAB_TOKEN": "t"}, {}, "there is no token"),
        ("/srv/git/a/b.git", {"GITHUB_TOKEN": "t"}, {}, "in no clone with an origin"),
        ("", {"GITHUB_TOKEN": "t"}, {}, "in no clone with an origin"),
        ("", {"GITHUB_TOKEN": "t"}, {"url": "nonsense"}, "is not the address of a repository"),
        ("", {"GITHUB_TOKEN": "t"}, {"repository": "a/b", "api_url": "ftp://x"}, "is no address of a server"),
    ],
)
def test_not_in_use(origin: str, environ: dict[str, str], settings: dict[str, str], said: str, tmp_path: Path) -> None:
    clone = World(tmp_path / "clone")
    if origin:
        clone.git("remote", "add", "origin", origin)
    with pytest.raises(Unknown, match=said) as caught:
        find_place(ForgeSettings(repo=str(clone.folder), **settings), "checkout", environ)
    assert caught.value.gap.cause == "not_configured"
    assert caught.value.gap.mend


def test_planning(make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("plan must not open a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    (gap,) = Forge(ForgeSettings()).plan(make_request())
    assert isinstance(gap, Gap)
    clone = World(tmp_path)
    clone.git("remote", "add", "origin", "https://x:y@github.com/acme/shop.git")
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    (target,) = Forge(ForgeSettings()).plan(make_request())
    assert isinstance(target, Target)
    assert target.where == "acme/shop on https://api.github.com"
    assert target.because == "the local clone's origin is there; $GITHUB_TOKEN is set"
    assert target.what == "deployments to production, prod, live, releases and merged changes"


@pytest.mark.parametrize(
    "bad", [{"repository": "shop"}, {"repository": "a/../b"}, {"environments": []}, {"kind": "gitea"}, {"tokn": "x"}]
)
def test_wrong_settings_are_errors(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ForgeSettings(**bad)


@given(st.text())
def test_any_remote_can_be_read(remote: str) -> None:
    host, path = host_and_path(remote)
    assert "@" not in host
    assert ".." not in path.split("/")


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
        assert len(server.paths) == client.MOST_TRIES
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
        first = next(items)
        repo.instead = {"/": faults.dying()}
        rest = list(items)
    assert isinstance(first, Rows)
    gaps = [i for i in rest if isinstance(i, Gap)]
    assert {g.cause for g in gaps} == {"unreachable"}
    assert gaps[-1].wanted == "releases, changes merged to main"


@pytest.mark.parametrize(("minutes", "way"), [(10, "ahead of"), (-10, "behind")])
def test_a_clock_ten_minutes_off(minutes: int, way: str, repo: Repo, make_request: MakeRequest, tmp_path: Path) -> None:
    with forge("github", repo) as server:
        repo.answers = [faults.dated('{"default_branch": "main"}', timedelta(minutes=minutes))]
        found = faults.judged(make_request(), source(server.url), tmp_path)
    (gap,) = found.gaps
    assert (gap.cause, way in gap.why) == ("invalid", True)
    assert "NTP" in gap.mend


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


KEYS = (
    "id sha ref number created_at updated_at merged_at released_at published_at deployable environment commits files"
    " diffs user labels base default_branch state status iid"
).split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def scripted() -> Iterator[tuple[Repo, Stub]]:
    repo = Repo()
    with forge("github", repo) as server:
        yield repo, server


@given(document=JSON)
def test_any_json_is_rows_or_gaps(document: Any, scripted: tuple[Repo, Stub]) -> None:
    from conftest import NOW

    from gather_diagnostics import Window

    repo, server = scripted
    window = Window(NOW - HOUR, NOW)
    request = Request("checkout", NOW, window, window.shifted(-HOUR), window)
    body = json.dumps([document, document])
    for kind in KINDS:
        repo.instead = {"/": saying(200, body)}
        repo.answers = [saying(200, '{"default_branch": "main"}')]
        read(request, source(server.url, kind))


@given(st.text(), st.text())
def test_texts_of_strangers(text: str, address: str) -> None:
    assert "\n" not in fields.line(text)
    assert "\x1b" not in fields.line(text) + fields.body(text)
    link = fields.link(address)
    assert link is None or link.startswith(("http://", "https://"))
    assert fields.link(f"javascript:{address}") is None
