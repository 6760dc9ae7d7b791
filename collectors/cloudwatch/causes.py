"""One change that two sources tell of is one change: a deployment, and the API call in CloudTrail that began it.

The deployment is kept, for it knows image and outcome; the call gives it its author. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

BEFORE = timedelta(seconds=120)
AFTER = timedelta(seconds=10)
"""A call is so long before the change that it caused, or after by the difference of two clocks."""

CAUSES = (
    ("ecs", "ecs.amazonaws.com", ("UpdateService", "CreateService")),
    ("codedeploy", "codedeploy.amazonaws.com", ("CreateDeployment",)),
    ("lambda", "lambda.amazonaws.com", ("UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion")),
    ("lambda", "lambda.amazonaws.com", ("CreateFunction",)),
    (
        "cloudformation",
        "cloudformation.amazonaws.com",
        ("CreateStack", "UpdateStack", "DeleteStack", "ExecuteChangeSet"),
    ),
    ("rds", "rds.amazonaws.com", ("ModifyDBInstance", "ModifyDBCluster", "CreateDBInstance", "DeleteDBInstance")),
)
"""What of a change's id, the API in CloudTrail, and how the names of the calls begin that it may stem from."""

Row = dict[str, Any]


class Join:
    """Holds rows of the changes table until they are joined, and remembers them for those that come later."""

    def __init__(self) -> None:
        self._held: list[Row] = []
        self._told: list[Row] = []
        self._open = True

    def add(self, rows: Sequence[Mapping[str, Any]]) -> list[Row]:
        """Takes rows; returns those that can be told at once."""
        self._held += [dict(r) for r in rows]
        return [] if self._open else self._joined()

    def close(self) -> list[Row]:
        """What was held, joined; from now on rows no longer wait."""
        self._open = False
        return self._joined()

    def _joined(self) -> list[Row]:
        held, self._held = self._held, []
        calls = [r for r in held if what(r) == "cloudtrail"]
        changes = [r for r in held if what(r) != "cloudtrail"]
        for change in changes:
            call = next((c for c in calls if caused(c, change)), None)
            if call is not None:
                change["author"] = call["author"] or change.get("author")
                change["details"] = {**change["details"], "call": call["ref"]}
        self._told += changes
        return [*changes, *(c for c in calls if not any(caused(c, change) for change in self._told))]


def what(row: Mapping[str, Any]) -> str:
    """'ecs' of the id 'aws:eu-west-1:ecs:checkout/1'."""
    return str(row["id"]).split(":", 3)[2]


def caused(call: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
    """Whether a call is what began a change: the right call, about the same thing, just before."""
    details = call["details"]
    name, api = str(details.get("event", "")), details.get("api")
    fitting = any(w == what(change) and a == api and name.startswith(names) for w, a, names in CAUSES)
    near = -AFTER <= change["time"] - call["time"] <= BEFORE
    return fitting and near and bool(set(_things(change)) & set(_called(details)))


def _things(change: Mapping[str, Any]) -> Iterator[str]:
    """What a change is about, by the names its source has for it."""
    details = change["details"]
    yield from (str(details[k]) for k in ("function", "applicationName", "stack", "database") if details.get(k))
    if what(change) == "ecs":
        yield str(change["id"]).split(":", 3)[3].partition("/")[0]


def _called(details: Mapping[str, Any]) -> Iterator[str]:
    for name in details.get("resources") or ():
        yield from str(name).replace(":", "/").split("/")
