"""The images of the services: built beside the live ones, and given the live names when the release is switched.

A name is all that is moved in the outage: compose starts what its services' names stand for.
"""

import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from runbook import shell
from runbook.application import compose
from runbook.application.compose import Words
from runbook.errors import ProgramFailed, ProgramMissing
from runbook.models import Release
from runbook.settings import Settings

log = logging.getLogger(__name__)


def docker(settings: Settings, *arguments: str) -> str:
    """Run the engine's program. Raises ProgramFailed or ProgramMissing."""
    return shell.run(*settings.docker, *arguments)


def warnings(settings: Settings) -> tuple[str, ...]:
    """Say so where the engine's program does not work: then the images cannot be handed over."""
    try:
        docker(settings, "version")
    except (ProgramFailed, ProgramMissing) as error:
        said = f"The previous release's images are built once more in the outage, since {' '.join(settings.docker)}"
        return (f"{said} does not work here: {error.problem} Set ROLLBACK_DOCKER.",)
    return ()


def labels(settings: Settings, label: str, *filters: str) -> list[str]:
    """Return what a label of compose's says of the live tree's containers, running or not; nothing where none is found.

    ``filters`` choose among them.
    """
    return [line for line in _listed(settings, _label(label), *_filters(*filters)) if line]


def statuses(settings: Settings) -> dict[str, list[str]]:
    """Return how the containers of each service of the live tree are, in the engine's words.

    Those are such as ``Up 3 minutes (healthy)``. Nothing where the engine cannot be asked.
    """
    found: dict[str, list[str]] = {}
    lasting = _filters("label=com.docker.compose.oneoff=False")
    for line in _listed(settings, f"{_label('com.docker.compose.service')} {{{{.Status}}}}", *lasting):
        service, _, status = line.partition(" ")
        found.setdefault(service, []).append(status)
    return found


def _label(name: str) -> str:
    return f'{{{{.Label "{name}"}}}}'


def _filters(*filters: str) -> list[str]:
    return [word for one in filters for word in ("--filter", one)]


def _listed(settings: Settings, form: str, *words: str) -> list[str]:
    """List the live tree's containers, running or not; asking compose would take ten times as long."""
    ours = _filters(f"label=com.docker.compose.project.working_dir={compose.home(settings)}")
    try:
        return docker(settings, "ps", "--all", *ours, *words, "--format", form).splitlines()
    except (ProgramFailed, ProgramMissing) as error:
        log.info("the containers could not be looked at: %s", error.problem)
        return []


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


def live(settings: Settings, words: Words, given: Mapping[str, Any]) -> dict[str, str]:
    """Return the name of the image that ``up`` starts in the live tree, for each service that is built there.

    ``given`` is compose's config of that tree. Raises ProgramFailed.
    """
    services = compose.built(given)
    if all("image" in service for service in services.values()):
        return {name: str(service["image"]) for name, service in services.items()}
    # The later generation says the project's name and the images' in so many words; the first does neither.
    if "name" in given:
        known = set(compose.run(settings, words, "config", "--images").split())
        default = {name: _known(f"{given['name']}-{name}", f"{given['name']}_{name}", known) for name in services}
    else:
        default = {name: f"{_project(settings)}_{name}" for name in services}
    return {name: str(service.get("image", default[name])) for name, service in services.items()}


def _known(usual: str, compatible: str, known: set[str]) -> str:
    return compatible if usual not in known and compatible in known else usual


def _project(settings: Settings) -> str:
    """Return the live project's name: as the environment, its containers or the folder say it."""
    borne = labels(settings, "com.docker.compose.project")
    name = os.environ.get("COMPOSE_PROJECT_NAME") or (borne[0] if borne else compose.home(settings).name)
    return re.sub(r"[^-_a-z0-9]", "", name.lower())


def _containers(settings: Settings, words: Words, *services: str) -> list[dict[str, Any]]:
    """Return what the engine says of the live tree's containers; nothing where it cannot be asked."""
    try:
        numbers = compose.run(settings, words, "ps", "-q", *services).split()
        return list(json.loads(docker(settings, "container", "inspect", *numbers))) if numbers else []
    except (ProgramFailed, ProgramMissing, ValueError) as error:
        log.warning("the containers could not be looked at: %s", getattr(error, "problem", error))
        return []


def keep(settings: Settings, release: Release, services: Sequence[str]) -> dict[str, str]:
    """Give the images that run now a further name, by which they are found when their own was moved; return them.

    That is a convenience for going forward again: where it cannot be done, it is logged.
    """
    folder, found = compose.tree(settings), {}
    for service in services:
        for container in _containers(settings, release.compose, service)[:1]:
            name = kept(folder, release, service)
            try:
                docker(settings, "tag", container["Image"], name)
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
            docker(settings, "rmi", name)


def hand_over(settings: Settings, release: Release) -> bool:
    """Give the images that were built beforehand the names that ``up`` starts; False when they are not there.

    Doing it again is harmless. Raises ProgramFailed.
    """
    names = live(settings, release.compose, compose.config(settings, release.compose))
    before = prepared(compose.tree(settings), release, list(names))
    if not names:
        return True
    try:
        found = json.loads(docker(settings, "image", "inspect", *before.values()))
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
    docker(settings, "tag", image, name)
    log.info("image %s: now %s", name, image)
