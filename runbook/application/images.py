"""The images of the services: built beside the live ones, and given the live names when the release is switched.

A name is all that is moved in the outage: compose starts what its services' names stand for.
"""

import json
import logging
import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from runbook.application import compose, containers
from runbook.errors import ProgramFailed, ProgramMissing, ReleaseUnusable
from runbook.models import Project, Release
from runbook.settings import Settings

log = logging.getLogger(__name__)


def slug(text: str) -> str:
    """Return a text as a part of an image's name can hold it."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def prepared(folder: Path, release: Release, services: Sequence[str]) -> dict[str, str]:
    """Return the name under which each service's image of the release is built beforehand."""
    own = slug(f"{folder.name}-rollback-{release.tag}")
    return {name: f"{own}-{slug(name)}:{release.commit[:12]}" for name in services}


def kept(folder: Path, release: Release, service: str) -> str:
    """Return the name under which a service's image of before the rollback can be found after it."""
    return f"{slug(f'{folder.name}-before-rollback-{service}')}:{slug(release.current[:40])}"


def live(settings: Settings, project: Project, given: Mapping[str, Any]) -> dict[str, str]:
    """Return the name of the image that ``up`` starts in the live tree, for each service that is built there.

    ``given`` is compose's config of that tree. Raises ProgramFailed.
    """
    services = compose.built(given)
    if all("image" in service for service in services.values()):
        return {name: str(service["image"]) for name, service in services.items()}
    # The later generation says the project's name and the images' in so many words; the first does neither.
    if "name" in given:
        known = set(compose.run(settings, project, "config", "--images").split())
        default = {name: _known(f"{given['name']}-{name}", f"{given['name']}_{name}", known) for name in services}
    else:
        default = {name: f"{project.name}_{name}" for name in services}
    return {name: str(service.get("image", default[name])) for name, service in services.items()}


def _known(usual: str, compatible: str, known: set[str]) -> str:
    return compatible if usual not in known and compatible in known else usual


def fetch(settings: Settings, release: Release, given: Mapping[str, Any], folder: Path) -> None:
    """See that the images which are not built here are on this machine; pull those that are not.

    ``given`` is compose's config of the release in ``folder``. Raises ReleaseUnusable naming image and service.
    """
    services = given.get("services") or {}
    for name, image in (
        (name, one["image"]) for name, one in services.items() if not one.get("build") and "image" in one
    ):
        if _id(settings, image):
            continue
        log.info("image %s of %s is not here: pulling it", image, name)
        try:
            compose.run(settings, release.compose, "pull", name, folder=folder, seconds=settings.prepare_seconds)
        except ProgramFailed as error:
            raise ReleaseUnusable(
                f"The image {image} of the service {name} is not on this machine, and could not be pulled: "
                f"{error.problem.strip()}",
                f"See that its registry answers, or load it: docker pull {shlex.quote(image)}, or docker load.",
            ) from None


def _id(settings: Settings, image: str) -> str | None:
    """Return the id of the image that a name stands for on this machine; None: there is none."""
    try:
        return str(json.loads(containers.docker(settings, "image", "inspect", image))[0]["Id"])
    except (ProgramFailed, ValueError, IndexError, KeyError):
        return None


def expected(settings: Settings, release: Release) -> dict[str, str]:
    """Return the id of the image that each service must run: the named ones and those that are built, as checked out.

    Raises ProgramFailed.
    """
    given = compose.config(settings, release.compose)
    services, own = given.get("services") or {}, live(settings, release.compose, given)
    names = {name: str(services[name].get("image", "")) for name in settings.services if name in services} | own
    return {service: _id(settings, name) or "" for service, name in names.items()}


def keep(settings: Settings, release: Release, services: Sequence[str]) -> dict[str, str]:
    """Give the images that run now a further name, by which they are found when their own was moved; return them.

    That is a convenience for going forward again: where it cannot be done, it is logged.
    """
    folder, found = compose.tree(settings), {}
    running = containers.lasting(settings, release.compose.name) if release.compose.name else []
    for container in running:
        service = container.service
        if service not in services or service in found:
            continue
        name = kept(folder, release, service)
        try:
            containers.docker(settings, "tag", container.image, name)
        except (ProgramFailed, ProgramMissing) as error:
            log.warning("the image of %s that runs now could not be named: %s", service, error.problem)
        else:
            log.info("image %s: what %s runs now", name, service)
            found[service] = name
    return found


def drop(settings: Settings, names: Sequence[str]) -> None:
    """Take names away again, and the images that have no other."""
    for name in names:
        with suppress(ProgramFailed, ProgramMissing):  # not all of them were made
            containers.docker(settings, "rmi", name)


def hand_over(settings: Settings, release: Release) -> bool:
    """Give the images that were built beforehand the names that ``up`` starts; False when they are not there.

    Those that are not built are pulled where they are gone. Doing it again is harmless. Raises ProgramFailed,
    ReleaseUnusable.
    """
    given = compose.config(settings, release.compose)
    fetch(settings, release, given, compose.tree(settings))
    names = live(settings, release.compose, given)
    before = prepared(compose.tree(settings), release, list(names))
    if not names:
        return True
    try:
        found = json.loads(containers.docker(settings, "image", "inspect", *before.values()))
        tags = {tag: image["RepoTags"] for image in found for tag in image["RepoTags"]}
        for service, name in names.items():
            _tag(settings, before[service], name, tags[before[service]])
    except (ProgramFailed, ProgramMissing, KeyError, ValueError) as error:
        log.warning("the images that were built beforehand cannot be used: %s", getattr(error, "problem", error))
        return False
    return True


def _tag(settings: Settings, image: str, name: str, has: Sequence[str]) -> None:
    """Give an image a name, unless it has it."""
    if {name, f"{name}:latest"} & set(has):
        log.info("image %s: already so, skipped", name)
        return
    containers.docker(settings, "tag", image, name)
    log.info("image %s: now %s", name, image)
