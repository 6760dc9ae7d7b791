"""Reading a runbook: everything in it, and what is wrong with file and line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from propertywork import examples

from gather_diagnostics.errors import ConfigError
from gather_diagnostics.response.runbooks.model import Act, Check, Decide, Query, Runbook, Verify
from gather_diagnostics.response.runbooks.reading import LARGEST, parse, read
from gather_diagnostics.response.runbooks.steps import slug

HEAD = """\
---
id: bad-deploy
title: A deploy broke it
kind: cause
services: ["checkout*"]
when:
  all: ["onset: time != null"]
  any:
    - "suspect: kind == deploy and probability >= 0.3"
  none: ["security:*: severity == critical"]
severity: high
escalation: service owner
owner: sre
last_reviewed: 2026-11-01
---
"""
BODY = """\
It began within minutes of a rollout.

## Is the deploy the suspect?
Look at *when*.

```check
if: "suspect: kind == deploy"
prometheus: 'rate(x{service={{ service | promql }}}[5m])'
expect: "value > 0.01"
```
More prose.

```bash
ls
```

### A smaller heading is prose

## Which way?
```decide
id: way
if: "suspect"
then: back
else: look
```
## Look yourself
```check
id: look
```
## Back
```act
id: back
mitigation: roll_back
risk: Replicas restart.
undo: kubectl -n {{ namespace }} rollout undo {{ workload }}
```
## Better?
```verify
recovery: true
```
"""


def of(body: str = BODY, head: str = HEAD) -> Runbook:
    return parse(head + body, "my.md")


def test_everything_is_read() -> None:
    book = of()
    assert (book.id, book.title, book.kind, book.services) == (
        "bad-deploy", "A deploy broke it", "cause", ("checkout*",),
    )  # fmt: skip
    assert [c.text for c in (*book.when.all, *book.when.any, *book.when.none)] == [
        "onset: time != null", "suspect: kind == deploy and probability >= 0.3", "security:*: severity == critical",
    ]  # fmt: skip
    assert (book.severity, book.escalation, book.owner) == ("high", "service owner", "sre")
    assert book.last_reviewed == date(2026, 11, 1)
    assert book.intro == "It began within minutes of a rollout."
    assert book.text == HEAD + BODY
    check, way, look, back, better = book.steps
    assert isinstance(check, Check)
    assert (check.id, check.title) == ("is-the-deploy-the-suspect", "Is the deploy the suspect?")
    assert check.prose.startswith("Look at *when*.\n\nMore prose.\n\n```bash\nls\n```")
    assert check.prose.endswith("### A smaller heading is prose")
    assert check.query == Query("prometheus", "rate(x{service={{ service | promql }}}[5m])")
    assert check.expect is not None
    assert check.expect.text == "value > 0.01"
    assert isinstance(way, Decide)
    assert (way.then, way.otherwise) == ("back", "look")
    assert look == Check("look", "Look yourself", "")
    assert isinstance(back, Act)
    assert (back.mitigation, back.command, back.risk) == ("roll_back", "", "Replicas restart.")
    assert isinstance(better, Verify)
    assert better.recovery
    assert book.step("way") is way
    assert book.step("nowhere") is None


def test_every_key_has_its_line() -> None:
    lines = (HEAD + BODY).splitlines()
    for path, line in of().lines.items():
        named = [part for part in path if part not in ("steps",)]
        last = named[-1]
        if path[0] == "steps" and len(path) == 2:
            assert lines[line - 1].startswith("## ")
        elif isinstance(last, str):
            assert f"{last}:" in lines[line - 1]


def test_line_ends_of_windows_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"\xef\xbb\xbf" + (HEAD + BODY).replace("\n", "\r\n").encode())
    assert read(file).steps == of().steps


def test_only_headings_that_markdown_sees_begin_steps() -> None:
    hidden = "```text\n## no step\n```\n\n    ## code\n\n> ## quoted\n"
    assert [step.id for step in of(hidden + "\nReal step\n---\n```check\n```\n").steps] == ["real-step"]


def changed(old: str, new: str) -> str:
    assert old in HEAD + BODY
    return (HEAD + BODY).replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "begins with a line '---'"),
        ("# Title\n", 1, "begins with a line '---'"),
        ("---\nid: x\n", 1, "need a line '---' behind them"),
        (HEAD, 16, "has no step"),
        (changed("id: bad-deploy", "id: Bad Deploy"), 2, "small letters"),
        (changed("id: bad-deploy\n", ""), 2, "id: needs a text"),
        (changed("title: A", "titel: A"), 3, "did you mean title?"),
        (changed("title: A deploy broke it", "title: 3"), 3, "is no text"),
        (changed("kind: cause", "kind: reason"), 4, "none of cause, symptom"),
        (changed('["checkout*"]', "checkout*"), 5, "needs a list of texts"),
        (changed('["checkout*"]', "[*]"), 5, "did not find expected alphabetic"),
        (changed('["onset: time != null"]', '["onset: time is null"]'), 7, "is no clause"),
        (changed("suspect: kind == deploy and", "suspect: kind == deploy or"), 9, "quote it"),
        (changed("  none:", "  not:"), 10, "there are all, any, none"),
        (changed("severity: high", "severity: bad"), 11, "none of info"),
        (changed("2026-11-01", "soon"), 14, "needs a day"),
        (changed("2026-11-01", "2026-13-01"), 14, "month must be in 1..12"),
        (changed("2026-11-01", "2026-11-01T03:00:00Z"), 14, "needs a day"),
        (changed("owner: sre", "owner: [sre"), 14, "not valid YAML"),
        (changed("owner: sre", "owner: a\nowner: b"), 14, "owner is there twice"),
        (changed("owner: sre", "owner: &a b"), 0, ""),
        (changed("owner: sre", "owner: *a"), 13, "aliases"),
        (changed("owner: sre", "owner: !!bool x"), 13, "tags"),
        (changed("owner: sre", "owner: " + "[" * 30 + "]" * 30), 13, "20 levels deep"),
        (changed("```check\nif", "```chek\nif"), 18, "has no block"),
        (changed("More prose.", "```act\n```"), 26, "a second block in one step"),
        (changed("prometheus: '", "prom: '"), 23, "no such key"),
        (changed("'rate(", "{{ service }}"), 23, "not valid YAML"),
        (changed("| promql", "| upper"), 23, "filter 'upper' has no place here"),
        (changed("{{ service | promql }}", "{{ service | promql"), 23, "is no template"),
        (changed("{{ service | promql }}", "{{ 9 ** 9 ** 9 }}"), 23, "has no place here"),
        (changed('expect: "value > 0.01"', 'expect: "mean > 0.01"'), 24, "neither 'value' nor 'rows'"),
        (changed('expect: "value > 0.01"', 'git: "log"'), 24, "a step has one query"),
        (changed("prometheus: 'rate(x{service={{ service | promql }}}[5m])'\n", ""), 23, "needs a query"),
        (changed("then: back\n", ""), 36, "then: needs a text"),
        (changed("id: look", "id: way"), 41, "a second step has the id 'way'"),
        (changed("mitigation: roll_back", "mitigation: pray"), 48, "none of roll_back"),
        (changed("mitigation: roll_back", "mitigation: scale\ncommand: ls"), 49, "keep one of the two"),
        (changed("recovery: true", "recovery: often"), 54, "is true or false"),
        (changed("recovery: true", "recovery: true\nif: onset"), 54, "stands alone"),
        (changed("## Back", "## 日本"), 0, ""),
        (changed("## Look yourself\n```check\nid: look", "## 日本\n```check"), 43, "id: '' is no id"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(text: str, line: int, words: str) -> None:
    if not words:
        assert parse(text, "my.md")
        return
    with pytest.raises(ConfigError) as caught:
        parse(text, "my.md")
    told = str(caught.value)
    assert words in told
    assert told.startswith(f"my.md:{line}:")
    assert "\n" not in told


def test_a_runbook_without_conditions_would_fit_every_incident() -> None:
    head = HEAD.replace('  all: ["onset: time != null"]\n', "").replace(
        '  any:\n    - "suspect: kind == deploy and probability >= 0.3"\n', ""
    )
    with pytest.raises(ConfigError, match="needs a condition in all or any"):
        of(head=head)


def test_files_that_are_none(tmp_path: Path) -> None:
    for name, content, words in (
        ("latin.md", b"---\nid: \xe9\n", "is not UTF-8 text"),
        ("large.md", b"x" * (LARGEST + 1), "is this a runbook?"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigError, match=words):
            read(tmp_path / name)
    for place in (tmp_path, tmp_path / "nowhere.md"):
        with pytest.raises(ConfigError, match="can't read the runbook"):
            read(place)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Is the deploy the suspect?", "is-the-deploy-the-suspect"), ("  A -- b  ", "a-b"), ("Überlast", "uberlast"),
        ("日本", ""), ("a" * 300, "a" * 100),
    ],
)  # fmt: skip
def test_slugs(title: str, expected: str) -> None:
    assert slug(title) == expected


lines = st.sampled_from((HEAD + BODY).splitlines())
strange = st.sampled_from(
    ["---", "```check", "```", "## x", "id: x", "a: &b c", "d: *b", "? [a]", "- - -", "<<: {a: 1}", "=: 1", "%YAML 9",
     "a: !!timestamp x", "a: !!python/name:os.system", "k: 1:1:1", "t: 2026-02-30", "[", "{", "\t", "> ## x", "\x00",
     "\ud800", "a: 0x", "{{", "{% if a %}", "b: .inf"]
)  # fmt: skip


@settings(max_examples=examples(400))
@given(st.lists(lines | strange | st.text(max_size=30), max_size=40), st.booleans())
def test_any_text_is_a_runbook_or_a_config_error(pieces: list[str], headed: bool) -> None:
    text = (HEAD if headed else "") + "\n".join(pieces)
    try:
        assert parse(text, "f").text == text
    except ConfigError as error:
        assert str(error).startswith("f:")
        assert "\n" not in str(error)


@given(st.integers(0, len(HEAD + BODY) - 1), st.text(max_size=3), st.integers(0, 5))
def test_any_small_damage_is_a_runbook_or_a_config_error(at: int, put: str, gone: int) -> None:
    whole = HEAD + BODY
    text = whole[:at] + put + whole[at + gone :]
    try:
        assert parse(text, "f").text == text
    except ConfigError as error:
        assert str(error).startswith("f:")
        assert "\n" not in str(error)
