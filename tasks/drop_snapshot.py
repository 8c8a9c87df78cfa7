"""Step: drop snapshot. A copy whose dump is proved and whose time is over, or that nothing was changed after, goes."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook import journal
from runbook.runs import Run
from runbook.safekeeping import snapshot
from runbook.safekeeping.kept import Copy


@task(name="drop snapshot", task_run_name="drop snapshot", cache_policy=NO_CACHE, persist_result=False)
def drop_snapshot(run: Run, copy: Copy) -> None:
    """Drop a snapshot. Raises StatementFailed while somebody is connected to it."""
    with journal.step(run, "drop snapshot") as found:
        snapshot.drop(run.gate, copy.database)
        found["dropped"] = copy.database
