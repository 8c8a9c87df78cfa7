"""Step: verify. The procedure's step 5 literally, the declared end state, and the services."""

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from runbook import journal
from runbook.models import Check, Plan
from runbook.runs import Run
from runbook.schema import verification
from runbook.telling import report


@task(name="verify", task_run_name="verify", cache_policy=NO_CACHE, persist_result=False)
def verify(run: Run, plan: Plan) -> list[Check]:
    """Compare what is expected with what is there, after the commit. Raises VerificationFailed listing what differs."""
    with journal.step(run, "verify") as found:
        checks = verification.database(run.side, plan, run.settings)
        checks += verification.of_services(run.settings, plan)
        create_markdown_artifact(report.checks_markdown(checks), key="verification", description="Expected and found")
        found.update(checks=len(checks), failed=[check.name for check in checks if not check.passed])
        verification.judge(checks)
    return checks
