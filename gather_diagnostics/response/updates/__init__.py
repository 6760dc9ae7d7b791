"""What stakeholders are told: in plain words, without blame and without internals, filled from the evidence."""

from gather_diagnostics.response.updates.forms import FORMATS, written
from gather_diagnostics.response.updates.telling import KINDS, Update, tell

__all__ = ["FORMATS", "KINDS", "Update", "tell", "written"]
