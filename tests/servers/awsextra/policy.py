"""IAM's SimulatePrincipalPolicy, by the table a test set, and in step with what `deny` refuses.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from servers.awsextra.state import State, answers, helper
from servers.awsextra.wire import Call


@helper
def simulate(state: State, decisions: Mapping[str, str], otherwise: str) -> None:
    state.decisions, state.decision_otherwise = dict(decisions), otherwise


@answers("iam", "SimulatePrincipalPolicy")
def simulate_principal_policy(call: Call, state: State) -> dict[str, Any]:
    resources = call.params.get("ResourceArns") or ["*"]
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": _decision(action, state),
            "MatchedStatements": [],
            "MissingContextValues": [],
        }
        for action in call.params["ActionNames"]
        for resource in resources
    ]
    return {"EvaluationResults": results, "IsTruncated": False}


def _decision(action: str, state: State) -> str:
    if action in state.decisions:
        return state.decisions[action]
    service, _, operation = action.partition(":")
    for fault in state.faults:
        if fault.kind == "deny" and fault.service in ("*", service) and fault.operation in ("*", operation):
            return "implicitDeny"
    return state.decision_otherwise
