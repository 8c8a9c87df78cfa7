"""The approver's door in a terminal: the plan is shown, the answer asked for field by field."""

import os
import sys
import threading
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import get_args
from uuid import UUID

import httpx
from prefect.exceptions import PrefectException
from rich.console import Console
from rich.markdown import Markdown
from rich.prompt import Prompt

from flows import doors
from runbook import printable, settings
from runbook.approval import authority
from runbook.approval.answer import Answer, Role
from runbook.errors import RollbackError
from runbook.models import Plan
from runbook.planning import criteria
from runbook.request import RollbackRequest
from runbook.telling import screen, terminal

SHORTEST = 2
"""How many letters a name must have."""


def prompt(console: Console, flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
    """Show the plan of a waiting run and ask for the decision, on a thread of its own.

    The run goes on when the answer comes through another door first.
    """
    terminal.plan(plan, request, console)
    there = "in the Prefect UI, " if settings.load().form_answers else ""
    screen.sentence(f"Waiting for approval. Answer here, {there}or with: rollback approve {flow_run}", console)
    if flow_run and sys.stdin.isatty():
        beside(partial(_converse_beside, UUID(flow_run), console))


def beside(act: Callable[[], None]) -> None:
    """Do something on a thread of its own that speaks to the same Prefect server: which one that is, is contextual."""
    threading.Thread(target=copy_context().run, args=(act,), daemon=True).start()


def _converse_beside(flow_run: UUID, console: Console) -> None:
    try:
        converse(flow_run, console)
    except RollbackError as error:
        terminal.error(error, console)
    except (httpx.HTTPError, PrefectException) as error:
        screen.sentence(f"No answer was given here ({type(error).__name__}); the run goes on waiting.", console)


def show(flow_run: UUID, console: Console) -> None:
    """Show the question of a waiting run, and through which door an answer to it goes.

    It may come from the server: its links show where they lead.
    """
    shown, door = doors.question(flow_run)
    console.print(Markdown(printable.text(shown.text), hyperlinks=False))
    screen.sentence(door, console)


def converse(flow_run: UUID, console: Console) -> None:
    """Ask until an answer counts. Raises RollbackError when the run does not wait any more, or nobody answers."""
    while True:
        shown, door = doors.question(flow_run)
        answer = ask(console, shown.plan, without_rehearsal=bool(shown.demanded), here=door == doors.HERE)
        result = doors.give(flow_run, answer)
        screen.sentence(result.said, console)
        if result.accepted:
            return


def ask(console: Console, plan: str, *, without_rehearsal: bool = False, here: bool = True) -> Answer:
    """Ask for an approver's answer to this plan, and why it goes ``without_rehearsal`` where there is no fresh one.

    ``here``: the answer goes to the run on this host, past Prefect. Raises RollbackError when the input ends.
    """
    try:
        return Answer.model_validate(_asked(console, plan, doors.REHEARSAL if without_rehearsal else "", here=here))
    except EOFError:
        raise RollbackError("No answer was given.", "Answer in a terminal, or in the Prefect UI.") from None


def _asked(console: Console, plan: str, demanded: str, *, here: bool) -> dict[str, str]:
    """Ask field by field; the code last, since it is worth least time."""
    said = {
        "decision": Prompt.ask("Decision", choices=["approve", "decline"], console=console),
        "name": _name(console),
        "role": Prompt.ask("Your role", choices=list(get_args(Role)), console=console),
        "plan": Prompt.ask("Plan that you read", default=printable.line(plan), console=console),
        "comment": Prompt.ask("Comment", default="", show_default=False, console=console),
    }
    if said["role"] == authority.ON_CALL:
        said["lead_unreachable"] = Prompt.ask(
            "Why the Team Lead cannot be reached (empty: they are silent)", default="", console=console
        )
    if demanded and said["decision"] == "approve":
        said[demanded] = _reason(console)
    if not here and said["decision"] == "decline":
        screen.sentence(
            "To decline over Prefect no code is asked: what passes through it could be read there.", console
        )
        return {**said, "code": ""}
    return {**said, "code": Prompt.ask("One-time code", console=console)}


def _reason(console: Console) -> str:
    """Ask until the reason says something: a code is worth too little time to be spent on less."""
    reason = ""
    while not criteria.in_words(reason):
        asked = f"There is no fresh rehearsal; why it goes without (at least {criteria.LETTERS} letters)"
        reason = Prompt.ask(asked, console=console)
    return reason


def _name(console: Console) -> str:
    name = ""
    while len(name.strip()) < SHORTEST:
        name = Prompt.ask("Your name", default=os.environ.get("USER", ""), console=console)
    return name
