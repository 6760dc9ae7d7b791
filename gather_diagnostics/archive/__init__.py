"""Archives of logs, too many to be collected: a folder or an s3:// prefix of plain, gzip and zstd files.

    files = listing.files("s3://logs/shop/")        # what there is
    parts = parts(files)                             # by file, big plain files by block
    engine(parts, work) -> partials                  # one pass over each part, wherever an engine has it done
    whole(partials) -> Evidence                      # merged: as if it had been one pass over everything

A part's pass reads, decompresses, parses, redacts, masks and folds, and gives back a small table of `logs`. Folding is
associative and commutative, and parts end where a record begins for certain, so that neither how the archive was cut
nor the order in which parts come back shows in the result (`cuts`, `counting`). What comes out is the same `Evidence`
that collectors lead to, for the same analyzers, document and bundle.
"""

from gather_diagnostics.archive.evidence import read

__all__ = ["read"]
