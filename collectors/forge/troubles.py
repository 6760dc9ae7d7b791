"""What went wrong, as gaps: the one place that reads the client's errors."""

from __future__ import annotations

import requests

from collectors.forge.place import Place
from collectors.forge.settings import NAME
from gather_diagnostics import Gap
from gather_diagnostics.http.errors import AnswerError, OutOfTimeError, ThrottledError, Trouble
from gather_diagnostics.http.troubles import Server, Told, cut, told


def gap(error: Trouble, wanted: str, place: Place) -> Gap:
    """Say what an error of the client means to a person."""
    cause, why, mend = _told(error, place)
    # A server may repeat what it was sent.
    return Gap(NAME, wanted, cause, why.replace(place.token, "[token]") if place.token else why, mend)


def is_final(error: Trouble) -> bool:
    """After one of these, asking on is useless, or makes it worse."""
    match error:
        case ThrottledError() | OutOfTimeError() | AnswerError(status=401):
            return True
        case requests.exceptions.ChunkedEncodingError():
            return False
        case requests.ConnectTimeout():
            return True
        case requests.Timeout():
            return False
    return isinstance(error, requests.ConnectionError)


def _told(error: Trouble, place: Place) -> Told:
    server = _server(place)
    cause, why, mend = told(error, server)
    match error:
        case ThrottledError():
            return cause, why, f"{mend}, or with a token of its own, or set sources.forge.commits: false"
        case requests.exceptions.InvalidHeader():
            # The token is the one header that a person gives.
            return cause, why, "look for line ends and blanks in sources.forge.token or the variable"
        case AnswerError():
            return _answer(error, place) or (cause, why, mend)
    return cause, why, mend


def _answer(error: AnswerError, place: Place) -> Told | None:
    """What an answer means here and at no other server; None where it is the same everywhere."""
    api, said = place.api, cut(error.message)
    match error.status:
        case 401:
            return "denied", f"{api} does not take the token (401): {said}", _rights(place)
        case 403:
            return "denied", f"the token may not read this on {api} (403): {said}", _rights(place)
        case 404:
            why = f"{api} shows no {place.repository} to this token, or not this part of it (404): {said}"
            return "not_found", why, f"correct sources.forge.repository; {_rights(place)}"
        case status if 300 <= status < 400:
            why = f"{api} redirects ({status}) to another server, where the token is not sent"
            return "denied", why, "set sources.forge.api_url to the API's new address"
        case status if status >= 500:
            page = "https://www.githubstatus.com" if place.kind == "github" else "https://status.gitlab.com"
            return "unreachable", f"{api} answers {status}: {said}", f"run again later; see {page} or the server's log"
        case status if status != 200:
            return "invalid", f"{api} answers {status}: {said}", _address(place)
    return None


def _server(place: Place) -> Server:
    return Server(
        source=NAME,
        title="the API",
        url=place.api,
        probe="",
        address=_address(place),
        rights=_rights(place),
        narrow="set sources.forge.commits: false, or ask for a shorter change window",
    )


def _rights(place: Place) -> str:
    if place.kind == "github":
        return (
            "use a token for this repository with read access to Deployments, Contents and Pull requests"
            " (classic: scope repo), e.g. GITHUB_TOKEN=$(gh auth token)"
        )
    return "use a token with the scope read_api and at least the role Reporter in this project"


def _address(place: Place) -> str:
    example = "https://HOST/api/v3" if place.kind == "github" else "https://HOST/api/v4"
    return f"check sources.forge.api_url: the API's address, e.g. {example}"
