"""Whether the application's services are healthy: this release's own containers run, and their URLs answer."""

import re
import ssl
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPException, HTTPMessage
from threading import Thread
from typing import IO, Any
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from runbook import printable
from runbook.application import containers, images
from runbook.application import project as projects
from runbook.application.containers import Container
from runbook.errors import ServiceUnhealthy
from runbook.models import Check, Project, Release
from runbook.settings import Settings

POLL_SECONDS = 0.2
ANSWER_SECONDS = 5.0
"""How long one answer to a health question may take, whatever it waits for."""
STEADY = re.compile(r"Up [^()]*\(healthy\)|Up (?!Less than a second|[12] seconds?\b)[^()]*")
"""What the engine says of a container that its healthcheck calls healthy, or that has run for 3 s where it has none."""
STEADILY = "up for 3 s, healthy where it has a healthcheck"
RUNNING = "running"
OWN_IMAGE = ", from the release's image"


def blind(settings: Settings, given: Mapping[str, Any]) -> Iterator[str]:
    """Yield which named services can be seen to run, but not to work; ``given`` is compose's config."""
    defined = given.get("services") or {}
    names = [name for name in settings.services if name not in settings.health_urls and not _tested(defined.get(name))]
    if names:
        yield (
            f"Whether {', '.join(names)} works cannot be seen: ROLLBACK_HEALTH_URLS has no URL and the compose file no "
            "healthcheck. A container that has run for 3 s counts as healthy."
        )


def unknown(settings: Settings, given: Mapping[str, Any]) -> Iterator[str]:
    """Yield which health URLs are of no service that is stopped and started: nobody asks them."""
    names = sorted(set(settings.health_urls) - set(settings.services) - set(given.get("services") or {}))
    if names:
        yield (
            f"ROLLBACK_HEALTH_URLS names {', '.join(names)}, which is no service of the compose file: it is not asked. "
            "Correct the name."
        )


def _tested(service: Mapping[str, Any] | None) -> bool:
    """Tell whether a service has a healthcheck of its own."""
    healthcheck = (service or {}).get("healthcheck") or {}
    return bool(healthcheck.get("test")) and not healthcheck.get("disable")


def answers(settings: Settings) -> dict[str, str]:
    """Ask every health URL once, all at the same time; return what each answered, or why it did not."""
    found: dict[str, str] = {}
    urls = {name: str(url) for name, url in settings.health_urls.items()}

    def ask(name: str) -> None:
        found[name] = _answer(urls[name])

    # Threads that nobody waits for at the end: a name server that does not answer holds one for long.
    threads = [Thread(target=ask, args=(name,), daemon=True) for name in urls]
    for thread in threads:
        thread.start()
    due = time.monotonic() + ANSWER_SECONDS
    for thread in threads:
        thread.join(max(due - time.monotonic(), 0))
    return {name: found.get(name) or f"no answer (nothing within {ANSWER_SECONDS:g} s)" for name in urls}


def failing(settings: Settings, said: Mapping[str, str], running: Sequence[str]) -> Iterator[str]:
    """Yield which services' URLs do not say now that they are healthy, though they run."""
    for name in running:
        if name in said and not said[name].startswith("2"):
            yield (
                f"The health check of {name} fails already, before anything is touched: {settings.health_url(name)} "
                f"gives {said[name]}. It must answer 2xx after the rollback: see that it can."
            )


def wait_for_release(settings: Settings, release: Release) -> list[Check]:
    """Wait until the containers of the release that is checked out are healthy. Raises ServiceUnhealthy."""
    return wait_healthy(settings, release.compose, images.expected(settings, release))


def wait_healthy(
    settings: Settings, project: Project | None = None, expected: Mapping[str, str] | None = None
) -> list[Check]:
    """Wait until every service is healthy: its own containers run and are well, and its URL, if any, answers 2xx.

    ``expected``: the id of the image that each service must run, by the services that the release has; None: any image.
    Raises ServiceUnhealthy after ``service_seconds``, naming who is not healthy and what was found.
    """
    project = project or projects.find(settings)
    due = time.monotonic() + settings.service_seconds
    while True:
        checks = look(settings, project, expected)
        failed = [check for check in checks if not check.passed]
        if not failed:
            return checks
        if time.monotonic() > due:
            raise _unhealthy(settings, failed)
        time.sleep(POLL_SECONDS)


def look(settings: Settings, project: Project, expected: Mapping[str, str] | None = None) -> list[Check]:
    """Check every service once: the named ones, others that were built, and others that have a URL."""
    own = containers.lasting(settings, project.name)
    absent = [name for name in settings.services if expected is not None and name not in expected]
    present = [name for name in (*settings.services, *(expected or ())) if name not in absent]
    said = answers(settings)
    return [
        *(_by_containers(settings, name, own, (expected or {}).get(name, "")) for name in dict.fromkeys(present)),
        *(_stopped(name, own) for name in absent),
        *(_by_url(name, settings.health_url(name), said[name]) for name in said if name not in absent),
    ]


