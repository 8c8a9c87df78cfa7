"""Step: settle OAuth users. The procedure's three options, chosen by the operator."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook.models import Plan
from runbook.runs import Run
from runbook.schema import changes
from tasks import LOCK_DELAYS, LOCK_RETRIES, only_locks


@task(
    name="settle OAuth users",
    task_run_name="settle OAuth users",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=LOCK_RETRIES,
    retry_delay_seconds=LOCK_DELAYS,
    retry_jitter_factor=1,
    retry_condition_fn=only_locks,
)
def settle_users(run: Run, plan: Plan) -> None:
    """Give users without a password what the plan chose for them. Raises LockNotAvailable, StatementFailed."""
    with changes.step(run, "settle OAuth users") as found:
        changes.settle_users(run, plan, found)
