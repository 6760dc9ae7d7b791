"""Log lines into records: pure, streaming, in bounded memory; it never raises on what a line holds.

    lines = split(chunks, tally=tally)                      # bytes of any size into capped lines
    records = parse(lines, Context(zone=UTC), tally)        # lines into records, multi-line ones joined
    for batch in batches(records, ref="/var/log/a.log", service="checkout"):
        yield Rows("logs", batch)

`records` gives the same rows from bytes, most lines a block at once: what files are read with.

The format is found line by line, since real files are mixed: JSON, logfmt, syslog (RFC 3164 and 5424), access logs,
klog, and plain lines with a time in front, each also inside what Docker, CRI or `kubectl logs` wrap around it. Where
the transport told the times, `bulk` does the same with most lines a batch at once.
"""

from gather_diagnostics.logparse.batches import batches
from gather_diagnostics.logparse.blocks import Block
from gather_diagnostics.logparse.bulk import Part, bulk
from gather_diagnostics.logparse.lanes import everyday
from gather_diagnostics.logparse.lines import LINE_BYTES, Tally, split
from gather_diagnostics.logparse.records import Context, Record
from gather_diagnostics.logparse.starts import begins
from gather_diagnostics.logparse.stream import line_time, parse
from gather_diagnostics.logparse.whole import Sieve, records, singles

__all__ = [
    "LINE_BYTES",
    "Block",
    "Context",
    "Part",
    "Record",
    "Sieve",
    "Tally",
    "batches",
    "begins",
    "bulk",
    "everyday",
    "line_time",
    "parse",
    "records",
    "singles",
    "split",
]
