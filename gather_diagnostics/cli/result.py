"""What stdout gets of a delivered bundle."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gather_diagnostics.pipeline import Delivered


def show(delivered: Delivered, format_: str, **more: Any) -> None:
    """Put the result on stdout: one JSON document, or a summary that fits a screen."""
    if format_ == "json":
        document = (
            dict(delivered.document) | {"bundle": str(delivered.folder), "archive": str(delivered.archive)} | more
        )
        json.dump(document, sys.stdout, indent=1, sort_keys=True)
        sys.stdout.write("\n")
    elif format_ != "text":
        from gather_diagnostics.cli.show import page, rendered

        page(rendered(delivered.document, format_), on_terminal=False)
    else:
        from gather_diagnostics.document.summary import print_summary

        print_summary(delivered.document, str(delivered.folder))
    sys.stdout.flush()
