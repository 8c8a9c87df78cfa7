"""The end of a run: what it came to, in the journal, in the report, and in what people are told."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from psycopg import sql as compose

from runbook import database, journal
from runbook.approval import tries
from runbook.approval.answer import Approval
from runbook.errors import Blocked, NotificationFailed, RollbackError
from runbook.models import Check, Plan
from runbook.runs import Run
from runbook.safekeeping import portable, snapshots
from runbook.telling import mail, messages, report, standing, team
from runbook.telling.messages import Event
from runbook.telling.summary import Summary, Verdict

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
    "failed": "Mend the problem, then run again for the same incident: it goes on, or starts over, as it must.",
}
EVENTS: dict[Verdict, Event] = {
    "done": "team_done",
    "declined": "team_declined",
    "refused": "team_declined",
    "failed": "team_failed",
}


def summarise(
    run: Run, plan: Plan | None, outcome: Verdict, checks: Sequence[Check], error: BaseException | None
) -> Summary:
    """Gather what a run came to, from the journal and from how it ended."""
    begun = journal.begun(run)
    approval = journal.approval(run) if begun else None
    return Summary(
        request=run.request,
        plan=plan,
        approval=Approval.model_validate({k: v for k, v in approval.items() if k != "came"}) if approval else None,
        approved_at=approval["came"] if approval else None,
        steps=journal.steps(run.side, run.id) if begun else list(run.unwritten),
        backup=portable.dump(run) if begun else None,
        checks=checks,
        outcome=outcome,
        state=_state(run, plan, outcome, error),
        next=_next(outcome, error),
        target=run.settings.target,
        problem=_problem(error),
        tries=tries.read(run) if begun else [],
        archived=archived(run),
        copy=snapshots.of(run) if begun else None,
        committed=begun and journal.committed(run),
    )


def _problem(error: BaseException | None) -> str:
    if error is None:
        return ""
    if isinstance(error, Blocked):
        return "\n".join([error.problem, *(f"- {reason}" for reason in error.reasons)])
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
    if journal.begun(run) and standing.services_stopped(journal.steps(run.side, run.id)):
        return STOPPED
    return BACK if run.changing else UNTOUCHED


def _next(outcome: Verdict, error: BaseException | None) -> str:
    return error.remedy if isinstance(error, RollbackError) and error.remedy else NEXT[outcome]


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
    count = compose.SQL("SELECT count(*) FROM rollback.{}")
    names = [str(row["table"]) for row in database.query(run.side, "archived")]
    with database.translated():
        rows = {name: run.side.execute(count.format(compose.Identifier(name))).fetchone() for name in names}
    return {f"rollback.{name}": int(row[0]) if row else 0 for name, row in rows.items()}


def record(run: Run, summary: Summary) -> list[Path]:
    """Write report, evidence and follow-ups, tell the listeners, and return where they lie."""
    files = list(report.write(run.settings, summary))
    for tell in listeners:
        tell(summary, files)
    return files


def tell_team(run: Run, summary: Summary, files: Sequence[Path], prefect_run: str) -> int:
    """Tell the team how the run ended, once. Returns how many channels were told; raises NotificationFailed."""
    mark = f"team: {summary.outcome}"
    if journal.begun(run) and journal.notified(run, mark):
        log.info("The team was told already: skipped.")
        return 0
    message = messages.team(
        run.settings, EVENTS[summary.outcome], messages.facts(summary, str(files[0]) if files else "", prefect_run)
    )
    told = team.tell(run.settings, message.title, message.body)
    if journal.begun(run):
        journal.notify(run, mark)
    return told


def tell_users(run: Run, summary: Summary) -> str:
    """Mail every active user about the rollback, nobody twice. Returns what was done; raises NotificationFailed."""
    if run.settings.smtp_host is None or not run.request.notify_users:
        return "not mailed: no mail server is set" if run.request.notify_users else "not mailed: so requested"
    recipients = [str(row["email"]) for row in database.query(run.side, "recipients")]
    message = messages.users(run.settings, messages.facts(summary))
    delivery = mail.send_users(
        run.settings,
        recipients,
        message.title,
        message.body,
        already=lambda address: journal.notified(run, address),
        sent=lambda address: journal.notify(run, address),
    )
    return (
        f"{delivery.sent} mailed, {delivery.skipped} mailed before, {len(delivery.failed)} refused by the mail server"
    )


def quietly(run: Run, summary: Summary, files: Sequence[Path], prefect_run: str) -> str:
    """Tell the team of a run that did not come to a good end; that nobody can be told must not hide why."""
    try:
        return f"{tell_team(run, summary, files, prefect_run)} channel(s) told"
    except NotificationFailed as error:
        log.error("The team could not be told: %s", error.problem)
        return f"the team could not be told: {error.problem}"
