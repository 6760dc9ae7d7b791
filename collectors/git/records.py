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
    wanted = [c.sha for c in commits if c.sha not in repository.grafts] if readable else []
    left = settings.max_total_patch_bytes
    told: set[str] = set()
    why = "its contents are not in this clone"
    try:
        for patch in read_patches(client, wanted, repository.paths, settings.max_patch_bytes):
            left -= len(patch.kept)
            if left < 0:
                why = f"all patches together are more than {settings.max_total_patch_bytes} bytes"
                yield _too_much(len(commits) - len(told), len(commits), why)
                break
            told.add(patch.sha)
            yield Raw(raw_name(patch.sha), patch_text(patch))
    except GitError as error:
        why = "git could not read it"
        yield gap_of(error, "patches", repository.folders.top)
    for commit in commits:
        if commit.sha not in told:
            yield Raw(raw_name(commit.sha), left_out(commit, why))


def _too_much(missing: int, total: int, why: str) -> Gap:
    return truncated(f"patches of {missing} of {total} commits", why, "raise `sources.git.max_total_patch_bytes`")


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
