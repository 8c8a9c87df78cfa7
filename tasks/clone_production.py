"""Step: clone production. A copy of it on staging's server, under a name that nobody knows; production is only read."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook import figures
from runbook.rehearsing import clone
from runbook.rehearsing.clonedata import Clone
from runbook.settings import Settings
from tasks import only_lost, progress

HOURS_12 = 12 * 3600


@task(
    name="clone production",
    task_run_name="clone production",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=2,
    retry_delay_seconds=[30, 300],
    retry_condition_fn=only_lost,
    timeout_seconds=HOURS_12,
)
def clone_production(settings: Settings) -> Clone:
    """Clone production beside staging. Raises RehearsalRefused, CloneFailed, DatabaseUnavailable."""
    with progress("clone", "Cloning production") as move:
        return clone.make(
            settings, lambda step, there, whole: move(there, whole or there * 2, _said(step, there, whole))
        )


def _said(step: str, there: int, whole: int) -> str:
    """Say how far a step is; of a dump alone nobody knows how much it becomes."""
    of = f", production has {figures.size(whole)}" if whole else ""
    return f"{step}: {figures.size(there)} written{of}"
