"""Which rights there are, asked before anything else: what is denied then costs no request of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from collectors.kubernetes import permissions
from collectors.kubernetes.client import AnswerError, Api
from collectors.kubernetes.kubeconfig import Place
from collectors.kubernetes.permissions import Need
from collectors.kubernetes.settings import NAME
from gather_diagnostics import Gap


@dataclass
class Access:
    """What may be read in one place."""

    place: Place
    denied: set[Need] = field(default_factory=set)

    def allows(self, group: str, resource: str, verb: str) -> bool:
        """A right that is not declared in permissions is a bug: KeyError."""
        return permissions.BY_KEY[group, resource, verb] not in self.denied

    def gaps(self, *, optional: bool) -> Iterator[Gap]:
        """One gap for all that is denied; `optional` includes what one can do without."""
        lacking = [n for n in permissions.NEEDS if n in self.denied and (optional or not n.optional)]
        if permissions.OTHER_EVENTS not in self.denied:
            lacking = [n for n in lacking if n.resource != "events" or n is permissions.NODE_EVENTS]
        here = [n for n in lacking if not n.namespace]
        elsewhere = [n for n in lacking if n.namespace]
        for needs, where in ((here, self.place.namespace), (elsewhere, permissions.NODE_EVENTS.namespace)):
            if needs:
                yield self._gap(needs, where)

    def without_secrets(self, helm: str) -> Iterator[Gap]:
        """A gap where Secrets are denied and `helm` names a workload that Helm deployed: its history is in them."""
        if helm and permissions.SECRETS in self.denied:
            gap = self._gap([permissions.SECRETS], self.place.namespace)
            yield replace(gap, why=f"{gap.why}; Helm deploys {helm}, its releases are not seen")

    def _gap(self, lacking: Sequence[Need], namespace: str) -> Gap:
        where = f"namespace {namespace}" if namespace else "all namespaces"
        names = ", ".join(f"{n.verb} {n.resource}" for n in lacking)
        why = f"{self.place.context} may not {names} in {where}, which is for: {lacking[0].why}"
        why += f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        kind = "Role" if namespace and not any(n.cluster for n in lacking) else "ClusterRole"
        mend = (
            f"add to a {kind} for {where}: {' '.join(permissions.lines(lacking))}; then verify with:"
            f" {permissions.can_i(lacking[0], self.place.namespace, self.place.context)}"
            "; the whole role: gather_diagnostics policy kubernetes"
        )
        if permissions.SECRETS in lacking:
            mend += "; or do without Secrets: sources.kubernetes.secrets: false"
        return Gap(NAME, f"{names} ({self.place.context})", "denied", why, mend)


def ask(api: Api, place: Place, needs: Iterable[Need]) -> Access:
    """One SelfSubjectRulesReview, and an access review for each right that it leaves open.

    Raises what Api raises, but for reviews that themselves are denied or not served: then nothing counts as denied
    beforehand. Source: kubernetes.io/docs/reference/access-authn-authz/authorization/
    """
    access = Access(place)
    # Who reads that one namespace, or all, has it among the rights of the place.
    open_ = [n for n in needs if not n.namespace or place.namespace not in ("", n.namespace)]
    try:
        if place.namespace:
            status = api.review("SelfSubjectRulesReview", {"namespace": place.namespace})
            found = permissions.rules(status)
            open_ = [n for n in open_ if n.namespace or not permissions.granted(found, n)]
            if permissions.complete(status):
                # The review speaks of this namespace alone.
                access.denied.update(n for n in open_ if not n.namespace)
                open_ = [n for n in open_ if n.namespace]
        for need in open_:
            if not _may(api, place, need):
                access.denied.add(need)
    except AnswerError as error:
        if error.status not in (403, 404, 405):
            raise
    return access


def _may(api: Api, place: Place, need: Need) -> bool:
    resource, _, subresource = need.resource.partition("/")
    attributes = {"group": need.group, "resource": resource, "verb": need.verb}
    if (namespace := need.namespace or place.namespace) and not need.cluster:
        attributes["namespace"] = namespace
    if subresource:
        attributes["subresource"] = subresource
    return api.review("SelfSubjectAccessReview", {"resourceAttributes": attributes}).get("allowed") is True
