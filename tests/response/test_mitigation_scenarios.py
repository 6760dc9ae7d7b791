"""What is proposed in the scenarios, which are played through the real pipe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import recordedsource
from conftest import NOW
from scenarioform import read
from scenarioplay import play

from gather_diagnostics import bundle, plugins
from gather_diagnostics.response.facts import known
from gather_diagnostics.response.mitigation import propose

HERE = Path(__file__).parent.parent / "scenarios"

EXPECTED = {
    # Scenario: (kind, beginning of the command) of those that help, and words of the reasons why others do not.
    "bad_deploy": (
        [("roll_back", "'<your deploy command>' checkout-v2.14.0"), ("roll_back", "git revert --no-edit ")],
        [],
    ),
    "bad_deploy_canary": ([("roll_back", "kubectl '--namespace=<namespace>' rollout undo deployment/checkout")], []),
    "slow_after_deploy": ([], ["A database migration came with it (services/checkout/migrations/0042.sql)"]),
    "config_change": ([("roll_back", "git revert --no-edit ")], ["The suspect is another change: config"]),
    "change_after_onset": ([], [" UTC, after the onset at "]),
    "database_down": (
        [("fail_over", "'<your failover command>' orders-db")],
        ["The trouble is in a dependency: orders-db", "More replicas would only call a dependency more that fails"],
    ),
    "pool_exhausted": ([], ["Each further replica opens more connections"]),
    "traffic_surge": (
        [("scale", "'<your scale command>' checkout "), ("redirect", "'<your rate limit command>' checkout ")],
        [],
    ),
    "memory_leak": ([("scale", "kubectl '--namespace=<namespace>' set resources")], ["It is not suspected"]),
    "node_failure": ([], ["None of the replicas runs there any more.", "Requests are back at their baseline"]),
    "short_outage_over": ([], ["Requests are back at their baseline since "]),
    "dns_failure": ([], ["It is not suspected: 23 % probable"]),
    "began_before_window": ([("roll_back", "kubectl '--namespace=<namespace>' rollout undo")], []),
}
NOTHING = ("healthy_rollout", "healthy_usual_errors", "noise_recovered", "daily_peak")


@pytest.fixture(scope="module", autouse=True)
def _registered() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, "entry_points", recordedsource.installed)
        yield


def proposed_in(name: str, folder: Path) -> list[dict[str, Any]]:
    told = play(read(HERE / f"{name}.yaml"), folder, NOW)
    evidence = bundle.read(told.bundle)
    return propose(evidence, told.document, known(evidence, told.document))


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED)
def test_the_right_thing_is_proposed(name: str, tmp_path: Path) -> None:
    made = proposed_in(name, tmp_path)
    helping, reasons = EXPECTED[name]
    found = [p for p in made if p["helps"]]
    assert [p["kind"] for p in found] == [kind for kind, _ in helping]
    assert all(p["command"].startswith(start) for p, (_, start) in zip(found, helping, strict=True))
    against = " ".join(w for p in made if not p["helps"] for w in p["why"])
    assert all(words in against for words in reasons), against


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_proposed_where_nothing_is_wrong(name: str, tmp_path: Path) -> None:
    assert proposed_in(name, tmp_path) == []
