"""The snapshots that runs left: each gets its portable dump, and goes when its time is over."""

from typing import Any
from uuid import UUID

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows import runpage
from runbook import resumption, runs, settings
from runbook.errors import DatabaseFenced, Refused, SecondRunner
from runbook.safekeeping import snapshots
from runbook.settings import Settings
from tasks.drop_snapshot import drop_snapshot
from tasks.portable_dump import portable_dump


def _name() -> str:
    return f"snapshots of {settings.load().target}"


@flow(name="snapshots", flow_run_name=_name, persist_result=False)
def tidy() -> State[Any]:
    """Take and prove the portable dump of each snapshot that has none; drop those whose time is over.

    A snapshot without a proved dump is never dropped, unless its run changed nothing.
    """
    loaded = runpage.load()
    try:
        done = [_tidied(run_id, loaded) for run_id in snapshots.waiting(loaded)]
    except (SecondRunner, DatabaseFenced, Refused) as busy:  # a rollback is at work, or was not finished
        return Completed(message=f"Nothing done: {busy.problem}")
    return Completed(message=" ".join(done) or "There is no snapshot, or all may stay as they are.")


def _tidied(run_id: UUID, loaded: Settings) -> str:
    """Do for one snapshot what is due."""
    with runs.again(run_id, loaded) as run:
        copy = snapshots.of(run)
        if copy is None:
            return ""
        if snapshots.due(copy, loaded):
            if doubt := resumption.keeps(run, copy):
                return f"{copy.database} stays: {doubt}. Look, then drop it by hand."
            drop_snapshot(run, copy)
            return f"Dropped {copy.database}."
        portable_dump(run)
        return f"The dump of {copy.database} is proved."
