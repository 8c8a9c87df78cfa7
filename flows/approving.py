"""Answering a run that waits: from a terminal, through the same Prefect API that its UI uses."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import get_args
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import PrefectException, PrefectHTTPStatusError
from rich.console import Console
from rich.markdown import Markdown
from rich.prompt import Prompt

from runbook import authority, terminal
from runbook.errors import RollbackError
from runbook.models import Plan
from runbook.request import Answer, Role, RollbackRequest

POLL = 0.3
SHORTEST = 2
"""How many letters a name must have."""
GAP_SECONDS = 20
"""How long a run may take between two questions: it weighs the last answer."""
VERDICT_SECONDS = 60
PAUSED = {"state": {"type": {"any_": ["PAUSED"]}}}


@dataclass(frozen=True)
class Verdict:
    """What became of an answer."""

    accepted: bool
    said: str


def prompt(console: Console, flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
    """Show the plan of a waiting run and ask for the decision, on a thread of its own.

    The run goes on when the answer comes through another door first.
    """
    terminal.plan(plan, request, console)
    console.print(f"Waiting for approval. Answer here, in the Prefect UI, or with: rollback approve {flow_run}")
    if flow_run and sys.stdin.isatty():
        beside(partial(_converse_beside, UUID(flow_run), console))


def beside(act: Callable[[], None]) -> None:
    """Do something on a thread of its own that speaks to the same Prefect server: which one that is, is contextual."""
    threading.Thread(target=copy_context().run, args=(act,), daemon=True).start()


def _converse_beside(flow_run: UUID, console: Console) -> None:
    try:
        converse(flow_run, console, "prompt of rollback run")
    except RollbackError as error:
        terminal.error(error, console)
    except (httpx.HTTPError, PrefectException) as error:
        console.print(f"No answer was given here ({type(error).__name__}); the run goes on waiting.", markup=False)


def show(run: FlowRun, console: Console) -> None:
    """Show what stands above the form of a waiting run."""
    console.print(Markdown(shown_plan(run)))


def converse(flow_run: UUID, console: Console, door: str) -> None:
    """Ask until an answer counts. Raises RollbackError when the run does not wait any more, or nobody answers."""
    while True:
        run = _paused(flow_run)
        verdict = give(flow_run, ask(console, _plan_of(run)), door)
        console.print(verdict.said, markup=False)
        if verdict.accepted:
            return


def ask(console: Console, plan: str) -> Answer:
    """Ask for an approver's answer to this plan. Raises RollbackError when the input ends."""
    try:
        return Answer.model_validate(_asked(console, plan))
    except EOFError:
        raise RollbackError("No answer was given.", "Answer in a terminal, or in the Prefect UI.") from None


def _asked(console: Console, plan: str) -> dict[str, str]:
    """Ask field by field; the code last, since it is worth least time."""
    said = {
        "decision": Prompt.ask("Decision", choices=["approve", "decline"], console=console),
        "name": _name(console),
        "role": Prompt.ask("Your role", choices=list(get_args(Role)), console=console),
        "plan": Prompt.ask("Plan that you read", default=plan, console=console),
        "comment": Prompt.ask("Comment", default="", show_default=False, console=console),
    }
    if said["role"] == authority.ON_CALL:
        said["lead_unreachable"] = Prompt.ask(
            "Why the Team Lead cannot be reached (empty: they are silent)", default="", console=console
        )
    return {**said, "code": Prompt.ask("One-time code", console=console)}


def _name(console: Console) -> str:
    name = ""
    while len(name.strip()) < SHORTEST:
        name = Prompt.ask("Your name", default=os.environ.get("USER", ""), console=console)
    return name


def give(flow_run: UUID, answer: Answer, door: str) -> Verdict:
    """Give an answer to a waiting run and return what became of it. Raises RollbackError when it was not taken."""
    run = _paused(flow_run)
    response = _keyset(run)["response"]
    given = {**answer.model_dump(), "code": answer.code.get_secret_value()}
    with get_client(sync_client=True) as client:
        try:
            client.create_flow_run_input(flow_run, f"{response}-door", json.dumps(door))
            result = client.resume_flow_run(flow_run, run_input=given)
        except PrefectHTTPStatusError as error:
            raise _not_taken(
                f"another one came first, or the server refused it ({error.response.status_code})"
            ) from None
    if result.status.value != "ACCEPT":
        raise _not_taken(getattr(result.details, "reason", None) or "the server did not say why")
    return _verdict(flow_run, response)


def _not_taken(why: str) -> RollbackError:
    return RollbackError(f"The answer was not taken: {why.rstrip('.')}.", "Look at rollback status, then answer again.")


def _verdict(flow_run: UUID, response: str) -> Verdict:
    """Wait for what the run says about an answer."""
    end = time.monotonic() + VERDICT_SECONDS
    while time.monotonic() < end:
        with get_client(sync_client=True) as client:
            try:
                return Verdict(**json.loads(client.read_flow_run_input(flow_run, f"{response}-verdict")))
            except PrefectHTTPStatusError:
                time.sleep(POLL)
    raise RollbackError("The answer was taken, but the run does not say what became of it.", "rollback status")


def _paused(flow_run: UUID) -> FlowRun:
    """Return the run as soon as it waits. Raises RollbackError when it ended, or waits for nothing."""
    end = time.monotonic() + GAP_SECONDS
    while True:
        with get_client(sync_client=True) as client:
            run = client.read_flow_run(flow_run)
            if run.state and run.state.is_paused() and _form_is_there(flow_run, run):
                return run
        if run.state and run.state.is_final():
            raise _not_taken(f"the run has ended ({run.state.name})")
        if time.monotonic() > end:
            raise _not_taken("the run does not wait for an answer")
        time.sleep(POLL)


def _form_is_there(flow_run: UUID, run: FlowRun) -> bool:
    """Tell whether the form was saved: Prefect pauses a run a moment before."""
    with get_client(sync_client=True) as client:
        try:
            client.read_flow_run_input(flow_run, _keyset(run)["description"])
        except PrefectHTTPStatusError:
            return False
    return True


def _keyset(run: FlowRun) -> dict[str, str]:
    return dict((run.state.state_details.run_input_keyset if run.state else None) or {})


def _plan_of(run: FlowRun) -> str:
    """Return the beginning of the hash of the plan that a waiting run shows."""
    with get_client(sync_client=True) as client:
        form = json.loads(client.read_flow_run_input(run.id, _keyset(run)["schema"]))
    return str(form["properties"]["plan"]["default"])


def waiting(flow_run: UUID | None) -> FlowRun:
    """Return the run with this id, or the only one that waits for approval. Raises RollbackError when there is none."""
    if flow_run:
        return _paused(flow_run)
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(PAUSED), sort=FlowRunSort.START_TIME_DESC, limit=200
        )
    if len(runs) == 1:
        return runs[0]
    names = ", ".join(f"{run.id} ({run.name})" for run in runs)
    raise RollbackError(
        f"More than one run waits: {names}." if runs else "No run waits for approval.",
        "Name it: rollback approve RUN." if runs else "Look at rollback status.",
    )


def shown_plan(run: FlowRun) -> str:
    """Return what stands above the form of a waiting run, as Markdown."""
    with get_client(sync_client=True) as client:
        return str(json.loads(client.read_flow_run_input(run.id, _keyset(run)["description"])))
