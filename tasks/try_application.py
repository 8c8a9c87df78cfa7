"""Step: test the application. The previous release works on the clone, as its own test and its services say."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook.rehearsing import trying
from runbook.settings import Settings

HOUR = 3600


@task(
    name="test the application",
    task_run_name="test the application",
    cache_policy=NO_CACHE,
    persist_result=False,
    timeout_seconds=HOUR,
)
def try_application(settings: Settings) -> None:
    """Ask the services whether they are healthy, then run the test that is set. Raises RehearsalFailed."""
    trying.check(settings)
