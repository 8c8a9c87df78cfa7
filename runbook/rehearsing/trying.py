"""Whether the application works after the rehearsal's rollback: its services' word, and a test of the operator's."""

import logging

from runbook import shell
from runbook.application import health
from runbook.errors import ProgramFailed, RehearsalFailed
from runbook.settings import Settings

log = logging.getLogger(__name__)


def check(settings: Settings) -> None:
    """Look at the services, then run ROLLBACK_REHEARSAL_TEST. Raises RehearsalFailed, ServiceUnhealthy."""
    if settings.project_dir:
        for one in health.wait_healthy(settings):
            log.info("%s: %s", one.name, one.found)
    if not settings.rehearsal_test:
        log.info("ROLLBACK_REHEARSAL_TEST is not set: skipped.")
        return
    try:
        said = shell.run(*settings.rehearsal_test, cwd=settings.project_dir)
    except ProgramFailed as error:
        raise RehearsalFailed(
            f"The application does not pass its test after the rollback: {error.problem}",
            f"Mend it, or the test: {' '.join(settings.rehearsal_test)}. Then rehearse again.",
            "Staging was put back as it was before.",
        ) from None
    log.info("The application passes its test: %s", " ".join(said.split())[-200:] or "it said nothing")
