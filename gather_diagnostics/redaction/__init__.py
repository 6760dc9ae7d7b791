"""Takes secrets out of everything a source said, before anything else sees it.

Importing this loads neither pandas nor pyarrow.
"""

from gather_diagnostics.redaction.evidence import redacted
from gather_diagnostics.redaction.redactor import How, Redactor

__all__ = ["How", "Redactor", "redacted"]
