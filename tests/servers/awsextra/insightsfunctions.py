"""Functions of one row in Logs Insights' `fields`: strlen, trim, toupper, tolower, nested as one likes.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from servers.awsextra.insightsrows import Row

FUNCTIONS: dict[str, Callable[[str], Any]] = {
    "strlen": len,
    "trim": str.strip,
    "toupper": str.upper,
    "tolower": str.lower,
}
_CALL = re.compile(r"(\w+)\((.*)\)", re.DOTALL)


def is_known(text: str) -> bool:
    """Whether every function in a call is one of these."""
    match = _CALL.fullmatch(text.strip())
    return match is None or (match[1] in FUNCTIONS and is_known(match[2]))


def value(text: str, row: Row) -> Any:
    """A field's value, or what the functions around it make of it; None where the row lacks it."""
    match = _CALL.fullmatch(text.strip())
    if match is None:
        return row.get(text.strip())
    inner = value(match[2], row)
    return None if inner is None else FUNCTIONS[match[1]](str(inner))
