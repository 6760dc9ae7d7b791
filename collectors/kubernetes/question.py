"""One question to one cluster: reads that kubectl knows, put to the API server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from collectors.kubernetes import inventory, permissions, printing, tails, troubles
from collectors.kubernetes.client import TROUBLE, AnswerError, Api, Trouble
from collectors.kubernetes.commands import Command, Get, History, Logs, Top, Where
from collectors.kubernetes.inventory import Kind
from collectors.kubernetes.kinds import NODE, NODE_METRICS
from collectors.kubernetes.kubeconfig import Place
from collectors.kubernetes.logstreams import Stream
from collectors.kubernetes.objects import Object, name
from collectors.kubernetes.printing import Printed
from collectors.kubernetes.settings import NAME
from gather_diagnostics import Answer, Gap, questions

_MOST = questions.MOST_ROWS + 1
"""Asked for: one more than is kept, else nobody would know that there are more."""


class NotThereError(Exception):
    """What was asked about is not there; the message says what."""


class Question:
    """Put to one place. Used once."""

    def __init__(self, api: Api, place: Place, query: str, command: Command) -> None:
        self._api, self._place, self._query, self._command = api, place, query, command
        self._asking: Kind = inventory.POD
        """What is being read: who is refused is told which right that takes."""
        self._verb = "list"

    def answer(self) -> Answer | Gap:
        try:
            return self._answered()
        except TROUBLE as error:
            return self._gap(error)
        except NotThereError as error:
            where = f"kubectl --context {self._place.context} get all -n {self._namespace or 'NAMESPACE'}"
            wanted = f"{questions.wanted(self._query)} ({self._place.context})"
            return Gap(NAME, wanted, "not_found", str(error), f"see what is there: {where}")

    def _answered(self) -> Answer:
        match self._command:
            case Get() as get:
                return self._printed(self._get(get), get.named.kind.resource)
            case Top() as top:
                return self._printed(self._top(top), "usage")
            case History() as history:
                return self._printed(self._history(history), f"{history.named.kind.name}/{history.name}")
            case Logs() as logs:
                return self._logs(logs)

    def _printed(self, printed: Printed, what: str) -> Answer:
        return questions.answer(*printed, self._ref(what))

    def _ref(self, what: str) -> str:
        return f"k8s://{self._place.context}/{self._namespace or '-'}/{what}"

    @property
    def _where(self) -> Where:
        return self._command.where

    @property
    def _namespace(self) -> str:
        """'' for all."""
        return "" if self._where.everywhere else self._where.namespace or self._place.namespace

    def _get(self, get: Get) -> Printed:
        inside = "" if get.named.cluster else self._namespace
        asked = {"fieldSelector": f"metadata.name={get.name}" if get.name else "", "labelSelector": get.where.selector}
        given = {key: value for key, value in asked.items() if value}
        self._asking = get.named.kind
        document = self._table(get.named.kind, inside, given)
        return printing.table(document, namespaces=not inside and not get.named.cluster, wide=get.wide)

    def _table(self, kind: Kind, inside: str, given: Mapping[str, str]) -> Object:
        *older, last = (kind.path(version, inside) for version in kind.versions)
        for path in older:
            try:
                return self._api.table(path, limit=_MOST, **given)
            except AnswerError as error:
                if error.status != 404:
                    raise
        return self._api.table(last, limit=_MOST, **given)

    def _top(self, top: Top) -> Printed:
        if top.nodes:
            nodes = list(self._each(NODE, "", selector=top.where.selector))
            return printing.nodes_in_use(self._each(NODE_METRICS, "", selector=top.where.selector), nodes)
        measured = self._each(inventory.POD_METRICS, self._namespace, selector=top.where.selector)
        return printing.pods_in_use(measured, namespaces=not self._namespace)

    def _history(self, history: History) -> Printed:
        workload = self._one(history.named.kind, history.name)
        replica_sets, revisions = inventory.CARRIERS
        carrier = replica_sets if history.named.kind.name == "Deployment" else revisions
        return printing.history(workload, self._each(carrier, self._namespace, selector=tails.selector(workload)))

    def _logs(self, logs: Logs) -> Answer:
        pod = self._pod(logs)
        stream = Stream(pod, logs.container or tails.container(pod), logs.previous)
        asked: dict[str, str | int] = {"container": stream.container, "limitBytes": tails.MOST_BYTES}
        asked["tailLines"] = min(logs.tail or _MOST, _MOST)
        if logs.previous:
            asked["previous"] = "true"
        if logs.since:
            asked["sinceSeconds"] = logs.since
        self._asking, self._verb = Kind("Log", "", "pods/log"), "get"
        with self._api.stream(stream.path, asked) as chunks:
            lines, cut = tails.newest(chunks)
        run = "/previous" if logs.previous else ""
        ref = self._ref(f"Pod/{name(pod)}/{stream.container}{run}")
        return questions.answer(["LINE"], ([line] for line in lines), ref, cut)

    def _pod(self, logs: Logs) -> Object:
        """The pod itself; of a workload's pods one that runs, or with --previous one that ran before."""
        if logs.named.kind == inventory.POD:
            return self._one(inventory.POD, logs.name)
        selector = tails.selector(self._one(logs.named.kind, logs.name))
        found = list(self._each(inventory.POD, self._namespace, selector=selector)) if selector else []
        if not found:
            raise NotThereError(f"{logs.named.kind.name}/{logs.name} has no pods")
        return min(found, key=lambda pod: tails.rank(pod, logs.previous))

    def _one(self, kind: Kind, called: str) -> Object:
        # A list of one: the right to list is asked for everywhere else, the right to get is not.
        found = next(self._each(kind, self._namespace, fields=f"metadata.name={called}"), None)
        if found is None:
            where = f"namespace {self._namespace}" if self._namespace else "any namespace"
            raise NotThereError(f"there is no {kind.name} {called} in {where}")
        return found

    def _each(self, kind: Kind, inside: str, *, selector: str = "", fields: str = "") -> Iterator[Object]:
        self._asking, self._verb = kind, "list"
        return self._api.each(kind.path(kind.versions[0], inside), kind.name, selector=selector, fields=fields)

    def _gap(self, error: Trouble) -> Gap:
        gap = troubles.gap(error, questions.wanted(self._query), self._place)
        need = permissions.BY_QUESTION[self._asking.group, self._asking.resource, self._verb]
        return troubles.with_right(gap, error, need)


def labelled(answer: Answer | Gap, place: Place) -> Answer | Gap:
    """With the context in a first column: where several clusters are asked."""
    if isinstance(answer, Gap):
        return answer
    rows = tuple((place.context, *row) for row in answer.rows)
    return replace(answer, columns=("CONTEXT", *answer.columns), rows=rows)
