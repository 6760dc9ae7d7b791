"""Commands hold any text: they read back as the same words, and nothing in them can be taken for an option."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import replace
from typing import Any

import pytest
from documentsample import hostile
from hypothesis import example, settings
from hypothesis import given as property_of
from hypothesis import strategies as st
from mitigationwork import ecs_rows, evidence, finding, full, pods, proposed, two_revisions
from propertywork import examples

from gather_diagnostics.document.view import view
from gather_diagnostics.response.facts import NAMES, fit
from gather_diagnostics.response.facts import known as known_from
from gather_diagnostics.response.mitigation import KINDS, propose
from gather_diagnostics.response.mitigation.proposals import both, command, given, kubectl

ATTACKS = (
    "$(reboot)",
    "`id`",
    "a; rm -rf ~",
    "-rf",
    "--all",
    "a'b\"c",
    "a\nb",
    "x\x03y",
    "a && b",
    "<namespace>",
    "é ü",
    "",
)
VALUES = st.text(max_size=30) | st.sampled_from(ATTACKS)
OWN = ("kubectl", "aws", "git", "helm", "&&")


def situations() -> list[Any]:
    rows, aws = two_revisions(), ecs_rows(images=True)
    node = finding("workload_health:NodeNotReady", reason="NodeNotReady", instances=["node-1"], going_on=1)
    everything = [node, full("cpu"), full("memory")]
    return [
        evidence(rows, {rows[-1]["id"]: 0.9}, findings=everything, workloads=pods(3)),
        evidence(aws, {aws[-1]["id"]: 0.9}, findings=everything[1:]),
    ]


SITUATIONS = [(its, view(its), known_from(its, view(its))) for its in situations()]


@property_of(st.text())
@example("-n")
def test_a_value_is_one_word_or_is_left_to_the_reader(value: str) -> None:
    words = shlex.split(command(*kubectl({"namespace": value}, "get", "pods")))
    shown = value if fit(value) else "<namespace>"
    assert words == ["kubectl", f"--namespace={shown}", "get", "pods"]


@property_of(st.lists(st.text(), min_size=1))
def test_a_command_reads_back_as_its_words(words: list[str]) -> None:
    assert shlex.split(command(*words)) == words


@settings(max_examples=examples(60))
@property_of(
    st.dictionaries(st.sampled_from(sorted(NAMES)), VALUES, max_size=12), st.sampled_from(range(len(SITUATIONS)))
)
def test_no_fact_adds_a_word_or_an_option(odd: dict[str, str], which: int) -> None:
    """The same proposals with tame facts in the place of the odd ones have as many words, with the same options."""
    its, document, known = SITUATIONS[which]
    tame = {name: f"tame{n}" if fit(value) else "" for n, (name, value) in enumerate(odd.items())}
    left, right = (propose(its, document, replace(known, values={**known.values, **told})) for told in (odd, tame))
    for one, other in zip(left, right, strict=True):
        assert one["kind"] in KINDS
        for key in ("command", "undo"):
            if one[key].startswith(OWN):
                assert options(one[key]) == options(other[key])


def options(line: str) -> list[str]:
    return [w.partition("=")[0] if w.startswith("-") else "" for w in shlex.split(line)]


@pytest.mark.parametrize("value", ["a'b; touch pwned", "$(touch pwned)", "`touch pwned`", "a\\'; touch pwned"])
def test_a_real_shell_reads_it_as_one_word(value: str, tmp_path: Any) -> None:
    line = both(command("printf", "%s", f"--namespace={given({'namespace': value}, 'namespace')}"), "true")
    shown = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert shown == f"--namespace={value}"
    assert not list(tmp_path.iterdir())


def test_what_is_pasted_unfilled_does_nothing_to_files(tmp_path: Any) -> None:
    line = command("true", *kubectl({}, "rollout", "undo", "<workload>"))
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True)
    assert not list(tmp_path.iterdir())


def test_hostile_evidence_is_printable_in_every_command() -> None:
    for made in proposed(hostile()):
        assert made["command"].isprintable()
        assert shlex.split(made["command"])
    json.dumps(proposed(hostile()), allow_nan=False)


SHAPES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda c: st.lists(c, max_size=3) | st.dictionaries(st.sampled_from(["dimension", "values", "of", "ratio"]), c),
    max_leaves=8,
)
DETAILS = (
    "carried_by",
    "recovered_since",
    "resource",
    "ratio",
    "of",
    "until",
    "instances",
    "going_on",
    "order",
    "dependency",
)


@pytest.mark.slow
@settings(max_examples=examples(60))
@property_of(st.dictionaries(st.sampled_from(DETAILS), SHAPES))
def test_details_of_any_shape_make_no_trouble(details: dict[str, Any]) -> None:
    its, _, _ = SITUATIONS[0]
    others = tuple(f for f in its.findings if f.question not in ("saturation", "workload_health"))
    odd = [finding(i, **({"reason": "OOMKilled"} | details)) for i in ("scope", "saturation:x", "dependencies:x")]
    odd.append(finding("workload_health:NodeNotReady", **details))
    proposed(replace(its, findings=(*others, *odd)))
