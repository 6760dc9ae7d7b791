"""Tags of AWS without AWS: which resource an ARN means, what is asked, and what reading may cost."""

# ruff: noqa: F401, F811 - a fixture is imported, and asked for by its name

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from awsworld import api_with, shell
from hypothesis import given
from hypothesis import strategies as st

from collectors.cloudwatch import CloudWatch, costs, groups, resources, tags
from collectors.cloudwatch.catalogue import FAMILIES, Family
from collectors.cloudwatch.ecs import _HOME
from collectors.cloudwatch.tags import Search, Tagged, located
from gather_diagnostics import Gap, Target

HERE = "eu-west-1:123456789012"
ARNS = {
    f"arn:aws:elasticloadbalancing:{HERE}:loadbalancer/app/front/50dc6c495c0c9188": (
        "load balancer",
        {"LoadBalancer": "app/front/50dc6c495c0c9188"},
    ),
    f"arn:aws:elasticloadbalancing:{HERE}:targetgroup/pay/943f017f100becff": (
        "load balancer",
        {"TargetGroup": "targetgroup/pay/943f017f100becff"},
    ),
    "arn:aws:apigateway:eu-west-1::/restapis/a1b2c3": ("REST API", {"ApiName": "a1b2c3"}),
    "arn:aws:apigateway:eu-west-1::/apis/d4e5f6": ("HTTP API", {"ApiId": "d4e5f6"}),
    f"arn:aws-cn:lambda:{HERE}:function:pay": ("Lambda function", {"FunctionName": "pay"}),
    f"arn:aws:ecs:{HERE}:service/shop/pay": ("ECS service", {"ClusterName": "shop", "ServiceName": "pay"}),
    f"arn:aws:ecs:{HERE}:service/pay": ("ECS service", {"ServiceName": "pay"}),
    f"arn:aws:rds:{HERE}:db:pay-1": ("database", {"DBInstanceIdentifier": "pay-1"}),
    f"arn:aws:rds:{HERE}:cluster:pay": ("database cluster", {"DBClusterIdentifier": "pay"}),
    f"arn:aws:sqs:{HERE}:pay.fifo": ("queue", {"QueueName": "pay.fifo"}),
    f"arn:aws:dynamodb:{HERE}:table/pay": ("table", {"TableName": "pay"}),
}


@pytest.mark.parametrize("arn", ARNS)
def test_an_arn_tells_the_dimensions_of_its_kind_and_of_no_other(arn: str) -> None:
    told = {family.title: found for family in FAMILIES if (found := located(family, arn))}
    assert told == dict([ARNS[arn]])


def test_every_kind_has_an_arn_whose_groups_are_its_dimensions() -> None:
    assert {title for title, _ in ARNS.values()} == {f.title for f in FAMILIES}
    for family in FAMILIES:
        named = set(re.compile(family.arn).groupindex)
        assert family.resource in named
        assert named <= {key for keys in family.keys for key in keys}


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "arn:aws:lambda",
        f"arn:aws:lambda:{HERE}:event-source-mapping:9f0c",
        f"arn:aws:elasticloadbalancing:{HERE}:loadbalancer/net/front/50dc6c495c0c9188",
        f"arn:aws:elasticloadbalancing:{HERE}:loadbalancer/classic",
        f"arn:aws:elasticloadbalancing:{HERE}:listener/app/front/50dc6c495c0c9188/f2f7dc8efc522ab2",
        f"arn:aws:ecs:{HERE}:task/shop/0123456789abcdef",
        f"arn:aws:rds:{HERE}:cluster-snapshot:pay",
        f"arn:aws:dynamodb:{HERE}:table/pay/index/by-day",
        "arn:aws:apigateway:eu-west-1::/restapis/a1b2c3/stages/prod",
    ],
)
def test_what_has_no_metrics_of_ours_is_left_out(arn: str) -> None:
    assert not any(located(family, arn) for family in FAMILIES)
    assert Tagged((arn,)).names() == frozenset()


@given(st.lists(st.one_of(st.text(max_size=40), st.sampled_from(sorted(ARNS)), st.text().map("arn:aws:".__add__))))
def test_any_text_in_place_of_an_arn_is_read(arns: list[str]) -> None:
    tagged = Tagged(tuple(arns))
    known = sum(arn in ARNS and ARNS[arn][0] != "REST API" for arn in arns)
    assert sum(len(tagged.dimensions(family)) for family in FAMILIES) >= known
    assert tagged.names() >= tagged.names("FunctionName")
    assert all(group.startswith("/aws/") or any(group in arn for arn in arns) for group in tagged.log_groups())


