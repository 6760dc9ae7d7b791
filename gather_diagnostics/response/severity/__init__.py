"""How severe is it? Proposed from the evidence with reasons, in the words of four schemes; a person's word wins."""

from gather_diagnostics.response.severity.judging import judge
from gather_diagnostics.response.severity.schemes import SCHEMES, equivalents, rank

__all__ = ["SCHEMES", "equivalents", "judge", "rank"]
