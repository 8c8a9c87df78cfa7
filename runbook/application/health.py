"""Whether the application's services are healthy: by a URL, else by what the engine says of their containers."""

import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPException
from typing import Any

from runbook.application import compose, images
from runbook.application.compose import Words
from runbook.errors import ServiceUnhealthy
from runbook.models import Check
from runbook.settings import Settings

POLL_SECONDS = 0.2
ANSWER_SECONDS = 5.0
"""How long one answer to a health question may take."""
STEADY = re.compile(r"Up [^()]*\(healthy\)|Up (?!Less than a second|[12] seconds?\b)[^()]*")
"""What the engine says of a container that its healthcheck calls healthy, or that has run for 3 s where it has none."""
EXPECTED = "up for 3 s, healthy where it has a healthcheck"


def blind(settings: Settings, given: Mapping[str, Any]) -> Iterator[str]:
    """Yield which named services can be seen to run, but not to work; ``given`` is compose's config."""
    defined = given.get("services") or {}
    names = [name for name in settings.services if name not in settings.health_urls and not _tested(defined.get(name))]
    if names:
        yield (
            f"Whether {', '.join(names)} works cannot be seen: ROLLBACK_HEALTH_URLS has no URL and the compose file no "
            "healthcheck. A container that has run for 3 s counts as healthy."
        )


def _tested(service: Mapping[str, Any] | None) -> bool:
    """Tell whether a service has a healthcheck of its own."""
    healthcheck = (service or {}).get("healthcheck") or {}
    return bool(healthcheck.get("test")) and not healthcheck.get("disable")


def wait_healthy(settings: Settings, words: Words = ()) -> list[Check]:
    """Wait until every service is healthy: its URL answers 2xx, or where none is set, its containers run and are well.

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
    urls = {name: str(url) for name, url in settings.health_urls.items()}
    contained = [name for name in settings.services if name not in urls]
    told = images.statuses(settings) if contained else {}
    running = compose.running(settings, words) if set(contained) - set(told) else ()
    return [
        *(_by_container(name, told[name]) if name in told else _by_word(name, running) for name in contained),
        *(_by_url(name, url) for name, url in urls.items()),
    ]


def _by_url(name: str, url: str) -> Check:
    found = _answer(url)
    return Check(f"{name} answers at {url}", "2xx", found, found.startswith("2"))


def _by_container(name: str, told: Sequence[str]) -> Check:
    """Check one service by what the engine says of its containers; one that ended may be left from another time."""
    living = [status for status in told if status.startswith(("Up", "Restarting"))]
    well = bool(living) and all(STEADY.fullmatch(status) for status in living)
    return Check(f"{name}'s container", EXPECTED, "; ".join(living or told), well)


def _by_word(name: str, running: Sequence[str]) -> Check:
    """Check one service by compose's word, where the engine knows nothing of it."""
    return Check(f"{name}'s container", "running", "running" if name in running else "not running", name in running)


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
