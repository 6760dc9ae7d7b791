"""Products and differences in Logs Insights' `fields`, of fields, numbers and strcontains.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from servers.awsextra.insightsfilter import Token, malformed, number, unquoted
from servers.awsextra.insightsrows import Row

SIGNS = ("*", "-")
Worth = Callable[[Row], float | None]


def calculated(tokens: Sequence[Token]) -> Worth:
    """Operands and signs in turn, `*` before `-`. Raises AwsError('MalformedQueryException') for anything else."""
    terms: list[list[Worth]] = [[]]
    left = list(tokens)
    while left:
        terms[-1].append(_operand(left))
        if not left:
            break
        sign = left.pop(0).text
        if sign not in SIGNS or not left:
            raise malformed(sign)
        if sign == "-":
            terms.append([])
    return lambda row: _worth(row, terms)


def _operand(left: list[Token]) -> Worth:
    token = left.pop(0)
    if token.kind != "name" or token.text in SIGNS:
        raise malformed(token.text)
    if (value := number(token.text)) is not None:
        return lambda row: value
    if token.text != "strcontains":
        return lambda row: number(row.get(token.text))
    opened, name, comma, text, closed = (left.pop(0) for _ in range(5)) if len(left) > 4 else ([token] * 5)
    if (opened.text, comma.text, closed.text) != ("(", ",", ")") or text.kind != "string":
        raise malformed(token.text)
    wanted = unquoted(text.text)
    return lambda row: None if row.get(name.text) is None else float(wanted in str(row[name.text]))


def _worth(row: Row, terms: Sequence[Sequence[Worth]]) -> float | None:
    """Nothing where an operand is nothing."""
    total: float | None = None
    for factors in terms:
        product = 1.0
        for factor in factors:
            if (value := factor(row)) is None:
                return None
            product *= value
        total = product if total is None else total - product
    return total
