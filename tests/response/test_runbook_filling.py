"""Filling in names: what is safe, what is left to a person, what is no template."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from propertywork import examples

from gather_diagnostics.errors import ConfigError
from gather_diagnostics.response.runbooks.filling import LONGEST, Filled, command, names, query
from gather_diagnostics.response.runbooks.model import Query

FACTS = {"service": "checkout", "namespace": "shop", "workload": "deployment/checkout", "endpoint": "/a b?c=1"}


@pytest.mark.parametrize(
    ("template", "text", "unknown"),
    [
        ("kubectl get pods", "kubectl get pods", ()),
        ("kubectl -n {{ namespace }} get {{ workload }}", "kubectl -n shop get deployment/checkout", ()),
        ("kubectl -n {{ ns }} logs {{ pod }} -c {{ pod }}", "kubectl -n <ns> logs <pod> -c <pod>", ("ns", "pod")),
        ("curl {{ endpoint }}", "curl '/a b?c=1'", ()),
        ("curl x{{ endpoint }}y", "curl x'/a b?c=1'y", ()),
        ("get {% if namespace %}-n {{ namespace }}{% else %}-A{% endif %}", "get -n shop", ()),
        ("get {% if pod %}{{ pod }}{% else %}-A{% endif %}", "get -A", ()),
        ("get -o go-template='{% raw %}{{.x}}{% endraw %}'", "get -o go-template='{{.x}}'", ()),
        ("{# why #}ls", "ls", ()),
        # Inside the template's own quotes only what no shell could misread.
        ("get -l 'app={{ service }}'", "get -l 'app=checkout'", ()),
        ("echo '{{ endpoint }}' \"{{ endpoint }}\"", "echo '<endpoint>' \"<endpoint>\"", ("endpoint",)),
        ("echo \\'{{ endpoint }}", "echo \\''/a b?c=1'", ()),
        ("echo `ls {{ endpoint }}`", "echo `ls <endpoint>`", ("endpoint",)),
        ('echo "$(ls {{ endpoint }})"', 'echo "$(ls <endpoint>)"', ("endpoint",)),
        ("ssh host ls {{ endpoint }}", "ssh host ls <endpoint>", ("endpoint",)),
        ("cat <<E\n{{ endpoint }}\nE", "cat <<E\n<endpoint>\nE", ("endpoint",)),
        ("ls # don't\necho '{{ endpoint }}'", "ls # don't\necho '<endpoint>'", ("endpoint",)),
    ],
)  # fmt: skip
def test_commands(template: str, text: str, unknown: tuple[str, ...]) -> None:
    assert command(template, FACTS) == Filled(text, unknown)


@pytest.mark.parametrize("value", ["-rf", "--all", "a\nb", "\x1b[2J", "a\u202eb", "x" * 1001, ""])
def test_values_that_act_are_left_to_a_person(value: str) -> None:
    assert command("rm {{ service }}", {"service": value}).text == "rm <service>"


def test_a_dash_within_a_word_is_no_option() -> None:
    assert command("scale --by={{ n }} x{{ n }}", {"n": "-1"}).text == "scale --by=-1 x-1"
    assert command("ls {{ m }}{{ n }}", {"m": "a", "n": "-1"}).text == "ls a-1"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("up{job={{ v | promql }}}", 'up{job="a\\"} or x{y=\\"b"}'),
        ('up{job="{{ v }}"}', 'up{job="a\\"} or x{y=\\"b"}'),
        ("up{job='{{ w }}'}", "up{job='a\\'b'}"),
        ("up{job=`{{ v }}`}", "up{job=`<v>`}"),
        ("topk({{ n }}, up)", "topk(5, up)"),
        ("topk({{ v }}, up)", "topk(<v>, up)"),
        ("rate(a[5m]) / rate(b{job={{ s | promql }}}[5m])", 'rate(a[5m]) / rate(b{job="checkout"}[5m])'),
        ('up{pod=~"{{ d }}-.*",job="{{ d }}"}', 'up{pod=~"a\\\\.b-.*",job="a.b"}'),
        ("up{pod=~{{ d | promql }},job={{ d | promql }}}", 'up{pod=~"a\\\\.b",job="a.b"}'),
        ("up{job={{ gone | promql }}}", "up{job=<gone>}"),
    ],
)
def test_promql(template: str, text: str) -> None:
    facts = {"v": 'a"} or x{y="b', "w": "a'b", "n": "5", "s": "checkout", "d": "a.b"}
    assert query(Query("prometheus", template), facts).text == text


def test_insights_values_stay_in_their_literal() -> None:
    asked = Query("cloudwatch", '/ecs/{{ service }} | filter @message like "{{ e }}" | limit 5')
    assert query(asked, {"service": "checkout", "e": 'a" | delete'}).text == (
        '/ecs/checkout | filter @message like "a\\" | delete" | limit 5'
    )


def test_queries_of_command_lines_are_quoted_as_such() -> None:
    assert query(Query("kubernetes", "get pods -l app={{ endpoint }}"), FACTS).text == "get pods -l app='/a b?c=1'"
    assert query(Query("git", "log -- {{ endpoint }}"), FACTS).text == "log -- '/a b?c=1'"


def test_names_are_told() -> None:
    assert names("a {{ x }} {% if y %}{{ z | promql }}{% endif %}") == {"x", "y", "z"}
    assert names("no name") == frozenset()


@pytest.mark.parametrize(
    "template",
    [
        "{{ x", "{{ }}", "{% for a in b %}{% endfor %}", "{{ x.y }}", "{{ x['y'] }}", "{{ f() }}", "{{ 'a' * 9 }}",
        "{{ 9 ** 9 }}", "{{ x | upper }}", "{{ x | promql(1) }}", "{% set a = 1 %}", "{% include 'x' %}", "{{ true }}",
        "{% import 'x' as y %}", "{{ [x] }}", "{{ x if y }}", "a\x00b", "a\u202eb {{ x }}", "x" * (LONGEST + 1),
        "{% if a %}" * 300 + "{% endif %}" * 300, "{{" + "(" * 1900 + "x" + ")" * 1900 + "}}",
        "{{ x" + "|promql" * 300 + " }}", "{% macro m() %}{% endmacro %}", "{% block b %}{% endblock %}",
    ],
)  # fmt: skip
def test_what_is_no_template_of_ours(template: str) -> None:
    with pytest.raises(ConfigError) as caught:
        names(template)
    assert "\n" not in str(caught.value)


anything = st.text(min_size=1, max_size=20) | st.lists(
    st.sampled_from(["'", '"', "`", "$(x)", "${IFS}", ";", "|", "&", " ", "\\", "-", "x", "{{ y }}", "\n", "}", "*"]),
    min_size=1,
    max_size=6,
).map("".join)
TEMPLATES = (
    "kubectl -n {{ v }} get x", "get --flag={{ v }} y", "get 'a={{ v }}' y", 'get "a={{ v }}" y', "get a\\ b {{ v }}",
    "get a{{ v }}b", "get ''{{ v }} \"\"", "get {{ v | promql }} y",
)  # fmt: skip


@settings(max_examples=examples(400))
@given(st.sampled_from(TEMPLATES), anything)
def test_a_value_stays_one_word_or_is_left_open(template: str, value: str) -> None:
    plain = shlex.split(command(template, {"v": "PLAIN"}).text)
    filled = command(template, {"v": value})
    words = shlex.split(filled.text)
    assert len(words) == len(plain)
    if not filled.unknown and "promql" not in template:
        assert words == [word.replace("PLAIN", value) for word in plain]


@pytest.mark.slow
@given(st.sampled_from(TEMPLATES), anything.filter(lambda text: "\x00" not in text))
def test_a_shell_sees_the_same_words(template: str, value: str) -> None:
    filled = command(template.removeprefix("kubectl ").removeprefix("get "), {"v": value})
    if filled.unknown:
        return
    ran = subprocess.run(
        ["sh", "-c", f"printf '%s\\0' {filled.text}"], capture_output=True, check=True, cwd="/", env={"PATH": "/bin"}
    )
    words = ran.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]
    assert words == shlex.split(filled.text)


@given(anything)
def test_a_value_cannot_leave_a_promql_string(value: str) -> None:
    for template in ('up{a="{{ v }}",b="z"}', "up{a={{ v | promql }},b='z'}", "up{a='{{ v }}',b='z'}"):
        text = query(Query("prometheus", template), {"v": value}).text
        assert outside_strings(text).replace("<v>", "") in ("up{a=,b=}",)


def outside_strings(text: str) -> str:
    """What a lexer of PromQL reads besides string literals."""
    rest: list[str] = []
    quote = ""
    at = 0
    while at < len(text):
        character = text[at]
        if quote:
            at += character == "\\"
            quote = "" if character == quote else quote
        elif character in "\"'`":
            quote = character
        else:
            rest.append(character)
        at += 1
    assert not quote
    return "".join(rest)
