"""How many examples property tests try: few in every run on a laptop, all of them in the thorough one."""

from __future__ import annotations

from hypothesis import settings

_ALL = 100
"""What hypothesis tries by itself; counts of tests that want more or fewer are meant against it."""

FAST, THOROUGH = "fast", "thorough"

# No deadline for one example in either: they share the machine with servers and with other tests.
settings.register_profile(THOROUGH, max_examples=_ALL, deadline=None)
settings.register_profile(FAST, max_examples=_ALL // 5, deadline=None)


def examples(count: int) -> int:
    """`count` in the thorough profile, as much less in the fast one as for every other test; for `@settings`."""
    return max(5, count * settings.default.max_examples // _ALL)
