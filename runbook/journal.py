"""The journal: what was done, in the database that it was done to. PostgreSQL holds the truth, Prefect shows it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg

from runbook import database, printable, sealed
from runbook.approval.answer import Approval
from runbook.errors import Blocked
from runbook.models import Outcome, Plan, Step
from runbook.settings import Settings

if TYPE_CHECKING:
    from runbook.runs import Run

log = logging.getLogger(__name__)

listeners: list[Callable[[Step], None]] = []
"""Who is told each step as it ends, such as the terminal."""

Found = dict[str, object]

UNDONE = "rolled back with the transaction"
"""What becomes of a step inside the transaction that did not commit."""
STRANGER = "ALTER SCHEMA rollback RENAME TO another name, then ask again."
"""What to do about what stands in schema rollback and is not the runbook's."""


def interrupted(conn: psycopg.Connection) -> list[database.Row]:
    """Return runs that were killed before their commit; the caller holds the runner's lock.

    Columns: id, incident, request, stopped.
    """
    return database.query(conn, "journal_interrupted") if exists(conn) else []


def bury(run: "Run", run_id: UUID, state: str = "Killed before the commit; nothing changed.") -> None:
    """Write down that a run came to no end of its own."""
    prepare(run.side)
    database.query(run.side, "journal_undone", run=run_id)
    _end_of(run, run_id, "failed", state)


def exists(conn: psycopg.Connection) -> bool:
    """Return whether this database has a journal that is the runbook's; nothing in another one may be touched."""
    return bool(database.query(conn, "journal_exists")[0]["found"]) and not database.query(conn, "journal_foreign")


def strangers(conn: psycopg.Connection) -> list[str]:
    """List what stands in schema rollback and is not the runbook's, each with its remedy."""
    rows = database.query(conn, "journal_foreign")
    return [f"{sealed.shown(row['object'])} {sealed.shown(row['why'])}. {STRANGER}" for row in rows]


def check(conn: psycopg.Connection) -> None:
    """Raise Blocked with everything in schema rollback that is not the runbook's: none of it is touched."""
    if found := strangers(conn):
        raise Blocked(
            "Schema rollback holds what is not the runbook's, so its journal is not believed.",
            "Find out who made what is listed. Then ALTER SCHEMA rollback RENAME TO another name, and ask again.",
            "Nothing was touched.",
            reasons=found,
        )


def prepare(conn: psycopg.Connection) -> None:
    """Make the journal, or bring one of an earlier version up to date. Raises Blocked."""
    with database.transaction(conn):
        database.script(conn, "journal/namespace.sql")
        check(conn)  # now that the schema is there: who made it in the meantime is seen
        database.script(conn, "journal/schema.sql")


def begin(run: "Run", plan: Plan, prefect_run: str | None) -> None:
    """Open the journal for this run; steps taken before are written down now."""
    prepare(run.side)
    with database.transaction(run.side):
        row = sealed.run(run, plan, datetime.now(UTC))
        database.query(run.side, "journal_begin", prefect_run=prefect_run, **row)
        _catch_up(run)
    run.plan_hash = plan.hash


def replace_plan(run: "Run", plan: Plan, started: datetime) -> None:
    """Write down that a run that committed goes on by another plan, which was approved."""
    row = sealed.run(run, plan, started)
    database.query(
        run.side, "journal_replaced", **{name: row[name] for name in ("id", "request", "plan", "hash", "mac")}
    )


def begun(run: "Run") -> bool:
    """Return whether this run stands in the journal."""
    # Once it has begun the journal was looked at; looking again would wait for the transaction's own locks.
    return (bool(run.plan_hash) or exists(run.side)) and bool(database.query(run.side, "journal_run", id=run.id))


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
        _ended(run, number, Step(name, started, datetime.now(UTC), "failed", {**found, "error": printable.text(error)}))
        raise
    outcome: Outcome = "skipped" if "skipped" in found else "open" if "open" in found else "done"
    _ended(run, number, Step(name, started, datetime.now(UTC), outcome, found), inside=inside)


def _running(run: "Run", name: str, started: datetime) -> int | None:
    """Write the beginning; None while that cannot be done, or would only come with the transaction."""
    if not _writable(run):
        return None
    _catch_up(run)
    rows = database.query(run.side, "journal_step", **sealed.step(run, Step(name, started, None, "running")))
    return int(rows[0]["id"])


