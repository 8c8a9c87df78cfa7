"""The application of staging as it was before a rehearsal: its tree, its images, and which of its services ran."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runbook.application import compose, containers, git, images, release, services, worktree
from runbook.application import project as projects
from runbook.errors import ProgramFailed, ProgramMissing, ServiceUnhealthy
from runbook.models import Project, Release
from runbook.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Former:
    """What the application was."""

    current: str
    """What was checked out."""
    running: Sequence[str]
    """Which of the services ran."""
    images: Mapping[str, str] = field(default_factory=dict)
    """The name by which ``up`` finds a service's image, and the one under which it is kept meanwhile."""


def look(settings: Settings) -> Former | None:
    """Remember what the application is, and keep its images; None where none is managed. Raises RollbackError."""
    if settings.project_dir is None:
        return None
    folder, project = compose.tree(settings), projects.find(settings)
    running = sorted({one.service for one in services.running(settings, project) if one.service in settings.services})
    return Former(git.current(folder), running, _kept(settings, folder, project))


def _kept(settings: Settings, folder: Path, project: Project) -> dict[str, str]:
    """Give each image that ``up`` would start a further name, so that it stays when its own is moved."""
    kept = {}
    for service, name in images.live(settings, project, compose.config(settings, project)).items():
        further = f"{images.slug(f'{folder.name}-before-rehearsal-{service}')}:latest"
        try:
            containers.docker(settings, "tag", name, further)
        except (ProgramFailed, ProgramMissing) as error:
            log.warning("The image %s could not be kept and is built again: %s", name, error.problem)
        else:
            kept[name] = further
    return kept


def stop(settings: Settings, former: Former | None) -> None:
    """Stop the services, which must not see the databases change places. Raises ServiceUnhealthy."""
    if former:
        services.stop(settings, projects.find(settings))


def put_back(settings: Settings, former: Former | None, tag: str | None) -> None:
    """Bring tree, images and services back to what they were; again, it finds that it is done. Raises RollbackError."""
    if former is None:
        return
    folder, project = compose.tree(settings), projects.find(settings)
    brought = Release(tag or "", "", former.current, project)
    release.back(settings, brought)
    if tag:
        worktree.remove(folder, brought)
    _restore(settings, brought, former)
    if former.running:
        _start(settings, project, former.running)
    log.info("The application is at %s again; running: %s.", former.current, " ".join(former.running) or "none")


def _restore(settings: Settings, brought: Release, former: Former) -> None:
    """Give the images their names back; one that was not kept is built, with the others."""
    names = images.live(settings, brought.compose, compose.config(settings, brought.compose))
    if set(names.values()) - set(former.images):
        release.build(settings, brought, compose.tree(settings))
        return
    for name, kept in former.images.items():
        containers.docker(settings, "tag", kept, name)
    images.drop(settings, list(former.images.values()))


def _start(settings: Settings, project: Project, names: Sequence[str]) -> None:
    """Start the services that ran and see them run; whether they are healthy is as it was. Raises ServiceUnhealthy."""
    seconds = len(names) * max(settings.service_seconds, services.GRACE) + services.SPARE
    compose.run(settings, project, "up", "-d", "--no-build", *names, seconds=seconds)
    if down := sorted(set(names) - {one.service for one in services.running(settings, project)}):
        raise ServiceUnhealthy(
            f"Not running after the rehearsal: {', '.join(down)}.",
            f"In {compose.tree(settings)}: {project.words} up -d {' '.join(down)}",
            "Staging's database is as it was before the rehearsal.",
        )