def test_names_and_log_groups_of_what_is_tagged() -> None:
    arns = (*ARNS, f"arn:aws:logs:{HERE}:log-group:/shop/pay:*", f"arn:aws:logs:{HERE}:log-group:/shop/other")
    tagged = Tagged(arns, {"a1b2c3": "front door"})
    assert tagged.names("ApiName") == {"front door"}, "an id is no name"
    assert {"pay", "front", "front door", "pay-1", "pay.fifo"} <= tagged.names()
    assert "shop" not in tagged.names(), "a cluster is nobody's own"
    assert tagged.log_groups() == [
        "/shop/pay",
        "/shop/other",
        "/aws/lambda/pay",
        "/aws/rds/instance/pay-1/*",
        "/aws/rds/cluster/pay/*",
    ]


def family(title: str) -> Family:
    return next(f for f in FAMILIES if f.title == title)


def listed(**dimensions: str) -> dict[str, Any]:
    return {"Dimensions": [{"Name": k, "Value": v} for k, v in dimensions.items()]}


def test_a_tag_ranks_below_the_very_name_and_above_a_likeness() -> None:
    metrics = [listed(FunctionName=name) for name in ("pay", "checkout", "checkout-mailer", "cart", "shop-checkout")]
    own = [{"FunctionName": name} for name in ("pay", "checkout", "shop-checkout")]
    found = {r.name: r.rank for r in resources.matching(family("Lambda function"), metrics, "checkout", {}, own)}
    assert found == {"checkout": 0, "pay": 1, "shop-checkout": 1, "checkout-mailer": 2}
    wanted = {"FunctionName": "cart"}
    (only,) = resources.matching(family("Lambda function"), metrics, "checkout", wanted, own)
    assert only.name == "cart", "what a person chose goes before tags"


def test_an_arn_without_a_cluster_fits_any() -> None:
    metrics = [listed(ClusterName=c, ServiceName=s) for c, s in (("a", "pay"), ("b", "pay"), ("a", "cart"))]
    ecs = family("ECS service")
    assert len(list(resources.matching(ecs, metrics, "checkout", {}, [{"ServiceName": "pay"}]))) == 2
    own = [{"ClusterName": "a", "ServiceName": "pay"}]
    (one,) = resources.matching(ecs, metrics, "checkout", {}, own)
    assert dict(one.dimensions) == own[0]
    assert [bool(_HOME.search(f"arn:aws:ecs:{HERE}:service/{s}")) for s in ("shop/pay", "pay")] == [True, False]


# --- what is asked


def page(*arns: str, token: str = "") -> dict[str, Any]:
    return {"ResourceTagMappingList": [{"ResourceARN": a, "Tags": []} for a in arns], "PaginationToken": token}


def queue(number: int) -> str:
    return f"arn:aws:sqs:{HERE}:q{number}"


def test_each_key_is_asked_for_by_itself_and_empty_pages_lead_on(monkeypatch: pytest.MonkeyPatch, shell: Path) -> None:
    api, stub = api_with(monkeypatch, "resourcegroupstaggingapi")
    asked = {"ResourceTypeFilters": tags.TYPES, "ResourcesPerPage": 100}
    app, service = ({"TagFilters": [{"Key": k, "Values": ["check", "Check"]}], **asked} for k in ("app", "service"))
    stub.add_response("get_resources", page(token="1"), app)
    stub.add_response("get_resources", page(queue(1), token="2"), app | {"PaginationToken": "1"})
    stub.add_response("get_resources", page(queue(2), queue(1)), app | {"PaginationToken": "2"})
    stub.add_response("get_resources", page(queue(2), queue(3)), service)
    found = tags.search(api, ["app", "service"], "check")
    assert found == Tagged((queue(1), queue(2), queue(3)))
    stub.assert_no_pending_responses()
    assert "apigateway" in tags.TYPES
    assert "logs" in tags.TYPES


