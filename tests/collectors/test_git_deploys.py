"""Deploy markers: tags and refs, what they carry, which of them count."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitreading import plan, read
from gitworld import World
from hypothesis import given
from hypothesis import strategies as st

from collectors.git.names import is_elsewhere, is_release, series_of, version_key

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def test_annotated_tags(world: World, make_request: Any, now: datetime) -> None:
    first = world.commit(now - 80 * HOUR, "One", {"a": "1"})
    world.tag("v1.9.0", now - 79 * HOUR)
    older = world.commit(now - 70 * HOUR, "Two", {"a": "2"})
    newer = world.commit(now - 5 * HOUR, "Three", {"a": "3"})
    world.tag("v1.10.0", now - HOUR, "Autumn release\n\nWith notes.")
    world.commit(now - MINUTE, "Four", {"a": "4"})
    found = read(make_request(), world.folder)
    (row,) = found.of("deploy")
    assert (row["id"], row["time"]) == ("git:tag:v1.10.0", now - HOUR), "the tag's own date"
    assert (row["revision"], row["previous"]) == (newer, first)
    assert row["author"] == "Ada <ada@example.com>"
    assert row["summary"] == "v1.10.0 (2 commits): Autumn release"
    details = row["details"]
    assert details["commits"] == [newer, older]
    assert (details["previous_tag"], details["time_is"]) == ("v1.9.0", "tagger")
    assert details["message"] == "Autumn release\n\nWith notes."
    assert found.commit(older)["time"] == now - 70 * HOUR, "older than the window, and needed to judge the deploy"
    assert "Autumn release" in found.raws[row["ref"].removeprefix("raw/git/")]


def test_lightweight_tags_say_that_their_time_is_a_lower_bound(world: World, make_request: Any, now: datetime) -> None:
    sha = world.commit(now - 2 * HOUR, "One", {"a": "1"})
    world.tag("deploy-2026-03-14")
    (row,) = read(make_request(), world.folder).of("deploy")
    assert (row["time"], row["revision"], row["author"]) == (now - 2 * HOUR, sha, None)
    assert row["details"]["time_is"] == "commit"
    assert "then or later" in row["details"]["time_note"]


def test_a_deploy_carries_what_touches_the_service(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 80 * HOUR, "Root", {"services/checkout/a": "1", "services/cart/a": "1"})
    for name in ("checkout-v1.0", "cart-v1.0"):
        world.tag(name, now - 79 * HOUR)
    mine = world.commit(now - 78 * HOUR, "Mine", {"services/checkout/a": "2"})
    world.commit(now - 77 * HOUR, "Theirs", {"services/cart/a": "2"})
    world.tag("cart-v1.1", now - 2 * HOUR)
    world.tag("cart/v1.2", now - 2 * HOUR)
    world.tag("checkout-v1.1", now - HOUR)
    found = read(make_request(), world.folder)
    assert [r["id"] for r in found.of("deploy")] == ["git:tag:checkout-v1.1"]
    assert found.of("deploy")[0]["details"]["commits"] == [mine]
    assert found.revisions == [mine]


def test_commits_that_a_deploy_carried_through_a_merge(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 90 * HOUR, "Root", {"a": "1"})
    world.tag("v1", now - 89 * HOUR)
    world.git("switch", "-q", "-c", "feature")
    side = world.commit(now - 80 * HOUR, "Side", {"b": "1"})
    world.git("switch", "-q", "main")
    world.merge(now - 70 * HOUR, "feature", "Merge branch 'feature'")
    world.tag("v2", now - HOUR)
    (row,) = read(make_request(), world.folder).of("deploy")
    assert row["details"]["commits"] == [side]
    assert row["summary"] == "v2 (1 commit)"


def test_a_rollback_says_what_it_takes_back(world: World, make_request: Any, now: datetime) -> None:
    good = world.commit(now - 80 * HOUR, "Good", {"a": "1"})
    world.git("update-ref", "refs/deployments/production/9", good)
    bad = world.commit(now - 5 * HOUR, "Bad", {"a": "2"})
    for number, sha, at in ((10, bad, now - 4 * HOUR), (11, good, now - HOUR)):
        world.tag(f"d{number}", at, target=sha)
        world.git("update-ref", f"refs/deployments/production/{number}", f"refs/tags/d{number}")
        world.git("tag", "-d", f"d{number}")
    found = read(make_request(), world.folder)
    back, forth = found.of("deploy")
    assert back["id"] == "git:ref:refs/deployments/production/11"
    assert back["details"]["rolled_back"] == [bad]
    assert back["details"]["rollback"] is True
    assert "takes back 1 commit" in back["summary"]
    assert forth["details"]["commits"] == [bad]
    assert forth["details"]["previous_tag"] == "refs/deployments/production/9"


def test_a_hotfix_on_an_old_release_brings_and_takes_back(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 80 * HOUR, "Root", {"a": "1"})
    world.tag("v1.0", now - 79 * HOUR)
    newer = world.commit(now - 5 * HOUR, "Newer", {"a": "2"})
    world.tag("v1.1", now - 4 * HOUR)
    world.git("switch", "-q", "--detach", "v1.0")
    hotfix = world.commit(now - 2 * HOUR, "Hotfix", {"b": "1"})
    world.tag("v1.0.1", now - HOUR)
    row = read(make_request(), world.folder).row("git:tag:v1.0.1")
    assert row["previous"] == newer
    assert (row["details"]["commits"], row["details"]["rolled_back"]) == ([hotfix], [newer])
    assert row["details"]["rollback"] is True
    assert row["summary"] == "v1.0.1 (1 commit, takes back 1 commit)"


def test_a_rollback_of_what_others_changed_is_still_one(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 80 * HOUR, "Root", {"services/checkout/a": "1", "shared/pool": "1"})
    world.tag("v1.0", now - 79 * HOUR)
    world.commit(now - 5 * HOUR, "Shared", {"shared/pool": "2"})
    world.tag("v1.1", now - 4 * HOUR)
    world.tag("v1.2", now - HOUR, target="v1.0^{commit}")
    world.tag("v1.3", now - MINUTE, target="v1.1^{commit}")
    found = read(make_request(), world.folder)
    assert found.row("git:tag:v1.2")["details"]["rollback"] is True
    assert found.row("git:tag:v1.2")["summary"] == "v1.2 (back to an earlier revision)"
    for name in ("v1.1", "v1.3"):
        assert "rollback" not in found.row(f"git:tag:{name}")["details"]


def test_a_ref_that_moves_tells_every_deploy_of_its_log(world: World, make_request: Any, now: datetime) -> None:
    world.git("config", "core.logAllRefUpdates", "always")
    shas = [world.commit(now - (90 - n) * HOUR, f"C{n}", {"a": str(n)}) for n in range(3)]
    for sha, at in zip(shas, (50 * HOUR, 6 * HOUR, HOUR), strict=True):
        world.dated(now - at, "update-ref", "-m", "deploy by pipeline", "refs/deploy/production", sha)
    world.git("update-ref", "refs/deploy/staging", shas[0])
    deploys = read(make_request(), world.folder).of("deploy")
    assert [(d["revision"], d["previous"], d["time"]) for d in deploys] == [
        (shas[2], shas[1], now - HOUR),
        (shas[1], shas[0], now - 6 * HOUR),
    ]
    assert deploys[0]["id"] == "git:ref:refs/deploy/production"
    assert deploys[1]["id"].startswith("git:ref:refs/deploy/production@{")
    assert deploys[0]["details"]["time_is"] == "reflog"
    assert deploys[0]["details"]["commits"] == [shas[2]]


def test_what_is_fetched_is_not_deployed_by_fetching(
    world: World, make_request: Any, now: datetime, tmp_path: Path
) -> None:
    sha = world.commit(now - 9 * HOUR, "One", {"a": "1"})
    world.git("update-ref", "refs/deployments/production/1", sha)
    clone = World(tmp_path / "clone")
    clone.git("config", "core.logAllRefUpdates", "always")
    clone.dated(now - HOUR, "fetch", "-q", str(world.folder), "+refs/*:refs/*", "--update-head-ok")
    assert (clone.folder / ".git/logs/refs/deployments/production/1").is_file()
    (row,) = read(make_request(), clone.folder).of("deploy")
    assert (row["time"], row["details"]["time_is"]) == (now - 9 * HOUR, "commit")


def test_set_tag_patterns_are_taken_at_their_word(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - HOUR, "One", {"a": "1"})
    for name in ("v1.0", "rollout/checkout/blue", "rollout/cart/blue"):
        world.tag(name)
    found = read(make_request(), world.folder, tag_patterns=["rollout/{service}/*"])
    assert [r["id"] for r in found.of("deploy")] == ["git:tag:rollout/checkout/blue"]


def test_tags_of_files_are_no_deploys(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - HOUR, "One", {"a": "1"})
    world.tag("v1.0", target="HEAD:a")
    world.tag("v1.1", now - HOUR, target="HEAD^{tree}")
    found = read(make_request(), world.folder)
    assert (found.of("deploy"), found.gaps) == ([], [])


def test_links_without_credentials(world: World, make_request: Any, now: datetime) -> None:
    sha = world.commit(now - HOUR, "One", {"a": "1"})
    world.tag("v1.0", now - HOUR)
    world.git("remote", "add", "origin", "https://me:s3cr3t@github.com/acme/shop.git")
    found = read(make_request(), world.folder)
    assert found.commit(sha)["details"]["url"] == f"https://github.com/acme/shop/commit/{sha}"
    assert found.of("deploy")[0]["details"]["url"] == "https://github.com/acme/shop/releases/tag/v1.0"
    targets, _ = plan(make_request(), world.folder)
    assert "s3cr3t" not in repr((found, targets))


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("v1.2.3", True),
        ("1.2", True),
        ("v1.2.3+build5", True),
        ("v1.2.3-hotfix.1", True),
        ("release-2026-03-14", True),
        ("deploy/20260314T0300Z", True),
        ("prod-1a2b3c4", True),
        ("production", True),
        ("checkout-v1.2", True),
        ("checkout/v1.2", True),
        ("checkout@1.2.3", True),
        ("@acme/checkout@1.2.3", True),
        ("services/checkout/v1.2.3", True),
        ("prod-checkout-57", True),
        ("shop-v1.2", True),
        ("v1.2.3-rc1", False),
        ("2.0beta2", False),
        ("cart-v1.2", False),
        ("cart/v1.2", False),
        ("checkout-api-v1.2", False),
        ("api-checkout-v1.2", False),
        ("staging-2026-03-14", False),
        ("deploy-staging-12", False),
        ("checkout", False),
        ("before-refactoring", False),
        ("app-v1.2", False),
        ("", False),
    ],
)
def test_which_tags_are_releases(name: str, counts: bool) -> None:
    assert is_release(name, "checkout", "shop", neighbours={"app"}) is counts


def test_names() -> None:
    assert series_of("checkout/v1.2") == series_of("checkout-v1.3.1") == "checkout"
    assert series_of("v2") == ""
    assert version_key("v1.9") < version_key("v1.10")
    assert is_elsewhere("refs/deployments/staging/3", ())
    assert is_elsewhere("refs/deployments/cart/3", {"cart"})
    assert not is_elsewhere("refs/deployments/production-eu/3", {"cart"})


@given(st.text(max_size=60), st.text(max_size=20))
def test_any_name_can_be_read(name: str, service: str) -> None:
    assert is_release(name, service, "") in (True, False)
    assert not any(c in "-_/@" for c in series_of(name).replace("-", ""))
    version_key(name)


@given(
    st.sampled_from(["cart", "search", "zeta"]), st.from_regex(r"[-/@]v?[0-9]{1,3}(\.[0-9]{1,3}){0,3}", fullmatch=True)
)
def test_a_version_of_another_service_never_counts(other: str, version: str) -> None:
    assert not is_release(other + version, "checkout", "shop")
    assert is_release("checkout" + version, "checkout", "shop")
