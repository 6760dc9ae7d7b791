"""A bundle to a webhook: signed, once, with the archive where it is wanted."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from servers.faulty import Reply, faulty
from servers.parcels import amended, attach, bundled, large
from servers.webhooks import SECRET, Receiver, receiver

from gather_diagnostics import InputError
from gather_diagnostics.bundle import Written
from gather_diagnostics.errors import SendError
from gather_diagnostics.response.tickets.addresses import target
from gather_diagnostics.response.tickets.multipart import Multipart
from gather_diagnostics.response.tickets.resuming import remembered

SIGNED = {"GATHER_DIAGNOSTICS_WEBHOOK_SECRET": SECRET}


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr("gather_diagnostics.response.tickets.client.PAUSE", 0.0)
    with receiver() as hook:
        yield hook


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return bundled(tmp_path / "out")


def test_the_summary_is_signed(hook: Receiver, written: Written) -> None:
    receipt = attach(written.folder, f"{hook.server.url}/in?team=shop", SIGNED)

    (payload,) = hook.payloads
    assert payload["event"] == "evidence.attached"
    assert payload["bundle"] == written.folder.name
    assert payload["summary"]["service"] == "checkout"
    assert payload["summary"]["windows"]["incident"]
    assert len(payload["summary"]["changes"]) <= 3
    assert payload["text"]
    assert not hook.archives
    assert receipt.sent == ("summary",)
    assert hook.server.received[0].path == "/in?team=shop"


def test_the_check_in_the_documentation_is_one(hook: Receiver, written: Written) -> None:
    attach(written.folder, f"{hook.server.url}/in#archive", SIGNED)
    text = (Path(__file__).parents[2] / "docs" / "TICKETS.md").read_text()
    names: dict[str, Any] = {"hmac": hmac, "hashlib": hashlib, "time": time, "Mapping": Mapping}
    exec(text.partition("```python\n")[2].partition("```")[0], names)

    (received,) = hook.server.received
    headers = dict(received.headers.items())
    assert names["is_genuine"](SECRET.encode(), headers, received.body)
    assert not names["is_genuine"](SECRET.encode(), headers, received.body + b" ")
    assert not names["is_genuine"](b"another", headers, received.body)
    assert not names["is_genuine"](SECRET.encode(), headers | {"X-Gather-Diagnostics-Timestamp": "1"}, received.body)


def test_with_the_archive(hook: Receiver, written: Written) -> None:
    receipt = attach(written.folder, f"{hook.server.url}/in#archive", SIGNED)

    assert written.archive
    assert hook.archives == [(f"{written.folder.name}.tar.gz", written.archive.read_bytes())]
    assert len(hook.payloads) == 1
    assert len(receipt.sent) == 2


def test_a_large_archive_is_streamed(hook: Receiver, written: Written, tmp_path: Path) -> None:
    to = target(f"{hook.server.url}/in#archive", SIGNED)
    with large(written.folder, 5_000_000, tmp_path) as package, remembered(written.folder) as state:
        to.send(package, state.of(package.origin, to.address))

        assert hook.archives == [(package.file, package.archive.read_bytes())]


def test_again_sends_nothing(hook: Receiver, written: Written) -> None:
    attach(written.folder, f"{hook.server.url}/in", SIGNED)
    receipt = attach(written.folder, f"{hook.server.url}/in", SIGNED)

    assert len(hook.server.received) == 1
    assert receipt.already == ("summary",)


def test_an_amended_bundle_is_another_delivery(hook: Receiver, written: Written) -> None:
    attach(written.folder, f"{hook.server.url}/in", SIGNED)
    receipt = attach(amended(written).folder, f"{hook.server.url}/in", SIGNED)

    assert [payload["event"] for payload in hook.payloads] == ["evidence.attached", "evidence.updated"]
    assert hook.payloads[0]["origin"] == hook.payloads[1]["origin"]
    assert receipt.updated == ("summary",)


@pytest.mark.parametrize("fault", ["throttle", "busy", "lose", "drop"])
def test_what_did_not_arrive_is_sent_again_and_taken_once(hook: Receiver, written: Written, fault: str) -> None:
    hook.server.faults.append(("/in", fault))  # type: ignore[arg-type]
    attach(written.folder, f"{hook.server.url}/in#archive", SIGNED)

    assert len(hook.payloads) == len(hook.archives) == 1
    assert len(hook.server.received) == 2
    assert len({one.headers["Idempotency-Key"] for one in hook.server.received}) == 1


def test_a_receiver_that_asks_for_an_hour_is_left_alone(hook: Receiver, written: Written) -> None:
    hook.server.faults.append(("/in", "throttle"))
    hook.server.retry_after = "3600"
    with pytest.raises(SendError, match=r"answers 429.*run again after ..:..:.. UTC"):
        attach(written.folder, f"{hook.server.url}/in", SIGNED)

    assert len(hook.server.received) == 1


def test_another_secret_is_refused_with_the_cure(hook: Receiver, written: Written) -> None:
    with pytest.raises(SendError, match="401: the signature is another one; compare GATHER_DIAGNOSTICS_WEBHOOK_SECRET"):
        attach(written.folder, f"{hook.server.url}/in", {"GATHER_DIAGNOSTICS_WEBHOOK_SECRET": "another"})


def test_without_a_secret_it_is_told_that_nothing_is_signed(written: Written) -> None:
    with receiver(secret="") as hook:
        receipt = attach(written.folder, f"{hook.server.url}/in", {})

    assert "not signed" in receipt.left_out[0]
    assert "X-Gather-Diagnostics-Signature" not in hook.server.received[0].headers


def test_nothing_of_the_path_is_shown_or_remembered(hook: Receiver, written: Written) -> None:
    to = target(f"{hook.server.url}/services/s3cr3t-path", SIGNED)
    attach(written.folder, f"{hook.server.url}/services/s3cr3t-path", SIGNED)
    (state,) = written.folder.parent.glob(".*.attached.jsonl")

    assert "s3cr3t" not in to.address
    assert "s3cr3t" not in state.read_text()
    assert to.address != target(f"{hook.server.url}/services/other", SIGNED).address


def test_a_redirect_is_not_followed(written: Written) -> None:
    away = Reply(307, headers={"Location": "https://elsewhere.example/?token=abc"})
    said = r"redirects to https://elsewhere\.example/, which is not followed"
    with faulty(lambda _: away) as server, pytest.raises(SendError, match=said):
        attach(written.folder, f"{server.url}/in", SIGNED)

    assert len(server.received) == 1


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.example.com/in",
        "https://user:password@hooks.example.com/in",
        "https:///in",
        "https://hooks.example.com:port/in",
        "https://hooks.example.com/in#everything",
        "https://hooks.example.com/\nin",
        "https:hooks.example.com",
    ],
)
def test_no_webhook(address: str) -> None:
    with pytest.raises(InputError, match=r"https://hooks.example.com/incidents") as raised:
        target(address, {})
    assert "password@" not in str(raised.value)


def test_a_body_of_parts_reads_alike_in_any_steps(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 9000)
    body = Multipart([("a", "", "text/plain", b"x"), ("b", "b.bin", "application/gzip", file)])
    whole = b"".join(body.chunks())

    assert len(body) == len(whole)
    assert b"".join(iter(lambda: body.read(70_001), b"")) == whole
    assert b"".join(body.chunks()) == whole
