"""Everything this package raises on purpose.

    GatherError                 exit code 1
    ├── InputError              1   what the user typed: unknown service, reversed window, bad option
    │   └── ConfigError         1   a configuration file: names file, line and key
    ├── PluginError             1   two plug-ins of one name, or one that breaks its contract
    ├── BundleError             1   a bundle that can't be read or written
    ├── NoSourceError           3   not one source could be read; there is nothing to write
    ├── SendError               3   a ticket, chat or store did not take a bundle
    └── VerificationError       4   a bundle whose files are not what its manifest says, or that was not written since
                                    a secret, or in one to share a name, showed in it

Exit codes of the command: 0 evidence complete, 1 usage or configuration error, 2 evidence written
but partial (gaps), 3 no source could be read, 4 a verification failed, 130 interrupted.

A message is one or two sentences for a person: what is wrong, where, and what to do.
"""

EXIT_COMPLETE = 0
EXIT_PARTIAL = 2
EXIT_INTERRUPTED = 130


class GatherError(Exception):
    """The root of the tree; the command line prints its message and exits with `exit_code`."""

    exit_code = 1


class InputError(GatherError):
    """The request can't be carried out as typed."""


class ConfigError(InputError):
    """A configuration file can't be used."""


class PluginError(GatherError):
    """The set of collectors and analyzers is inconsistent."""


class BundleError(GatherError):
    """A bundle can't be read or written."""


class NoSourceError(GatherError):
    """No source delivered anything."""

    exit_code = 3


class SendError(GatherError):
    """A target did not take a bundle: what was refused, and the cure. Other targets still get theirs."""

    exit_code = 3


class VerificationError(GatherError):
    """A bundle does not hold what its manifest says, or would show what it must not."""

    exit_code = 4
