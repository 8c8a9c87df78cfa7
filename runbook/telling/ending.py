"""The end of a run: what it came to, in the journal, in the report, and in what people are told."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from psycopg import sql as compose

from runbook import database, journal, printable, sealed
from runbook.approval import tries
from runbook.approval.answer import Approval
from runbook.errors import Blocked, RollbackError
from runbook.models import Check, Plan, Try
from runbook.runs import Run
from runbook.safekeeping import portable, snapshots
from runbook.telling import recipients, report, standing, told
from runbook.telling.summary import Summary, Verdict, outage_words
from runbook.telling.told import Told

log = logging.getLogger(__name__)

listeners: list[Callable[[Summary, Sequence[Path]], None]] = []
"""Who is told how a run ended, such as the terminal."""

DONE = "The database is rolled back and verified; the previous release runs."
DONE_HERE = "The database is rolled back and verified; the application is not managed here: start the previous release."
UNTOUCHED = "Nothing was changed; the services run as before."
BACK = "The database is as it was before; see the steps for the services."
STOPPED = "The database is as it was before, but the services could not be started again: users are offline."
COMMITTED = "The database is rolled back and committed; the run did not come to its end."

NEXT: dict[Verdict, str] = {
    "done": "Follow-ups are in the report: the post-mortem is due within 24 hours.",
    "declined": "Decide whether the incident goes on; a new run needs a new approval.",
    "refused": "Mend what is listed, then ask again.",
    "cancelled": "Find out who did it, and decide whether the incident goes on; a new run needs a new approval.",
    "failed": "Mend the problem, then run again for the same incident: it goes on, or starts over, as it must.",
}


def summarise(
    run: Run, plan: Plan | None, outcome: Verdict, checks: Sequence[Check], error: BaseException | None
) -> Summary:
    """Gather what a run came to, from the journal and from how it ended."""
    begun = journal.begun(run)
    given = journal.approvals(run) if begun else []
    approval = given[0] if given else None
    return Summary(
        request=run.request,
        plan=plan,
        approval=Approval.model_validate(approval) if approval else None,
        approved_at=approval["came"] if approval else None,
        steps=journal.steps(run.side, run.id, run.settings) if begun else list(run.unwritten),
        backup=portable.dump(run) if begun else None,
        checks=checks,
        outcome=outcome,
        state=_state(run, plan, outcome, error),
        next=_next(outcome, error),
        target=run.settings.target,
        problem=_problem(error),
        tries=_tries(run, given) if begun else [],
        archived=archived(run),
        copy=snapshots.of(run) if begun else None,
        committed=begun and journal.committed(run),
    )


def _tries(run: Run, given: Sequence[database.Row]) -> list[Try]:
    """Return all answers to a run; one that is said to have counted did so only where its decision is sealed."""
    counted = {(row["name"], row["decision"]) for row in given}
    return [
        replace(one, accepted=False, why=sealed.NOT_OURS)
        if one.accepted and (one.name, one.decision) not in counted
        else one
        for one in tries.read(run)
    ]


def _problem(error: BaseException | None) -> str:
    if error is None:
        return ""
    if isinstance(error, Blocked):
        return "\n".join([error.problem, *(f"- {printable.line(reason)}" for reason in error.reasons)])
    if isinstance(error, RollbackError):
        return error.problem
    return f"{type(error).__name__}: {error}" if str(error) else f"The run was ended by {type(error).__name__}"


def _state(run: Run, plan: Plan | None, outcome: Verdict, error: BaseException | None) -> str:
    """Say what state things are in; the database itself knows whether the transaction committed."""
    if outcome == "done":
        return DONE if plan and plan.release else DONE_HERE
    if isinstance(error, RollbackError) and error.state:
        return error.state
    if journal.begun(run) and journal.committed(run):
        return COMMITTED
    if journal.begun(run) and standing.services_stopped(journal.steps(run.side, run.id, run.settings)):
        return STOPPED
    return BACK if run.changing else UNTOUCHED


def _next(outcome: Verdict, error: BaseException | None) -> str:
    return error.remedy if isinstance(error, RollbackError) and error.remedy else NEXT[outcome]


def with_told(run: Run, summary: Summary, ended: Told) -> Summary:
    """Return what a run came to, now that people were told: while somebody waits, state and next step say so."""
    said = told.remedy(ended, run.request.incident)
    return replace(
        summary,
        told=ended,
        steps=journal.steps(run.side, run.id, run.settings) or summary.steps,
        state=f"{summary.state} Not everybody is told yet." if ended.open else summary.state,
        next=f"{said} {summary.next}" if said else summary.next,
    )


def last_words(summary: Summary) -> str:
    """Say in one line how a rollback that was done ended; it says "everybody told" only when they were."""
    ended = summary.told or Told()
    line = f"{summary.request.incident}: rolled back, verified, {told.sentence(ended)}; {outage_words(summary)}."
    return f"{line} {told.remedy(ended, summary.request.incident)}".strip()


def take_up(run: Run) -> bool:
    """Go on with the run for this incident that was done before everybody was told, and tell whether there is one."""
    found = recipients.unfinished(run)
    if found is None:
        return False
    run.id, request = found
    run.request = request.model_copy(update={"notify_users": run.request.notify_users})
    run.unwritten.clear()  # they are steps of this run, which does nothing else
    return True


def explain(failure: BaseException, summary: Summary) -> None:
    """Give a failure the state and the next step that are known only at the end of the run.

    Raises RollbackError in place of an error that has no room for them. Signals and cancellations stay as they are,
    since Prefect acts on their type.
    """
    if isinstance(failure, RollbackError):
        failure.state, failure.remedy = summary.state, summary.next
    elif isinstance(failure, Exception):
        raise RollbackError(summary.problem, summary.next, summary.state) from failure


def archived(run: Run) -> dict[str, int]:
    """Return how many rows each archive table of schema rollback holds."""
    count = compose.SQL("SELECT pg_catalog.count(*) FROM rollback.{}")
    # Tables of a schema that is not the runbook's are not touched.
    names = [] if journal.strangers(run.side) else [str(row["table"]) for row in database.query(run.side, "archived")]
    with database.translated():
        rows = {name: run.side.execute(count.format(compose.Identifier(name))).fetchone() for name in names}
    return {f"rollback.{name}": int(row[0]) if row else 0 for name, row in rows.items()}


def record(run: Run, summary: Summary) -> list[Path]:
    """Write report, evidence and follow-ups, tell the listeners, and return where they lie."""
    files = list(report.write(run.settings, summary))
    for tell in listeners:
        tell(summary, files)
    return files
