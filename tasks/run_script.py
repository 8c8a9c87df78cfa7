"""Steps: 012, 011, 010. One rollback script and its verify script, in a savepoint of the one transaction."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook.models import Script
from runbook.runs import Run
from runbook.schema import changes
from tasks import LOCK_DELAYS, LOCK_RETRIES, only_locks


@task(
    name="run script",
    task_run_name="{script.title}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=LOCK_RETRIES,
    retry_delay_seconds=LOCK_DELAYS,
    retry_jitter_factor=1,
    retry_condition_fn=only_locks,
)
def run_script(run: Run, script: Script) -> None:
    """Run a migration backwards and verify it. Raises LockNotAvailable, StatementFailed."""
    with changes.step(run, script.migration) as found:
        changes.run_script(run, script, found)
