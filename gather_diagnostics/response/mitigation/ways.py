"""How a change is undone on the platform it was made on: the command, its risk, and the way back. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gather_diagnostics.response.facts import Change, fit
from gather_diagnostics.response.facts.details import listed
from gather_diagnostics.response.facts.kubernetes import identity
from gather_diagnostics.response.mitigation.proposals import Facts, aws, command, given, kubectl
from gather_diagnostics.response.mitigation.situation import Situation

_NUMBER = re.compile(r"[0-9]{1,9}")
_S3 = re.compile(r"([^/]+)/(.+?)(?:@(.*))?")
_BUNDLES: Mapping[str, str] = {
    "zip": "zip",
    "tar": "tar",
    "tgz": "tgz",
    "gz": "tgz",
    "yaml": "YAML",
    "yml": "YAML",
    "json": "JSON",
}
RUNNING = ("Created", "Queued", "InProgress", "Baking", "Ready")
"""States of a CodeDeploy deployment that can still be stopped."""


@dataclass(frozen=True, slots=True)
class Way:
    what: str
    command: str
    risk: str
    undo: str
    against: tuple[str, ...] = ()
    """Why this way is not open."""


def way(s: Situation, rollout: Change) -> Way:
    """The way back of a rollout. KeyError for a platform that is none of PLATFORMS."""
    ways: Mapping[str, Callable[[Situation, Change], Way]] = {
        "kubernetes": _kubernetes,
        "helm": _helm,
        "ecs": _ecs,
        "lambda": _lambda,
        "codedeploy": _codedeploy,
    }
    return ways[rollout.platform](s, rollout)


def _kubernetes(s: Situation, rollout: Change) -> Way:
    """Source: kubernetes.io/docs/reference/kubectl/generated/kubectl_rollout/kubectl_rollout_undo/"""
    facts, kind = s.facts, identity(rollout)[0].lower()
    workload, before, now = given(facts, "workload"), given(facts, "previous_revision"), given(facts, "revision")
    undo = kubectl(facts, "rollout", "undo", workload)
    newest = identity(rollout)[2] == facts.get("revision")
    if _NUMBER.fullmatch(before) or not newest:
        to = before if _NUMBER.fullmatch(before) else "<previous_revision>"
        words, target = [*undo, f"--to-revision={to}"], f"revision {to}"
    else:
        words, target = undo, "the revision before"
    image = f" ({facts['previous_image']})" if "previous_image" in facts else ""
    forward = [*undo, f"--to-revision={now}"] if _NUMBER.fullmatch(now) else undo
    risk = "Every pod is replaced, a few at a time; what else the rollout changed (environment, limits) goes back too."
    if kind == "statefulset":
        risk += " A pod of a StatefulSet that never became ready has to be deleted by hand before the older one comes."
    return Way(f"Roll {workload} back to {target}{image}.", command(*words), risk, command(*forward))


def _helm(s: Situation, rollout: Change) -> Way:
    """Source: helm.sh/docs/helm/helm_rollback/"""
    facts = s.facts
    release, before = given(facts, "helm_release"), given(facts, "helm_revision")
    context = [f"--kube-context={given(facts, 'context')}"] if "context" in facts else []
    words = ["helm", "rollback", release, before, f"--namespace={given(facts, 'namespace')}", *context, "--wait"]
    forward = [*words[:3], rollout.revision if fit(rollout.revision) and rollout.revision else "<revision>", *words[4:]]
    risk = "All objects of the release go back, not the workload alone; hooks of the chart run again."
    return Way(f"Roll the Helm release {release} back to revision {before}.", command(*words), risk, command(*forward))


def _ecs(s: Situation, rollout: Change) -> Way:
    """Source: docs.aws.amazon.com/cli/latest/reference/ecs/update-service.html"""
    facts = s.facts
    service, before, now = (given(facts, n) for n in ("ecs_service", "previous_task_definition", "task_definition"))

    def to(definition: str) -> str:
        words = ["ecs", "update-service", f"--cluster={given(facts, 'ecs_cluster')}", f"--service={service}"]
        return command(*aws(facts, *words, f"--task-definition={definition}"))

    risk = "Tasks are replaced a few at a time. A service that CodeDeploy deploys refuses this."
    if before.startswith("<"):
        family = now.rpartition(":")[0] or "<family>"
        look = aws(facts, "ecs", "list-task-definitions", f"--family-prefix={family}", "--sort=DESC", "--max-items=5")
        risk += f" Find the task definition that ran before: {command(*look)}"
    return Way(f"Set the ECS service {service} back to {before}.", to(before), risk, to(now))


def _lambda(s: Situation, rollout: Change) -> Way:
    """Source: docs.aws.amazon.com/cli/latest/reference/lambda/update-alias.html"""
    facts = s.facts
    function, alias = given(facts, "lambda_function"), given(facts, "alias")
    before, now = rollout.previous or "", rollout.revision or ""

    def to(version: str) -> str:
        number = version if version.isdigit() else "<previous_revision>"
        words = ["lambda", "update-alias", f"--function-name={function}", f"--name={alias}"]
        return command(*aws(facts, *words, f"--function-version={number}"))

    against: tuple[str, ...] = ()
    if not before.isdigit():
        against = (
            "No version was published before it, so that no alias can point back to one: deploy the code before.",
        )
    elif not now.isdigit():
        against = ("The code of $LATEST was changed, to which no alias points back: deploy the code before.",)
    what = f"Point the alias {alias} of {function} back to version {before or '<previous_revision>'}."
    return Way(what, to(before), "Callers that name the version or $LATEST keep what they have.", to(now), against)


def _codedeploy(s: Situation, rollout: Change) -> Way:
    """Source: docs.aws.amazon.com/cli/latest/reference/deploy/"""
    facts = s.facts
    id_ = given(facts, "codedeploy_deployment")
    if rollout.details.get("status") in RUNNING:
        words = aws(facts, "deploy", "stop-deployment", f"--deployment-id={id_}", "--auto-rollback-enabled")
        what = f"Stop the CodeDeploy deployment {id_} and roll it back."
        return Way(
            what, command(*words), "Targets that have the new revision get the old one again.", "Deploy it again."
        )
    place = _location(rollout.previous or "")
    names = ("applicationName", "deploymentGroupName")
    application, group = (v if fit(v := rollout.details.get(n)) else f"<{n}>" for n in names)
    words = aws(
        facts, "deploy", "create-deployment", f"--application-name={application}", f"--deployment-group-name={group}"
    )
    against = (
        ()
        if place
        else ("What was deployed before is told by its hash alone: find it with `aws deploy list-deployments`.",)
    )
    what = f"Deploy {rollout.previous or 'the revision before'} again with CodeDeploy."
    return Way(
        what,
        command(*words, place or "--s3-location=<previous_revision>"),
        "It is a deployment of its own, and takes as long.",
        "Deploy the new revision again.",
        against,
    )


def _location(revision: str) -> str:
    """How create-deployment is told of a revision; '' where its text does not say enough."""
    if re.fullmatch(r"[0-9a-f]{40}", revision):
        return f"--github-location=repository=<owner/name>,commitId={revision}"
    found = _S3.fullmatch(revision)
    if not found or not fit(revision) or "," in revision:
        return ""
    bundle = _BUNDLES.get(found[2].rpartition(".")[2].lower(), "<bundle_type>")
    return f"--s3-location=bucket={found[1]},key={found[2]},bundleType={bundle}"


def in_repository(s: Situation, change: Change) -> Iterator[Way]:
    """Deploy what ran before, or revert what was committed: where nothing is known of the platform.

    Source: git-scm.com/docs/git-revert
    """
    facts = s.facts
    # First what needs no build.
    before = _previous(facts, change)
    if change.kind == "deploy" and before and not change.platform:
        yield Way(
            f"Deploy {before} again, which ran before.",
            command(DEPLOY, before),
            "How the service is deployed is not known from the evidence: put your own command in.",
            command(DEPLOY, _fit(change.details.get("tag")) or _fit(change.revision) or "<revision>"),
        )
    shas = (change.commits if change.kind == "deploy" else []) or [change.revision or ""]
    shas = [sha for sha in shas if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", sha)]
    merges = {c.revision for c in s.changes if len(listed(c.details, "parents")) > 1}
    again = f"push, and deploy {given(facts, 'service')} again"
    if shas and (len(shas) == 1 or not merges & set(shas)) and len(shas) <= MOST_REVERTS:
        mainline = ["--mainline=1"] if merges & set(shas) else []
        named = "the commit" if len(shas) == 1 else f"the {len(shas)} commits"
        yield Way(
            f"Revert {named} of “{change.summary[:100]}”, {again}.",
            command("git", "revert", "--no-edit", *mainline, *shas),
            "It takes a build and a deploy. Later commits on the same lines make conflicts.",
            "Revert the revert: " + command("git", "revert", "--no-edit", "HEAD"),
        )


MOST_REVERTS = 20
"""Commits in one command; a deploy of more is undone by deploying what was before."""
DEPLOY = "<your deploy command>"


def _previous(facts: Facts, change: Change) -> str:
    return _fit(change.details.get("previous_tag")) or _fit(change.previous)


def _fit(value: object) -> str:
    return str(value) if fit(value) else ""
