"""Step: portable dump. With the users back, the snapshot becomes a dump that is proved by restoring it."""

from dataclasses import asdict
from typing import cast
from uuid import UUID

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from runbook import figures, journal
from runbook.runs import Run
from runbook.safekeeping import portable, snapshots
from runbook.safekeeping.kept import Backup, Copy, Proof
from runbook.telling import report
from runbook.telling.summary import Summary
from tasks import progress, shown


@task(name="portable dump", task_run_name="portable dump", cache_policy=NO_CACHE, persist_result=False)
def portable_dump(run: Run, summary: Summary | None = None) -> None:
    """Take the dump of the run's snapshot and prove it; write the report of a run that just ended anew.

    Raises RollbackError saying that the rollback itself is done, and that the snapshot stays.
    """
    with portable.all_but_the_dump(run), journal.step(run, "portable dump") as found:
        copy = snapshots.of(run)
        if copy is None or copy.proved:
            found["skipped"] = "proved before" if copy else "there is no snapshot: the backup is a dump"
            return
        taken, proof = _secured(run, copy)
        found.update({name: value for name, value in asdict(taken).items() if name != "seconds"})
        found.update(tables=proof.tables, rows=proof.rows, restore_seconds=proof.restore_seconds)
    if summary:
        whole = portable.with_dump(run, summary)
        report.rewrite(run.settings, whole)
        text, said = report.markdown(whole, whole=True), f"Report of {run.request.incident}, with its proved dump"
        shown(lambda: cast(UUID, create_markdown_artifact(text, key="report", description=said)))


def _secured(run: Run, copy: Copy) -> tuple[Backup, Proof]:
    """Take the dump and prove it, and show how far both are."""
    whole = figures.size(copy.bytes)
    with (
        progress("portable-dump", f"pg_dump of the snapshot, {whole}, users online") as dumped,
        progress("proof", "The dump is restored into a scratch database once it is taken") as compared,
    ):
        taken, proof = snapshots.secure(
            run,
            copy,
            lambda written: dumped(written, copy.bytes, f"{figures.size(written)} written of {whole} at most"),
            lambda done, of: compared(done, of, f"{done} of {figures.count(of, 'table')} and sequences compared"),
        )
        dumped(1, 1, f"{figures.size(taken.bytes)} written and checked: {taken.path}")
        compared(1, 1, f"{figures.count(proof.rows, 'row')} in {figures.count(proof.tables, 'table')} are the same")
    return taken, proof
