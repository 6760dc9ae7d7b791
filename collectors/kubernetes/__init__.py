"""Kubernetes: what was rolled out, what the platform reports, how the replicas fare, what they log."""

from collectors.kubernetes.collector import Kubernetes

__all__ = ["Kubernetes"]
