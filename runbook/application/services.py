"""Stop and start the application's services, and see that they did."""

import logging
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from runbook.application import compose, images
from runbook.application.compose import Words
from runbook.errors import ProgramFailed, ServiceUnhealthy
from runbook.models import Check
from runbook.settings import Settings

POLL_SECONDS = 0.2
ANSWER_SECONDS = 5.0
"""How long one answer to a health question may take."""
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


def wait_healthy(settings: Settings, words: Words = ()) -> list[Check]:
    """Wait until every service is healthy: its URL answers 2xx, or where none is set, its container runs.

    Raises ServiceUnhealthy after ``service_seconds``, naming who is not healthy and what was found.
    """
    words = words or compose.find(settings)
    due = time.monotonic() + settings.service_seconds
    while True:
        checks = look(settings, words)
        failed = [check for check in checks if not check.passed]
        if not failed:
            return checks
        if time.monotonic() > due:
            raise _unhealthy(settings, failed)
        time.sleep(POLL_SECONDS)


def look(settings: Settings, words: Words) -> list[Check]:
    """Check every service once: the named ones, and others that have a URL."""
    names = dict.fromkeys((*settings.services, *settings.health_urls))
    running = compose.running(settings, words) if set(names) - set(settings.health_urls) else ()
    return [_check(name, str(settings.health_urls.get(name, "")), name in running) for name in names]


def _check(name: str, url: str, runs: bool) -> Check:
    """Check one service by its URL, or where it has none, by whether its container runs."""
    if not url:
        return Check(f"{name}'s container", "running", "running" if runs else "not running", runs)
    found = _answer(url)
    return Check(f"{name} answers at {url}", "2xx", found, found.startswith("2"))


def _answer(url: str) -> str:
    """Return the status that ``url`` answers with, or why it does not."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as response:  # noqa: S310 - AnyHttpUrl is http(s)
            return str(response.status)
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.reason}"
    except (OSError, HTTPException) as error:
        return f"no answer ({getattr(error, 'reason', None) or error or type(error).__name__})"


def _unhealthy(settings: Settings, failed: Sequence[Check]) -> ServiceUnhealthy:
    """Say which services are not healthy, and what was found instead."""
    who = "; ".join(f"{check.name}: expected {check.expected}, found {check.found}" for check in failed)
    return ServiceUnhealthy(
        f"Not healthy after {settings.service_seconds} s: {who}.",
        "Read the services' logs and mend them; the same command again tries once more. Or go back: RUNBOOK.md, "
        '"The old release does not work".',
    )
