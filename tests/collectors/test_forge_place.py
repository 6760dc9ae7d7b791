"""Which forge and repository are asked, and whether a token may go there."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from forgework import MakeRequest, bare_environment
from gitworld import World
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from servers.forge import TOKEN

from collectors.forge import Forge, ForgeSettings
from collectors.forge.place import Unknown, find_place, host_and_path
from gather_diagnostics import Gap, Target


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare_environment(monkeypatch, tmp_path)


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
