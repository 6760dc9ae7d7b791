"""Deployments, releases and merged changes of a repository on GitHub or GitLab, from their REST APIs."""

from collectors.forge.settings import ForgeSettings
from collectors.forge.source import Forge

__all__ = ["Forge", "ForgeSettings"]
