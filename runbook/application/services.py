"""Stop and start the application's services, and see that they did."""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runbook.application import compose, images
from runbook.application.compose import Words
from runbook.errors import ProgramFailed, ServiceUnhealthy
from runbook.settings import Settings

UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6}
GRACE, SPARE = 10.0, 5.0
"""Seconds that compose gives a service to stop where its file says nothing, and what compose itself may take."""
KILLED = 137
"""The exit status of a container whose process was ended by SIGKILL."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """What telling the services something came to."""

    changed: bool
    """False: they were in that state already, and nothing was done."""
    running: tuple[str, ...]
    """All services of the tree that run now, the named ones or others."""
    killed: tuple[str, ...] = ()
    """Those that did not end by themselves in the time that their compose file gives them."""


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


def stop(settings: Settings, words: Words) -> Change:
    """Stop the named services and see them stopped. Raises ServiceUnhealthy naming those that still run."""
    names, before = settings.services, compose.running(settings, words)
    if not set(names) & set(before):
        log.info("stop %s: already so, skipped", " ".join(names))
        return Change(False, before)
    # Compose may stop them one after the other, and each has its own time.
    said = _tell(settings, words, "stop", *names, seconds=len(names) * max(settings.service_seconds, GRACE) + SPARE)
    after = compose.running(settings, words)
    if still := [name for name in names if name in after]:
        raise ServiceUnhealthy(
            f"Still running though they were told to stop: {', '.join(still)}.{said}",
            f"Find out what holds them ({' '.join(words)} logs {still[0]}), or raise ROLLBACK_SERVICE_SECONDS.",
        )
    log.info("stop %s: done; running: %s", " ".join(names), " ".join(after) or "none")
    return Change(True, after, _killed(settings))


def _killed(settings: Settings) -> tuple[str, ...]:
    """List the named services that compose had to kill; none where the engine cannot be asked."""
    found = images.labels(settings, "com.docker.compose.service", f"exited={KILLED}")
    killed = tuple(name for name in settings.services if name in found)
    if killed:
        log.warning("stop %s: did not end by themselves in time and were killed", " ".join(killed))
    return killed


def start(settings: Settings, words: Words) -> Change:
    """Start the named services' own containers again: they have the release that they had.

    Raises ServiceUnhealthy naming those that do not run.
    """
    names, before = settings.services, compose.running(settings, words)
    if set(names) <= set(before):
        log.info("start %s: already so, skipped", " ".join(names))
        return Change(False, before)
    said = _tell(settings, words, "start", *names, seconds=settings.service_seconds)
    after = compose.running(settings, words)
    if down := [name for name in names if name not in after]:
        raise ServiceUnhealthy(
            f"Not running after they were told to start: {', '.join(down)}.{said}",
            f"Start them by hand in {compose.tree(settings)}: {' '.join(words)} up -d {' '.join(down)}",
        )
    log.info("start %s: done; running: %s", " ".join(names), " ".join(after))
    return Change(True, after)


def up(settings: Settings, words: Words) -> None:
    """Bring the services of the checked-out release up, from the images that are there. Raises ServiceUnhealthy."""
    try:
        compose.run(settings, words, "up", "-d", "--no-build")
    except ProgramFailed as error:
        raise ServiceUnhealthy(
            f"The services could not be started: {error.problem}",
            f"In {compose.tree(settings)}: {' '.join(words)} up -d; then give the same command again.",
        ) from None


def _tell(settings: Settings, words: Words, *arguments: str, seconds: float) -> str:
    """Tell compose something and return its complaint: what counts is the state of the services after it."""
    try:
        compose.run(settings, words, *arguments, seconds=seconds)
    except ProgramFailed as error:
        return f" {error.problem}"
    return ""
