"""The tagging API's GetResources: with API Gateway, which moto leaves out, and pages of what was looked through.

https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html: filters are joined by AND,
values of one by OR. A page has what fits among the next ResourcesPerPage resources, so that it may be empty and lead
on: https://github.com/boto/boto3/issues/2461.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from moto.apigateway.models import apigateway_backends
from moto.apigatewayv2.models import apigatewayv2_backends
from moto.core.resource_tagging import TaggedResource, iter_taggable_backends, make_tag_matcher, match_resource_type
from servers.awsextra.state import ACCOUNT, State, answers, helper
from servers.awsextra.wire import AwsError, Call

MOST = 100
"""Resources of a page: the default and AWS's limit."""


@helper
def put_tagged(state: State, region: str, arn: str, tags: dict[str, str]) -> None:
    state.tagged.append({"region": region, "arn": arn, "tags": tags})


@answers("resourcegroupstaggingapi", "GetResources")
def get_resources(call: Call, state: State) -> dict[str, Any]:
    p = call.params
    size = p.get("ResourcesPerPage") or MOST
    if not 1 <= size <= MOST:
        raise AwsError("InvalidParameterException", "ResourcesPerPage must be between 1 and 100")
    token = p.get("PaginationToken")
    if token and token not in state.pages:
        raise AwsError("PaginationTokenExpiredException", "The pagination token has expired.")
    known = state.pages.pop(token) if token else list(_all(call.region, state))
    fits, types = make_tag_matcher(p.get("TagFilters")), p.get("ResourceTypeFilters")
    listed = [r for r in known[:size] if fits(r.tags) and match_resource_type(r.resource_type, types)]
    return {"ResourceTagMappingList": [_mapping(r) for r in listed], "PaginationToken": _rest(known[size:], state)}


def _rest(left: list[TaggedResource], state: State) -> str:
    """The token that leads to them; '' where there are none, as AWS has it."""
    if not left:
        return ""
    token = str(uuid.uuid4())
    state.pages[token] = left
    return token


def _mapping(resource: TaggedResource) -> dict[str, Any]:
    return {"ResourceARN": resource.arn, "Tags": [{"Key": k, "Value": v} for k, v in resource.tags.items()]}


def _all(region: str, state: State) -> Iterator[TaggedResource]:
    for one in state.tagged:
        if one["region"] == region:
            kind = one["arn"].split(":")[2]
            yield TaggedResource(one["arn"], one["tags"], kind)
    for backend in iter_taggable_backends(ACCOUNT, region):
        yield from (r for r in backend.iter_tagged_resources() if r.tags)
    for api in apigateway_backends[ACCOUNT][region].apis.values():
        yield TaggedResource(f"arn:aws:apigateway:{region}::/restapis/{api.id}", api.tags, "apigateway:restapis")
    gateways = apigatewayv2_backends[ACCOUNT][region]
    for http in gateways.apis.values():
        arn = f"arn:aws:apigateway:{region}::/apis/{http.api_id}"
        yield TaggedResource(arn, gateways.get_tags(http.arn), "apigateway:apis")
