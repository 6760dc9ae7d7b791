from __future__ import annotations

from datetime import timedelta

import pytest
from incidents import commit, deploy, findings, lines, samples

MINUTE = timedelta(minutes=1)
TRACE = """Traceback (most recent call last):
  File "/app/services/checkout/app/db/pool.py", line 7, in connection
    raise PoolTimeout(f"no connection {n}")
app.db.pool.PoolTimeout: no connection {n}"""


@pytest.fixture
def request_(make_request):
    return make_request()


@pytest.fixture
def onset(request_):
    return request_.incident.end - 23 * MINUTE


@pytest.fixture
def symptoms(request_, onset):
    return {
        "logs": lines(request_.baseline.start, request_.incident.end, 5, "order {n} placed")
        + lines(onset, request_.incident.end, 4, TRACE, level="ERROR"),
        "metrics": samples(request_, "error_rate", "ratio", 0.003, after=0.1, onset=onset, unit="ratio"),
    }


def test_the_deploy_before_the_onset_is_first_and_names_its_commit(request_, onset, symptoms) -> None:
    found = findings(
        request_,
        **symptoms,
        changes=[
            deploy(onset - 3 * MINUTE, "v2", "b", "a"),
            commit(onset - 48 * MINUTE, "a", "services/checkout/app/receipt.py"),
            commit(onset - 41 * MINUTE, "b", "services/checkout/app/db/pool.py"),
            deploy(onset - 640 * MINUTE, "v1"),
            commit(onset + 6 * MINUTE, "d", "services/checkout/README.md", scope="docs"),
        ],
    )
    verdict = found["changes"]
    assert verdict.details["stands_out"]
    assert verdict.details["first"] == "git:tag:v2"
    first = found["changes:git:tag:v2"].details
    assert first["members"][0]["id"] == "git:commit:b"
    assert any("pool.py" in p["words"] for p in first["for"])
    assert any("3 min before" in p["words"] for p in first["for"])
    assert "changes:git:commit:a" not in found, "a commit that a deploy carried is not a candidate of its own"
    total = (
        sum(f.confidence for i, f in found.items() if i.startswith("changes:")) + verdict.details["none_probability"]
    )
    assert total == pytest.approx(1.0, abs=0.01)


def test_a_change_after_the_onset_cannot_have_caused_it(request_, onset, symptoms) -> None:
    found = findings(request_, **symptoms, changes=[deploy(onset + 8 * MINUTE, "v2")])
    assert not found["changes"].details["stands_out"]
    assert "No change stands out" in found["changes"].headline
    assert any("after the onset" in p["words"] for p in found["changes:git:tag:v2"].details["against"])


def test_old_and_unrelated_changes_do_not_stand_out(request_, onset, symptoms) -> None:
    found = findings(
        request_,
        **symptoms,
        changes=[
            deploy(onset - 640 * MINUTE, "v1", "a"),
            commit(onset - 700 * MINUTE, "a", "services/checkout/app/summary.py"),
            commit(onset - 10 * MINUTE, "d", "services/checkout/README.md", scope="docs"),
        ],
    )
    assert not found["changes"].details["stands_out"]
    assert found["changes"].details["none_probability"] > 0.5


def test_a_configuration_change_the_errors_speak_of(request_, onset) -> None:
    found = findings(
        request_,
        logs=lines(request_.baseline.start, request_.incident.end, 5, "order {n} placed")
        + lines(onset, request_.incident.end, 4, "payments deadline exceeded after 200 ms", level="ERROR"),
        changes=[
            commit(
                onset - 2 * MINUTE, "c", "config/payments.yaml", summary="Shorten the payments deadline", kind="config"
            ),
            commit(onset - 30 * MINUTE, "d", "services/checkout/app/receipt.py", summary="Translate the receipt"),
        ],
    )
    assert found["changes"].details["first"] == "git:commit:c"
    assert any("payments" in p["words"] for p in found["changes:git:commit:c"].details["for"])


def test_without_an_onset_nobody_is_suspected(request_, onset) -> None:
    found = findings(
        request_,
        logs=lines(request_.baseline.start, request_.incident.end, 5, "order {n} placed"),
        changes=[deploy(onset - 3 * MINUTE, "v2")],
    )
    assert not found["changes"].details["stands_out"]
    assert "No onset" in found["changes"].headline
    assert found["changes"].details["none_probability"] > 0.9


def test_another_services_change_ranks_below_ours(request_, onset, symptoms) -> None:
    changes = [deploy(onset - 3 * MINUTE, "ours"), deploy(onset - 3 * MINUTE, "theirs", service="cart")]
    found = findings(request_, **symptoms, changes=changes)
    assert found["changes"].details["first"] == "git:tag:ours"
    assert found["changes:git:tag:theirs"].details["against"][0]["part"] == "place"


def test_only_changes_in_the_change_window_are_candidates(request_, onset, symptoms) -> None:
    found = findings(request_, **symptoms, changes=[deploy(request_.changes.start - MINUTE, "old")])
    assert found["changes"].headline == "No change is known in the change window."


def test_one_change_told_by_two_sources_is_one_candidate(request_, onset, symptoms) -> None:
    sha = "ab" * 20
    tag = deploy(onset - 3 * MINUTE, "v2", sha)
    release = tag | {"id": "github:release:7", "summary": "v2", "details": {}}
    landed = commit(onset - 20 * MINUTE, sha, "services/checkout/app/db/pool.py")
    found = findings(request_, **symptoms, changes=[tag, release, landed])
    assert found["changes"].details["candidates"] == 1
    assert found["changes"].details["first"] == "git:tag:v2"
