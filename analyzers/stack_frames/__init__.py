"""Stack traces in the logs, grouped by where the service's own code failed, and the commits that touch those lines."""

from analyzers.stack_frames.answer import stack_frames
from analyzers.stack_frames.parsing import parse

__all__ = ["parse", "stack_frames"]
