"""Metric math, the part of it that a diagnostics collector asks for.

+ - * / ^, parentheses, FILL(m, number|REPEAT), RATE, PERIOD, ABS, SUM/AVG/MIN/MAX over an array, METRICS('prefix') and
SEARCH('{Namespace,Dim} MetricName="x" Dim="a" OR ...', 'p99', 60). Everything else is a ValidationError, never silence.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html and search-expression-syntax.html
"""

from __future__ import annotations

import ast
import itertools
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from servers.awsextra.searches import Metric, Read, Series, bad, search

_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.BitXor: operator.pow,
}


Value = float | Series | list[Series]


@dataclass
class Context:
    queries: Mapping[str, Mapping[str, Any]]
    read: Read
    known: Callable[[], set[Metric]]
    done: dict[str, Value] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)


def evaluate(context: Context, name: str) -> list[Series]:
    """The series that the query of this id gives. Raises AwsError where its expression is not understood."""
    match _value(context, name):
        case Series() as series:
            return [series]
        case list() as many:
            return many
    raise bad(f"the expression of {name} is a number, not a time series")


def _value(context: Context, name: str) -> Value:
    if name not in context.queries or name in context.open:
        raise bad(f"{name} is not known or refers to itself")
    if name not in context.done:
        context.open.add(name)
        query = context.queries[name]
        context.done[name] = context.read(query["MetricStat"]) if "MetricStat" in query else _math(context, name)
        context.open.discard(name)
    return context.done[name]


def _math(context: Context, name: str) -> Value:
    text = context.queries[name]["Expression"]
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise bad(f"{text}: {error.msg}") from error
    found = _node(context, tree)
    return replace(found, label=name) if isinstance(found, Series) else found


def _node(context: Context, node: ast.expr) -> Value:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return _value(context, name)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _both(operator.mul, -1.0, _node(context, inner))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _both(_OPERATORS[type(op)], _node(context, left), _node(context, right))
        case ast.List(elts=parts):
            return [series for part in parts for series in _many(_node(context, part))]
        case ast.Call(func=ast.Name(id=function), args=arguments):
            return _call(context, function, arguments)
    raise bad(f"Unsupported operand in {ast.unparse(node)}")


def _call(context: Context, function: str, arguments: list[ast.expr]) -> Value:
    match function, arguments:
        case "SEARCH", [ast.Constant(value=str(words)), ast.Constant(value=str(stat)), *rest]:
            period = rest[0].value if rest and isinstance(rest[0], ast.Constant) else 300
            return search(context.read, context.known(), words, stat, int(str(period)))
        case "METRICS", [] | [ast.Constant()]:
            prefix = str(arguments[0].value) if arguments and isinstance(arguments[0], ast.Constant) else ""
            names = [n for n, q in context.queries.items() if "MetricStat" in q and n.startswith(prefix)]
            return [series for n in names for series in _many(_value(context, n))]
        case "FILL", [inner, ast.Name(id="REPEAT")]:
            return _each(_node(context, inner), lambda s: _filled(s, None))
        case "FILL", [inner, ast.Constant(value=int() | float() as number)]:
            return _each(_node(context, inner), lambda s: _filled(s, float(number)))
        case "RATE", [inner]:
            return _each(_node(context, inner), _rate)
        case "ABS", [inner]:
            return _each(_node(context, inner), lambda s: replace(s, points={t: abs(v) for t, v in s.points.items()}))
        case "PERIOD", [inner]:
            return float(_many(_node(context, inner))[0].period)
        case "SUM" | "AVG" | "MIN" | "MAX", [inner]:
            return _over(function, _many(_node(context, inner)))
    raise bad(f"Unsupported function {function}")


def _many(value: Value) -> list[Series]:
    if isinstance(value, float):
        raise bad("a number stands where a time series should")
    return value if isinstance(value, list) else [value]


def _each(value: Value, change: Callable[[Series], Series]) -> Value:
    changed = [change(series) for series in _many(value)]
    return changed if isinstance(value, list) else changed[0]


def _both(function: Callable[[float, float], float], left: Value, right: Value) -> Value:
    match left, right:
        case float(), float():
            return function(left, right)
        case Series(), float():
            return _points(left, {t: (v, right) for t, v in left.points.items()}, function)
        case float(), Series():
            return _points(right, {t: (left, v) for t, v in right.points.items()}, function)
        case Series(), Series():
            common = {t: (v, right.points[t]) for t, v in left.points.items() if t in right.points}
            return _points(left, common, function)
        case list(), list():
            raise bad("Unsupported operand type(s): two arrays")
        case list(), _:
            return [series for one in left for series in _many(_both(function, one, right))]
    return [series for one in _many(right) for series in _many(_both(function, left, one))]


def _points(
    like: Series, pairs: Mapping[int, tuple[float, float]], function: Callable[[float, float], float]
) -> Series:
    """A division by zero leaves the point out."""
    dividing = function is operator.truediv
    return replace(like, points={t: function(a, b) for t, (a, b) in pairs.items() if not (dividing and b == 0)})


def _filled(series: Series, value: float | None) -> Series:
    """Between the first and the last point only: what lies outside of them is not known here."""
    points: dict[int, float] = {}
    for when in range(min(series.points), max(series.points) + 1, series.period) if series.points else ():
        before = points.get(when - series.period, 0.0)
        points[when] = series.points.get(when, before if value is None else value)
    return replace(series, points=points)


def _rate(series: Series) -> Series:
    pairs = itertools.pairwise(sorted(series.points))
    return replace(series, points={b: (series.points[b] - series.points[a]) / (b - a) for a, b in pairs})


def _over(function: str, series: list[Series]) -> Series:
    times = sorted({t for s in series for t in s.points})
    columns = {t: [s.points[t] for s in series if t in s.points] for t in times}
    reduce: Callable[[list[float]], float]
    reduce = {"SUM": sum, "MIN": min, "MAX": max, "AVG": lambda v: sum(v) / len(v)}[function]  # type: ignore[assignment]
    period = series[0].period if series else 60
    return Series({t: reduce(values) for t, values in columns.items()}, period, function)
