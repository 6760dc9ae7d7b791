"""Kubernetes quantities ('250m', '1.5Gi', '2e3') as numbers. Pure.

Source: kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Context, Decimal
from typing import Any

from collectors.kubernetes.objects import Object, mapping

_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40}))"
    r"(?:(?P<suffix>[KMGTPE]i|[numkMGTPE])|[eE](?P<exponent>[+-]?\d{1,3}))?",
    re.ASCII,
)
_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{s: Decimal(1000) ** n for n, s in enumerate("kMGTPE", 1)},
    **{f"{s}i": Decimal(1024) ** n for n, s in enumerate("KMGTPE", 1)},
}
_EXACT = Context(prec=120)


def quantity(value: Any) -> float | None:
    """Cores for cpu, bytes for memory; None for what is no quantity."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    match = _QUANTITY.fullmatch(str(value))
    if not match:
        return None
    number = Decimal(match["number"])
    if suffix := match["suffix"]:
        number = _EXACT.multiply(number, _SUFFIXES[suffix])
    elif exponent := match["exponent"]:
        number = _EXACT.scaleb(number, int(exponent))
    result = float(number)
    return result if math.isfinite(result) else None


def summed(containers: Iterable[Object], which: str) -> dict[str, float] | None:
    """{cpu: cores, memory: bytes} over containers, of `requests` or `limits`.

    None where none says anything; a resource that one of several containers leaves unlimited has no limit at all.
    """
    told = [mapping(c, "resources", which) for c in containers]
    found: dict[str, float] = {}
    for resource in ("cpu", "memory"):
        amounts = [a for t in told if (a := quantity(t.get(resource))) is not None]
        if amounts and (which == "requests" or len(amounts) == len(told)):
            found[resource] = math.fsum(amounts)
    return found or None
