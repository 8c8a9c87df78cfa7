"""The journal: what was done, in the database that it was done to. PostgreSQL holds the truth, Prefect shows it."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from runbook import database
from runbook.approval.answer import Approval
from runbook.errors import Refused
from runbook.models import Outcome, Plan, Step
from runbook.planning import plandata

if TYPE_CHECKING:
    from runbook.runs import Run

log = logging.getLogger(__name__)

listeners: list[Callable[[Step], None]] = []
"""Who is told each step as it ends, such as the terminal."""

Found = dict[str, object]

UNDONE = "rolled back with the transaction"
"""What becomes of a step inside the transaction that did not commit."""


def unfinished(conn: psycopg.Connection, incident: str) -> UUID | None:
    """Return the run that committed and was not finished, if there is one.

    Raises Refused when it was for another incident: that one has to be finished first.
    """
    rows = database.query(conn, "journal_unfinished") if exists(conn) else []
    if rows and rows[0]["incident"] != incident:
        other = rows[0]["incident"]
        raise Refused(
            f"The rollback for {other} committed and was not finished.",
            f"Finish it: rollback run --incident {other} … goes on where it stopped.",
            "The database is rolled back; this run touched nothing.",
        )
    return rows[0]["id"] if rows else None


def interrupted(conn: psycopg.Connection) -> list[database.Row]:
    """Return runs that were killed before their commit (id, incident, stopped); the caller holds the runner's lock."""
    return database.query(conn, "journal_interrupted") if exists(conn) else []


def bury(conn: psycopg.Connection, run_id: UUID) -> None:
    """Write down that a run was killed before its commit."""
    database.query(conn, "journal_undone", run=run_id)
    database.query(conn, "journal_end", id=run_id, outcome="failed", state="Killed before the commit; nothing changed.")


def exists(conn: psycopg.Connection) -> bool:
    """Return whether this database has a journal at all."""
    return bool(database.query(conn, "journal_exists")[0]["found"])


def begin(run: "Run", plan: Plan, prefect_run: str | None) -> None:
    """Open the journal for this run; steps taken before are written down now."""
    with database.transaction(run.side):
        database.script(run.side, "journal/schema.sql")
        database.query(
            run.side,
            "journal_begin",
            id=run.id,
            incident=run.request.incident,
            target=run.settings.target,
            request=Jsonb(run.request.model_dump(mode="json")),
            plan=Jsonb(plandata.plan_json(plan)),
            hash=plan.hash,
            prefect_run=prefect_run,
        )
        _catch_up(run)


def _row(step: Step) -> dict[str, Any]:
    return {**asdict(step), "found": Jsonb(dict(step.found))}


def begun(run: "Run") -> bool:
    """Return whether this run stands in the journal."""
    return exists(run.side) and bool(database.query(run.side, "journal_run", id=run.id))


@contextmanager
def step(run: "Run", name: str, *, inside: bool = False) -> Iterator[Found]:
    """Write a step down as it begins and as it ends; the block fills in what it found.

    A step that says ``skipped`` or ``open`` ends as that: open is what did all it could while something is left.
    ``inside``: the step belongs to the run's transaction, and so does the row of its end. psycopg's errors are turned
    into the runbook's here, so that none leaves a step. Raises WrongDatabase when the connection leads elsewhere now.
    """
    database.guard(run.work if inside else run.side, run.identity)
    started, found = datetime.now(UTC), Found()
    number = _running(run, name, started)
    try:
        with database.translated():
            yield found
    except BaseException as error:
        _ended(run, number, Step(name, started, datetime.now(UTC), "failed", {**found, "error": str(error)}))
        raise
    outcome: Outcome = "skipped" if "skipped" in found else "open" if "open" in found else "done"
    _ended(run, number, Step(name, started, datetime.now(UTC), outcome, found), inside=inside)


def _running(run: "Run", name: str, started: datetime) -> int | None:
    """Write the beginning; None while that cannot be done, or would only come with the transaction."""
    if not _writable(run):
        return None
    _catch_up(run)
    rows = database.query(run.side, "journal_step", run=run.id, **_row(Step(name, started, None, "running")))
    return int(rows[0]["id"])


def _writable(run: "Run") -> bool:
    """Return whether what is written now stays, whatever becomes of the transaction."""
    return not (run.alone and database.in_transaction(run.work)) and begun(run)


def _ended(run: "Run", number: int | None, done: Step, *, inside: bool = False) -> None:
    """Write the end, tell the listeners, and log it in one line."""
    if number is not None:
        database.query(run.work if inside else run.side, "journal_step_end", id=number, **_end(done))
    else:
        if inside:
            database.query(run.work, "journal_step", run=run.id, **_row(done))
        run.unwritten.append(replace(done, found={**done.found, "undone": UNDONE}) if inside else done)
    log.info("%s: %s in %.1f s", done.name, done.outcome, done.seconds)
    for tell in listeners:
        tell(done)


def _end(done: Step) -> dict[str, Any]:
    return {"ended": done.ended, "outcome": done.outcome, "found": Jsonb(dict(done.found))}


def _catch_up(run: "Run") -> None:
    """Write down the steps that could not be written before; what came with the transaction is there already."""
    for step in run.unwritten:
        outcome = "failed" if "undone" in step.found else step.outcome
        database.query(run.side, "journal_step_late", run=run.id, **_row(replace(step, outcome=outcome)))
    run.unwritten.clear()


def approval(run: "Run") -> dict[str, Any] | None:
    """Return the newest decision in this run: came, decision, name, role, comment."""
    rows = database.query(run.side, "journal_approval_of", run=run.id)
    return rows[0] if rows else None


def undone(run: "Run") -> None:
    """Mark the steps whose work was rolled back with the transaction."""
    if begun(run):
        _catch_up(run)
        database.query(run.side, "journal_undone", run=run.id)


def approved(run: "Run", approval: Approval) -> None:
    """Write down who decided what."""
    database.query(run.side, "journal_approval", run=run.id, **approval.model_dump())


def committed(run: "Run") -> bool:
    """Return whether the transaction of this run committed: its last step's row came with it."""
    return exists(run.side) and bool(database.query(run.side, "journal_committed", id=run.id))


def end(run: "Run", outcome: str, state: str) -> None:
    """Write the end of the run and the state it leaves behind."""
    if begun(run):
        _catch_up(run)
        database.query(run.side, "journal_end", id=run.id, outcome=outcome, state=state)


def steps(conn: psycopg.Connection, run_id: UUID) -> list[Step]:
    """Return the steps of a run in their order."""
    return [Step(**row) for row in database.query(conn, "journal_steps", run=run_id)]


def runs(conn: psycopg.Connection) -> list[Mapping[str, Any]]:
    """Return all runs, the newest first."""
    return list(database.query(conn, "journal_runs")) if exists(conn) else []


def restate(run: "Run", state: str) -> None:
    """Write what state a run that has ended leaves behind, as it is known now."""
    database.query(run.side, "journal_state", id=run.id, state=state)
