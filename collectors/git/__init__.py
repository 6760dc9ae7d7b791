"""Commits, release tags and deploy refs of the git repository a service is built from."""

from collectors.git.collector import Git
from collectors.git.settings import Settings

__all__ = ["Git", "Settings"]
