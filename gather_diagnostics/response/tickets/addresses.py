"""Which target an address means. Targets are loaded when they are used."""

from __future__ import annotations

import re
from importlib import import_module

from gather_diagnostics.errors import InputError
from gather_diagnostics.response.tickets.model import Environ, Target

_HERE = "gather_diagnostics.response.tickets.targets"
TARGETS = {
    "jira": (f"{_HERE}.jira", "Jira", "jira:OPS-12"),
    "github": (f"{_HERE}.github", "GitHub", "github:owner/repo#12"),
    "gitlab": (f"{_HERE}.gitlab", "GitLab", "gitlab:group/project#12"),
    "pagerduty": (f"{_HERE}.pagerduty", "PagerDuty", "pagerduty:Q1W2E3R4T5Y6U7"),
    "slack": (f"{_HERE}.slack", "Slack", "slack:C0123456789"),
    "servicenow": (f"{_HERE}.servicenow", "ServiceNow", "servicenow:INC0012345"),
    "roundup": (f"{_HERE}.roundup", "Roundup", "roundup:issue12"),
    "s3": (f"{_HERE}.s3", "S3", "s3://bucket/prefix"),
    "file": (f"{_HERE}.file", "File", "file:///mnt/incidents"),
    "https": (f"{_HERE}.webhook", "Webhook", "https://hooks.example.com/incidents"),
    "http": (f"{_HERE}.webhook", "Webhook", "http://localhost:8080/incidents"),
}
"""Scheme to module, class and an example."""
STORES = ("s3", "file")
"""They only keep the archive, and are sent to first, so that the texts of the others can say where it is."""

_SCHEME = re.compile(r"([a-z0-9]+):(.+)", re.DOTALL)


def target(address: str, environ: Environ) -> Target:
    """Raises InputError, with an example, for an address that means none."""
    matched = _SCHEME.fullmatch(address.strip())
    if not matched or matched[1] not in TARGETS:
        examples = ", ".join(example for scheme, (_, _, example) in TARGETS.items() if scheme != "http")
        raise InputError(f"{_shown(address)} is no place to attach to: give one such as {examples}")
    module, name, _ = TARGETS[matched[1]]
    kind: type[Target] = getattr(import_module(module), name)
    return kind.parse(address.strip(), environ)


def wrong(address: str, scheme: str, why: str = "") -> InputError:
    """What `parse` raises: the address, why it won't do, and the example of its scheme."""
    return InputError(f"{_shown(address)} won't do{f': {why}' if why else ''}; write it like {TARGETS[scheme][2]}")


def _shown(address: str) -> str:
    """Without what may be a password: someone may have typed https://user:password@host."""
    shown = re.sub(r"//[^/@]*@", "//…@", address)
    return ascii(shown if len(shown) <= 120 else shown[:117] + "...")
