"""The changes: what the one transaction does, each step in a savepoint of its own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import sql
from runbook import database, journal
from runbook.barrier import autovacuum
from runbook.errors import LockNotAvailable, RollbackError, VerificationFailed
from runbook.models import Plan, Script, Step
from runbook.runs import Run
from runbook.schema import catalogue, endstate, held
from runbook.schema.catalogue import Fact

SETTLE = {"temporary passwords": "oauth/temporary_passwords.sql", "delete": "oauth/delete.sql"}
"""The procedure's options 1 and 2; option 3, keep, runs nothing and skips 012."""


LAST = "verify the schema"
"""The last step inside the transaction; it counts the rows."""


@contextmanager
def step(run: Run, name: str) -> Iterator[journal.Found]:
    """Do a database step in a savepoint; its journal row commits with the transaction.

    Raises LockNotAvailable naming who holds the locks, StatementFailed, VerificationFailed.
    """
    began = datetime.now(UTC)
    with journal.step(run, name, inside=True) as found:
        with _naming_holders(run), database.transaction(run.work):
            yield found
        held.look(run, began)


@contextmanager
def _naming_holders(run: Run) -> Iterator[None]:
    """Add to an error about a lock who holds it: pid, application, age of the query. Autovacuum is ended."""
    try:
        yield
    except LockNotAvailable as error:
        autovacuum.end(run.side)
        rows = database.query(run.side, "lock_holders", own=run.pids)
        who = "; ".join(
            f"{row['application']} (pid {row['pid']}, query {row['query_seconds']:.0f} s old, on {row['tables']})"
            for row in rows
        )
        raise LockNotAvailable(f"{error.problem} Held by: {who or 'nobody any more'}.", error.remedy) from None


def settle_users(run: Run, plan: Plan, found: journal.Found) -> None:
    """Do with the users without a password what the plan says."""
    name = SETTLE.get(plan.oauth)
    if name is None:
        found["skipped"] = "users without a password are kept; 012 is skipped"
        return
    found["notices"] = database.script(run.work, name)
    found["rows"] = _row_changes(run)


def run_script(run: Run, script: Script, found: journal.Found) -> None:
    """Run one rollback script and its verify script, or say why it is skipped.

    Raises RollbackError when the file is not the one that was approved.
    """
    if script.action == "skip":
        found["skipped"] = script.why
        return
    if sql.digest(script.name) != script.sha256:
        raise RollbackError(
            f"sql/{script.name} is not the file that was approved: it changed since.",
            "Find out who changed it; a new plan needs a new approval.",
        )
    found["notices"] = database.script(run.work, script.name)
    database.script(run.work, script.name.replace("rollback/", "verify/", 1))


def verify(run: Run, plan: Plan, before: Sequence[Fact], found: journal.Found) -> None:
    """Hold the result against the declared end state, inside the transaction that made it.

    Raises VerificationFailed with all differences, objects lost, and rows changed that the plan did not announce.
    """
    after = catalogue.read(run.work)
    wrong = endstate.wrong(plan, run.settings, after, before)
    wrong += [f"lost: {fact.kind} {fact.object}" for fact in catalogue.lost(before, after)]
    rows = _row_changes(run)
    wrong += endstate.unannounced(plan, rows)
    found.update(facts=len(after), rows=rows)
    if wrong:
        raise VerificationFailed(
            "The result is not the declared end state:\n" + "\n".join(f"  - {line}" for line in wrong),
            "Nothing needs to be repaired. Send these lines to who keeps the scripts.",
        )


def _row_changes(run: Run) -> dict[str, dict[str, int]]:
    """Return rows inserted, updated and deleted by this transaction so far, by table (the server's own counters)."""
    rows = database.query(run.work, "row_changes")
    return {str(row.pop("table")): {k: int(v) for k, v in row.items() if v} for row in rows}


def listed(steps: Sequence[Step]) -> list[dict[str, object]]:
    """Return the rows that the transaction of these steps changed, a row a table."""
    found = [step.found.get("rows") for step in steps if step.name == LAST and step.outcome == "done"]
    last = found[-1] if found else None
    kinds = ("inserted", "updated", "deleted")
    tables = last.items() if isinstance(last, dict) else ()
    return [{"table": table, **{kind: counts.get(kind, 0) for kind in kinds}} for table, counts in tables]
