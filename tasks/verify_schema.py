"""Step: verify the schema. The last step inside the transaction: without it nothing commits."""

from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook.models import Plan
from runbook.runs import Run
from runbook.schema import changes
from runbook.schema.catalogue import Fact


@task(name="verify the schema", task_run_name="verify the schema", cache_policy=NO_CACHE, persist_result=False)
def verify_schema(run: Run, plan: Plan, before: Sequence[Fact]) -> None:
    """Hold the result against the declared end state. Raises VerificationFailed with all differences."""
    with changes.step(run, "verify the schema") as found:
        changes.verify(run, plan, before, found)
