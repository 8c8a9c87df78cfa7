"""Whether the application works after the rehearsal's rollback: its services' word, and a test of the operator's."""

import logging
from collections.abc import Sequence

from runbook import shell
from runbook.application import health
from runbook.errors import ProgramFailed, RehearsalFailed
from runbook.settings import Settings

log = logging.getLogger(__name__)


NOT_HERE = "its services (ROLLBACK_PROJECT_DIR is not set: none are managed here)"
NO_TEST = "what it does (ROLLBACK_REHEARSAL_TEST is not set)"


def untested(settings: Settings) -> Sequence[str]:
    """List what of the application is not tested, each with its reason."""
    services = [] if settings.project_dir else [NOT_HERE]
    return services + ([] if settings.rehearsal_test else [NO_TEST])


def possible(settings: Settings) -> bool:
    """Return whether anything is tested at all."""
    return len(untested(settings)) < len((NOT_HERE, NO_TEST))


def check(settings: Settings) -> None:
    """Look at the services, then run ROLLBACK_REHEARSAL_TEST. Raises RehearsalFailed, ServiceUnhealthy."""
    if settings.project_dir:
        for one in health.wait_healthy(settings):
            log.info("%s: %s", one.name, one.found)
    if settings.rehearsal_test:
        _test(settings)
    for what in untested(settings):
        log.warning("Not tested: %s.", what)


def _test(settings: Settings) -> None:
    """Run the operator's test. Raises RehearsalFailed."""
    try:
        said = shell.run(*settings.rehearsal_test, cwd=settings.project_dir)
    except ProgramFailed as error:
        raise RehearsalFailed(
            f"The application does not pass its test after the rollback: {error.problem}",
            f"Mend it, or the test: {' '.join(settings.rehearsal_test)}. Then rehearse again.",
            "Staging was put back as it was before.",
        ) from None
    log.info("The application passes its test: %s", " ".join(said.split())[-200:] or "it said nothing")
