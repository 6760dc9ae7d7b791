"""What every ticket tracker has to do: once, updated, resumed, in sentences, and the token to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from servers.prometheus import saying, stub
from servers.tickets import TOKEN, Ticket, refusal, words
from servers.ticketserver import Fault, Reply, Running
from servers.tls import certificates
from trackerwork import AUTHORITIES, PROXIES, TRACKERS, attached, forgetful, packed

from gather_diagnostics.errors import InputError, SendError
from gather_diagnostics.response.tickets.addresses import target

NAMES = sorted(TRACKERS)
WITH_FILES = [name for name in NAMES if TRACKERS[name].files]


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, *AUTHORITIES):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def ticket() -> Ticket:
    return Ticket()


@pytest.fixture
def running(request: pytest.FixtureRequest, ticket: Ticket) -> Iterator[Running]:
    with TRACKERS[request.getfixturevalue("name")].opened(ticket) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_document_becomes_a_comment_and_the_archive_is_attached_or_told(
    name: str, running: Running, ticket: Ticket, tmp_path: Path
) -> None:
    package = packed(tmp_path)
    receipt = attached(name, running.url, package)
    (text,) = words(ticket)
    assert "checkout" in text
    assert package.sha256 in text
    assert package.stamp in text.rstrip().splitlines()[-1]
    assert len(text) <= target(TRACKERS[name].address, TRACKERS[name].environ(running.url)).limits.text
    assert "comment" in receipt.sent
    assert receipt.url.startswith("http")
    if TRACKERS[name].files:
        ((file, content),) = ticket.files
        assert content == package.archive.read_bytes()
        assert file == f"{package.name}-{package.sha256[:12]}.tar.gz"
        assert "is attached" in text
        assert receipt.left_out == ()
    else:
        assert "is attached" not in text
        assert "takes no files" in receipt.left_out[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("remembered", [True, False])
def test_attached_again_nothing_is_repeated(
    name: str, remembered: bool, running: Running, ticket: Ticket, tmp_path: Path
) -> None:
    package, state = packed(tmp_path), forgetful()
    attached(name, running.url, package, state)
    wrote, files, texts = running.wrote(), list(ticket.files), words(ticket)
    receipt = attached(name, running.url, package, state if remembered else None)
    assert (receipt.sent, receipt.updated) == ((), ())
    assert "comment" in receipt.already
    assert (running.wrote(), ticket.files, words(ticket)) == (wrote, files, texts)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("remembered", [True, False])
def test_an_amended_bundle_updates_the_comment_and_its_archive_is_added(
    name: str, remembered: bool, running: Running, ticket: Ticket, tmp_path: Path
) -> None:
    state = forgetful()
    attached(name, running.url, packed(tmp_path), state)
    amended = packed(tmp_path, seed=1)
    receipt = attached(name, running.url, amended, state if remembered else None)
    assert amended.sha256 in words(ticket)[-1]
    if TRACKERS[name].edits:
        assert len(ticket.comments) == 1
        assert "comment" in receipt.updated
    else:
        assert len(ticket.comments) == 2
        assert "comment" in receipt.sent
    assert len(ticket.files) == (2 if TRACKERS[name].files else 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("remembered", [True, False])
def test_an_answer_lost_on_the_way_is_no_second_comment(
    name: str, remembered: bool, running: Running, ticket: Ticket, tmp_path: Path
) -> None:
    package, state = packed(tmp_path), forgetful()
    method = "PATCH" if name == "servicenow" else "POST"
    running.faults.append(Fault(method, TRACKERS[name].part, None, late=True))
    with pytest.raises(SendError, match=f"{TRACKERS[name].title} at .* is not reached"):
        attached(name, running.url, package, state)
    assert not running.faults
    receipt = attached(name, running.url, package, state if remembered else None)
    assert "comment" in receipt.already
    assert len(ticket.comments) == 1
    assert len(ticket.files) == (1 if TRACKERS[name].files else 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_FILES)
def test_a_comment_that_failed_is_sent_on_the_next_run_without_the_archive(
    name: str, running: Running, ticket: Ticket, tmp_path: Path
) -> None:
    package, state = packed(tmp_path), forgetful()
    method = "PATCH" if name == "servicenow" else "POST"
    running.faults.append(Fault(method, TRACKERS[name].part, refusal(500, {"message": "Whoops"})))
    with pytest.raises(SendError, match="answers 500: Whoops; that is a trouble of its own"):
        attached(name, running.url, package, state)
    receipt = attached(name, running.url, package, state)
    assert receipt.sent == ("comment",)
    assert len(ticket.files) == len(ticket.comments) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", [429, 503])
def test_a_throttled_request_waits_as_it_is_told_and_goes_again(
    name: str, status: int, running: Running, ticket: Ticket, tmp_path: Path
) -> None:
    method = "PATCH" if name == "servicenow" else "POST"
    running.faults.append(Fault("GET", "", refusal(status, {}, Retry_After="0")))
    running.faults.append(Fault(method, TRACKERS[name].part, refusal(status, {}, Retry_After="0")))
    receipt = attached(name, running.url, packed(tmp_path))
    assert "comment" in receipt.sent
    assert len(ticket.comments) == 1
    assert not running.faults


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_long_limit_is_told_and_not_waited_for(name: str, running: Running, tmp_path: Path) -> None:
    running.faults.append(Fault("GET", "", refusal(429, {}, Retry_After="3600")))
    with pytest.raises(SendError, match="answers 429; it takes no more requests now: run again after"):
        attached(name, running.url, packed(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_token_is_told_with_its_variable_and_never_shown(name: str, running: Running, tmp_path: Path) -> None:
    variable = next(n for n, value in TRACKERS[name].environ("").items() if value == TOKEN)
    with pytest.raises(SendError, match=f"answers 401.*{variable}") as caught:
        attached(name, running.url, packed(tmp_path), **{variable: "wrong-one"})
    assert "wrong-one" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_missing_token_is_told_with_the_cure(
    name: str, running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    variable = next(n for n, value in TRACKERS[name].environ("").items() if value == TOKEN)
    with pytest.raises(SendError, match=rf"set .*\b{variable}\b.*keyring set gather_diagnostics "):
        attached(name, running.url, packed(tmp_path), **{variable: ""})
    assert running.calls == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_there_is_told_and_nothing_is_uploaded(
    name: str, running: Running, ticket: Ticket, tmp_path: Path
) -> None:
    with pytest.raises(SendError, match=r"no such|there is no|has no #99"):
        attached(name, running.url, packed(tmp_path), address=TRACKERS[name].missing)
    assert ticket.files == []
    assert running.wrote() == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_carries_neither_token_nor_evidence_along(
    name: str, status: int, running: Running, ticket: Ticket, tmp_path: Path
) -> None:
    with stub(saying(200, "{}")) as elsewhere:
        place = {"Location": f"{elsewhere.url}/login?back=1"}
        running.faults.append(Fault("GET", "", Reply(status, {}, place)))
        with pytest.raises(SendError, match=f"redirects to {elsewhere.url}/login, which is not followed"):
            attached(name, running.url, packed(tmp_path))
        assert elsewhere.paths == []
    assert ticket.comments == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("body", [b"<html>Log in</html>", b'"text"', b"[1]", b"{}", b"null", b""])
def test_something_else_at_the_address_is_told(name: str, body: bytes, running: Running, tmp_path: Path) -> None:
    running.faults += [Fault("GET", "", Reply(200, body, {"Content-Type": "text/html"})) for _ in range(9)]
    with pytest.raises(SendError, match="answers") as caught:
        attached(name, running.url, packed(tmp_path))
    assert len(str(caught.value)) < 400


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_path_before_the_api_is_kept(name: str, ticket: Ticket, tmp_path: Path) -> None:
    with TRACKERS[name].opened(ticket, prefix="/behind/proxy") as running:
        receipt = attached(name, f"{running.url}/", packed(tmp_path))
        assert all(call.path.startswith("/behind/proxy/") for call in running.calls)
        again = attached(name, running.url, packed(tmp_path, seed=2))
    assert "comment" in receipt.sent
    assert "comment" in (again.updated or again.sent)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_proxies_of_the_environment_are_used(
    name: str, running: Running, ticket: Ticket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", running.url)
    attached(name, "http://localhost:9", packed(tmp_path))
    assert len(ticket.comments) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_certificates_are_verified(name: str, ticket: Ticket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = certificates(tmp_path)
    with TRACKERS[name].opened(ticket, tls=made) as running:
        with pytest.raises(SendError, match=r"no TLS connection to .* name the authority's certificate"):
            attached(name, running.url, packed(tmp_path))
        assert running.calls == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(made.ca))
        attached(name, running.url, packed(tmp_path))
    assert len(ticket.comments) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_FILES)
def test_an_archive_that_the_server_finds_too_large_is_told_in_the_text(
    name: str, ticket: Ticket, running: Running, tmp_path: Path
) -> None:
    ticket.largest = 10_000
    package = packed(tmp_path, links=("https://s3.example.com/evidence.tar.gz?sig=1",))
    receipt = attached(name, running.url, package)
    assert ticket.files == []
    (text,) = words(ticket)
    assert package.sha256 in text
    assert "https://s3.example.com/evidence.tar.gz?sig=1" in text
    assert receipt.sent == ("comment",)
    assert "larger than" in receipt.left_out[0] or "413" in receipt.left_out[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["github", "gitlab", "jira", "pagerduty"])
def test_a_person_who_quotes_us_is_not_overwritten(name: str, running: Running, ticket: Ticket, tmp_path: Path) -> None:
    attached(name, running.url, packed(tmp_path))
    key = next(k for k in ("body", "content") if k in ticket.comments[0])
    ours = words(ticket)[0]
    quote = f"{{quote}}{ours}{{quote}}" if name == "jira" else "\n".join(f"> {line}" for line in ours.splitlines())
    person = dict(ticket.comments[0], id="777", created_at="2026-03-14T09:00:00Z", **{key: f"{quote}\nI disagree."})
    bare = dict(person, id="778", **{key: f"I saw this:\n\n{quote}"})
    ticket.comments += [person, bare]
    attached(name, running.url, packed(tmp_path, seed=1))
    assert ticket.comments[1:] == [person, bare]
    assert packed(tmp_path, seed=1).sha256 in words(ticket)[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_asks_nobody_and_names_the_variable(name: str, tmp_path: Path) -> None:
    environ = TRACKERS[name].environ("https://tracker.example.com")
    variable = next(n for n, value in environ.items() if value == TOKEN)
    one = target(TRACKERS[name].address, environ)
    plan = " / ".join(one.plan(packed(tmp_path)))
    assert f"with the token in {variable}" in plan
    assert "https://tracker.example.com" in plan
    assert TOKEN not in plan
    unset = target(TRACKERS[name].address, {**environ, variable: ""}).plan(packed(tmp_path))
    assert any("is not set" in sentence and variable in sentence for sentence in unset)
    assert all(one.plan(replace(packed(tmp_path), size=10**12)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rest", ["", "x y", "../..", "a/b/c/../d#0", "OPS", "acme/shop", "acme/shop#", "INC", "a\nb"])
def test_an_address_that_is_none_is_told_with_an_example(name: str, rest: str) -> None:
    with pytest.raises(InputError, match=f"{name}:"):
        target(f"{name}:{rest}", TRACKERS[name].environ("https://tracker.example.com"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("tracker.example.com", "is no address of a server"),
        ("http://tracker.example.com", "begins with http: only https"),
        ("https://ada:secret@tracker.example.com", "has a user or password in it"),
    ],
)
def test_a_server_that_can_not_be_used_is_told_with_its_variable(name: str, url: str, words: str) -> None:
    environ = TRACKERS[name].environ(url)
    variable = next(n for n, value in environ.items() if value == url)
    with pytest.raises(InputError, match=f"{variable} {words}") as caught:
        target(TRACKERS[name].address, environ)
    assert "secret" not in str(caught.value)
