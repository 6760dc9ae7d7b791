"""Is it over? What a bundle's incident broke, compared by test with how it was before, again and again."""

from gather_diagnostics.response.recovery.looking import look
from gather_diagnostics.response.recovery.model import Criterion, Look, State, Verdict, overall
from gather_diagnostics.response.recovery.watching import Clock, usual_length, verdict, watch

__all__ = ["Clock", "Criterion", "Look", "State", "Verdict", "look", "overall", "usual_length", "verdict", "watch"]
