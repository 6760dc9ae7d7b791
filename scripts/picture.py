#!/usr/bin/env python3
"""Render an evidence.html to a PNG with headless Chromium: scripts/picture.py evidence.html out.png [--dark]."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--hide-scrollbars", "--enable-logging=stderr",
)  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome")
CONSOLE = ":CONSOLE"
"""In Chromium's log, what a page wrote to its console: errors and refusals of its security policy."""


def browser() -> str | None:
    """Path of an installed Chromium, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def take(page: Path, png: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> list[str]:
    """Write the picture; return what the page said on the browser's console (nothing, where all is well).

    Raises RuntimeError when there is no Chromium or no picture comes out of it within a minute.
    """
    program = browser()
    if program is None:
        raise RuntimeError("there is no Chromium here: install the package chromium")
    with tempfile.TemporaryDirectory() as profile:
        command = [program, *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
        if dark:
            command.append("--blink-settings=preferredColorScheme=0")
        command += [f"--screenshot={png.absolute()}", page.absolute().as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode or not png.is_file():
        raise RuntimeError(f"Chromium made no picture of {page}: {done.stderr.strip()[-400:]}")
    return [line for line in done.stderr.splitlines() if CONSOLE in line]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("png", type=Path)
    parser.add_argument("--width", type=int, default=1280, help="of the window, in pixels")
    parser.add_argument("--height", type=int, default=900, help="of the window, in pixels")
    parser.add_argument("--dark", action="store_true", help="as a reader with a dark theme sees it")
    given = parser.parse_args()
    if not given.page.is_file():
        parser.error(f"{given.page} is not a file")
    try:
        said = take(given.page, given.png, width=given.width, height=given.height, dark=given.dark)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for line in said:
        print(line, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
