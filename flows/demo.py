"""The demo: the whole story on an embedded PostgreSQL, with the same flow that production runs."""

import time
from functools import partial
from pathlib import Path
from uuid import UUID

from rich.console import Console

from flows import session
from flows.rollback import rollback
from runbook import approvals, terminal
from runbook.demo import world
from runbook.errors import RollbackError
from runbook.models import Plan
from runbook.request import Approval, RollbackRequest

REQUEST = {
    "incident": "DEMO-1",
    "reason": "Chat answers with errors since the transformation was deployed.",
    "oauth": "temporary passwords",
    "previous_tag": "v1",
    "requested_by": "the demo",
}
APPROVAL = {"decision": "approve", "name": "Demo Approver", "role": "CTO", "comment": "Approved by the demo itself."}


def play(folder: Path, console: Console, *, answer: bool) -> int:
    """Make the demo's world in ``folder``, roll back, and say where everything lies. Returns the exit status."""
    with world.made(folder, lambda words: console.print(f"• {words}")), session.server(console):
        waits = _approver(console) if answer else lambda *words: session.prompt(console, *words)
        with session.told(console, waits):
            state = rollback(RollbackRequest.model_validate(REQUEST), return_state=True)
        status = session.ended(state, console)
    console.print(f"Look around in {folder}: backups/, reports/, mailbox/ (one file a mail), app/, services/.")
    return status


def _approver(console: Console) -> approvals.Listener:
    """Play the approver: answer through the same API that the UI uses, as soon as the run waits."""

    def answer(flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
        terminal.plan(plan, request, console)
        console.print("• The run waits for an approval. The demo plays the approver, through the same gate.")
        session.beside(partial(_approve, UUID(flow_run)))

    return answer


def _approve(flow_run: UUID) -> None:
    """Approve once the run is paused."""
    while True:
        try:
            return session.answer(flow_run, Approval.model_validate(APPROVAL))
        except RollbackError:
            time.sleep(0.5)  # the run announces itself a moment before it pauses
