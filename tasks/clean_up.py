"""Step: clean up. The clone goes with all that belongs to it; the staging database that rested has its name again."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook.rehearsing import cleaning
from runbook.rehearsing.cleaning import Cleaned
from runbook.settings import Settings
from tasks import only_lost

HOUR = 3600


@task(
    name="clean up",
    task_run_name="clean up",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=3,
    retry_delay_seconds=[10, 60, 300],
    retry_condition_fn=only_lost,
    timeout_seconds=HOUR,
)
def clean_up(settings: Settings) -> Cleaned:
    """Put staging back as it was found. Raises RehearsalRefused, SecondRunner, DatabaseUnavailable."""
    return cleaning.clean_up(settings)
