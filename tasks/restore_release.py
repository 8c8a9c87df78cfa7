"""Step: restore release. The procedure's step 4, first half: the tree is at the previous tag, the images are built."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook import journal, release
from runbook.models import Plan
from runbook.runs import Run


@task(
    name="restore release",
    task_run_name="restore release",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=2,
    retry_delay_seconds=5,
)
def restore_release(run: Run, plan: Plan) -> None:
    """Check the previous tag out and build its images. Raises ReleaseUnusable, ProgramFailed."""
    with journal.step(run, "restore release") as found:
        if plan.release is None:
            found["skipped"] = "no project_dir is set: bring the previous release back by hand"
            return
        release.switch(run.settings, plan.release)
        release.clean(run.settings, plan.release)
        found.update(tag=plan.release.tag, commit=plan.release.commit)
