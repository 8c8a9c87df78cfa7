"""Step: fence. From here nobody but the runbook is connected to the database, and nobody can connect."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook import catalogue, journal
from runbook import fence as barrier
from runbook.catalogue import Fact
from runbook.runs import Run


@task(name="fence", task_run_name="fence", cache_policy=NO_CACHE, persist_result=False)
def fence(run: Run) -> list[Fact]:
    """Close the fence, end the stragglers, and return the catalogue as it is before the change."""
    with journal.step(run, "fence") as found:
        stragglers = barrier.close(run.gate, run.side, run.pids)
        found["ended"] = [f"{s.application} (pid {s.pid}, {s.address})" for s in stragglers]
        return catalogue.read(run.work)
