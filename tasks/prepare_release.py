"""Step: prepare release. The previous release is put beside the live one and built, while the services still run."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook import journal
from runbook.application import release
from runbook.models import Plan
from runbook.runs import Run


@task(name="prepare release", task_run_name="prepare release", cache_policy=NO_CACHE, persist_result=False)
def prepare_release(run: Run, plan: Plan) -> None:
    """Check the previous release out beside the live one and build it there. Raises ReleaseUnusable."""
    with journal.step(run, "prepare release") as found:
        if plan.release is None:
            found["skipped"] = "no project_dir is set: the release is not managed here"
            return
        found["tree"] = str(release.prepare(run.settings, plan.release))
