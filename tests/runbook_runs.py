"""Run the flow as an operator would, on a database of the test's own, and answer its gate through Prefect's API."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import State

from flows import session
from flows.rollback import rollback
from runbook import approvals, journal, plan, runs, settings
from runbook.errors import RollbackError
from runbook.models import Plan
from runbook.request import Approval, RollbackRequest
from runbook.runs import Run
from tasks import authorise
from tests.databases import Database

REQUEST = {
    "incident": "INC-1",
    "reason": "Chat answers with errors.",
    "triggers": ["critical functionality broken: chat"],
    "oauth": "temporary passwords",
}
APPROVAL = {"decision": "approve", "name": "Ada Lovelace", "role": "CTO"}


def aim(monkeypatch: pytest.MonkeyPatch, database: Database, folder: Path) -> None:
    """Point libpq's environment and the settings of this process at a test's database and folder."""
    for name, value in database.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)  # no .env of somebody else's
    monkeypatch.setattr(authorise, "POLL_SECONDS", 0.2)
    monkeypatch.setenv("ROLLBACK_TARGET", "test")
    monkeypatch.setenv("ROLLBACK_PG_BIN", str(database.server.folder))
    monkeypatch.setenv("ROLLBACK_BACKUP_DIR", str(folder / "backups"))
    monkeypatch.setenv("ROLLBACK_REPORT_DIR", str(folder / "reports"))


def run(answer: dict[str, Any] | None = None, *, silent: bool = False, **request: Any) -> State[Any]:
    """Run the flow to its end, answering its gate with ``answer`` unless ``silent``, and return the final state."""
    wanted = RollbackRequest.model_validate({**REQUEST, **request})
    if silent:
        return rollback(wanted, return_state=True)
    with answering(Approval.model_validate({**APPROVAL, **(answer or {})})):
        return rollback(wanted, return_state=True)


@contextmanager
def begun(**request: Any) -> Iterator[tuple[Run, Plan]]:
    """Open a run and its journal as the flow does, with the plan drawn and no step taken."""
    wanted = RollbackRequest.model_validate({**REQUEST, **request})
    with runs.opened(wanted, settings.load()) as run:
        drawn = plan.draw(run.work, wanted, run.settings, own=run.pids)
        journal.begin(run, drawn, None)
        yield run, drawn


@contextmanager
def answering(approval: Approval) -> Iterator[None]:
    """Answer each run that waits, over the API, from a thread of its own."""

    def tell(flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
        threading.Thread(target=_until_taken, args=(UUID(flow_run), approval), daemon=True).start()

    approvals.listeners.append(tell)
    try:
        yield
    finally:
        approvals.listeners.remove(tell)


def _until_taken(flow_run: UUID, approval: Approval) -> None:
    until(lambda: _taken(flow_run, approval))


def _taken(flow_run: UUID, approval: Approval) -> bool:
    try:
        session.answer(flow_run, approval)
    except RollbackError:
        return False
    return True


def until(met: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not met():
        if time.monotonic() > end:
            raise TimeoutError(f"not met within {seconds} s")
        time.sleep(0.1)
