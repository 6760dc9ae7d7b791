"""Action items that the evidence calls for. Who does them and until when is for people to say. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from gather_diagnostics.document.brief import suspect, unanswered
from gather_diagnostics.response.postmortem.accounts import Account, Incident
from gather_diagnostics.response.postmortem.causes import category_of, name
from gather_diagnostics.response.postmortem.citing import Citing, Markdown
from gather_diagnostics.response.postmortem.gaps import missed, unread
from gather_diagnostics.response.postmortem.looking_back import LATE, delay, steps_told, unanswered_steps
from gather_diagnostics.response.updates.moments import length

Kind = Literal["prevent", "detect", "respond"]

GUARDS: Mapping[str, str] = {
    "code bug": "Write a test that fails with this error, and have it run before every deploy",
    "configuration": "Have changes of this setting checked before they take effect: a validation, or a canary",
    "infrastructure": "Let the service live through the failure of what it rests on: a replica, a time-out, a limit",
    "data": "Add a check that notices damaged data, and rehearse restoring it",
    "deployment": "Let a deploy be stopped by its own error rate: a canary or a gradual rollout",
    "unknown": "Find the root cause",
}
"""Category of the root cause to what would have kept it from happening, or from reaching everybody."""


@dataclass(frozen=True, slots=True)
class Action:
    action: Markdown
    kind: Kind
    why: Markdown


def actions(incident: Incident, citing: Citing) -> list[Action]:
    """What prevents it first, then what detects it, then what helps whoever answers the next one."""
    prevent = [action for account in incident.leading[: citing.limits.entries] for action in _prevent(account, citing)]
    return [*dict.fromkeys(prevent), *_detect(incident, citing), *_respond(incident, citing), *_mend(incident, citing)]


def _prevent(account: Account, citing: Citing) -> Iterator[Action]:
    change, category = suspect(account.document), category_of(account)
    if change:
        words = f"Find out how {citing.text(name(change))} did it, and mend that before it is deployed again"
        yield Action(Markdown(words), "prevent", Markdown("It is the first suspect, and that is not confirmed."))
    yield Action(Markdown(GUARDS[category["name"]]), "prevent", citing.text(category["why"]))


def _detect(incident: Incident, citing: Citing) -> Iterator[Action]:
    if incident.began is None:
        return
    late, of = delay(incident), _all(incident, citing)
    if late is None:
        words = f"Add an alert on what users of {of} notice, or have it among the sources that are read"
        yield Action(Markdown(words), "detect", Markdown("No alert that fired is in the evidence."))
    elif late > LATE:
        why = f"The first alert fired {length(late)} after it began."
        yield Action(Markdown(f"Have an alert for {of} fire earlier"), "detect", Markdown(why))


def _respond(incident: Incident, citing: Citing) -> Iterator[Action]:
    for account in incident.leading[: citing.limits.entries]:
        if not account.response["runbooks"]:
            words = f"Write the runbook that was missing for {citing.text(account.service)}"
            yield Action(Markdown(words), "respond", Markdown("No runbook fitted what was seen."))
    for book, steps in unanswered_steps(incident).items():
        words = f"Have what the runbook {citing.text(book)} asks answered by a source, or say in it who knows"
        yield Action(Markdown(words), "respond", Markdown(f"It could not be answered: {steps_told(steps, citing)}."))


def _mend(incident: Incident, citing: Citing) -> Iterator[Action]:
    for _, gap in missed(incident)[: citing.limits.entries]:
        how = f": {citing.code(gap['mend'], cell=True)}" if gap["mend"] else ""
        words = f"Have {citing.text(gap['source'])} read {citing.text(gap['wanted'])}{how}"
        yield Action(Markdown(words), "respond", citing.text(gap["why"]))
    for account in incident.leading[: citing.limits.entries]:
        if unseen := unanswered(account.document):
            words = f"Make visible what was not seen of {citing.text(account.service)}"
            yield Action(Markdown(words), "respond", citing.sentence(" ".join(unseen)))
    if names := unread(incident):
        words = f"Configure {citing.text(', '.join(names))}, or say why it is not needed"
        yield Action(Markdown(words), "respond", Markdown("It was not looked at in this incident."))


def _all(incident: Incident, citing: Citing) -> Markdown:
    return citing.text(", ".join(dict.fromkeys(a.service for a in incident.leading)) or incident.first.service)