def _by_url(name: str, url: str, found: str) -> Check:
    return Check(f"{name} answers at {url}", "2xx", found, found.startswith("2"))


def _by_containers(settings: Settings, name: str, own: Sequence[Container], image: str) -> Check:
    """Check one service by the engine's word; a container that ended may be left from another time."""
    mine = [one for one in own if one.service == name]
    living = [one for one in mine if one.living]
    steady = name not in settings.health_urls and name in settings.services
    well = [one.state == "running" and (not steady or bool(STEADY.fullmatch(one.status))) for one in living]
    strange = [one for one in living if image and one.image != image]
    needed = name in settings.services
    found = "; ".join(one.status for one in living or mine) or "no container"
    found += f"; {', '.join(one.name for one in strange)} runs another image" if strange else ""
    wanted = (STEADILY if steady else RUNNING) + (OWN_IMAGE if image else "")
    return Check(f"{name}'s container", wanted, found, (bool(living) or not needed) and all(well) and not strange)


def _stopped(name: str, own: Sequence[Container]) -> Check:
    """Check that a service which the release does not have does not run."""
    living = [one.name for one in own if one.service == name and one.living]
    found = f"{', '.join(living)} runs" if living else "stopped"
    return Check(f"{name}, which the release does not have", "stopped", found, not living)


def see_silent(settings: Settings) -> None:
    """See that nobody answers for the services that were stopped. Raises ServiceUnhealthy naming the URL that does."""
    due = time.monotonic() + ANSWER_SECONDS
    while True:
        said = {name: found for name, found in answers(settings).items() if name in settings.services}
        loud = [f"{settings.health_url(name)} ({found})" for name, found in said.items() if found.startswith("2")]
        if not loud:
            return
        if time.monotonic() > due:
            raise ServiceUnhealthy(
                f"The containers of the services are stopped, and yet these answer as if they ran: {'; '.join(loud)}.",
                "Find out who serves that (ss -ltnp; docker ps) and stop it, or set ROLLBACK_HEALTH_URLS to addresses "
                "that only the services answer.",
            )
        time.sleep(POLL_SECONDS)


class _SameOrigin(urllib.request.HTTPRedirectHandler):
    """Follows a redirection within the same origin only: elsewhere, somebody else would answer."""

    def redirect_request(  # noqa: PLR0917 - the library's signature
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """Return what is asked next; None: the redirection is the answer."""
        there, here = urlsplit(newurl), urlsplit(req.full_url)
        same = (there.scheme, there.netloc) == (here.scheme, here.netloc)
        return super().redirect_request(req, fp, code, msg, headers, newurl) if same else None


# Without any proxy, whatever the environment says: a service of this machine is asked itself.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), _SameOrigin)


def _answer(url: str) -> str:
    """Return the status that ``url`` answers with, or why it does not."""
    try:
        with _direct.open(_asked(url), timeout=ANSWER_SECONDS) as response:
            return str(response.status)
    except urllib.error.HTTPError as error:
        with error:
            there = error.headers.get("Location")
        leads = f", a redirection to {urljoin(url, there)}: name the address that answers itself" if there else ""
        return printable.line(f"{error.code} {error.reason}{leads}")
    except (OSError, HTTPException, ValueError) as error:
        return printable.line(f"no answer ({_why(error)})")


def _asked(url: str) -> urllib.request.Request:
    """Return what is asked: user and password of the URL go into a header, since urllib takes them for the host."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    asked = urllib.request.Request(parts._replace(netloc=host).geturl())  # noqa: S310 - an AnyHttpUrl
    if at:
        asked.add_header("Authorization", f"Basic {b64encode(unquote_to_bytes(user)).decode()}")
    return asked


def _why(error: Exception) -> str:
    """Say why nobody answered, in words."""
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {reason.verify_message}; SSL_CERT_FILE names the authorities to trust"
    if isinstance(reason, ssl.SSLError):
        return f"it does not speak TLS as expected: {reason.reason or reason}"
    return str(reason) or type(error).__name__


def _unhealthy(settings: Settings, failed: Sequence[Check]) -> ServiceUnhealthy:
    """Say which services are not healthy, and what was found instead."""
    who = "; ".join(f"{check.name}: expected {check.expected}, found {check.found}" for check in failed)
    return ServiceUnhealthy(
        f"Not healthy after {settings.service_seconds} s: {who}.",
        "Read the services' logs and mend them; the same command again tries once more. Or go back: RUNBOOK.md, "
        '"The old release does not work".',
    )
