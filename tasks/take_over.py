"""Step: take over. What a killed runner left behind is put back: it could compensate nothing itself."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook import journal
from runbook.application import project as projects
from runbook.application import services
from runbook.runs import Run


@task(name="take over", task_run_name="take over", cache_policy=NO_CACHE, persist_result=False, retries=1)
def take_over(run: Run) -> None:
    """Start the services that a killed run stopped, and close its journal. Raises ServiceUnhealthy."""
    with journal.step(run, "take over") as found:
        found["killed"] = [f"{row['incident']} ({row['id']})" for row in run.dead]
        if any(row["stopped"] for row in run.dead) and run.settings.project_dir:
            services.start(run.settings, projects.find(run.settings))
            found["services"] = "started again on the release they had"
        for row in run.dead:
            journal.bury(run, row["id"])
