"""Step: stop staging. Its services must not see the databases change places."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook.rehearsing import former
from runbook.rehearsing.former import Former
from runbook.settings import Settings


@task(name="stop staging", task_run_name="stop staging", cache_policy=NO_CACHE, persist_result=False, retries=2)
def stop_staging(settings: Settings, before: Former | None) -> None:
    """Stop staging's services. Raises ServiceUnhealthy."""
    former.stop(settings, before)
