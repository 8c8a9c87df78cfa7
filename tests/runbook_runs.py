"""Run the flow as an operator would, on a database of the test's own, and answer its gate through Prefect's API."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import State

from flows import approving
from flows.rollback import rollback
from runbook import journal, runs, settings
from runbook.approval import approvals, approverfile, approvers, onetime
from runbook.approval.answer import Answer, Role
from runbook.approval.host_door import AnswerResult
from runbook.models import Plan
from runbook.planning import plan
from runbook.request import RollbackRequest
from runbook.runs import Run
from tasks import authorise
from tests.databases import Database
from tests.waiting import until

REQUEST = {
    "incident": "INC-1",
    "reason": "Chat answers with errors.",
    "triggers": ["critical functionality broken: chat"],
    "oauth": "temporary passwords",
}
APPROVAL = {"decision": "approve", "name": "Ada Lovelace", "role": "CTO"}
PEOPLE: tuple[tuple[str, Role], ...] = (
    ("Ada Lovelace", "CTO"),
    ("Theo Lead", "Team Lead"),
    ("Olga Oncall", "On-call Engineer"),
)
used: dict[str, int] = {}
"""The newest step of a code that was sent, by person and database: each works once."""


def aim(monkeypatch: pytest.MonkeyPatch, database: Database, folder: Path, target: str = "test") -> None:
    """Point libpq's environment and the settings of this process at a test's database and folder.

    There are approvers of the ``target`` then.
    """
    for name, value in database.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)  # no .env of somebody else's
    monkeypatch.setattr(authorise, "POLL_SECONDS", 0.2)
    monkeypatch.setenv("ROLLBACK_TARGET", target)
    monkeypatch.setenv("ROLLBACK_PG_BIN", str(database.server.folder))
    monkeypatch.setenv("ROLLBACK_BACKUP_DIR", str(folder / "backups"))
    monkeypatch.setenv("ROLLBACK_REPORT_DIR", str(folder / "reports"))
    monkeypatch.setenv("ROLLBACK_APPROVERS_FILE", str(folder / "approvers.toml"))
    monkeypatch.setenv("ROLLBACK_STATE_DIR", str(folder / "state"))
    monkeypatch.delenv("ROLLBACK_APPROVERS", raising=False)
    if not approvers.read(settings.load()):
        for name, role in PEOPLE:
            approverfile.add(settings.load(), name, role)


def code(name: str) -> str:
    """Return a code of somebody's that works now and was not sent to this database before."""
    one = approvers.find(approvers.read(settings.load()), name)
    assert one is not None
    key = f"{one.name} {os.environ['PGHOST']} {os.environ['PGDATABASE']}"
    until(lambda: onetime.step(datetime.now(UTC)) + onetime.SKEW > used.get(key, 0))
    used[key] = max(onetime.step(datetime.now(UTC)), used.get(key, 0) + 1)
    return onetime.code(one.secret.get_secret_value(), used[key])


def spent(name: str = APPROVAL["name"]) -> None:
    """Take into account that another process sent somebody's code of now: it works once only."""
    used[f"{name} {os.environ['PGHOST']} {os.environ['PGDATABASE']}"] = onetime.step(datetime.now(UTC))


def answered(plan: str, **said: Any) -> Answer:
    """Return an answer to a plan as APPROVAL has it, or with other fields; its code is good unless one is given."""
    fields = {**APPROVAL, "plan": plan, **said}
    return Answer.model_validate({**fields, "code": said.get("code") or code(fields["name"])})


def run(answer: dict[str, Any] | None = None, *, silent: bool = False, **request: Any) -> State[Any]:
    """Run the flow to its end, answering its gate with ``answer`` unless ``silent``, and return the final state."""
    wanted = RollbackRequest.model_validate({**REQUEST, **request})
    if silent:
        return rollback(wanted, return_state=True)
    with answering(answer or {}):
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
def answering(*answers: dict[str, Any]) -> Iterator[list[AnswerResult]]:
    """Give these answers, one after the other, to a run that waits; returns what became of them."""
    verdicts: list[AnswerResult] = []

    def tell(flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
        threading.Thread(target=_give, args=(UUID(flow_run), plan, answers, verdicts), daemon=True).start()

    approvals.listeners.append(tell)
    try:
        yield verdicts
    finally:
        approvals.listeners.remove(tell)


def _give(flow_run: UUID, plan: Plan, answers: Sequence[dict[str, Any]], verdicts: list[AnswerResult]) -> None:
    for said in answers:
        verdicts.append(approving.give(flow_run, answered(plan.hash[:12], **said)))