def test_what_came_before_a_failure_is_kept(monkeypatch: pytest.MonkeyPatch, shell: Path) -> None:
    api, stub = api_with(monkeypatch, "resourcegroupstaggingapi")
    stub.add_response("get_resources", page(queue(1), token="1"))
    stub.add_client_error("get_resources", "AccessDeniedException", http_status_code=400)
    found = tags.search(api, ["app", "service"], "checkout")
    assert found.arns == (queue(1),)
    assert found.failed is not None
    assert found.failed.refused
    stub.assert_no_pending_responses()


def test_no_key_has_more_pages_than_are_looked_at(monkeypatch: pytest.MonkeyPatch, shell: Path) -> None:
    monkeypatch.setattr(tags, "MOST_PAGES", 2)
    api, stub = api_with(monkeypatch, "resourcegroupstaggingapi")
    for number in (1, 2):
        stub.add_response("get_resources", page(queue(number), token=str(number)))
    stub.add_response("get_resources", page(queue(3)))
    assert tags.search(api, ["app", "service"], "checkout") == Tagged(
        (queue(1), queue(2), queue(3)), {}, None, ("app",)
    )


def test_the_search_is_made_once_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[float] = []

    class Door:
        def within(self, share: float) -> Any:
            made.append(share)
            return self

    search = Search(Door(), [], "checkout")  # type: ignore[arg-type]
    assert search.found() is search.found()
    assert made == [tags.SHARE]


def test_log_groups_that_are_tagged_are_bounded(
    monkeypatch: pytest.MonkeyPatch, shell: Path, make_request: Any
) -> None:
    monkeypatch.setattr(groups, "MOST_GROUPS", 2)
    monkeypatch.setattr(groups.gateways, "find", lambda *_: iter(()))
    monkeypatch.setattr(groups, "USUAL_GROUPS", ("/a/{service}",))
    api, stub = api_with(monkeypatch, "logs")
    for name in ("/a/checkout", "/x/1", "/x/2"):
        stub.add_response("describe_log_groups", {"logGroups": [{"logGroupName": name}]})
    found = list(groups.find(api, CloudWatch.Settings(), make_request(), ["/x/1", "/x/2", "/x/3", "/x/4"]))
    assert [g.name for g in found if isinstance(g, groups.Group)] == ["/a/checkout", "/x/1"]
    (cut,) = (g for g in found if isinstance(g, Gap))
    assert "5 log groups match; 2 were read" in cut.why
    stub.assert_no_pending_responses()


# --- what is told beforehand


def planned(request: Any, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> list[Target]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    items = list(CloudWatch(CloudWatch.Settings.model_validate(settings)).plan(request))
    assert all(isinstance(i, Target) for i in items)
    return items  # type: ignore[return-value]


def test_the_plan_tells_what_logs_insights_may_cost(
    shell: Path, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = planned(make_request(), monkeypatch, regions=["eu-west-1", "us-east-1"])[1].what
    assert "stopped at 5,368,709,120 bytes scanned in all groups and regions together" in lines
    assert "some 0.03 USD at 0.005 USD per GB" in lines
    lines = planned(make_request(), monkeypatch, max_scan_bytes=10**12)[1].what
    assert "some 5.00 USD" in lines
    lines = planned(make_request(), monkeypatch, max_scan_bytes=0)[1].what
    assert "not asked: max_scan_bytes is 0" in lines
    assert "USD" not in lines
    lines = planned(make_request(), monkeypatch, insights=False)[1].what
    assert "groups of infrequent access" in lines, "they are read by nothing else, so this is billed all the same"
    assert "USD" in lines


@given(st.integers(0, 10**15))
def test_a_price_is_never_told_too_low(scanned: int) -> None:
    told = float(costs.dollars(scanned).removesuffix(" USD").replace(",", ""))
    exact = scanned * costs.DOLLARS_PER_GB / 1e9
    assert exact - 1e-6 <= told <= exact + 0.01 + 1e-6


def test_the_plan_tells_of_tags_and_the_right_they_need(
    shell: Path, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics, logs, _ = planned(make_request(), monkeypatch, tag_keys=["team:service"])
    assert metrics.where.endswith("or with its name in a tag (team:service; where tag:GetResources is allowed)")
    assert logs.where.endswith("logs of what is tagged with its name")
    for target in planned(make_request(), monkeypatch, tag_keys=[]):
        assert "tag" not in target.where


def test_the_policy_allows_it_by_the_name_of_iam() -> None:
    assert '"tag:GetResources"' in CloudWatch.policy()
    assert "resourcegroupstaggingapi" not in CloudWatch.policy()
