"""What landed on the branch within the window, and what was deployed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collectors.git.history import Node, Stretch
from collectors.git.markers import Marker


@dataclass(frozen=True)
class History:
    """What landed on the branch."""

    stretch: Stretch
    graph: Mapping[str, Node]
    """Everything that landed from the window's start on, by sha."""
    landings: Mapping[str, Node]
    recent: tuple[Node, ...]
    """What landed within the window and touches the service, newest first."""

    def seen(self) -> list[Node]:
        """Each commit once. The line is looked at as far as it is the window's."""
        whole = {n.sha: n for n in self.stretch.line} if self.stretch.bottom is None else {}
        return list((whole | dict(self.graph)).values())


@dataclass(frozen=True)
class Deploy:
    """A marker within the window and what it carried."""

    marker: Marker
    nodes: tuple[Node, ...] = ()
    rolled_back: tuple[Node, ...] = ()
    older: bool = False
    """Of an ancestor of what was deployed before."""

    @property
    def is_rollback(self) -> bool:
        return bool(self.rolled_back) or self.older


def running(history: History, deploys: Sequence[Deploy]) -> str | None:
    """What runs: the newest deploy that is no rollback, else the branch at the end of the window."""
    return next((d.marker.revision for d in deploys if not d.is_rollback), history.stretch.top)
