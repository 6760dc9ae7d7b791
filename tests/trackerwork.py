"""What the tests of ticket trackers share: a package, the five trackers as one table, and attaching."""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from documentsample import incident
from servers.desktickets import pagerduty, servicenow
from servers.forgetickets import github, gitlab
from servers.jiratickets import jira
from servers.tickets import MAIL, TOKEN
from servers.ticketserver import Running

from gather_diagnostics.document import view
from gather_diagnostics.response.tickets.addresses import target
from gather_diagnostics.response.tickets.model import Package, Receipt
from gather_diagnostics.response.tickets.resuming import State

PROXIES = "HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy".split()
AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True)
class Tracker:
    address: str
    title: str
    opened: Callable[..., AbstractContextManager[Running]]
    environ: Callable[[str], Mapping[str, str]]
    missing: str
    """An address of the same tracker where nothing is."""
    files: bool = True
    edits: bool = True
    part: str = "comments"
    """What is in the path of a request for a comment that is added."""


TRACKERS = {
    "jira": Tracker(
        "jira:OPS-12", "Jira", jira, lambda url: {"JIRA_URL": url, "JIRA_TOKEN": TOKEN}, "jira:OPS-99", part="/comment"
    ),
    "github": Tracker(
        "github:acme/shop#12",
        "GitHub",
        github,
        lambda url: {"GITHUB_API_URL": url, "GITHUB_TOKEN": TOKEN},
        "github:acme/shop#99",
        files=False,
    ),
    "gitlab": Tracker(
        "gitlab:acme/shop#12",
        "GitLab",
        gitlab,
        lambda url: {"GITLAB_URL": url, "GITLAB_TOKEN": TOKEN},
        "gitlab:acme/shop#99",
        part="/notes",
    ),
    "pagerduty": Tracker(
        "pagerduty:Q1W2E3R4T5Y6U7",
        "PagerDuty",
        pagerduty,
        lambda url: {"PAGERDUTY_API_URL": url, "PAGERDUTY_TOKEN": TOKEN, "PAGERDUTY_FROM": MAIL},
        "pagerduty:QNOTHING",
        files=False,
        part="/notes",
    ),
    "servicenow": Tracker(
        "servicenow:INC0012345",
        "ServiceNow",
        servicenow,
        lambda url: {"SERVICENOW_URL": url, "SERVICENOW_USERNAME": "ada", "SERVICENOW_PASSWORD": TOKEN},
        "servicenow:INC0099999",
        edits=False,
        part="/table/",
    ),
}


@functools.cache
def document() -> Mapping[str, Any]:
    return view(incident())


def packed(folder: Path, *, size: int = 40_000, seed: int = 0, **fields: Any) -> Package:
    """A package with an archive of random bytes; the same seed makes the same, another one an amended bundle."""
    archive = folder / f"archive-{seed}-{size}.tar.gz"
    archive.write_bytes(random.Random(seed).randbytes(size))
    made = Package(
        service="checkout",
        title="Evidence of checkout",
        document=document(),
        name="evidence-checkout-20260314T032000Z",
        archive=archive,
        size=size,
        sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
        shared=True,
        key=hashlib.sha256(str(seed).encode()).hexdigest()[:16],
        origin="0123456789abcdef",
    )
    return replace(made, **fields)


def forgetful() -> State:
    """A state that is in memory alone."""
    return State(None)


def attached(
    name: str, url: str, package: Package, state: State | None = None, address: str = "", **environ: str
) -> Receipt:
    """Send it to a tracker at this URL."""
    tracker = TRACKERS[name]
    one = target(address or tracker.address, {**tracker.environ(url), **environ})
    return one.send(package, (state or forgetful()).of(package.origin, one.address))
