"""The previous release: seen to be usable, prepared beside the live tree, switched to."""

import logging
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from runbook.application import (
    checkout,
    compose,
    containers,
    difference,
    fitness,
    git,
    health,
    images,
    services,
    submodules,
    tag,
    worktree,
)
from runbook.application import project as projects
from runbook.application.project import Found
from runbook.errors import ProgramFailed, ProgramMissing, ReleaseUnusable, RollbackError
from runbook.models import Release
from runbook.settings import Settings

log = logging.getLogger(__name__)


def inspect(settings: Settings, name: str) -> Release:
    """Look whether the release tagged ``name`` can be brought back, and whose containers stop.

    Nothing is changed, nothing is fetched. What only forbids to begin is in the release's blockers. Raises
    ReleaseUnusable listing all else that stands in the way.
    """
    folder = compose.tree(settings)
    found, wrong = _running(settings, folder, name)
    problems = [*wrong, *tag.problems(settings, folder, name, found.project if found else None)]
    commit = None if problems else git.commit(folder, name)
    if commit is None or found is None:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise ReleaseUnusable(
            f"The release {name} cannot be brought back in {folder}:{listed}", "Mend all of these, then plan again."
        )
    checks = fitness.described(settings)
    return _judged(settings, found, Release(name, commit, git.current(folder), found.project, checks))


def _running(settings: Settings, folder: Path, name: str) -> tuple[Found | None, list[str]]:
    """Return what runs in the live tree, and what of that stands in the way of the release tagged ``name``."""
    try:
        program = compose.find(settings)
        if why := containers.unreachable(settings):
            return None, [why]
        if tag.no_tree(folder):
            return None, []
        found = projects.look(settings, program)
    except (ProgramMissing, ProgramFailed, ReleaseUnusable) as error:
        return None, [f"{error.problem} {error.remedy}".strip()]
    if git.head(folder) == git.commit(folder, name):  # it was switched to, and need not have every named service
        return found, []
    return found, [*_undefined(settings, found.given, folder), *services.impatience(settings, found.given)]


def _judged(settings: Settings, found: Found, release: Release) -> Release:
    """Add which containers stop, what forbids to begin, and what should be known."""
    folder, project, said = compose.tree(settings), found.project, health.answers(settings)
    running = sorted({one.service for one in found.own if one.living})
    answering = {name: answer for name, answer in said.items() if not answer.startswith("no answer")}
    now = project.files or compose.usual(settings, project, folder)
    then = project.files or tag.usual(settings, folder, release.tag, project)
    judged = [
        *projects.elsewhere(settings, found, answering),
        *difference.judged(settings, release, (now, then), running),
    ]
    warnings = [*fitness.warnings(settings), *found.warnings, *tag.doubts(folder, release)]
    warnings += [text for forbids, text in judged if not forbids]
    warnings += [*health.failing(settings, said, running), *health.blind(settings, found.given)]
    warnings += health.unknown(settings, found.given)
    return replace(
        release,
        containers=tuple(one.name for one in found.living(settings.services)),
        replicas=_replicas(found),
        blockers=(
            *tag.not_previous(folder, release),
            *found.blockers,
            *projects.misled(settings, found),
            *(text for forbids, text in judged if forbids),
        ),
        warnings=tuple(warnings),
    )


def _replicas(found: Found) -> dict[str, int]:
    """Return how many containers a service has, where it is more than one; of a stopped one all count."""
    living = {one.service for one in found.own if one.living}
    counted = Counter(one.service for one in found.own if one.living or one.service not in living)
    return {name: number for name, number in counted.items() if number > 1}


