"""Ways into an AWS account: credentials, regions, and why one can't go there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from botocore.session import Session

from collectors.cloudwatch import credentials
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.clock import clock
from collectors.cloudwatch.settings import CloudWatchSettings
from collectors.cloudwatch.troubles import CallError, gap
from gather_diagnostics import Gap, Request, Skew

SHARE = 0.9
"""Of the source's time that is used; the rest is for handing over."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where to ask, and how that was found."""

    core: Session
    regions: tuple[str, ...]
    because: str


def account(settings: CloudWatchSettings) -> Account | Gap:
    """What environment and files say; sends nothing."""
    because = credentials.found(settings)
    if isinstance(because, Gap):
        return because
    core = credentials.session(settings)
    regions = credentials.regions(settings, core)
    return regions if isinstance(regions, Gap) else Account(core, regions, because)


def apis(settings: CloudWatchSettings, request: Request) -> Iterator[Api | Gap | Skew]:
    """A way into each region, or why there is none; what its clock said comes first."""
    found = account(settings)
    if isinstance(found, Gap):
        yield found
        return
    seconds = request.source_seconds * SHARE
    core = found.core
    if settings.role_arn:
        entry = Api(core, found.regions[0], seconds, settings.endpoint_url)
        try:
            core = credentials.assumed(entry, settings, request.service)
        except CallError as error:
            yield from clock(entry.skew)
            yield gap(error, f"the role {settings.role_arn}", settings.role_arn)
            return
    for region in found.regions:
        api = Api(core, region, seconds, settings.endpoint_url)
        refusal = _refusal(api)
        yield from clock(api.skew)
        if refusal is not None:
            yield gap(refusal, f"an answer of AWS in {region}")
            if refusal.hopeless:
                return
            # A network may reach CloudWatch and not STS; an address given for all of them is the same for all.
            if settings.endpoint_url or os.environ.get("AWS_ENDPOINT_URL"):
                continue
        yield api


def _refusal(api: Api) -> CallError | None:
    """Why AWS does not say who we are."""
    try:
        api.call("sts", "get_caller_identity")
    except CallError as error:
        return error
    return None
