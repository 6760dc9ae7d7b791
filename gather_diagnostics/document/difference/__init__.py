"""Two bundles of one service, usually before and after a mitigation: what got better, what worse, what is as it was."""

from gather_diagnostics.document.difference.comparing import compare
from gather_diagnostics.document.difference.telling import tell

__all__ = ["compare", "tell"]
