"""slack:C0123456789 - a message in a channel, with the archive in its thread.

https://docs.slack.dev/reference/methods/chat.postMessage, chat.update, files.getUploadURLExternal and
files.completeUploadExternal, conversations.history; https://docs.slack.dev/messaging/message-metadata.
The message is found again by what was kept of it, or by its metadata where the token may read the channel.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from gather_diagnostics.response.tickets import credentials
from gather_diagnostics.response.tickets.addresses import wrong
from gather_diagnostics.response.tickets.commenting import Became, receipt
from gather_diagnostics.response.tickets.model import Environ, Limits, Package, Progress, Receipt
from gather_diagnostics.response.tickets.places import server
from gather_diagnostics.response.tickets.targets.slackapi import Slack as Api
from gather_diagnostics.response.tickets.targets.slackapi import SlackError
from gather_diagnostics.response.tickets.texts import about, digest, size, too_large

TOKEN = "SLACK_BOT_TOKEN"  # noqa: S105 - its name
PUBLIC_API = "https://slack.com/api"
URL = "SLACK_API_URL"
"""Of another Slack, such as https://slack-gov.com/api/."""
LIMITS = Limits(file=1_000_000_000, text=3000)
"""1 GB (https://slack.com/help/articles/201330736); characters of one of 50 blocks."""
EVENT = "gather_diagnostics_evidence"
_CHANNEL = re.compile(r"slack:([CGD][A-Z0-9]{7,20}|#[\w.-]{1,80})")
_BLOCKS = 50


@dataclass(frozen=True, slots=True)
class Slack:
    """A channel, by its id or '#name'."""

    name: ClassVar[str] = "slack"
    address: str
    channel: str
    api: str
    environ: Environ
    limits: ClassVar[Limits] = LIMITS
    public: ClassVar[str] = ""

    @classmethod
    def parse(cls, address: str, environ: Environ) -> Self:
        if not (matched := _CHANNEL.fullmatch(address)):
            raise wrong(address, cls.name, "it takes a channel's id, which stands at the end of its details, or #name")
        return cls(address, matched[1], server(environ, URL, "https://slack-gov.com/api", PUBLIC_API), environ)

    def plan(self, package: Package) -> list[str]:
        archive = too_large(package, LIMITS.file, "Slack")
        return [
            f"message with the first screen to {self.channel}",
            archive or f"{package.file} ({size(package.size)}) in its thread",
            credentials.told(self.environ, TOKEN),
        ]

    def send(self, package: Package, done: Progress) -> Receipt:
        api = Api(credentials.need(self.environ, TOKEN), self.api)
        fits = not too_large(package, LIMITS.file, "Slack")
        place, became = _posted(api, self.channel, package, done, fits)
        archive = (_uploaded(api, place, package, done), f"{package.file} ({size(package.size)})") if fits else None
        url = api.permalink(place["channel"], place["ts"])
        return receipt(url, became, archive, too_large(package, LIMITS.file, "Slack"))


Place = Mapping[str, str]
"""{"channel": ..., "ts": ...}: a message (its id is its time)."""


def _posted(api: Api, channel: str, package: Package, done: Progress, fits: bool) -> tuple[Place, Became]:
    """The message, new, updated or as it was. Raises SendError."""
    message = _message(package, fits)
    text = digest(json.dumps(message, sort_keys=True))
    known = done.facts("message")
    # Where somebody deleted it, whoever attaches again wants it there.
    known = known if known and api.permalink(known["channel"], known["ts"]) else _found(api, channel, package)
    if known and done.has("message", text):
        return known, "already"
    if known:
        api.update(message, known)
        done.save("message", text, known)
        return known, "updated"
    answer = api.call("chat.postMessage", {**message, "channel": channel})
    place = {"channel": str(answer["channel"]), "ts": str(answer["ts"])}
    done.save("message", text, place)
    return place, "sent"


def _found(api: Api, channel: str, package: Package) -> Place | None:
    """A message of ours that nobody kept: of another machine, or of a run that was killed. None where none is seen."""
    if channel.startswith("#"):
        # History wants an id, and to look one up is a further right.
        return None
    since = str(datetime.fromisoformat(package.document["asked"]).timestamp())
    try:
        messages = api.history(channel, since)
    except SlackError as error:
        if error.code in ("missing_scope", "not_in_channel", "channel_not_found"):
            # Reading is a right of its own, which a bot that only posts need not have.
            return None
        raise
    ours = [one for one in messages if _payload(one).get("origin") == package.origin]
    return {"channel": channel, "ts": str(ours[0]["ts"])} if ours else None


def _payload(message: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = message.get("metadata") or {}
    return metadata.get("event_payload") or {} if metadata.get("event_type") == EVENT else {}


def _message(package: Package, fits: bool) -> dict[str, Any]:
    from gather_diagnostics.document.escaping import link, slack_text
    from gather_diagnostics.document.slack import to_slack

    message: dict[str, Any] = json.loads(to_slack(package.document))
    links = [found for url in package.links if not fits and (found := link(url))]
    where = " ".join([slack_text(about(package, attached=fits)), *(f"<{url.replace('&', '&amp;')}>" for url in links)])
    foot = {"type": "context", "elements": [{"type": "mrkdwn", "text": where, "verbatim": True}]}
    message["blocks"] = [*message["blocks"][: _BLOCKS - 1], foot]
    payload = {"origin": package.origin, "key": package.key, "service": package.service}
    message["metadata"] = {"event_type": EVENT, "event_payload": payload}
    return message


def _uploaded(api: Api, place: Place, package: Package, done: Progress) -> Became:
    """The archive in the thread: a URL to upload to, the bytes, and the word that they are there."""
    known = done.facts("archive")
    if known and done.has("archive", package.sha256) and known["ts"] == place["ts"]:
        return "already"
    if api.in_thread(place["channel"], place["ts"], package.kept):
        done.save("archive", package.sha256, {"ts": place["ts"]})
        return "already"
    # A file that another thread shows is uploaded anew.
    uploaded = done.facts("upload") if done.has("upload", package.sha256) and not known else None
    number = uploaded["id"] if uploaded else ""
    if not number:
        number = api.upload(package.archive, package.kept, package.size)
        done.save("upload", package.sha256, {"id": number})
    api.share(number, package.file, place["channel"], place["ts"])
    done.save("archive", package.sha256, {"id": number, "ts": place["ts"]})
    return "sent"
