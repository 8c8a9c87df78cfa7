"""A second tree of the application beside the live one, at another release."""

import logging
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from runbook.application import compose, difference, git, submodules
from runbook.errors import ProgramFailed, ReleaseUnusable, RollbackError
from runbook.models import Release
from runbook.settings import Settings

LOCAL = (":(glob)**/.env*", ":(glob)*compose*.y*ml", ":(exclude,glob)**/node_modules/**")
"""Files that compose reads though git does not keep them."""
FILTERED = (":(attr:filter=lfs)", ":(attr:filter=git-crypt)")
UNFILTERED: Mapping[bytes, str] = {
    b"version https://git-lfs.github.com/spec/": "a pointer of git-lfs",
    b"\0GITCRYPT\0": "encrypted by git-crypt",
}
"""How a file begins that a filter should have turned into its content, and what it is."""

SHOWN = 5
"""How many files a message shows."""

log = logging.getLogger(__name__)


def path(folder: Path, release: Release) -> Path:
    """Return where the tree of a release lies: beside the live one."""
    return folder.with_name(f"{folder.name}.rollback-{re.sub(r'[^A-Za-z0-9._-]', '-', release.tag)}")


def add(settings: Settings, release: Release) -> Path:
    """Check the release out beside the live tree, with all that belongs to it, and return where.

    Raises ReleaseUnusable, with nothing left behind.
    """
    folder = compose.tree(settings)
    place = _added(folder, release)
    try:
        submodules.fill(place, folder)
        _see_filtered(folder, place)
    except RollbackError:
        remove(folder, release)
        raise
    _bring_local(folder, place, settings, release)
    return place


def _added(folder: Path, release: Release) -> Path:
    """Check the release's own files out beside the live tree and return where. Raises ReleaseUnusable."""
    place = path(folder, release)
    if (place / ".git").exists() and git.head(place) == release.commit and not git.changed(place):
        log.info("tree %s: already so, skipped", place)
        return place
    remove(folder, release)
    if place.exists():
        raise ReleaseUnusable(f"{place} is in the way: it is no tree of {folder}.", "Move it elsewhere, or remove it.")
    try:
        git.run(folder, "worktree", "add", "--quiet", "--detach", str(place), release.commit)
    except ProgramFailed as error:
        remove(folder, release)
        raise ReleaseUnusable(
            f"{release.tag} could not be checked out in {place}: {error.problem}",
            f"See that this user may write in {folder.parent}, that there is room, and that git's hooks work.",
        ) from None
    return place


def _see_filtered(folder: Path, place: Path) -> None:
    """See that files have their content. Raises ReleaseUnusable naming those that have it in the live tree only.

    Where the program of a filter is not set up, git checks out what it keeps, and says nothing.
    """
    found: dict[str, str] = {}
    for name in filter(None, git.run(place, "ls-files", "-z", "--", *FILTERED).split("\0")):
        what = _unfiltered(place / name)
        if what and not _unfiltered(folder / name):
            found[name] = what
    if found:
        shown = "; ".join(f"{name} is {what}" for name, what in list(found.items())[:SHOWN])
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise ReleaseUnusable(
            f"Files of the release have not their content: {shown}{more}. The images would be built from that.",
            "Set up the filter's program for this user (git lfs install; git lfs pull, or git-crypt unlock).",
        )


def _unfiltered(file: Path) -> str:
    """Say what a file is in place of its content; empty: it has it, or is not there."""
    try:
        with file.open("rb") as opened:
            begins = opened.read(64)
    except OSError:
        return ""
    return next((what for sign, what in UNFILTERED.items() if begins.startswith(sign)), "")


def remove(folder: Path, release: Release) -> None:
    """Remove the release's tree, a half one too; one that git does not know as this repository's is left alone."""
    place = path(folder, release)
    known = git.run(folder, "worktree", "list", "--porcelain").splitlines()
    if f"worktree {place.resolve()}" not in known:
        return
    # One whose making was killed is locked and without its link to the repository: `git worktree remove` refuses it.
    git.ask(folder, "worktree", "unlock", str(place))
    shutil.rmtree(place, ignore_errors=True)
    git.run(folder, "worktree", "prune")
    log.info("tree %s: removed", place)


def _bring_local(folder: Path, place: Path, settings: Settings, release: Release) -> None:
    """Link the files that compose reads and git ignores, such as .env, into the second tree.

    Hard links, so that a secret gets no second copy and a build context has the same file.
    """
    project = release.compose
    files = project.files or compose.usual(settings, project, place)
    read = [f":(literal){name}" for name in difference.environment_files(place, project, files)]
    listed = git.run(folder, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", *LOCAL, *read)
    for name in filter(None, listed.split("\0")):
        source, target = folder / name, place / name
        if target.exists() or not source.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.hardlink_to(source.resolve())
        except OSError:
            target.symlink_to(source.resolve())
