"""Runbooks as Markdown; content only."""
