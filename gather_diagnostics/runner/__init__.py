"""Runs collectors side by side, each against its deadline, then the analyzers.

Whatever goes wrong inside a plug-in becomes a Gap. This room is the one place that may catch everything.
"""

from gather_diagnostics.runner.analyzing import analyze
from gather_diagnostics.runner.asking import ask
from gather_diagnostics.runner.collecting import Collected, Source, Survey, collect, load_sources, survey
from gather_diagnostics.runner.responding import respond

__all__ = ["Collected", "Source", "Survey", "analyze", "ask", "collect", "load_sources", "respond", "survey"]
