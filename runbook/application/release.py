"""The previous release: seen to be usable, prepared beside the live tree, switched to."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runbook.application import compose, fitness, git, health, images, services, worktree
from runbook.application.compose import Words
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
    words, given, problems = _composed(settings, folder)
    problems += _problems(settings, folder, tag)
    commit = None if problems else git.commit(folder, tag)
    if commit is None:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise ReleaseUnusable(
            f"The release {tag} cannot be brought back in {folder}:{listed}", "Mend all of these, then plan again."
        )
    known = (*fitness.warnings(settings), *images.warnings(settings), *health.blind(settings, given))
    return Release(tag, commit, git.current(folder), words, checks=fitness.described(settings), warnings=known)


def _composed(settings: Settings, folder: Path) -> tuple[Words, Mapping[str, Any], list[str]]:
    """Return the compose program's words, what it makes of the live tree, and what of that stands in the way."""
    try:
        words = compose.find(settings)
    except ProgramMissing as error:
        return (), {}, [f"{error.problem} {error.remedy}"]
    if _no_tree(folder):
        return words, {}, []
    try:
        given = compose.config(settings, words)
    except ProgramFailed as error:
        return words, {}, [f"The compose file in {folder} cannot be used: {error.problem}"]
    return words, given, [*_undefined(settings, given, folder), *services.impatience(settings, given)]


def _problems(settings: Settings, folder: Path, tag: str) -> Iterator[str]:
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
    yield from fitness.problems(settings, tag)


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


def _undefined(settings: Settings, given: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """Yield why the named services, and the one that is checked, are not the compose file's."""
    defined = given.get("services") or {}
    if unknown := [name for name in (*settings.services, *settings.release_check[:1]) if name not in defined]:
        yield (
            f"The compose file in {folder} defines no service {', '.join(unknown)} (it has: {', '.join(defined)}). "
            f"Correct {'ROLLBACK_SERVICES' if set(unknown) & set(settings.services) else 'ROLLBACK_RELEASE_CHECK'}."
        )


def prepare(settings: Settings, release: Release) -> Path:
    """Put the release beside the live tree and build its images there, while the services run; return where.

    The images get names of their own, so that the live ones keep theirs until ``switch``. Raises ReleaseUnusable, with
    nothing left behind.
    """
    folder = compose.tree(settings)
    place = worktree.add(folder, release)
    try:
        _build_beside(settings, release, place)
    except RollbackError:
        clean(settings, release)
        raise
    return place


def _build_beside(settings: Settings, release: Release, place: Path) -> None:
    """Build the release's images under names of their own, and name those that run now. Raises ReleaseUnusable."""
    folder = compose.tree(settings)
    try:
        given = compose.config(settings, release.compose, folder=place)
    except ProgramFailed as error:
        raise ReleaseUnusable(f"The compose file in {place} cannot be used: {error.problem}", "Mend it.") from None
    if wrong := list(_undefined(settings, given, place)):
        raise ReleaseUnusable(" ".join(wrong), "Name another release, or correct the settings.")
    names = images.prepared(folder, release, list(compose.built(given)))
    with compose.renamed(settings, given, place, names) as files:
        own = images.slug(f"{folder.name}-rollback-{release.tag}")
        try:
            build(settings, release, place, project=own, files=files)
        except RollbackError:
            images.drop(settings, list(names.values()))
            raise
    images.keep(settings, release, list(names))


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


def switch(settings: Settings, release: Release) -> str:
    """Check the release out in the live tree, hand its images over, and return how that was done.

    Images that are gone are built, as the procedure does. Doing it again is harmless. Raises ReleaseUnusable.
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
    if images.hand_over(settings, release):
        return "built beforehand"
    log.warning("build the images of %s now, in the outage", release.tag)
    build(settings, release, folder)
    return "built in the outage: what was built beforehand was not there"


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
