"""Step: back up. The procedure's step 2: pg_dump in custom format, checked by listing it and by its checksum."""

from typing import cast
from uuid import UUID

from prefect import task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from runbook import backup, fence, journal
from runbook.models import Backup, Plan
from runbook.runs import Run


@task(name="back up", task_run_name="back up", cache_policy=NO_CACHE, persist_result=False)
def back_up(run: Run, plan: Plan) -> Backup:
    """Take the backup and check it. Raises BackupFailed, ProgramMissing, ProgramFailed."""
    with journal.step(run, "back up") as found:
        artifact = cast(UUID, create_progress_artifact(0.0, key="backup", description="Bytes written, of the estimate"))

        def progress(written: int) -> None:
            update_progress_artifact(artifact, min(99.0, 100.0 * written / max(plan.database_bytes, 1)))

        # pg_dump has to connect: the fence is open for that moment, and closed again once its snapshot is taken.
        fence.open_up(run.gate, run.identity.database)
        taken = backup.take(
            run.settings,
            run.identity,
            monitor=run.side,
            on_started=lambda: _close_again(run, found),
            on_progress=progress,
        )
        update_progress_artifact(artifact, 100.0)
        found.update(path=taken.path, bytes=taken.bytes, sha256=taken.sha256, entries=taken.entries)
    return taken


def _close_again(run: Run, found: journal.Found) -> None:
    late = fence.close(run.gate, run.side, run.pids, spared=[backup.APPLICATION])
    found["ended"] = [str(straggler) for straggler in late]
