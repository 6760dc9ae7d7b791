"""Analyzers: one module answers one question, purely from the tables."""
