"""The forge collector against a loopback server that speaks GitHub's and GitLab's REST: what is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from forgework import HOUR, KINDS, MINUTE, MakeRequest, bare_environment, read, source, steps, told
from hypothesis import given
from hypothesis import strategies as st
from servers.forge import TOKEN, Deploy, Repo, forge, sha
from servers.prometheus import Stub, saying

from collectors.forge import fields
from gather_diagnostics import Gap, Request, Skew, Window


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare_environment(monkeypatch, tmp_path)


@pytest.fixture
def repo() -> Repo:
    return Repo()


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
        (clock,) = source(server.url, kind).check(make_request())
        assert isinstance(clock, Skew)
        assert abs(clock.seconds) < 2
        assert server.paths[0] == {"github": "/rate_limit", "gitlab": "/version"}[kind]
        gap, _ = source(server.url, kind, token="wrong").check(make_request())
        assert isinstance(gap, Gap)
        assert (gap.cause, "401" in gap.why) == ("denied", True)
        gap, _ = source(server.url, kind, repository="acme/nothing").check(make_request())
        assert isinstance(gap, Gap)
        assert (gap.cause, gap.wanted) == ("not_found", "the repository acme/nothing")


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
