"""Step: restore release. The procedure's step 4, first half: the tree is at the previous tag, and so are the images."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook import journal
from runbook.application import fitness, release
from runbook.models import Plan
from runbook.runs import Run
from tasks import not_unfit


@task(
    name="restore release",
    task_run_name="restore release",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=2,
    retry_delay_seconds=5,
    retry_condition_fn=not_unfit,
)
def restore_release(run: Run, plan: Plan) -> None:
    """See that the release can work on the database, check it out and hand its images over.

    Raises ReleaseUnfit, ReleaseUnusable, ProgramFailed.
    """
    with journal.step(run, "restore release") as found:
        if plan.release is None:
            found["skipped"] = "no project_dir is set: bring the previous release back by hand"
            return
        if checked := fitness.run_queries(run.work, run.settings, plan.release):
            found["checked"] = checked
        found["images"] = release.switch(run.settings, plan.release)
        found.update(tag=plan.release.tag, commit=plan.release.commit)
