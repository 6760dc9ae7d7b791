"""Every name that a runbook may use, declared once with its meaning. Importing this costs nothing."""

from __future__ import annotations

from collections.abc import Mapping

NAMES: Mapping[str, str] = {
    # Asked.
    "service": "the service asked about",
    "owner": "the team that owns it, from the service catalogue",
    "start": "start of the incident: the onset, else the start of the incident window (ISO 8601, UTC)",
    "end": "end of the incident window (ISO 8601, UTC)",
    # Kubernetes.
    "namespace": "Kubernetes namespace of the service",
    "context": "kubeconfig context that was read; absent where it was read from inside the cluster",
    "cluster": "Kubernetes cluster, by its name in the kubeconfig",
    "workload": "Kubernetes workload as kubectl takes it: 'deployment/checkout'",
    "container": "container in the workload whose image was changed last",
    "pod": "the pod in the worst state",
    "node": "the node concerned: one in trouble, else that of the worst pod",
    "replicas": "number of pods of the workload",
    "helm_release": "Helm release that the workload comes from",
    "helm_revision": "revision of that release before the suspected one: where to roll back to",
    "configmap": "ConfigMap that was changed last before the onset",
    "autoscaler": "HorizontalPodAutoscaler of the workload",
    # What was rolled out, and what ran before.
    "revision": "rollout that runs: its number in Kubernetes, else commit or version",
    "previous_revision": "the one to go back to",
    "image": "container image of the rollout that runs",
    "previous_image": "container image of the one before",
    "version": "version that runs: tag of the release, label or tag of the image",
    "previous_version": "version before it",
    "commit": "commit that runs, or that is suspected",
    "previous_commit": "commit that was deployed before it",
    "repository": "repository that the commits were read from: folder or URL",
    "author": "who made the suspected change",
    "flag": "feature flag that the suspected change touches",
    # Where it hurts.
    "dependency": "the dependency suspected",
    "endpoint": "the endpoint that carries the trouble",
    "tenant": "the tenant that carries the trouble",
    "queue": "the queue that fills",
    "database": "the database concerned",
    "host": "the host that carries the trouble, or that a certificate or DNS name belongs to",
    # AWS.
    "region": "AWS region",
    "ecs_cluster": "ECS cluster",
    "ecs_service": "ECS service",
    "task_definition": "ECS task definition that runs: family:revision",
    "previous_task_definition": "the one before it",
    "lambda_function": "Lambda function",
    "alias": "alias of the Lambda function that traffic goes through",
    "codedeploy_deployment": "id of the CodeDeploy deployment",
}
"""Name to meaning. A name that the evidence does not tell, or of which it tells two, is absent from `facts`."""
