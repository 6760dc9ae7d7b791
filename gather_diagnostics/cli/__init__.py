"""The command line: options in, a Request; a result out, an exit code.

Importing this costs click and nothing heavier: what a command needs is imported when it runs.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from types import FrameType

import click

from gather_diagnostics.cli.analyze import analyze
from gather_diagnostics.cli.attach import attach
from gather_diagnostics.cli.demo import demo
from gather_diagnostics.cli.diff import diff
from gather_diagnostics.cli.doctor import doctor
from gather_diagnostics.cli.gather import gather
from gather_diagnostics.cli.open import open_
from gather_diagnostics.cli.policy import policy
from gather_diagnostics.cli.postmortem import postmortem
from gather_diagnostics.cli.query import query
from gather_diagnostics.cli.recovery import recovery
from gather_diagnostics.cli.run import run
from gather_diagnostics.cli.runbook import runbook
from gather_diagnostics.cli.share import share
from gather_diagnostics.cli.show import show
from gather_diagnostics.cli.sources import sources
from gather_diagnostics.cli.update import update
from gather_diagnostics.cli.verify import verify
from gather_diagnostics.errors import EXIT_INTERRUPTED, GatherError, InputError

for command in (
    analyze, attach, demo, diff, doctor, open_, policy, postmortem, query, recovery, runbook, share, show, sources,
    update, verify,
):  # fmt: skip
    gather.add_command(command)
runbook.add_command(run)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a write to stdout ends with where it goes into a file that can't take it."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit. Errors of ours are one sentence on stderr; --debug lets the traceback through."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    debug = "--debug" in (arguments if arguments is not None else sys.argv[1:])
    sys.exit(_run(arguments, debug))


def _run(arguments: list[str] | None, debug: bool) -> int:
    try:
        _check_epoch()
        result = gather.main(arguments, prog_name="gather_diagnostics", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except GatherError as error:
        if debug:
            from gather_diagnostics.redaction.messages import hidden_traceback

            click.echo(hidden_traceback(error), err=True)
        return _say(str(error), error.exit_code)
    except click.ClickException as error:
        # click exits with 2 on a usage error; here 2 means "written, but partial".
        hint = f"\nTry '{error.ctx.command_path} --help'." if isinstance(error, click.UsageError) and error.ctx else ""
        return _say(error.format_message() + hint, 1)
    except (KeyboardInterrupt, click.Abort):
        # A third Ctrl-C must not turn a clean goodbye into a death by signal.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return _say("interrupted; no bundle was written", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our stdout went away (| head): the bundle is written, nobody is listening any more.
        sys.stdout = None
        return 0
    except SystemExit:
        # click sees a broken pipe first, and calls it a failure. Else only a shell's completion ends here, which asks
        # for no code.
        return 0
    except OSError as error:
        if error.filename is not None or error.errno not in _FULL:
            raise
        sys.stdout = None
        return _say(f"what was to be shown can't be written: {os.strerror(error.errno).lower()}", 1)
    return result if isinstance(result, int) else 0


def _check_epoch() -> None:
    """NumPy's own modules fail with a traceback on a SOURCE_DATE_EPOCH that is no number."""
    text = os.environ.get("SOURCE_DATE_EPOCH")
    if text == "":
        del os.environ["SOURCE_DATE_EPOCH"]
    elif text is not None and not (text.isascii() and text.isdigit()):
        raise InputError(f"SOURCE_DATE_EPOCH is {text[:40]!r}: give seconds since 1970, or unset it")


def _say(message: str, code: int) -> int:
    from gather_diagnostics.document.escaping import terminal
    from gather_diagnostics.redaction.messages import hidden

    click.echo(f"error: {terminal(hidden(message), lines=True)}" if code != EXIT_INTERRUPTED else message, err=True)
    return code


def _as_interrupt(signum: int, frame: FrameType | None) -> None:
    """A scheduler's SIGTERM bundles what is there, as Ctrl-C does."""
    raise KeyboardInterrupt
