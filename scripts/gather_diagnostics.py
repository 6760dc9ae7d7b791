#!/usr/bin/env python3
"""Runs the checkout's own code, installed or not: `python scripts/gather_diagnostics.py --service NAME`."""

import sys
from pathlib import Path

# This file has the package's name: with its own folder first on the path, the import below would find itself.
sys.path[0] = str(Path(__file__).resolve().parent.parent)


def run() -> None:
    """Hand over to the command line; a missing dependency is one sentence and exit code 1."""
    try:
        from gather_diagnostics.__main__ import run as command
    except ModuleNotFoundError as error:
        sys.exit(
            f"error: the Python package {error.name!r} is not installed: run scripts/setup,"
            " then .venv/bin/gather_diagnostics"
        )
    command()


if __name__ == "__main__":
    run()
