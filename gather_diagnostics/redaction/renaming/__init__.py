"""Names for people outside: persons, hosts, addresses, tenants and accounts replaced, each by the same throughout.

What is left is as good to analyze: stand-ins are of the shape of what they stand for (an address is an address), and
different names stay different.
"""

from gather_diagnostics.redaction.renaming.evidence import renamed
from gather_diagnostics.redaction.renaming.standins import StandIns

__all__ = ["StandIns", "renamed"]
