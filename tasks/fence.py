"""Step: fence. From here nobody but the runbook is connected to the database, and nobody can connect."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook import journal
from runbook.barrier import fence as barrier
from runbook.barrier import poolers, watchdog
from runbook.runs import Run
from runbook.schema import catalogue
from runbook.schema.catalogue import Fact


@task(name="fence", task_run_name="fence", cache_policy=NO_CACHE, persist_result=False)
def fence(run: Run) -> list[Fact]:
    """Close the fence, end the stragglers, and return the catalogue as it is before the change."""
    with journal.step(run, "fence") as found:
        poolers.check(run.work, locked=True)
        watchdog.start(run.gate, run.settings, run.identity.oid)
        stragglers = barrier.close(run.gate, run.side, run.pids, grace=run.settings.fence_grace_seconds)
        found["ended"] = [str(straggler) for straggler in stragglers]
        return catalogue.read(run.work)
