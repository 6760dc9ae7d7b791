"""Slack's Web API on loopback, as strict as its documentation: docs.slack.dev/reference/methods/<method>.

Answers are 200 with "ok" and "error", as Slack's; what it would let pass and this does not is said in "error" too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from servers.faulty import Faulty, Received, Reply, faulty

TOKEN = "xoxb-1-test"
CHANNEL, NAME = "C0123456789", "#ops"
JSON = {
    "chat.postMessage": ({"channel"}, {"text", "blocks", "metadata", "unfurl_links", "unfurl_media", "thread_ts"}),
    "chat.update": ({"channel", "ts"}, {"text", "blocks", "metadata"}),
    "files.completeUploadExternal": ({"files"}, {"channel_id", "thread_ts", "initial_comment", "blocks"}),
}
FORM = {"files.getUploadURLExternal": ({"filename", "length"}, {"alt_txt", "snippet_type"})}
READ = {
    "chat.getPermalink": ({"channel", "message_ts"}, set[str]()),
    "conversations.history": (
        {"channel"},
        {"oldest", "latest", "limit", "include_all_metadata", "inclusive", "cursor"},
    ),
    "conversations.replies": ({"channel", "ts"}, {"limit", "cursor", "oldest", "latest"}),
}
MOST = {"header": 150, "section": 3000}


class Refused(Exception):
    """The "error" of an answer; `more` goes beside it."""

    def __init__(self, code: str, **more: str) -> None:
        super().__init__(code)
        self.code, self.more = code, more


@dataclass(slots=True)
class Workspace:
    """What is in it. `denied` are methods for which the token lacks the scope."""

    server: Faulty
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By ts; of the one channel."""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    denied: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        return {"SLACK_BOT_TOKEN": TOKEN, "SLACK_API_URL": f"{self.server.url}/api/"}

    def shown(self) -> list[tuple[str, str]]:
        """(thread, name) of every file that somebody sees."""
        return [(str(f["thread"]), str(f["name"])) for f in self.files.values() if f["thread"]]

    def answer(self, received: Received) -> Reply:
        parts = urlsplit(received.path)
        if parts.path.startswith("/upload/"):
            return self._bytes(received, parts.path.removeprefix("/upload/"))
        method = parts.path.removeprefix("/api/")
        try:
            told = self._call(method, received, parts.query)
        except Refused as refused:
            told = {"ok": False, "error": refused.code, **refused.more}
        return Reply(200, json.dumps(told).encode())

    def _call(self, method: str, received: Received, query: str) -> dict[str, Any]:
        if received.headers["Authorization"] != f"Bearer {TOKEN}":
            raise Refused("invalid_auth")
        arguments = _arguments(method, received, query)
        if scope := self.denied.get(method):
            raise Refused("missing_scope", needed=scope, provided="chat:write")
        match method:
            case "chat.postMessage":
                return self._post(arguments)
            case "chat.update":
                return self._update(arguments)
            case "chat.getPermalink":
                self._known(arguments["channel"], arguments["message_ts"])
                return {
                    "ok": True,
                    "permalink": f"https://team.slack.com/archives/{CHANNEL}/p{arguments['message_ts']}",
                }
            case "conversations.history":
                found = [m for m in self.messages.values() if float(m["ts"]) >= float(arguments.get("oldest", 0))]
                metadata = arguments.get("include_all_metadata") == "true"
                shown = [{k: v for k, v in m.items() if k != "metadata" or metadata} for m in reversed(found)]
                return {"ok": True, "messages": shown, "has_more": False}
            case "conversations.replies":
                return self._replies(arguments)
            case "files.getUploadURLExternal":
                number = f"F{len(self.files) + 1:09}"
                self.files[number] = {"length": int(arguments["length"]), "name": arguments["filename"], "thread": ""}
                return {"ok": True, "upload_url": f"{self.server.url}/upload/{number}", "file_id": number}
        return self._complete(arguments)

    def _post(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if arguments["channel"] not in (CHANNEL, NAME):
            raise Refused("channel_not_found")
        _check_message(arguments)
        ts = f"{1_800_000_000 + len(self.messages)}.000100"
        self.messages[ts] = {"type": "message", "ts": ts, **arguments, "channel": CHANNEL}
        return {"ok": True, "channel": CHANNEL, "ts": ts, "message": self.messages[ts]}

    def _update(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        self._known(arguments["channel"], arguments["ts"])
        _check_message(arguments)
        self.messages[arguments["ts"]] |= arguments
        return {"ok": True, "channel": CHANNEL, "ts": arguments["ts"], "text": arguments["text"]}

    def _replies(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        self._known(arguments["channel"], arguments["ts"])
        parent = self.messages[arguments["ts"]]
        shown = [{"id": n, "name": f["name"]} for n, f in self.files.items() if f["thread"] == arguments["ts"]]
        return {"ok": True, "messages": [parent, *({"type": "message", "files": [one]} for one in shown)]}

    def _bytes(self, received: Received, number: str) -> Reply:
        if "Authorization" in received.headers:
            return Reply(400, b"the token has no business here")
        if number not in self.files or len(received.body) != self.files[number]["length"]:
            return Reply(400, b"not the length that was announced")
        self.files[number]["content"] = received.body
        return Reply(200, f"OK - {len(received.body)}".encode(), {"Content-Type": "text/plain"})

    def _complete(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if arguments.get("channel_id") != CHANNEL:
            raise Refused("channel_not_found")
        self._known(CHANNEL, arguments["thread_ts"])
        for file in arguments["files"]:
            known = self.files.get(file.get("id"))
            if known is None or "content" not in known:
                raise Refused("file_not_found")
            if known["thread"]:
                raise Refused("file_already_shared")
            known["thread"] = arguments["thread_ts"]
        return {"ok": True, "files": arguments["files"]}

    def _known(self, channel: str, ts: str) -> None:
        if channel != CHANNEL:
            raise Refused("channel_not_found")
        if ts not in self.messages:
            raise Refused("message_not_found")


@contextmanager
def slack() -> Iterator[Workspace]:
    """A workspace with one channel, where the app is a member."""
    held: list[Workspace] = []
    with faulty(lambda received: held[0].answer(received)) as server:
        held.append(Workspace(server))
        yield held[0]


def _arguments(method: str, received: Received, query: str) -> dict[str, Any]:
    """Of a call in the form that the method takes, none missing and none that it does not know."""
    kind = received.headers.get("Content-Type", "")
    if method in JSON and received.method == "POST":
        if kind != "application/json; charset=utf-8":
            raise Refused("invalid_post_type")
        found, (needed, optional) = json.loads(received.body), JSON[method]
    elif method in FORM and received.method == "POST":
        if kind != "application/x-www-form-urlencoded":
            raise Refused("invalid_form_data")
        found, (needed, optional) = _flat(received.body.decode()), FORM[method]
    elif method in READ and received.method == "GET":
        found, (needed, optional) = _flat(query), READ[method]
    else:
        raise Refused("unknown_method")
    if needed - set(found) or set(found) - needed - optional:
        raise Refused("invalid_arguments")
    return dict(found)


def _flat(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text, strict_parsing=True).items()}


def _check_message(arguments: Mapping[str, Any]) -> None:
    blocks = arguments.get("blocks", [])
    if not arguments.get("text") and not blocks:
        raise Refused("no_text")
    if len(blocks) > 50:
        raise Refused("invalid_blocks")
    for block in blocks:
        texts = block["elements"] if block["type"] == "context" else [block["text"]]
        if any(not t["text"] or len(t["text"]) > MOST.get(block["type"], 3000) for t in texts):
            raise Refused("invalid_blocks_format")
    metadata = arguments.get("metadata")
    if metadata and set(metadata) != {"event_type", "event_payload"}:
        raise Refused("invalid_metadata_format")
