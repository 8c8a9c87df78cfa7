"""A second tree of the application beside the live one, at another release."""

import logging
import re
import shutil
from pathlib import Path

from runbook.application import git
from runbook.errors import ProgramFailed, ReleaseUnusable
from runbook.models import Release

LOCAL = (":(glob)**/.env*", ":(glob)*compose*.y*ml", ":(exclude,glob)**/node_modules/**")
"""Files that compose reads though git does not keep them."""

log = logging.getLogger(__name__)


def path(folder: Path, release: Release) -> Path:
    """Return where the tree of a release lies: beside the live one."""
    return folder.with_name(f"{folder.name}.rollback-{re.sub(r'[^A-Za-z0-9._-]', '-', release.tag)}")


def add(folder: Path, release: Release) -> Path:
    """Check the release out beside the live tree and return where. Raises ReleaseUnusable."""
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
            f"See that this user may write in {folder.parent}, and that there is room.",
        ) from None
    _bring_local(folder, place)
    return place


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


def _bring_local(folder: Path, place: Path) -> None:
    """Link the files that compose reads and git ignores, such as .env, into the second tree.

    Hard links, so that a secret gets no second copy and a build context has the same file.
    """
    listed = git.run(folder, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", *LOCAL)
    for name in filter(None, listed.split("\0")):
        source, target = folder / name, place / name
        if target.exists() or not source.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.hardlink_to(source.resolve())
        except OSError:
            target.symlink_to(source.resolve())
