"""What the document claims, sentence by sentence: what each rests on, and what can be recomputed from the tables.

    ids          stable names for what the document lists
    figures      numbers and times as sentences have them
    statements   what a finding says of its tables, as checks
    sentences    the document's claims
    actions      what to do first
    recomputing  checks against tables
    comparing    a document against the bundle it came with

Importing this package loads neither pandas nor pydantic.
"""

from gather_diagnostics.document.claims.actions import priority_actions
from gather_diagnostics.document.claims.sentences import claims

__all__ = ["claims", "priority_actions"]
