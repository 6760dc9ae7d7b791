"""Whether a GitOps controller owns the service's objects: what is undone by hand it puts back. Pure.

Signs: names of the controllers as they write objects, and the labels and annotations they put on them.
Sources: argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking, fluxcd.io/flux/components/kustomize and helm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from gather_diagnostics.model import Evidence
from gather_diagnostics.response.facts import Change
from gather_diagnostics.response.facts.details import text, views
from gather_diagnostics.response.facts.labels import labels_of

_SIGNS: Mapping[str, re.Pattern[str]] = {
    "Argo CD": re.compile(r"argocd-(?:application-)?controller|argocd[._]argoproj[._]io"),
    "Flux": re.compile(r"kustomize-controller|helm-controller|(?:kustomize|helm)[._]toolkit[._]fluxcd[._]io"),
}
_LABELS = r"argoproj[._]io|fluxcd[._]io"


def controller(evidence: Evidence, changes: Sequence[Change]) -> str:
    """'Argo CD', 'Flux' or ''."""
    for said in _texts(evidence, changes):
        for name, sign in _SIGNS.items():
            if sign.search(said):
                return name
    return ""


def _texts(evidence: Evidence, changes: Sequence[Change]) -> Iterator[str]:
    for change in changes:
        if change.id.startswith("k8s:"):
            yield text(change.details, "manager")
            yield from (text(d, "what") for d in views(change.details, "diff"))
    for table in ("metrics", "logs"):
        for labels in labels_of(evidence, table, having=_LABELS):
            yield from (str(key) for key in labels)
