"""Log files, plain or compressed, and standard input: the records that lie in the request's windows.

How lines are understood is the business of `gather_diagnostics.logparse`; here files are found (`collector`),
opened and judged (`reading`), skipped through (`seeking`), and records chosen (`sieve`, `neighbourhood`);
`gather_diagnostics.unpacking` decompresses.

No `Skew` is ever given. A file and its lines are stamped by one clock where the service writes it here, so that they
agree however wrong both are; where it came by a copy or a network file system, the time of its last write is that of
another clock, or of the copying. A line behind the last write is as well one that waited in a buffer. And a source has
one skew, while each file may come from another machine. What can be told for sure, that a line is younger than the
last write of its file or than the request, is a gap that says so, and nothing is moved.
"""

from collectors.logfiles.collector import LogFiles

__all__ = ["LogFiles"]
