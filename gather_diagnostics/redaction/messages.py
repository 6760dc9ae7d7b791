"""Texts for a person at a terminal: sentences of our errors, and tracebacks, which quote whatever they met."""

from __future__ import annotations

import traceback

from gather_diagnostics.redaction.redactor import Redactor


def hidden(text: str) -> str:
    """The text without secrets; its placeholders are like no bundle's."""
    return Redactor().text(text, "message")


def hidden_traceback(error: BaseException) -> str:
    """The traceback with its causes, as the interpreter would print it."""
    return hidden("".join(traceback.format_exception(error)))
