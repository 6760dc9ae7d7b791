"""The console: `gather_diagnostics` and `python -m gather_diagnostics`."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from typing import NoReturn

# New objects between two collections of garbage, said before more is imported: with Python's 700 they take a tenth of
# the time it takes to load the modules, of which none is ever garbage.
gc.set_threshold(100_000)
# Pydantic would look through all that is installed for plug-ins of its own.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
# Arrow's own allocator keeps what it freed, and nobody else can have it: a run with many log lines peaks at 650 MB
# instead of 420. Arrow reads this when it is loaded; later only Python's calls could be given another one (470 MB).
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

from gather_diagnostics.cli import main  # noqa: E402


def run() -> NoReturn:
    """Run the command line, and end without freeing every object one by one first, which takes 0.05 to 0.4 s.

    As mypy ends (mypy.util.hard_exit), but what libraries registered to do at the end is done: Kubernetes' client
    removes its copies of certificates there.
    """
    try:
        main()
    except SystemExit as end:
        code = end.code
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        # Nobody reads any more, or the disk is full: the interpreter has its own words and code for that.
        sys.exit(code)
    atexit._run_exitfuncs()
    os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    run()
