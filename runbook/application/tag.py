"""Whether a tag can be checked out in the live tree, and whether it is a previous release at all."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from runbook.application import checkout, compose, difference, fitness, git
from runbook.models import Project, Release
from runbook.settings import Settings

SHOWN = 5
"""How many paths or tags a message shows."""


def problems(settings: Settings, folder: Path, tag: str, project: Project | None) -> Iterator[str]:
    """Yield what stands in the way of checking a tag out, each with its remedy."""
    if wrong := no_tree(folder):
        yield wrong
        return
    if dirty := _dirty(folder, tag):
        yield f"The tree has changes: {_some(dirty)}. Commit, stash or remove them (git status shows them)."
    if git.commit(folder, tag) is None:
        yield _no_tag(folder, tag)
    elif project:
        yield from _files(settings, folder, tag, project)
    yield from fitness.problems(settings, tag)


def no_tree(folder: Path) -> str | None:
    """Say why a folder is not a git tree's top; None when it is."""
    if not folder.is_dir():
        return f"There is no folder {folder}. Correct ROLLBACK_PROJECT_DIR."
    top = git.ask(folder, "rev-parse", "--show-toplevel")
    if not top:
        return f"{folder} is not a git tree. Set ROLLBACK_PROJECT_DIR to the tree that the services run from."
    if Path(top).resolve() != folder.resolve():
        return f"{folder} lies inside the git tree {top}. Set ROLLBACK_PROJECT_DIR to that."
    return None


def _dirty(folder: Path, tag: str) -> Sequence[str]:
    """List the changes that nobody but a person made: not those of a checkout that was killed half way."""
    if git.head(folder) == git.commit(folder, tag):  # it is there already; what its submodules are at is mended there
        return git.changed(folder, submodules=False)
    return checkout.foreign(folder)


def _no_tag(folder: Path, tag: str) -> str:
    """Say that there is no such tag, and what there is instead."""
    if git.ask(folder, "rev-parse", "--verify", "--quiet", f"refs/tags/{tag}") is not None:
        return f"The tag {tag} names no commit. Name the tag of a release."
    tags = _some(git.newest_tags(folder, SHOWN)) or "none"
    known = git.ask(folder, "rev-parse", "--verify", "--quiet", f"{tag}^{{commit}}")
    what = f" {tag} is a branch or a commit, which may move: git tag NAME {known[:12]}, and name that." if known else ""
    return f"There is no tag {tag} (newest: {tags}).{what} Name another, or fetch it: git fetch --tags"


def _files(settings: Settings, folder: Path, tag: str, project: Project) -> Iterator[str]:
    """Yield which compose files the tag lacks."""
    if project.files:
        if lacking := [file for file in project.files if not difference.has(folder, tag, file)]:
            yield (
                f"The running containers were made from {', '.join(project.files)}, and the tag {tag} has no "
                f"{', '.join(lacking)}. Set COMPOSE_FILE to the files that {tag} is started from."
            )
    elif named := compose.named_files(settings):
        for file in [file for file in named if not difference.has(folder, tag, file)]:
            yield f"The tag {tag} has no file {file}. Set ROLLBACK_COMPOSE_FILE (or COMPOSE_FILE) to its path there."
    elif not usual(settings, folder, tag, project):
        yield f"The tag {tag} has no file {compose.DEFAULT_FILE}. Set ROLLBACK_COMPOSE_FILE to its path in that tag."


def usual(settings: Settings, folder: Path, tag: str, project: Project) -> Sequence[str]:
    """List the compose files that compose itself finds when the tag is checked out."""
    return compose.usual_among(settings, project, lambda name: difference.has(folder, tag, name))


def not_previous(folder: Path, release: Release) -> Iterator[str]:
    """Yield why the tag cannot be the release that ran before the one that is checked out."""
    head = git.head(folder)
    if head == release.commit:
        yield (
            f"{release.tag} is what is checked out in {folder} now ({release.commit[:12]}), so it is not the previous "
            "release. Name the tag that ran before. Where somebody checked it out by hand and the newer release runs "
            "still, check that out again: git checkout -"
        )
    elif head and git.ask(folder, "diff", "--quiet", head, release.commit) is not None:
        yield (
            f"{release.tag} holds the very files that are checked out in {folder} now ({release.current}), so it is "
            "not the previous release. Name the tag that ran before."
        )
    if why := checkout.in_use(folder):
        yield why


def doubts(folder: Path, release: Release) -> Iterator[str]:
    """Yield what is unusual in where the tag stands."""
    head = git.head(folder) or "HEAD"
    if git.ask(folder, "merge-base", "--is-ancestor", release.commit, head) is not None:
        return
    if git.ask(folder, "merge-base", "--is-ancestor", head, release.commit) is not None:
        yield f"{release.tag} is newer than what is checked out now ({release.current}): it has all of that, and more."
    else:
        yield f"{release.tag} is no ancestor of what is checked out now ({release.current}): is it what ran before?"


def _some(items: Sequence[str]) -> str:
    """Show the first few, and how many more there are."""
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more
