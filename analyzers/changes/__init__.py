"""Which of the recent changes most likely did it?

Every change gets a probability: the parts of a score (log-odds, in `Part.weight`) are added up, and a softmax over all
candidates and "none of these" turns sums into probabilities. Each part says in words why it speaks for or against.
A deploy marker and the commits it carried are one candidate - the deploy is what can be rolled back - with the
commits as members, ranked by the same parts. What each part adds is measured in docs/DIAGNOSIS.md.

Findings: 'changes' (the verdict: stands_out, first, probability, none_probability, candidates) and one
'changes:<id>' per candidate (change, probability, kind, service, summary, author, revision, previous, time, finished,
effective, url, for, against, members).
"""

from analyzers.changes.ranking import changes

__all__ = ["changes"]
