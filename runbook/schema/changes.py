"""The changes: what the one transaction does, each step in a savepoint of its own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from runbook import database, journal
from runbook.barrier import autovacuum
from runbook.errors import LockNotAvailable, VerificationFailed
from runbook.models import Plan, Script, Step
from runbook.runs import Run
from runbook.schema import held, transaction
from runbook.schema.catalogue import Fact

LAST = "verify the schema"
"""The last step inside the transaction; it counts the rows."""


@contextmanager
def step(run: Run, name: str) -> Iterator[journal.Found]:
    """Do a database step in a savepoint; its journal row commits with the transaction.

    Raises LockNotAvailable naming who holds the locks, StatementFailed, VerificationFailed.
    """
    began = datetime.now(UTC)
    with journal.step(run, name, inside=True) as found:
        with held.naming_holders(run.side, run.pids), _without_autovacuum(run), database.transaction(run.work):
            yield found
        held.look(run, began)


@contextmanager
def _without_autovacuum(run: Run) -> Iterator[None]:
    """Where a lock was not granted, end the workers of autovacuum: the next try finds them gone."""
    try:
        yield
    except LockNotAvailable:
        autovacuum.end(run.side)
        raise


def settle_users(run: Run, plan: Plan, found: journal.Found) -> None:
    """Do with the users without a password what the plan says."""
    notices = transaction.handle_oauth_users(run.work, plan)
    if notices is None:
        found["skipped"] = "users without a password are kept; 012 is skipped"
        return
    found.update(notices=notices, rows=transaction.row_changes(run.work))


def run_script(run: Run, script: Script, found: journal.Found) -> None:
    """Run one rollback script and its verify script, or say why it is skipped.

    Raises RollbackError when the file is not the one that was approved.
    """
    if script.action == "skip":
        found["skipped"] = script.why
        return
    found["notices"] = transaction.run_script(run.work, script)


def verify(run: Run, plan: Plan, before: Sequence[Fact], found: journal.Found) -> None:
    """Hold the result against the declared end state, inside the transaction that made it.

    Raises VerificationFailed with all differences, objects lost, and rows changed that the plan did not announce.
    """
    result = transaction.result(run.work, plan, run.settings, before)
    found.update(facts=result.facts, rows=result.rows)
    if result.wrong:
        raise VerificationFailed(
            "The result is not the declared end state:\n" + "\n".join(f"  - {line}" for line in result.wrong),
            "Nothing needs to be repaired. Send these lines to who keeps the scripts.",
        )


def listed(steps: Sequence[Step]) -> list[dict[str, object]]:
    """Return the rows that the transaction of these steps changed, a row a table."""
    found = [step.found.get("rows") for step in steps if step.name == LAST and step.outcome == "done"]
    last = found[-1] if found else None
    kinds = ("inserted", "updated", "deleted")
    tables = last.items() if isinstance(last, dict) else ()
    return [{"table": table, **{kind: counts.get(kind, 0) for kind in kinds}} for table, counts in tables]
