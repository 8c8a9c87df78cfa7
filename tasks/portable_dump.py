"""Step: portable dump. With the users back, the snapshot becomes a dump that is proved by restoring it."""

from dataclasses import asdict

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from runbook import journal
from runbook.runs import Run
from runbook.safekeeping import portable, snapshots
from runbook.telling import report
from runbook.telling.summary import Summary
from tasks import progress


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
        dumped, compared = progress("portable-dump", "Bytes written"), progress("proof", "Tables compared")
        taken, proof = snapshots.secure(run, copy, lambda written: dumped(written, copy.bytes), compared)
        found.update({name: value for name, value in asdict(taken).items() if name != "seconds"})
        found.update(tables=proof.tables, rows=proof.rows, restore_seconds=proof.restore_seconds)
    if summary:
        whole = portable.with_dump(run, summary)
        report.rewrite(run.settings, whole)
        create_markdown_artifact(report.markdown(whole), key="report", description=f"Report of {run.request.incident}")
