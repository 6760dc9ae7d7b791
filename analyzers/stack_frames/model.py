"""What a stack trace says, whatever the language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Language = Literal["python", "java", "go", "node", "dotnet", "ruby"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One call."""

    path: str
    """As the trace writes it, '/' between parts; '' where it names no file. Java: package and file name."""
    line: int | None
    """Counted from 1; None where the trace gives none."""
    function: str
    """With its class or module where the trace has it; '' where it has none."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One exception of a chain."""

    exception: str
    """Its type as written; '' where the trace does not name it."""
    message: str
    """First line."""
    frames: tuple[Frame, ...]
    """The innermost call first."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A chain of exceptions."""

    language: Language
    faults: tuple[Fault, ...]
    """The root cause first; at least one, and one of them has frames."""
