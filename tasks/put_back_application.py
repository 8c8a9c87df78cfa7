"""Step: put the application back. Staging's tree, images and services are what they were before the rehearsal."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook.rehearsing import former
from runbook.rehearsing.former import Former
from runbook.settings import Settings


@task(
    name="put the application back",
    task_run_name="put the application back",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=2,
    retry_delay_seconds=5,
)
def put_back_application(settings: Settings, before: Former | None, tag: str | None) -> None:
    """Bring the release back that staging had. Raises ReleaseUnusable, ServiceUnhealthy, ProgramFailed."""
    former.put_back(settings, before, tag)
