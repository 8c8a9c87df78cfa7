"""Whether the previous release works on the old schema: what it declares to be asked, before it is started."""

import logging
import os
from collections.abc import Iterator
from contextlib import suppress

import psycopg

from runbook.application import compose, containers, git, images, queryset, services
from runbook.application.queryset import Query
from runbook.errors import ProgramFailed, ProgramMissing, ReleaseUnfit, ReleaseUnusable
from runbook.models import Release
from runbook.settings import Settings
from runbook.shell import TAIL

log = logging.getLogger(__name__)

UNCHECKED = (
    "The previous release is not checked before it is started: neither ROLLBACK_RELEASE_QUERIES nor "
    "ROLLBACK_RELEASE_CHECK is set."
)
REMEDY = (
    'Mend what is named and give the same command again, or go back: RUNBOOK.md, "The old release does not work". '
    "Is the check itself wrong? Leave {setting} out and give the same command again."
)
ROLLED_BACK = "The database is rolled back; the services are stopped, and "


def warnings(settings: Settings) -> tuple[str, ...]:
    """Say that nothing is checked, where that is so."""
    return () if settings.release_queries or settings.release_check else (UNCHECKED,)


def described(settings: Settings) -> tuple[str, ...]:
    """Say in words how the release is checked."""
    found = []
    if settings.release_queries:
        found.append(f"the queries of its {settings.release_queries}")
    if settings.release_check:
        found.append(f"{' '.join(settings.release_check[1:])} in {settings.release_check[0]}")
    return tuple(found)


def problems(settings: Settings, tag: str) -> Iterator[str]:
    """Yield what is wrong with the declared checks, as far as settings and tag tell."""
    words, file = settings.release_check, settings.release_queries
    if len(words) == 1:
        yield f"ROLLBACK_RELEASE_CHECK names the service {words[0]} and no command. Write: SERVICE COMMAND …"
    folder = compose.tree(settings)
    if file and git.commit(folder, tag) and git.ask(folder, "cat-file", "-e", f"refs/tags/{tag}:{file}") is None:
        yield f"The tag {tag} has no file {file}. Set ROLLBACK_RELEASE_QUERIES to its path in that tag."


def check_queries(conn: psycopg.Connection, settings: Settings, release: Release) -> None:
    """See that the declared query set can be parsed; nothing is run. Raises ReleaseUnusable."""
    if settings.release_queries:
        queryset.check(conn, _name(settings, release), _queries(settings, release))


def run_queries(conn: psycopg.Connection, settings: Settings, release: Release) -> str | None:
    """Run the declared query set on the database, and keep nothing; None when none is declared. Raises ReleaseUnfit."""
    if not settings.release_queries:
        return None
    queries, name = _queries(settings, release), _name(settings, release)
    try:
        queryset.run(conn, name, queries, settings.service_seconds)
    except ReleaseUnfit as error:
        raise ReleaseUnfit(
            f"The release {release.tag} does not work on the database: {error.problem}",
            REMEDY.format(setting="ROLLBACK_RELEASE_QUERIES"),
            ROLLED_BACK + "the fence is closed (rollback fence open lets you look).",
        ) from None
    said = f"{len(queries)} queries of {name} pass"
    log.info("check %s: %s", release.tag, said)
    return said


def _name(settings: Settings, release: Release) -> str:
    return f"{settings.release_queries} of {release.tag}"


def _queries(settings: Settings, release: Release) -> list[Query]:
    """Read the query set as the release's commit has it. Raises ReleaseUnusable."""
    try:
        text = git.run(compose.tree(settings), "show", f"{release.commit}:{settings.release_queries}")
    except (ProgramFailed, UnicodeDecodeError) as error:
        raise ReleaseUnusable(
            f"{_name(settings, release)} cannot be read: {getattr(error, 'problem', error)}",
            "Correct ROLLBACK_RELEASE_QUERIES, or leave it out.",
        ) from None
    return queryset.split(text)


def run_command(settings: Settings, release: Release) -> str | None:
    """Run the declared command in a container of its own; None when none is declared. Raises ReleaseUnfit."""
    if not settings.release_check:
        return None
    service, *command = settings.release_check
    # It was checked before it was started; and docker-compose 1 cannot run a second one of it on the host's network.
    if any(one.service == service for one in services.running(settings, release.compose)):
        log.info("check %s: %s runs already, skipped", release.tag, service)
        return f"skipped: {service} runs already"
    name = f"{images.slug(compose.tree(settings).name)}-rollback-check-{os.getpid()}"
    words = ("run", "--rm", "--no-deps", "-T", "--name", name, service, *command)
    try:
        compose.run(settings, release.compose, *words, seconds=settings.service_seconds)
    except ProgramFailed as error:
        # Where compose was stopped by the time limit, it left the container behind.
        with suppress(ProgramFailed, ProgramMissing):
            containers.docker(settings, "rm", "--force", name)
        said = f"{error.problem} {error.stdout.strip()[-TAIL:]}".strip()
        raise ReleaseUnfit(
            f"The release {release.tag} does not work on the database: its check in {service} failed: {said}",
            REMEDY.format(setting="ROLLBACK_RELEASE_CHECK"),
            ROLLED_BACK + "the fence is open.",
        ) from None
    log.info("check %s: %s in %s passes", release.tag, " ".join(command), service)
    return f"{' '.join(command)} in {service} passes"
