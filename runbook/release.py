"""The previous release: seen to be usable, prepared beside the live tree, switched to."""

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from runbook import compose, git, worktree
from runbook.compose import Words
from runbook.errors import ProgramFailed, ProgramMissing, ReleaseUnusable, RollbackError
from runbook.models import Release
from runbook.settings import Settings

SHOWN = 5
"""How many paths or tags a message shows."""

log = logging.getLogger(__name__)


def inspect(settings: Settings, tag: str) -> Release:
    """Look whether the release ``tag`` can be brought back; nothing is changed, nothing is fetched.

    Raises ReleaseUnusable listing all that stands in the way.
    """
    folder = compose.tree(settings)
    words: Words = ()
    problems = []
    try:
        words = compose.find(settings)
    except ProgramMissing as error:
        problems = [f"{error.problem} {error.remedy}"]
    problems += _problems(settings, folder, tag, words)
    commit = None if problems else git.commit(folder, tag)
    if commit is None:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise ReleaseUnusable(
            f"The release {tag} cannot be brought back in {folder}:{listed}", "Mend all of these, then plan again."
        )
    return Release(tag, commit, git.current(folder), words)


def _problems(settings: Settings, folder: Path, tag: str, words: Words) -> Iterator[str]:
    """Yield what stands in the way of a release, each with its remedy."""
    if wrong := _no_tree(folder):
        yield wrong
        return
    if dirty := git.changed(folder):
        yield f"The tree has changes: {_some(dirty)}. Commit, stash or remove them (git status shows them)."
    if git.commit(folder, tag) is None:
        tags = _some(git.newest_tags(folder, SHOWN)) or "none"
        yield f"There is no tag {tag} (newest: {tags}). Name another, or fetch it: git fetch --tags"
    elif git.ask(folder, "cat-file", "-e", f"refs/tags/{tag}:{settings.compose_file}") is None:
        yield f"The tag {tag} has no file {settings.compose_file}. Set ROLLBACK_COMPOSE_FILE to its path in that tag."
    if words:
        yield from _undefined(settings, words, folder)


def _no_tree(folder: Path) -> str | None:
    """Say why a folder is not a git tree's top; None when it is."""
    if not folder.is_dir():
        return f"There is no folder {folder}. Correct ROLLBACK_PROJECT_DIR."
    top = git.ask(folder, "rev-parse", "--show-toplevel")
    if not top:
        return f"{folder} is not a git tree. Set ROLLBACK_PROJECT_DIR to the tree that the services run from."
    if Path(top).resolve() != folder.resolve():
        return f"{folder} lies inside the git tree {top}. Set ROLLBACK_PROJECT_DIR to that."
    return None


def _undefined(settings: Settings, words: Words, folder: Path) -> Iterator[str]:
    """Yield why the named services are not the compose file's."""
    try:
        defined = compose.defined(settings, words, folder=folder)
    except ProgramFailed as error:
        yield f"The compose file in {folder} cannot be used: {error.problem}"
        return
    if unknown := [name for name in settings.services if name not in defined]:
        yield (
            f"The compose file in {folder} defines no service {', '.join(unknown)} (it has: {', '.join(defined)}). "
            "Correct ROLLBACK_SERVICES."
        )


def prepare(settings: Settings, release: Release) -> Path:
    """Put the release beside the live tree and build its images there, while the services run; return where.

    The images get names of their own, so that the live ones keep theirs; what was built is in the cache when ``switch``
    builds. Raises ReleaseUnusable, with nothing left behind.
    """
    folder = compose.tree(settings)
    place = worktree.add(folder, release)
    try:
        if wrong := list(_undefined(settings, release.compose, place)):
            raise ReleaseUnusable(" ".join(wrong), "Name another release, or correct the settings.")
        own = project(folder, release)
        with compose.own_names(settings, release.compose, place, own) as files:
            build(settings, release, place, project=own, files=files)
    except RollbackError:
        clean(settings, release)
        raise
    return place


def project(folder: Path, release: Release) -> str:
    """Return the compose project under which the release's images are built beforehand."""
    return re.sub(r"[^a-z0-9_-]+", "-", f"{folder.name}-rollback-{release.tag}".lower()).lstrip("_-")


def build(
    settings: Settings, release: Release, folder: Path, *, project: str | None = None, files: compose.Files = ()
) -> None:
    """Build the images of the release that is checked out in ``folder``. Raises ReleaseUnusable."""
    try:
        compose.run(settings, release.compose, "build", folder=folder, project=project, files=files)
    except ProgramFailed as error:
        raise ReleaseUnusable(
            f"The images of {release.tag} could not be built in {folder}: {error.problem}",
            f"Build by hand to see all of it: cd {folder} && {' '.join(release.compose)} build",
        ) from None


def switch(settings: Settings, release: Release) -> None:
    """Check the release out in the live tree and build its images there, as the procedure does.

    Doing it again is harmless. Raises ReleaseUnusable.
    """
    folder = compose.tree(settings)
    if git.head(folder) == release.commit:
        log.info("check out %s: already so, skipped", release.tag)
    else:
        _check_out(folder, f"refs/tags/{release.tag}")
        log.info("check out %s: done, it was at %s", release.tag, release.current)
    if (found := git.head(folder)) != release.commit:
        raise ReleaseUnusable(
            f"The tree {folder} is at {found}, not at the planned commit {release.commit} of {release.tag}.",
            f"Somebody moved the tag, or works in the tree. Check it out: git checkout {release.commit}",
        )
    build(settings, release, folder)


def back(settings: Settings, release: Release) -> None:
    """Check out again what was checked out before the switch; images are not built. Raises ReleaseUnusable."""
    folder = compose.tree(settings)
    if git.current(folder) == release.current:
        log.info("check out %s: already so, skipped", release.current)
        return
    _check_out(folder, release.current)
    log.info("check out %s: done", release.current)


def clean(settings: Settings, release: Release) -> None:
    """Remove the tree that was put beside the live one."""
    worktree.remove(compose.tree(settings), release)


def _check_out(folder: Path, what: str) -> None:
    """Check something out in the live tree. Raises ReleaseUnusable with git's words."""
    try:
        git.run(folder, "-c", "advice.detachedHead=false", "checkout", "--quiet", what)
    except ProgramFailed as error:
        raise ReleaseUnusable(
            f"{what} could not be checked out in {folder}: {error.problem}",
            f"See git status in {folder}, mend it, then take the run up again.",
        ) from None


def _some(items: Sequence[str]) -> str:
    """Show the first few, and how many more there are."""
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more
