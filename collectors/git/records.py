"""Raw records: each row's patch, or a line that says where to read it when it was left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collectors.git.command import Client, GitError
from collectors.git.gaps import gap_of, truncated
from collectors.git.history import Commit
from collectors.git.patches import Patch, read_patches
from collectors.git.repository import Repository
from collectors.git.rows import raw_name
from collectors.git.settings import Settings
from gather_diagnostics import Gap, Raw


def patch_records(
    client: Client, repository: Repository, settings: Settings, commits: Sequence[Commit], *, readable: bool = True
) -> Iterator[Raw | Gap]:
    """A Raw for each commit, whatever happens: rows already point to them."""
    waiting = {c.sha: c for c in commits}
    wanted = [sha for sha in waiting if sha not in repository.grafts] if readable else []
    why = "its contents are not in this clone"
    try:
        for raw in _kept(client, repository, settings, wanted):
            waiting.pop(raw[0], None)
            yield raw[1]
        if left := [sha for sha in wanted if sha in waiting]:
            why = f"all patches together are more than {settings.max_total_patch_bytes} bytes"
            mend = "raise `sources.git.max_total_patch_bytes`"
            yield truncated(f"patches of {len(left)} of {len(commits)} commits", why, mend)
    except GitError as error:
        why = "git could not read it"
        yield gap_of(error, "patches", repository.folders.top)
    for commit in waiting.values():
        yield Raw(raw_name(commit.sha), left_out(commit, why))


def _kept(client: Client, repository: Repository, settings: Settings, shas: Sequence[str]) -> Iterator[tuple[str, Raw]]:
    left = settings.max_total_patch_bytes
    for patch in read_patches(client, shas, repository.paths, settings.max_patch_bytes):
        left -= len(patch.kept)
        if left < 0:
            return
        yield patch.sha, Raw(raw_name(patch.sha), patch_text(patch))


def patch_text(patch: Patch) -> str:
    """The patch as text; where it was cut, it says so."""
    text = bytes(patch.kept).decode("utf-8", "backslashreplace")
    if patch.size <= len(patch.kept):
        return text
    return f"{text}\n[cut here: {len(patch.kept)} of {patch.size} bytes are kept; the whole: git show {patch.sha}]\n"


def left_out(commit: Commit, why: str) -> str:
    return (
        f"commit {commit.sha}\nAuthor: {commit.author}\nDate:   {commit.time.isoformat()}\n\n"
        f"    {commit.subject}\n\n[the patch is left out: {why}; to read it: git show {commit.sha}]\n"
    )
