"""Runbooks: Markdown files that are matched against a document and answer "what now"."""
