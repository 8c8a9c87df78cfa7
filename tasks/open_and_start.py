"""Step: open and start. The fence opens, the previous release starts and is healthy."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook import connections, journal
from runbook.application import fitness, health, release, services
from runbook.barrier import fence
from runbook.models import Plan
from runbook.runs import Run
from tasks import not_unfit


@task(
    name="open and start",
    task_run_name="open and start",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=not_unfit,
)
def open_and_start(run: Run, plan: Plan) -> None:
    """Let everybody connect again, start the services and wait until they are healthy.

    Raises ReleaseUnfit, ServiceUnhealthy.
    """
    with journal.step(run, "open and start") as found:
        fence.open_for_good(run.gate, run.identity.database)
        connections.rejoin(run)
        if plan.release is None:
            found["services"] = "not managed here: start them by hand"
            return
        if checked := fitness.run_command(run.settings, plan.release):
            found["checked"] = checked
        services.up(run.settings, plan.release)
        checks = health.wait_for_release(run.settings, plan.release)
        found["healthy"] = [f"{check.name}: {check.found}" for check in checks]
        release.clean(run.settings, plan.release)
