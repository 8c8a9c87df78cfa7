"""The console script ``rollback``: the words a person types."""

import os
import signal
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from uuid import UUID

from cyclopts import App, CycloptsError, Parameter
from pydantic import ValidationError
from rich.console import Console

from flows import approvers, copies
from runbook import database, journal, printable, settings
from runbook.approval import approvals, proposals
from runbook.barrier import fence
from runbook.demo import world
from runbook.errors import Blocked, RollbackError
from runbook.planning import plan, plandata
from runbook.rehearsing import stagingmark
from runbook.rehearsing.request import RehearsalRequest
from runbook.request import PlanRequest, RollbackRequest
from runbook.schema import verification
from runbook.telling import screen, standing, terminal

DONE, FAILED, BLOCKED, DECLINED = 0, 1, 3, 4
"""Exit statuses; 2 is a command that cannot be understood."""

PREFECT = {
    "PREFECT_LOGGING_EXTRA_LOGGERS": "runbook",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_CLIENT_MAX_RETRIES": "2",
}
"""Prefect, as a person at a terminal wants it: progress is printed by the runbook, the log goes to the server.

A server that is gone is tried again for seconds, not for minutes: only a run that waits for its approval needs it.
"""


def _misused(error: CycloptsError) -> str:
    """Say in plain lines what cannot be understood, and where it is explained."""
    cause = error.__cause__
    said = approvals.options(cause) if isinstance(cause, ValidationError) else str(error)
    words = " ".join(["rollback", *(error.command_chain or ())])
    return f"{printable.text(said.strip())}\nNothing was started. What can be said: {words} --help"


app = App(
    name="rollback",
    help="Take the DigitalTwin transformation (migrations 010 to 013) back.",
    error_formatter=_misused,
)
door = App(name="fence", help="The fence that keeps everybody out of the database during the change.")
app.command(door)
app.command(approvers.app)
app.command(copies.app)

console = Console(highlight=False)
Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON for machines.")]
Request = Annotated[RollbackRequest, Parameter(name="*")]
Rehearsal = Annotated[RehearsalRequest, Parameter(name="*")]
Asked = Annotated[PlanRequest, Parameter(name="*")]


def main() -> None:
    """Run the console script and exit with the status that design promises."""
    for name, value in PREFECT.items():
        os.environ.setdefault(name, value)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stopped)
    try:
        status = app()
    except RollbackError as error:
        terminal.error(error, Console(stderr=True))
        status = BLOCKED if isinstance(error, Blocked) else FAILED
    sys.exit(status)


def _stopped(number: int, _: object) -> None:
    """End as by Ctrl-C, so that what was begun is compensated: by default the process would be gone at once."""
    sys.exit(128 + number)


@app.command
def demo(*, folder: Path = Path(".demo"), answer: bool = True) -> int:
    """Roll back a seeded, transformed database on an embedded PostgreSQL, from plan to report.

    Parameters
    ----------
    folder
        Where the demo keeps its database, backup, mailbox and report; emptied when it starts.
    answer
        Let the demo play the approver, through the same gate. --no-answer leaves that to you.
    """
    world.empty(folder.absolute())
    os.environ["PREFECT_HOME"] = str(folder.absolute() / "prefect")
    from flows import demo as story  # noqa: PLC0415 - Prefect takes seconds to import

    return story.play(folder.absolute(), console, answer=answer)


@app.command(name="plan")
def show_plan(request: Asked | None = None, *, as_json: Json = False) -> int:
    """Show what a rollback would do, and what stands in its way. Reads only; what is not said is assumed."""
    request = request or PlanRequest()
    loaded = settings.load()
    try:
        with closing(database.connect()) as conn, conn.transaction():
            conn.execute("SET TRANSACTION READ ONLY")
            drawn = plan.draw(conn, request, loaded, own=[conn.info.backend_pid])
            drawn = replace(drawn, proposals=proposals.earlier(loaded, drawn.identity))
    except Blocked as undrawn:
        if as_json:
            print(printable.as_json({"go_ahead": False, "blockers": list(undrawn.reasons)}))  # noqa: T201
        raise
    if as_json:
        print(printable.as_json(plandata.plan_json(drawn)))  # noqa: T201 - machines read it
    else:
        terminal.plan(drawn, request, console)
    return DONE if plandata.go_ahead(drawn) or not drawn.needed else BLOCKED


@app.command
def run(request: Request) -> int:
    """Roll back, here and now, with progress in the terminal. Waits for an approval before it touches anything."""
    from flows import session  # noqa: PLC0415

    return session.run(request, console)


@app.command
def rehearse(request: Rehearsal | None = None, *, mark: str | None = None) -> int:
    """Rehearse on staging, here and now: clone production, roll the clone back, test it, and put staging back.

    Parameters
    ----------
    mark
        Rehearse nothing: mark the database of this name, to which the environment leads, as staging; once.
    """
    if mark:
        screen.sentence(stagingmark.make(settings.load(), mark), console)
        return DONE
    from flows import session  # noqa: PLC0415

    return session.rehearse(request or RehearsalRequest(), console)


@app.command
def approve(flow_run: UUID | None = None, /) -> int:
    """Answer a run that waits for approval: shows its plan, asks decision, name and one-time code.

    A run that waits on this host for this user is answered directly; any other through Prefect's API.
    """
    from flows import approving, doors, prompting, session  # noqa: PLC0415

    if here := doors.local(flow_run):
        prompting.show(here, console)
        prompting.converse(here, console)
        return DONE
    away = session.unreachable()
    with session.server(console), session.answered():
        try:
            waiting = approving.waiting(flow_run)
        except RollbackError as error:
            error.problem += f" (asked was the temporary server: {away} does not answer)" if away else ""
            raise
        prompting.show(waiting.id, console)
        prompting.converse(waiting.id, console)
    return DONE


@app.command
def status(*, as_json: Json = False) -> int:
    """Say what the journal knows, what state the data is in, and what may be done now."""
    stand = standing.read(settings.load())
    if as_json:
        print(printable.as_json(standing.as_json(stand)))  # noqa: T201
    else:
        terminal.status(stand, console)
    return DONE


@app.command
def verify(*, as_json: Json = False) -> int:
    """Compare the database with the declared end state. Reads only."""
    loaded = settings.load()
    with closing(database.connect()) as conn, conn.transaction():
        conn.execute("SET TRANSACTION READ ONLY")
        checks = verification.standalone(conn, loaded)
    if as_json:
        print(printable.as_json([vars(check) for check in checks]))  # noqa: T201
    else:
        terminal.verified(checks, console)
    return DONE if all(check.passed for check in checks) else FAILED


@door.command(name="open")
def open_fence() -> int:
    """Let everybody connect to the database again, after saying what that means now."""
    loaded = settings.load()
    name = fence.abandoned(loaded)
    screen.sentence(
        f"No runner is at work on {name}. Whoever connects now sees it as the last commit left it.", console
    )
    fence.open_from_outside(loaded)
    with closing(database.connect()) as conn:
        screen.sentence(f"The fence is open. {standing.after_opening(journal.runs(conn))}", console)
    return DONE
