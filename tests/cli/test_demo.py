"""The demo and three variations of it: the pipe has to find what was planted, and to say so when nothing was."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gather_diagnostics import pipeline, runner
from gather_diagnostics.cli.asking import build_request
from gather_diagnostics.demo import play
from gather_diagnostics.demo.story import HISTORY, HISTORY_DEPLOYS, HOME, SERVICE, STORY, Commit, Deploy, Story
from gather_diagnostics.document import view

pytestmark = pytest.mark.slow

OTHER_CULPRIT = replace(
    STORY,
    commits=(
        *HISTORY,
        Commit(130, "Amara Okafor", "Greet returning customers", {f"{HOME}/app/greeting.py": "TEXT = 'hello again'\n"}),
        Commit(
            4,
            "Priya Nair",
            "Shorten the payments deadline to 200 ms",
            {"deploy/checkout/values.yaml": "replicaCount: 4\npayments:\n  deadline_ms: 200\n"},
        ),
    ),
    deploys=(*HISTORY_DEPLOYS, Deploy(120, "checkout-v2.14.1")),
    error="payment failed: DeadlineExceeded: payments did not answer within 200 ms",
    planted="Shorten the payments deadline to 200 ms",
)
NO_CULPRIT = replace(
    STORY,
    commits=(*HISTORY, Commit(11, "Jonas Weber", "README: how to run", {f"{HOME}/README.md": "Run make.\n"})),
    deploys=HISTORY_DEPLOYS,
    error="payment failed: connection refused by gateway.acquirer.example:443",
    planted="",
)
ONSET_BEFORE_EVERY_CHANGE = replace(
    STORY,
    commits=(*STORY.commits[: len(HISTORY)], replace(STORY.commits[len(HISTORY) + 1], minutes=-9)),
    deploys=(Deploy(10000, "checkout-v2.12.0"), Deploy(-14, "checkout-v2.14.1")),
    onset_minutes=38,
    planted="",
)


def document(story: Story):
    with play.stage(story) as staged:
        request = build_request(staged.config, SERVICE, now=staged.now)
        sources = runner.load_sources(staged.config, SERVICE, ("git", "logfiles", "prometheus"))
        evidence = pipeline.gather(request, sources, on_bug=_raise)
        return view(evidence), staged


def _raise(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    "story", [STORY, OTHER_CULPRIT, NO_CULPRIT, ONSET_BEFORE_EVERY_CHANGE], ids=["demo", "other", "none", "early"]
)
def test_the_planted_change_is_first_and_the_onset_right(story: Story) -> None:
    shown, staged = document(story)
    assert [c["status"] for c in shown["coverage"]] == ["complete"] * 3, shown["gaps"]
    assert abs(datetime.fromisoformat(shown["onset"]["time"]) - staged.world.onset) <= timedelta(seconds=60)
    truth = play.truth(staged, shown)
    assert truth["right"], truth
    if story.planted:
        assert shown["stands_out"]
        assert shown["changes"][0]["probability"] > 0.5
    else:
        assert not shown["stands_out"]
        assert "No change stands out" in shown["verdict"]


def test_the_lone_error_is_not_taken_for_the_onset() -> None:
    shown, _ = document(STORY)
    assert "receipt printer" in shown["onset"]["isolated"][0]["words"]


def test_the_commit_inside_the_deploy_is_named() -> None:
    shown, _ = document(STORY)
    assert "connection pool" in shown["changes"][0]["members"][0]["summary"]


def test_the_command_says_what_was_planted(run, tmp_path) -> None:
    ran = run("demo", "--quiet")
    assert ran.code == 0, ran.err
    assert "Planted: checkout-v2.14.1" in ran.out
    assert "the first suspect is right" in ran.out
    shown = run("demo", "--quiet", "--format", "json").json
    assert shown["demo"]
    assert shown["planted"]["right"]
    assert shown["changes"][0]["id"] == "git:tag:checkout-v2.14.1"
    assert run("verify", shown["bundle"]).code == 0


def test_it_redacts_what_the_configuration_wants_redacted(run, tmp_path) -> None:
    address = "deploy.bot@shop.example"
    shown = everything(run("demo", "--quiet", "--out", tmp_path / "as it is"), tmp_path / "as it is")
    assert [address in text for text in shown] == [True, True]
    (tmp_path / "diagnostics.yaml").write_text("redaction: {emails: true}\n")
    shown = everything(run("demo", "--quiet", "--out", tmp_path / "redacted"), tmp_path / "redacted")
    assert [address in text for text in shown] == [False, False]
    assert all("[redacted:email:" in text for text in shown)


def everything(ran, out) -> list[str]:
    """What the command said, and what it wrote for programs: the Markdown breaks addresses up anyway."""
    (folder,) = (path for path in out.iterdir() if path.is_dir())
    return [ran.out, (folder / "evidence.json").read_text()]
