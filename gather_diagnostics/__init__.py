"""Collects evidence for an incident, finds its onset, ranks the recent changes, bundles everything.

These are the names that collectors and analyzers build on; everything else is internal. Importing this
module loads neither pandas nor pyarrow.
"""

from gather_diagnostics.errors import (
    BundleError,
    ConfigError,
    GatherError,
    InputError,
    NoSourceError,
    PluginError,
    VerificationError,
)
from gather_diagnostics.model import (
    Answer,
    Coverage,
    Evidence,
    Finding,
    Gap,
    Raw,
    Request,
    Rows,
    Skew,
    Support,
    Tables,
    Target,
    Window,
)
from gather_diagnostics.plugins import Askable, Collector, Findings, analyzer
from gather_diagnostics.tables import decoded

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Askable",
    "BundleError",
    "Collector",
    "ConfigError",
    "Coverage",
    "Evidence",
    "Finding",
    "Findings",
    "Gap",
    "GatherError",
    "InputError",
    "NoSourceError",
    "PluginError",
    "Raw",
    "Request",
    "Rows",
    "Skew",
    "Support",
    "Tables",
    "Target",
    "VerificationError",
    "Window",
    "analyzer",
    "decoded",
]
