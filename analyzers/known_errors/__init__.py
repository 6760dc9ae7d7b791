"""Known error messages in the logs: what they mean, what kind of cause they point to, which runbook to open."""

from analyzers.known_errors.answer import known_errors
from analyzers.known_errors.catalogue import catalogue

__all__ = ["catalogue", "known_errors"]
