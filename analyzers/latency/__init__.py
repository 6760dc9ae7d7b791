"""How did p50, p95 and p99 move against the baseline, and which slice of the traffic carries it?

One finding per percentile of the whole service, and one for each endpoint whose p95 moved. Details: stat, unit ('s'),
baseline, incident, peak (seconds), peak_time, ratio, changed.

'latency:slice' where latency rose and there are values to compare: which of them carry the rise. Details: stat, unit,
weights and those of `gather_diagnostics.slicing.breakdown.as_details`. Percentiles of parts do not add up to the
whole's: what a value adds to the rise is taken as its traffic times the rise of its own percentile.
"""

from analyzers.latency.answer import latency

__all__ = ["latency"]
