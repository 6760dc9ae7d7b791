"""One package to several targets: stores first, each for itself, what became of each as a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from gather_diagnostics.errors import GatherError
from gather_diagnostics.response.tickets.addresses import STORES
from gather_diagnostics.response.tickets.model import Package, Receipt, Target
from gather_diagnostics.response.tickets.resuming import State

EXIT_SOME = 2
EXIT_NONE = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one target: a receipt, or an error."""

    address: str
    receipt: Receipt | None
    error: str = ""


def ordered(targets: Iterable[Target]) -> list[Target]:
    """Each once, in the order given, stores before the others: their links go into the others' texts."""
    once = {target.address: target for target in targets}
    return sorted(once.values(), key=lambda target: target.name not in STORES)


def deliver(
    package: Package, targets: Sequence[Target], state: State, tell: Callable[[str], None] = lambda _: None
) -> Iterator[Outcome]:
    """Send to each in turn; one that fails keeps no other from getting its own. `tell` is told who is next."""
    for target in ordered(targets):
        tell(target.address)
        # Whoever has such a link has the archive.
        told = replace(package, links=()) if target.public and not package.shared else package
        try:
            receipt = target.send(told, state.of(package.origin, target.address))
        except GatherError as error:
            yield Outcome(target.address, None, str(error))
            continue
        if receipt.link:
            package = replace(package, links=(*package.links, receipt.link))
        yield Outcome(target.address, receipt)


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 all went, 2 some did, 3 none did."""
    failed = sum(outcome.receipt is None for outcome in outcomes)
    return 0 if not failed else EXIT_SOME if failed < len(outcomes) else EXIT_NONE


def warnings(package: Package, targets: Iterable[Target]) -> list[str]:
    """Where names of persons, hosts and tenants would get to people outside."""
    if package.shared:
        return []
    return [
        f"{target.address} may be read by {target.public}, and this bundle names persons, hosts and tenants: "
        "`gather_diagnostics share` writes one without, which --shared attaches"
        for target in ordered(targets)
        if target.public
    ]


def sentence(outcome: Outcome) -> str:
    """One line: what went where."""
    if not outcome.receipt:
        return f"{outcome.address}: failed: {outcome.error}"
    receipt = outcome.receipt
    told = [
        f"{word} {' and '.join(parts)}"
        for word, parts in (("sent", receipt.sent), ("updated", receipt.updated), ("there already:", receipt.already))
        if parts
    ]
    words = "; ".join([*told, *receipt.left_out]) or "nothing to send"
    return f"{outcome.address}: {words}{f' -> {receipt.url}' if receipt.url else ''}"
