"""Everything that is asked of AWS, once: nothing that is missing here can be sent, and the policy is made of it.

Source: the service authorization reference, docs.aws.amazon.com/service-authorization/latest/reference/.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

READING = ("Describe", "List", "Get", "GET", "Filter", "Lookup", "BatchGet")
"""What the name of an action that only reads begins with."""
EXCEPTIONS = ("logs:StartQuery", "logs:StopQuery", "sts:AssumeRole")
"""Actions that read under another name: they begin and end a query, or become the reading role."""


@dataclass(frozen=True, slots=True)
class Permission:
    """An action of IAM, what it has to be allowed on, and what is missing from the evidence without it."""

    action: str
    """The operation, as 'service:Operation'."""
    resource: str
    why: str
    iam: str = ""
    """IAM's name of it, where that is another one."""

    @property
    def granted(self) -> str:
        """As a policy names it."""
        return self.iam or self.action


_GROUPS = "arn:aws:logs:*:*:log-group:*"
_FUNCTIONS = "arn:aws:lambda:*:*:function:*"

PERMISSIONS = {
    p.action: p
    for p in (
        Permission("sts:GetCallerIdentity", "*", "tell that the credentials work; AWS never refuses it"),
        Permission("cloudwatch:ListMetrics", "*", "find the service's load balancers, functions, queues, ..."),
        Permission(
            "resourcegroupstaggingapi:GetResources",
            "*",
            "find the service's resources by their tags",
            iam="tag:GetResources",
        ),
        Permission("cloudwatch:GetMetricData", "*", "latency, error rate, load, saturation"),
        Permission("cloudwatch:DescribeAlarms", "*", "alarms of the service"),
        Permission("cloudwatch:DescribeAlarmHistory", "*", "when those alarms went off"),
        Permission("logs:DescribeLogGroups", "*", "find the service's log groups"),
        Permission(
            "apigateway:GetRestApis",
            "arn:aws:apigateway:*::/restapis",
            "find the execution logs of the service's REST APIs",
            iam="apigateway:GET",
        ),
        Permission("logs:FilterLogEvents", _GROUPS, "log lines"),
        Permission("logs:StartQuery", _GROUPS, "count lines with Logs Insights"),
        Permission("logs:GetQueryResults", "*", "count lines with Logs Insights"),
        Permission("logs:StopQuery", "*", "stop a query that scans too much"),
        Permission("logs:GetLogRecord", "*", "whole lines where Logs Insights cut them"),
        Permission("codedeploy:ListDeployments", "*", "deployments by CodeDeploy"),
        Permission("codedeploy:BatchGetDeployments", "*", "deployments by CodeDeploy"),
        Permission("ecs:ListClusters", "*", "find the service in ECS"),
        Permission("ecs:ListServices", "*", "find the service in ECS"),
        Permission("ecs:DescribeServices", "*", "deployments and events of ECS services"),
        Permission("ecs:ListServiceDeployments", "*", "past deployments of ECS services"),
        Permission("ecs:DescribeTaskDefinition", "*", "images that ECS deployments rolled out"),
        Permission("lambda:ListFunctions", "*", "find the service's functions"),
        Permission("lambda:ListVersionsByFunction", _FUNCTIONS, "published versions of functions"),
        Permission("lambda:ListAliases", _FUNCTIONS, "which version takes the traffic"),
        Permission("cloudtrail:LookupEvents", "*", "who changed the service's resources"),
        Permission("rds:DescribeEvents", "*", "failovers, restarts and changes of databases"),
        Permission("cloudformation:DescribeStacks", "*", "find the service's stacks"),
        Permission("cloudformation:DescribeStackEvents", "*", "stack updates"),
    )
}

ASSUME = Permission("sts:AssumeRole", "the role in sources.cloudwatch.role_arn", "read with a role of its own")
"""Belongs to the caller, not to the role's policy."""


def declared(action: str) -> Permission:
    """Raises LookupError for an action that nobody declared: a bug of this package."""
    if action == ASSUME.action:
        return ASSUME
    if action not in PERMISSIONS:
        raise LookupError(f"{action} is not declared in permissions.py")
    return PERMISSIONS[action]


def statement(action: str, resource: str = "") -> str:
    """The policy line that allows one action, as JSON."""
    right = declared(action)
    return json.dumps({"Effect": "Allow", "Action": right.granted, "Resource": resource or right.resource})


def policy() -> str:
    """The least-privilege, read-only IAM policy, as JSON."""
    resources = dict.fromkeys(p.resource for p in PERMISSIONS.values())
    statements = [
        {
            "Sid": f"GatherDiagnosticsRead{number}",
            "Effect": "Allow",
            "Action": sorted(p.granted for p in PERMISSIONS.values() if p.resource == resource),
            "Resource": resource,
        }
        for number, resource in enumerate(resources, 1)
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)
