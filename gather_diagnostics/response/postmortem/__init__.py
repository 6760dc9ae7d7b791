"""The post-mortem's draft: blameless, from the bundles of one incident; what they do not tell is asked for."""

from gather_diagnostics.response.postmortem.accounts import incident
from gather_diagnostics.response.postmortem.drafting import written

__all__ = ["incident", "written"]
