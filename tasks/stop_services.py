"""Step: stop services. The procedure's step 1."""

from datetime import UTC, datetime

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook import journal
from runbook.application import health, services
from runbook.models import Plan
from runbook.planning import recheck
from runbook.runs import Run
from runbook.safekeeping import snapshot


@task(name="stop services", task_run_name="stop services", cache_policy=NO_CACHE, persist_result=False)
def stop_services(run: Run, plan: Plan) -> None:
    """Stop the named services and see them stopped, if the plan is still the one that was approved.

    Raises PlanChanged listing what voids the approval, ServiceUnhealthy naming the services that still run.
    """
    with journal.step(run, "stop services") as found:
        found["checkpoint"] = snapshot.relieve(run.side, plan.backup)
        found["moved_since_approval"] = recheck.recheck(run.work, plan, run.request, run.settings, run.pids)
        if plan.release is None:
            found["skipped"] = "no project_dir is set: stop the services by hand, the fence keeps them out"
            return
        found["offline_since"] = datetime.now(UTC).isoformat(timespec="milliseconds")
        change = services.stop(run.settings, plan.release.compose)
        found.update(stopped=list(run.settings.services), still_running=list(change.running))
        if change.killed:
            found["killed"] = list(change.killed)
        found["containers"] = list(change.containers)
        health.see_silent(run.settings)
        if not change.changed:
            found["skipped"] = "already stopped"
