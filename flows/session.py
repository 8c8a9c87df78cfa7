"""What a flow needs when it runs in a terminal: a Prefect server, and a prompt for the approver."""

import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE, temporary_settings
from rich.console import Console
from rich.prompt import Prompt

from flows.rollback import rollback
from runbook import approvals, ending, journal, terminal
from runbook.errors import RollbackError
from runbook.models import Plan, Step
from runbook.request import Approval, RollbackRequest
from runbook.summary import Summary

log = logging.getLogger(__name__)

T = TypeVar("T")

ROLES = ["Team Lead", "CTO", "On-call Engineer"]
SHORTEST = 2
"""How many letters a name must have."""


@contextmanager
def server(console: Console) -> Iterator[None]:
    """Use the configured Prefect server, or start a temporary one and say so."""
    url = PREFECT_API_URL.value()
    if url and _answers(url):
        console.print(f"Prefect server: {url}")
        yield
        return
    why = f"{url} does not answer" if url else "none is configured"
    console.print(f"Prefect server: {why}; a temporary one is started for this run (10 to 20 s).")
    with temporary_settings({PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: True}, restore_defaults={PREFECT_API_URL}):
        yield


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=3).is_success
    except httpx.HTTPError:
        return False


def prompt(console: Console, flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
    """Show the plan of a waiting run and ask for the decision, on a thread of its own.

    The run goes on when the answer comes through another door first.
    """
    terminal.plan(plan, request, console)
    console.print(f"Waiting for approval. Answer here, in the Prefect UI, or with: rollback approve {flow_run}")
    if flow_run and sys.stdin.isatty():
        beside(partial(_ask_and_answer, console, UUID(flow_run)))


def beside(act: Callable[[], None]) -> None:
    """Do something on a thread of its own that speaks to the same Prefect server: which one that is, is contextual."""
    threading.Thread(target=copy_context().run, args=(act,), daemon=True).start()


def _ask_and_answer(console: Console, flow_run: UUID) -> None:
    """Ask and answer; when the answer cannot be given here, say so, since the run goes on waiting."""
    try:
        answer(flow_run, ask(console))
    except RollbackError as error:
        terminal.error(error, console)
    except (EOFError, httpx.HTTPError, PrefectException) as error:
        console.print(f"No answer was given here ({type(error).__name__}); the run goes on waiting.", markup=False)


def ask(console: Console) -> Approval:
    """Ask for an approver's answer."""
    decision = Prompt.ask("Decision", choices=["approve", "decline"], console=console)
    name = ""
    while len(name.strip()) < SHORTEST:
        name = Prompt.ask("Your name", default=os.environ.get("USER", ""), console=console)
    role = Prompt.ask("Your role", choices=ROLES, console=console)
    comment = Prompt.ask("Comment", default="", show_default=False, console=console)
    return Approval.model_validate({"decision": decision, "name": name, "role": role, "comment": comment})


def answer(flow_run: UUID, approval: Approval) -> None:
    """Give an approval to a waiting run. Raises RollbackError when the run does not wait."""
    with get_client(sync_client=True) as client:
        result = client.resume_flow_run(flow_run, run_input=approval.model_dump())
    if result.status.value != "ACCEPT":
        reason = getattr(result.details, "reason", None) or "the server did not say why"
        raise RollbackError(f"The answer was not taken: {reason}.", "Look at the run: rollback status")


def waiting(flow_run: UUID | None) -> FlowRun:
    """Return the run with this id, or the only one that waits for approval. Raises RollbackError when there is none."""
    chosen = {"state": {"type": {"any_": ["PAUSED"]}}}
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(chosen), sort=FlowRunSort.START_TIME_DESC, limit=200
        )
    runs = [run for run in runs if flow_run in (None, run.id)]
    if len(runs) == 1:
        return runs[0]
    names = ", ".join(f"{run.id} ({run.name})" for run in runs)
    raise RollbackError(
        f"More than one run waits: {names}." if runs else "No run waits for approval.",
        "Name it: rollback approve RUN." if runs else "Look at rollback status.",
    )


def shown_plan(run: FlowRun) -> str:
    """Return the plan that stands above the form of a waiting run, as Markdown."""
    keyset = run.state.state_details.run_input_keyset if run.state else None
    if not keyset or "description" not in keyset:
        return ""
    with get_client(sync_client=True) as client:
        return str(json.loads(client.read_flow_run_input(run.id, keyset["description"])))


def run(request: RollbackRequest, console: Console) -> int:
    """Run the flow in this process and return the exit status: 0 done, 4 declined or refused, 1 failed."""
    with server(console), told(console, partial(prompt, console)):
        state = rollback(request, return_state=True)
    return ended(state, console)


@contextmanager
def told(console: Console, waits: approvals.Listener) -> Iterator[None]:
    """Print each step as it ends, and the end; call ``waits`` when the run waits for its approval."""
    step: Callable[[Step], None] = partial(terminal.step, console=console)
    end: Callable[[Summary, Sequence[Path]], None] = partial(_end, console)
    with (
        _listening(journal.listeners, step),
        _listening(approvals.listeners, waits),
        _listening(ending.listeners, end),
    ):
        yield


def _end(console: Console, summary: Summary, files: Sequence[Path]) -> None:
    terminal.summary(summary, console, files)


@contextmanager
def _listening(listeners: list[T], listener: T) -> Iterator[None]:
    listeners.append(listener)
    try:
        yield
    finally:
        listeners.remove(listener)


def ended(state: State[Any], console: Console) -> int:
    """Return the exit status of a run; says how it ended where no report could."""
    if state.is_completed():
        console.print(state.message, markup=False)
        return 0
    if state.is_failed():
        error = state.result(raise_on_failure=False)
        terminal.error(error if isinstance(error, RollbackError) else RollbackError(str(state.message)), console)
        return 1
    return 4 if state.name in ("Declined", "Refused") else 1