def _writable(run: "Run") -> bool:
    """Return whether what is written now stays, whatever becomes of the transaction."""
    return not (run.alone and database.in_transaction(run.work)) and begun(run)


def _ended(run: "Run", number: int | None, done: Step, *, inside: bool = False) -> None:
    """Write the end, tell the listeners, and log it in one line."""
    if number is not None:
        row = sealed.step(run, done)
        written = {name: row[name] for name in ("ended", "outcome", "found", "mac")}
        database.query(run.work if inside else run.side, "journal_step_end", id=number, **written)
    else:
        if inside:
            database.query(run.work, "journal_step", **sealed.step(run, done))
        run.unwritten.append(replace(done, found={**done.found, "undone": UNDONE}) if inside else done)
    log.info("%s: %s in %.1f s", done.name, done.outcome, done.seconds)
    for tell in listeners:
        tell(done)


def _catch_up(run: "Run") -> None:
    """Write down the steps that could not be written before; what came with the transaction is there already."""
    for step in run.unwritten:
        outcome = "failed" if "undone" in step.found else step.outcome
        database.query(run.side, "journal_step_late", **sealed.step(run, replace(step, outcome=outcome)))
    run.unwritten.clear()


def approvals(run: "Run") -> list[database.Row]:
    """Return the decisions in this run that this worker wrote, the newest first: came, decision, name, role, …"""
    rows = database.query(run.side, "journal_approval_of", run=run.id)
    return [row for row in rows if sealed.is_approval(run.settings, run.id, row)]


def undone(run: "Run") -> None:
    """Mark the steps whose work was rolled back with the transaction."""
    if begun(run):
        _catch_up(run)
        database.query(run.side, "journal_undone", run=run.id)


def approved(run: "Run", approval: Approval) -> None:
    """Write down who decided what, about the plan with which the run began."""
    said = {"came": datetime.now(UTC), "plan_hash": run.plan_hash, **approval.model_dump()}
    database.query(run.side, "journal_approval", **sealed.approval(run, said))


def committed(run: "Run") -> bool:
    """Return whether the transaction of this run committed: the row of its last step, sealed, came with it."""
    rows = database.query(run.side, "journal_committed", id=run.id) if exists(run.side) else []
    return any(sealed.is_step(run.settings, row) for row in rows)


def end(run: "Run", outcome: str, state: str) -> None:
    """Write the end of the run and the state it leaves behind."""
    if begun(run):
        _catch_up(run)
        _end_of(run, run.id, outcome, state)


def _end_of(run: "Run", run_id: UUID, outcome: str, state: str) -> None:
    mac = sealed.end(run.settings, run_id, outcome, state)
    database.query(run.side, "journal_end", id=run_id, outcome=outcome, state=state, mac=mac)


def steps(conn: psycopg.Connection, run_id: UUID, settings: Settings | None = None) -> list[Step]:
    """Return the steps of a run in their order; with ``settings``, what this worker did not write says so."""
    rows = database.query(conn, "journal_steps", run=run_id)
    return [sealed.read_step(settings, {**row, "run_id": run_id}) for row in rows]


def runs(conn: psycopg.Connection, settings: Settings | None = None) -> list[database.Row]:
    """Return all runs, the newest first; ``proved`` tells which of them this worker wrote, from beginning to end.

    ``committed`` is what the journal says, or with ``settings`` only what it says under seal.
    """
    rows = database.query(conn, "journal_runs") if exists(conn) else []
    return rows if settings is None else [_judged(conn, row, settings) for row in rows]


def _judged(conn: psycopg.Connection, row: database.Row, settings: Settings) -> database.Row:
    proved = sealed.is_run(settings, row)
    last = database.query(conn, "journal_committed", id=row["id"]) if row["committed"] else []
    committed = proved and any(sealed.is_step(settings, one) for one in last)
    return {**row, "claimed": row["committed"], "committed": committed, "proved": proved}


def restate(run: "Run", state: str) -> None:
    """Write what state a run that was done leaves behind, as it is known now."""
    mac = sealed.end(run.settings, run.id, "done", state)
    database.query(run.side, "journal_state", id=run.id, outcome="done", state=state, mac=mac)
