"""What all targets share: packages, what is remembered, who is sent to when, tokens, texts that fit."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Self

import keyring
import keyring.backend
import keyring.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.parcels import amended, bundled

from gather_diagnostics import BundleError, InputError, VerificationError
from gather_diagnostics.bundle import Written
from gather_diagnostics.errors import SendError
from gather_diagnostics.response.tickets import credentials, packing, sending, texts
from gather_diagnostics.response.tickets.addresses import TARGETS, target
from gather_diagnostics.response.tickets.model import Environ, Limits, Package, Progress, Receipt, Target
from gather_diagnostics.response.tickets.resuming import State, remembered


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Package]:
    with packing.package(bundled(tmp_path_factory.mktemp("frame")).folder) as package:
        yield package


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return bundled(tmp_path / "out")


@dataclass
class Place:
    """A target that keeps what it was given."""

    name: ClassVar[str] = "https"
    address: str
    limits: Limits = field(default_factory=lambda: Limits(1000, 1000))
    public: str = ""
    link: str = ""
    broken: bool = False
    given: list[Package] = field(default_factory=list)

    @classmethod
    def parse(cls, address: str, environ: Environ) -> Self:
        return cls(address)

    def plan(self, package: Package) -> list[str]:
        return [f"send {package.file}"]

    def send(self, package: Package, done: Progress) -> Receipt:
        self.given.append(package)
        if self.broken:
            raise SendError("it is down")
        done.save("all", package.sha256, {"id": "1"})
        return Receipt("https://there", sent=("all",), link=self.link)


class Store(Place):
    name: ClassVar[str] = "s3"


def deliver(package: Package, *targets: Target) -> list[sending.Outcome]:
    return list(sending.deliver(package, targets, State(None)))


# Packages


def test_folder_and_archive_are_the_same_package(written: Written) -> None:
    assert written.archive
    with packing.package(written.folder) as one, packing.package(written.archive) as other:
        assert (one.key, one.origin, one.sha256, one.name, one.size) == (
            other.key, other.origin, other.sha256, other.name, other.size
        )  # fmt: skip
        assert one.name == written.folder.name
        assert one.stamp.startswith(one.mark)


def test_an_amended_bundle_has_the_same_origin_and_another_key(written: Written) -> None:
    with packing.package(written.folder) as before:
        pass
    with packing.package(amended(written).folder) as after:
        assert (before.origin, before.mark) == (after.origin, after.mark)
        assert before.key != after.key
        assert before.kept != after.kept


def test_a_bundle_that_does_not_verify_is_no_package(written: Written) -> None:
    page = written.folder / "evidence.html"
    page.write_bytes(page.read_bytes() + b" ")
    with pytest.raises(VerificationError, match=r"(?s)is not attached.*evidence\.html' is not what it was"):
        packing.package(written.folder).__enter__()


def test_a_shared_bundle_is_one_by_its_name(tmp_path: Path) -> None:
    shared = bundled(tmp_path, name="evidence-checkout-20260314T032000Z-shared")
    with packing.package(shared.folder) as package:
        assert package.shared


def test_the_shared_bundle_beside(written: Written) -> None:
    with pytest.raises(BundleError, match=f"gather_diagnostics share {written.folder} --out"):
        packing.shared_beside(written.folder)
    shared = bundled(written.folder.parent, name=f"{written.folder.name}-shared")

    assert written.archive
    assert packing.shared_beside(written.folder) == packing.shared_beside(written.archive) == shared.folder
    assert packing.shared_beside(shared.folder) == shared.folder


# Remembering


def test_what_was_saved_is_there_for_the_next_run(written: Written) -> None:
    with remembered(written.folder) as state:
        state.of("origin", "jira:A-1").save("comment", "one", {"id": "7"})
    assert written.archive
    with remembered(written.archive) as state:
        part = state.of("origin", "jira:A-1")
        assert part.facts("comment") == {"id": "7"}
        assert part.has("comment", "one")
        assert not part.has("comment", "two")
        assert state.of("origin", "jira:A-2").facts("comment") is None
        assert state.of("other", "jira:A-1").facts("comment") is None
        part.save("comment", "two", {"id": "8"})
        assert part.facts("comment") == {"id": "8"}


@given(cut=st.integers(0, 400), junk=st.binary(max_size=40))
def test_a_torn_state_says_less_and_breaks_nothing(
    tmp_path_factory: pytest.TempPathFactory, cut: int, junk: bytes
) -> None:
    bundle = tmp_path_factory.mktemp("torn") / "b"
    with remembered(bundle) as state:
        for number in range(3):
            state.of("o", "t").save(f"part{number}", "d", {"id": str(number)})
    path = bundle.with_name(".b.attached.jsonl")
    path.write_bytes(path.read_bytes()[:cut] + junk)
    with remembered(bundle) as state:
        state.of("o", "t").save("last", "d", {"id": "9"})
    with remembered(bundle) as state:
        known = [state.of("o", "t").facts(f"part{n}") for n in range(3)]
        assert state.of("o", "t").facts("last") == {"id": "9"}
    assert all(facts in (None, {"id": str(n)}) for n, facts in enumerate(known))


def test_two_runs_at_once(written: Written) -> None:
    with remembered(written.folder), pytest.raises(BundleError, match="attached by another run"):
        remembered(written.folder).__enter__()


def test_a_link_in_its_place_is_not_followed(written: Written, tmp_path: Path) -> None:
    path = written.folder.with_name(f".{written.folder.name}.attached.jsonl")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="can't be opened"):
        remembered(written.folder).__enter__()
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_read_only(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("gather_diagnostics.response.tickets.resuming.os.open", refused)
    with remembered(written.folder) as state:
        assert "can't be written: what goes now is not remembered" in state.problem
        state.of("o", "t").save("p", "d", {"id": "1"})
        assert state.of("o", "t").facts("p") == {"id": "1"}


# Who is sent to


def test_stores_come_first_and_their_links_are_told(package: Package) -> None:
    ticket, store = Place("jira:A-1"), Store("s3://bucket/x", link="https://bucket/x?signature")
    outcomes = deliver(package, ticket, store)

    assert [outcome.address for outcome in outcomes] == ["s3://bucket/x", "jira:A-1"]
    assert ticket.given[0].links == ("https://bucket/x?signature",)


def test_links_are_not_told_where_strangers_read(package: Package) -> None:
    ticket, store = Place("github:a/b#1", public="anybody"), Store("s3://bucket/x", link="https://bucket/x")
    deliver(package, ticket, store)
    assert ticket.given[0].links == ()
    deliver(replace(package, shared=True), ticket, store)
    assert ticket.given[1].links == ("https://bucket/x",)


def test_one_that_fails_keeps_none_from_its_own(package: Package) -> None:
    outcomes = deliver(package, Place("one", broken=True), Place("two"))

    assert sending.sentence(outcomes[0]) == "one: failed: it is down"
    assert sending.sentence(outcomes[1]) == "two: sent all -> https://there"
    assert sending.exit_code(outcomes) == 2
    assert sending.exit_code(outcomes[:1]) == 3
    assert sending.exit_code(outcomes[1:]) == 0


def test_the_same_target_twice_is_sent_to_once(package: Package) -> None:
    assert len(deliver(package, Place("one"), Place("one"))) == 1


def test_private_bundles_in_public_places(package: Package) -> None:
    places = [Place("github:a/b#1", public="anybody"), Place("jira:A-1")]

    (warning,) = sending.warnings(package, places)
    assert "github:a/b#1 may be read by anybody" in warning
    assert "share" in warning
    assert sending.warnings(replace(package, shared=True), places) == []


# Addresses


SERVERS = {
    **{f"{name}_URL": f"https://{name.lower()}.example.com" for name in ("JIRA", "SERVICENOW", "ROUNDUP")},
    "PAGERDUTY_FROM": "ada@example.com",
}


@pytest.mark.parametrize(("scheme", "example"), [(scheme, row[2]) for scheme, row in TARGETS.items()])
def test_every_example_is_an_address(scheme: str, example: str) -> None:
    to = target(example, SERVERS)

    assert to.name == ("https" if scheme == "http" else scheme)
    assert to.address
    assert to.limits.file >= 0


@pytest.mark.parametrize("address", ["", "jira", "trello:1", "ftp://host/x", "evidence.tar.gz", "jira:", "\x1b[2J:x"])
def test_what_means_no_place_is_told_with_examples(address: str) -> None:
    with pytest.raises(InputError, match="jira:OPS-12") as raised:
        target(address, {})
    assert "\x1b" not in str(raised.value)


# Tokens


class Kept(keyring.backend.KeyringBackend):
    priority = 1  # type: ignore[assignment]

    def get_password(self, service: str, username: str) -> str | None:
        if username == "LOCKED":
            raise keyring.errors.KeyringLocked("nobody is here")
        return {("gather_diagnostics", "A_TOKEN"): "from the keyring"}.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None: ...


@pytest.fixture
def _keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(Kept())
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("_keyring")
def test_a_token_comes_from_the_environment_then_from_the_keyring() -> None:
    assert credentials.find({"A_TOKEN": " from here\n"}, "A_TOKEN") == "from here"
    assert credentials.find({}, "B_TOKEN", "A_TOKEN") == "from the keyring"
    assert credentials.find({"A_TOKEN": ""}, "B_TOKEN", "LOCKED") == ""
    with pytest.raises(
        SendError, match="set B_TOKEN or C_TOKEN, or keep it with: keyring set gather_diagnostics B_TOKEN"
    ):
        credentials.need({}, "B_TOKEN", "C_TOKEN")


@pytest.mark.parametrize("token", ["two\nlines", "tökén", "with\x00nul"])
def test_a_token_that_no_header_takes(token: str) -> None:
    with pytest.raises(SendError, match="A_TOKEN holds characters that no token has") as raised:
        credentials.find({"A_TOKEN": token}, "A_TOKEN")
    assert token not in str(raised.value)


def test_without_keyring_installed() -> None:
    code = (
        "import sys; sys.modules['keyring'] = None\n"
        "from gather_diagnostics.response.tickets import credentials\n"
        "print(repr(credentials.find({}, 'A_TOKEN')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "''\n"


# Texts


@pytest.mark.parametrize("form", ["markdown", "jira", "plain"])
@pytest.mark.parametrize("most", [6_000, 25_000, 32_767, 65_536])
def test_a_comment_fits_and_bears_its_mark(package: Package, form: texts.Form, most: int) -> None:
    text = texts.comment(package, form, most, attached=False)

    assert len(text) <= most
    assert package.stamp in text.rstrip().rpartition("\n")[2]
    assert package.sha256 in text
    assert "with whoever wrote this" in text


def test_links_are_in_the_text_where_the_archive_is_not(package: Package) -> None:
    package = replace(package, links=("https://bucket.example/x?a=1&b=2",))
    assert "<https://bucket.example/x?a=1&b=2>" in texts.comment(package, "markdown", 65_536, attached=False)
    assert "[https://bucket.example/x?a=1&b=2]" in texts.comment(package, "jira", 32_767, attached=False)
    assert "https://bucket.example/x?a=1&b=2\n" in texts.comment(package, "plain", 25_000, attached=False)
    assert "bucket.example" not in texts.comment(package, "plain", 25_000, attached=True)


def test_sizes_are_told_as_limits_are() -> None:
    assert [texts.size(n) for n in (999, 1000, 10_000_000, 2_500_000_000)] == [
        "999 bytes",
        "1.0 kB",
        "10.0 MB",
        "2.5 GB",
    ]


def test_the_state_is_json_lines(written: Written) -> None:
    with remembered(written.folder) as state:
        state.of("o", "t").save("p", "d", {"id": "ä\n"})
    path = written.folder.with_name(f".{written.folder.name}.attached.jsonl")
    (line,) = filter(None, path.read_text().split("\n"))
    assert json.loads(line)["facts"] == {"id": "ä\n"}
