"""Stop and start the application's services, and see that they did."""

import logging
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException

from runbook import compose
from runbook.compose import Words
from runbook.errors import ProgramFailed, ServiceUnhealthy
from runbook.models import Check
from runbook.settings import Settings

POLL_SECONDS = 0.5
ANSWER_SECONDS = 5.0
"""How long one answer to a health question may take."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """What telling the services something came to."""

    changed: bool
    """False: they were in that state already, and nothing was done."""
    running: tuple[str, ...]
    """All services of the tree that run now, the named ones or others."""


def stop(settings: Settings, words: Words) -> Change:
    """Stop the named services and see them stopped. Raises ServiceUnhealthy naming those that still run."""
    names, before = settings.services, compose.running(settings, words)
    if not set(names) & set(before):
        log.info("stop %s: already so, skipped", " ".join(names))
        return Change(False, before)
    said = _tell(settings, words, "stop", *names)
    after = compose.running(settings, words)
    if still := [name for name in names if name in after]:
        raise ServiceUnhealthy(
            f"Still running {settings.service_seconds} s after they were told to stop: {', '.join(still)}.{said}",
            f"Find out what holds them ({' '.join(words)} logs {still[0]}), or raise ROLLBACK_SERVICE_SECONDS.",
        )
    log.info("stop %s: done; running: %s", " ".join(names), " ".join(after) or "none")
    return Change(True, after)


def start(settings: Settings, words: Words) -> Change:
    """Start the named services' own containers again: they have the release that they had.

    Raises ServiceUnhealthy naming those that do not run.
    """
    names, before = settings.services, compose.running(settings, words)
    if set(names) <= set(before):
        log.info("start %s: already so, skipped", " ".join(names))
        return Change(False, before)
    said = _tell(settings, words, "start", *names)
    after = compose.running(settings, words)
    if down := [name for name in names if name not in after]:
        raise ServiceUnhealthy(
            f"Not running after they were told to start: {', '.join(down)}.{said}",
            f"Start them by hand in {compose.tree(settings)}: {' '.join(words)} up -d {' '.join(down)}",
        )
    log.info("start %s: done; running: %s", " ".join(names), " ".join(after))
    return Change(True, after)


def up(settings: Settings, words: Words) -> Change:
    """Bring the services of the checked-out release up, as the procedure does. Raises ServiceUnhealthy."""
    try:
        compose.run(settings, words, "up", "-d")
    except ProgramFailed as error:
        raise ServiceUnhealthy(
            f"The services could not be started: {error.problem}",
            f"In {compose.tree(settings)}: {' '.join(words)} up -d; then take the run up again.",
        ) from None
    return Change(True, compose.running(settings, words))


def _tell(settings: Settings, words: Words, *arguments: str) -> str:
    """Tell compose something and return its complaint: what counts is the state of the services after it."""
    try:
        compose.run(settings, words, *arguments, seconds=settings.service_seconds)
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
        "Read the services' logs; take the run up again, which looks once more, or go back.",
    )
