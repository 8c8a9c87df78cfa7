"""Step: verify. The procedure's step 5 literally, the declared end state, and the services."""

from typing import cast
from uuid import UUID

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from runbook import journal, page
from runbook.models import Check, Plan
from runbook.runs import Run
from runbook.schema import changes, verification
from runbook.telling import reportpage
from tasks import shown


@task(name="verify", task_run_name="verify", cache_policy=NO_CACHE, persist_result=False)
def verify(run: Run, plan: Plan) -> list[Check]:
    """Compare what is expected with what is there, after the commit. Raises VerificationFailed listing what differs."""
    with journal.step(run, "verify") as found:
        checks = verification.database(run.side, plan, run.settings)
        checks += verification.of_services(run.settings, plan)
        _show(run, checks)
        found.update(checks=len(checks), failed=[check.name for check in checks if not check.passed])
        verification.judge(checks)
    return checks


def _show(run: Run, checks: list[Check]) -> None:
    """Show what was wanted and found, and which rows the transaction changed."""
    said, compared = reportpage.checked(checks), page.cells(reportpage.compared(checks))
    shown(lambda: cast(UUID, create_table_artifact(compared, key="verification", description=said)))
    if rows := changes.listed(journal.steps(run.side, run.id, run.settings)):
        said = "Rows that the transaction inserted, updated and deleted, by table."
        shown(lambda: cast(UUID, create_table_artifact(page.cells(rows), key="rows", description=said)))