def _undefined(settings: Settings, given: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """Yield why the named services, and the one that is checked, are not the compose file's."""
    defined = given.get("services") or {}
    if unknown := [name for name in (*settings.services, *settings.release_check[:1]) if name not in defined]:
        yield (
            f"The compose file in {folder} defines no service {', '.join(unknown)} (it has: {', '.join(defined)}). "
            f"Correct {'ROLLBACK_SERVICES' if set(unknown) & set(settings.services) else 'ROLLBACK_RELEASE_CHECK'}."
        )


def prepare(settings: Settings, release: Release) -> Path:
    """Put the release beside the live tree and have all its images here, while the services run; return where.

    Images that are built get names of their own, so that the live ones keep theirs until ``switch``. Raises
    ReleaseUnusable, with nothing left behind.
    """
    place = worktree.add(settings, release)
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
    _see_complete(settings, release, given)
    images.fetch(settings, release, given, place)
    names = images.prepared(folder, release, list(compose.built(given)))
    with compose.renamed(settings, release.compose, given, place, names) as files:
        own = images.slug(f"{folder.name}-rollback-{release.tag}")
        try:
            build(settings, release, place, name=own, files=files)
        except RollbackError:
            images.drop(settings, list(names.values()))
            raise
    images.keep(settings, release, list(names))


def _see_complete(settings: Settings, release: Release, given: Mapping[str, Any]) -> None:
    """See that what the release's compose file names and compose does not make is there. Raises ReleaseUnusable."""
    defined = given.get("services") or {}
    if not set(settings.services) & set(defined):
        raise ReleaseUnusable(
            f"{release.tag} has none of the services {', '.join(settings.services)} (it has: {', '.join(defined)}).",
            "Name another release, or correct ROLLBACK_SERVICES.",
        )
    if (checked := settings.release_check[:1]) and checked[0] not in defined:
        raise ReleaseUnusable(f"{release.tag} has no service {checked[0]}.", "Correct ROLLBACK_RELEASE_CHECK.")
    for kind in ("volume", "network"):
        for key, one in (given.get(f"{kind}s") or {}).items():
            external = (one or {}).get("external")
            name = str((one or {}).get("name") or (external.get("name") if isinstance(external, dict) else "") or key)
            if external and not containers.has(settings, kind, name):
                raise ReleaseUnusable(
                    f"{release.tag} wants the external {kind} {name}, which this engine does not have.",
                    f"Make it: docker {kind} create {shlex.quote(name)}",
                )


def build(
    settings: Settings, release: Release, folder: Path, *, name: str | None = None, files: compose.Files = ()
) -> None:
    """Build the images of the release that is checked out in ``folder``. Raises ReleaseUnusable."""
    try:
        seconds = settings.prepare_seconds
        compose.run(settings, release.compose, "build", folder=folder, name=name, files=files, seconds=seconds)
    except ProgramFailed as error:
        raise ReleaseUnusable(
            f"The images of {release.tag} could not be built in {folder}: {error.problem}",
            f"Build by hand to see all of it: cd {folder} && {' '.join(release.compose.program)} build",
        ) from None


def switch(settings: Settings, release: Release) -> str:
    """Check the release out in the live tree, hand its images over, and return how that was done.

    Images that are gone are built, as the procedure does. Doing it again is harmless. Raises ReleaseUnusable.
    """
    folder = compose.tree(settings)
    again = checkout.begun(folder)
    said = _check_out(folder, f"refs/tags/{release.tag}", release)
    if (found := git.head(folder)) != release.commit:
        raise ReleaseUnusable(
            f"The tree {folder} is at {found}, not at the planned commit {release.commit} of {release.tag}.",
            f"Somebody moved the tag, or works in the tree. Check it out: git checkout {release.commit}",
        )
    submodules.fill(folder, worktree.path(folder, release), again=again)
    checkout.done(folder)
    if images.hand_over(settings, release):
        return f"built beforehand{said}"
    log.warning("build the images of %s now, in the outage", release.tag)
    build(settings, release, folder)
    return f"built in the outage: what was built beforehand was not there{said}"


def _check_out(folder: Path, what: str, release: Release) -> str:
    """Check something out in the live tree unless it is; return what is to be known. Raises ReleaseUnusable."""
    commit = git.ask(folder, "rev-parse", "--verify", "--quiet", f"{what}^{{commit}}") or release.commit
    if git.head(folder) == commit and not checkout.begun(folder):
        log.info("check out %s: already so, skipped", what)
        return ""
    said = checkout.to(folder, what, commit)
    log.info("check out %s: done, it was at %s", what, release.current)
    return f"; {said}" if said else ""


def back(settings: Settings, release: Release) -> None:
    """Check out again what was checked out before the switch; images are not built. Raises ReleaseUnusable."""
    folder = compose.tree(settings)
    if git.current(folder) == release.current and not checkout.begun(folder):
        log.info("check out %s: already so, skipped", release.current)
        return
    commit = git.ask(folder, "rev-parse", "--verify", "--quiet", f"{release.current}^{{commit}}") or release.current
    checkout.to(folder, release.current, commit)
    submodules.fill(folder, worktree.path(folder, release))
    checkout.done(folder)
    log.info("check out %s: done", release.current)


def clean(settings: Settings, release: Release) -> None:
    """Remove the tree that was put beside the live one."""
    worktree.remove(compose.tree(settings), release)
