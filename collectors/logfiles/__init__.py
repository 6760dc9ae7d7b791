"""Log files, plain or compressed, and standard input: the records that lie in the request's windows.

How lines are understood is the business of `gather_diagnostics.logparse`; here files are found (`collector`),
opened and judged (`reading`), decompressed (`unpacking`) and skipped through (`seeking`).
"""

from collectors.logfiles.collector import LogFiles

__all__ = ["LogFiles"]
