"""Slack's Web API, as much of it as attaching takes. https://docs.slack.dev/apis/web-api"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gather_diagnostics.errors import SendError
from gather_diagnostics.response.tickets.client import Client, Headers

UPDATE = frozenset({"channel", "ts", "text", "blocks", "metadata"})
"""What chat.update takes of a message's arguments."""
MOST = 200
"""Messages that are looked through."""
CURES = {
    "invalid_auth": "SLACK_BOT_TOKEN is no token of this workspace",
    "not_authed": "SLACK_BOT_TOKEN is empty",
    "token_revoked": "make a new token for SLACK_BOT_TOKEN",
    "token_expired": "make a new token for SLACK_BOT_TOKEN",
    "account_inactive": "the app was removed from the workspace: install it again",
    "not_in_channel": "invite the app: /invite @its-name in that channel",
    "channel_not_found": "check the channel's id, and invite the app if the channel is private",
    "is_archived": "the channel is archived: give another one",
    "edit_window_closed": "the workspace lets nobody change older messages: delete it and attach again",
    "cant_update_message": "another app or person wrote that message: delete it and attach again",
    "file_uploads_disabled": "the workspace takes no files: ask its administrators",
    "storage_limit_reached": "the workspace has no room for files left",
}


class SlackError(SendError):
    """An answer with "ok": false. `code` is its "error", from the method's page."""

    def __init__(self, method: str, code: str, needed: str) -> None:
        cure = f"give the app the scope {needed}" if needed else CURES.get(code, "")
        super().__init__(f"Slack refuses {method}: {code}{f'; {cure}' if cure else ''}")
        self.code = code


class Slack:
    """Every method raises SendError, SlackError where Slack itself says no."""

    def __init__(self, token: str, api: str) -> None:
        self._api = f"{api}/"
        self._client = Client("Slack", Headers(Authorization=f"Bearer {token}"))
        # The upload's address is a secret of its own, and no place for the token.
        self._upload = Client("Slack's upload")

    def call(self, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """One of the methods that take JSON. Sent again only where Slack says that it was throttled."""
        kind = {"Content-Type": "application/json; charset=utf-8"}
        return self._answer(method, self._client.json("POST", self._api + method, json=arguments, headers=kind))

    def update(self, message: Mapping[str, Any], place: Mapping[str, str]) -> None:
        """Write a message of ours anew."""
        arguments = {**message, **place}
        self.call("chat.update", {name: arguments[name] for name in arguments if name in UPDATE})

    def read(self, method: str, arguments: Mapping[str, str]) -> dict[str, Any]:
        """One of those that read, and take no JSON."""
        return self._answer(method, self._client.json("GET", self._api + method, params=arguments))

    def _answer(self, method: str, found: Any) -> dict[str, Any]:
        if not isinstance(found, dict):
            raise SendError(f"Slack's answer to {method} is not what its documentation promises")
        if found.get("ok") is not True:
            raise SlackError(method, str(found.get("error", "no reason"))[:80], str(found.get("needed", ""))[:80])
        return found

    def permalink(self, channel: str, ts: str) -> str:
        """Where a person sees a message; '' where it is gone."""
        try:
            return str(self.read("chat.getPermalink", {"channel": channel, "message_ts": ts})["permalink"])
        except SlackError as error:
            if error.code == "message_not_found":
                return ""
            raise

    def history(self, channel: str, oldest: str) -> list[Mapping[str, Any]]:
        """The messages since (Unix seconds), the newest first, with metadata."""
        arguments = {"channel": channel, "oldest": oldest, "limit": str(MOST), "include_all_metadata": "true"}
        return list(self.read("conversations.history", arguments)["messages"])

    def in_thread(self, channel: str, ts: str, name: str) -> bool:
        """Is a file of this name in the thread? False also where the token may not read it."""
        try:
            found = self.read("conversations.replies", {"channel": channel, "ts": ts, "limit": str(MOST)})
        except SlackError as error:
            if error.code in ("missing_scope", "thread_not_found", "not_in_channel", "channel_not_found"):
                return False
            raise
        return any(file.get("name") == name for one in found["messages"] for file in one.get("files", ()))

    def upload(self, path: Path, name: str, size: int) -> str:
        """The id of a file whose bytes are there, and that nobody sees yet."""
        method, wanted = "files.getUploadURLExternal", {"filename": name, "length": str(size)}
        # It takes a form, no JSON; a place that nobody uploads to is forgotten, so another may be asked for.
        place = self._answer(method, self._client.json("POST", self._api + method, data=wanted, repeatable=True))
        url = str(place["upload_url"])
        if urlsplit(url).scheme != urlsplit(self._api).scheme:
            raise SendError("Slack names no https address to upload to: the archive is not sent there")
        kind = {"Content-Type": "application/octet-stream"}
        # The same bytes to the same place: they may be sent again.
        with path.open("rb") as file:
            self._upload.ask("POST", url, repeatable=True, headers=kind, fresh=lambda: _from_start(file))
        return str(place["file_id"])

    def share(self, number: str, title: str, channel: str, ts: str) -> None:
        """Show an uploaded file in a thread."""
        files = [{"id": number, "title": title}]
        self.call("files.completeUploadExternal", {"files": files, "channel_id": channel, "thread_ts": ts})


def _from_start(file: Any) -> Mapping[str, Any]:
    file.seek(0)
    return {"data": file}
