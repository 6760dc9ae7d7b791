"""Evidence on disk: a folder and the same as one .tar.gz, whole or absent.

    evidence-<service>-<UTC time>/
        evidence.md  evidence.html  evidence.json    the documents, rendered elsewhere
        findings.json                                the findings, for reading the bundle again
        response.json                                what to do, as it was proposed then; where runbooks were asked
        tables/<table>.parquet                       zstd; row order as in memory
        raw/<source>/...                             what the sources said, redacted
        manifest.json                                request, coverage, gaps, and the SHA-256 of every file above
        SHA256SUMS                                   every file above, for `sha256sum -c SHA256SUMS`
        SHA256SUMS.sig                               where it was asked for: an SSH signature of SHA256SUMS

Equal evidence makes equal bytes. Importing this package loads neither pandas nor pyarrow nor pydantic.
"""

from gather_diagnostics.bundle.amending import Amended, amend, claimed
from gather_diagnostics.bundle.naming import is_plain
from gather_diagnostics.bundle.reading import read
from gather_diagnostics.bundle.sealing import look_ahead
from gather_diagnostics.bundle.signing import check_key, sign, signed_by
from gather_diagnostics.bundle.verifying import verify
from gather_diagnostics.bundle.writing import Written, encoded, write

__all__ = [
    "Amended",
    "Written",
    "amend",
    "check_key",
    "claimed",
    "encoded",
    "is_plain",
    "look_ahead",
    "read",
    "sign",
    "signed_by",
    "verify",
    "write",
]
