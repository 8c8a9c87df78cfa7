"""Compensation: the fence opens and the services start again on the release they had."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook import connections, journal, resumption
from runbook.application import services
from runbook.barrier import fence
from runbook.errors import CommittedAfterAll, DatabaseUnavailable
from runbook.models import Plan
from runbook.runs import Run
from runbook.safekeeping import snapshots
from tasks import not_committed


@task(
    name="start services again",
    task_run_name="start services again",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=5,
    retry_delay_seconds=3,
    retry_condition_fn=not_committed,
)
def reopen(run: Run, plan: Plan) -> None:
    """Open the fence and start the same containers again.

    Raises CommittedAfterAll when the transaction committed after all (the connection was lost while it did): then the
    way is forward. Raises DatabaseUnavailable while nobody can tell.
    """
    _reach(run, plan)
    # The journal and the catalogue must both say that it did not: its row may be gone, and the release would not fit.
    if run.changing and (journal.committed(run) or resumption.rolled_back(run)):
        raise CommittedAfterAll(
            "The run was broken off, or its connection lost, during the commit, and the transaction did commit.",
            "Run the same command for the same incident again: it goes on with the previous release.",
            "The database is rolled back; the services are stopped.",
        )
    with journal.step(run, "start services again") as found:
        fence.open_for_good(run.gate, run.identity.database)
        connections.rejoin(run)
        found["services"] = _start(run, plan)
        journal.undone(run)
        found["dropped"] = snapshots.discard(run)


def _reach(run: Run, plan: Plan) -> None:
    """Make sure of the connection; where nothing was begun the services may start whatever the database does."""
    try:
        connections.revive(run)
    except DatabaseUnavailable:
        if not run.changing:
            _start(run, plan)
        raise


def _start(run: Run, plan: Plan) -> str:
    if plan.release is None:
        return "not managed here: start them by hand"
    services.start(run.settings, plan.release.compose)
    return "started again on the release they had"
