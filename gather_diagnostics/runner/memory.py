"""How glibc's allocator (mallopt(3)) holds memory: little while sources are read, freely after. Other C libraries' are
left alone. What is calculated is the same without."""

from __future__ import annotations

_MAPPED_BYTES = 2**20
"""Blocks of memory from this size are given back to the system when they are freed, while sources are read."""
_LARGEST_MAPPED = 2**25
"""The same for what comes after; glibc takes no more. So much is asked for at once then."""
_NEVER = 2**30
_USUAL = 2**17
"""glibc's own, for the two others."""

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8


def save() -> None:
    """Before the sources' threads start."""
    # One arena: with one for each thread, what one of them freed is of no use to the others, a hundred megabytes of it.
    # The interpreter's lock leaves little that they could allocate at the same time.
    _mallopt(_M_ARENA_MAX, 1)
    # glibc maps large blocks apart and gives them back when freed, but raises what counts as large with each of them;
    # the holes that the others leave take 20 to 30 MB.
    _mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
    _mallopt(_M_TOP_PAD, _USUAL)
    _mallopt(_M_TRIM_THRESHOLD, _USUAL)


def spend() -> None:
    """With the sources read most of it is free, and what a finding took is needed by the next one: a sixth of the time
    that is left was the kernel's, which cleared the same pages again and again."""
    _mallopt(_M_MMAP_THRESHOLD, _LARGEST_MAPPED)
    _mallopt(_M_TOP_PAD, _LARGEST_MAPPED)
    _mallopt(_M_TRIM_THRESHOLD, _NEVER)


def _mallopt(option: int, value: int) -> None:
    import ctypes

    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(option, value)
