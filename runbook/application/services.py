"""Stop and start the application's services, and see by their containers that they did."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runbook.application import compose, containers
from runbook.application.containers import KILLED, Container
from runbook.errors import ProgramFailed, ServiceUnhealthy
from runbook.models import Project, Release
from runbook.settings import Settings

UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6}
GRACE, SPARE = 10.0, 5.0
NONE = " There is no container of theirs."
"""Seconds that compose gives a service to stop where its file says nothing, and what compose itself may take."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """What telling the services something came to."""

    changed: bool
    """False: they were in that state already, and nothing was done."""
    running: tuple[str, ...]
    """All services of the project that run now, the named ones or others."""
    killed: tuple[str, ...] = ()
    """Those that did not end by themselves in the time that their compose file gives them."""
    containers: tuple[str, ...] = ()
    """The containers that were stopped or started, by their names."""


def impatience(settings: Settings, given: Mapping[str, Any]) -> Iterator[str]:
    """Yield which named services may take longer to stop than they are waited for.

    Compose kills a service when its own time is over. Where that comes before ours, it is stopped when we look,
    whatever it does; and nothing ends it after it was said to run again.
    """
    for name in settings.services:
        service = (given.get("services") or {}).get(name) or {}
        grace = str(service.get("stop_grace_period") or "")
        if grace and _seconds(grace) > settings.service_seconds:
            yield (
                f"{name} may take {grace} to stop (stop_grace_period), and is waited for "
                f"{settings.service_seconds} s. Raise ROLLBACK_SERVICE_SECONDS."
            )


def _seconds(duration: str) -> float:
    """Return a duration as compose writes it, such as 1m30s, in s."""
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)(h|ms|us|m|s)", duration))


def running(settings: Settings, project: Project) -> list[Container]:
    """Return the living containers of the project's services. Raises ProgramFailed or ProgramMissing."""
    return [one for one in containers.lasting(settings, project.name) if one.living] if project.name else []


def _names(found: Sequence[Container]) -> tuple[str, ...]:
    """List the services of containers, each once."""
    return tuple(sorted({one.service for one in found}))


def stop(settings: Settings, project: Project) -> Change:
    """Stop the named services and see their very containers stopped. Raises ServiceUnhealthy naming who still runs."""
    everything = running(settings, project)
    before = [one for one in everything if one.service in settings.services]
    if not before:
        log.info("stop %s: already so, skipped", " ".join(settings.services))
        return Change(False, _names(everything))
    # Compose may stop them one after the other, and each has its own time.
    seconds = len(before) * max(settings.service_seconds, GRACE) + SPARE
    said = _tell(settings, project, "stop", *_names(before), seconds=seconds)
    after = containers.lasting(settings, project.name)
    still = [one for one in after if one.living and one.service in settings.services]
    if still:
        raise ServiceUnhealthy(
            f"Still running though they were told to stop: {', '.join(_names(still))} ({_shown(still)}).{said}",
            f"Find out what holds them ({project.words} logs {still[0].service}), or raise ROLLBACK_SERVICE_SECONDS.",
        )
    stopped = {one.id for one in before}
    killed = [one for one in after if one.id in stopped and one.exit_code == KILLED]
    if killed:
        log.warning("stop %s: did not end by themselves in time and were killed", _shown(killed))
    now = _names([one for one in after if one.living])
    log.info("stop %s: done; running: %s", _shown(before), " ".join(now) or "none")
    return Change(True, now, _names(killed), tuple(one.name for one in before))


def _shown(found: Sequence[Container]) -> str:
    return ", ".join(one.name for one in found)


def start(settings: Settings, project: Project) -> Change:
    """Start the named services' own containers again: they have the release that they had.

    Raises ServiceUnhealthy naming those that do not run.
    """
    before = containers.lasting(settings, project.name) if project.name else []
    own = [one for one in before if one.service in settings.services]
    down = [one for one in own if not one.living]
    if own and not down:
        log.info("start %s: already so, skipped", " ".join(settings.services))
        return Change(False, _names([one for one in before if one.living]))
    # A service that never had a container has none to start.
    said = _tell(settings, project, "start", *_names(own), seconds=settings.service_seconds) if own else NONE
    after = running(settings, project)
    ids = {one.id for one in after}
    if lacking := [*(one.name for one in down if one.id not in ids), *([] if own else settings.services)]:
        raise ServiceUnhealthy(
            f"Not running after they were told to start: {', '.join(lacking)}.{said}",
            f"Start them by hand in {compose.tree(settings)}: {project.words} up -d {' '.join(settings.services)}",
        )
    log.info("start %s: done; running: %s", _shown(down), " ".join(_names(after)))
    return Change(True, _names(after), containers=tuple(one.name for one in down))


def up(settings: Settings, release: Release) -> None:
    """Bring the services of the checked-out release up, from the images that are there. Raises ServiceUnhealthy."""
    project = release.compose
    # Asked only where it matters: the first generation takes its time, and the users wait.
    asked = bool(release.replicas) or not project.classic
    defined = (compose.config(settings, project).get("services") or {}) if asked else {}
    scale = [word for name, n in release.replicas.items() if name in defined for word in ("--scale", f"{name}={n}")]
    # What a service's pull_policy wants was done before; nothing is fetched while the users wait.
    eager = any(one.get("pull_policy") for one in defined.values())
    pull = ["--pull", "never"] if eager and not project.classic else []
    seconds = (len(settings.services) + 1) * max(settings.service_seconds, GRACE) + SPARE
    try:
        compose.run(settings, project, "up", "-d", "--no-build", *pull, *scale, seconds=seconds)
    except ProgramFailed as error:
        raise ServiceUnhealthy(
            f"The services could not be started: {error.problem}",
            f"In {compose.tree(settings)}: {project.words} up -d; then give the same command again.",
        ) from None


def _tell(settings: Settings, project: Project, *arguments: str, seconds: float) -> str:
    """Tell compose something and return its complaint: what counts is the state of the containers after it."""
    try:
        compose.run(settings, project, *arguments, seconds=seconds)
    except ProgramFailed as error:
        return f" {error.problem}"
    return ""
