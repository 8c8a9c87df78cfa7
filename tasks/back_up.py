"""Step: back up. A snapshot on the same server, or pg_dump, as the plan chose; checked before anything is changed."""

from dataclasses import asdict

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook import connections, figures, journal
from runbook.barrier import fence
from runbook.models import Plan
from runbook.runs import Run
from runbook.safekeeping import backup, snapshot
from tasks import progress


@task(name="back up", task_run_name="back up", cache_policy=NO_CACHE, persist_result=False)
def back_up(run: Run, plan: Plan) -> None:
    """Take the backup and check it. Raises BackupFailed, ProgramMissing, ProgramFailed."""
    with journal.step(run, "back up") as found:
        if plan.backup.method == "snapshot":
            _copy(run, plan.backup.clone, found)
        else:
            _dump(run, plan, found)


def _copy(run: Run, clone: bool, found: journal.Found) -> None:
    """Copy the database while ``work`` is its only connection; the fence stays closed."""
    connections.stay_alone(run)
    taken = snapshot.take(run.work, run.gate, clone=clone)
    found.update(method="snapshot", copy=taken.database, clone=clone, properties=list(taken.properties))
    found["ended"] = [str(straggler) for straggler in taken.late]
    folder, original = run.settings.backup_dir, run.identity.database
    found["way_back"] = str(snapshot.write_going_back(folder, original, taken, run.request.incident))


def _dump(run: Run, plan: Plan, found: journal.Found) -> None:
    whole = plan.database_bytes
    # pg_dump has to connect: the fence is open for that moment, and closed again once its snapshot is taken.
    fence.open_up(run.gate, run.identity.database)
    with progress("backup", f"pg_dump of {figures.size(whole)}, users offline") as move:
        taken = backup.take(
            run.settings,
            run.identity,
            monitor=run.side,
            incident=run.request.incident,
            on_started=lambda: _close_again(run, found),
            on_progress=lambda written: move(
                written, whole, f"{figures.size(written)} written of {figures.size(whole)} at most"
            ),
        )
        move(1, 1, f"{figures.size(taken.bytes)} written and checked: {taken.path}")
    found.update({name: value for name, value in asdict(taken).items() if name != "seconds"}, method="dump")


def _close_again(run: Run, found: journal.Found) -> None:
    late = fence.close(run.gate, run.side, run.pids, spared=[backup.APPLICATION])
    found["ended"] = [str(straggler) for straggler in late]
