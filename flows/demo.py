"""The demo: the whole story on an embedded PostgreSQL, with the same flow that production runs."""

from functools import partial
from pathlib import Path

from rich.console import Console

from flows import approvers as words
from flows import playing, prompting, session
from flows.rollback import rollback
from runbook import settings
from runbook.approval import approvals, approvers
from runbook.demo import world
from runbook.models import Plan
from runbook.request import RollbackRequest
from runbook.telling import screen, terminal

REQUEST = {
    "incident": "DEMO-1",
    "reason": "Chat answers with errors since the transformation was deployed.",
    "triggers": ["critical functionality broken: chat"],
    "oauth": "temporary passwords",
    "previous_tag": "v1",
    "requested_by": "the demo",
}

PLAYS = "• The run waits for an approval. The demo plays the approver, through the same gate, with a one-time code."


def play(folder: Path, console: Console, *, answer: bool) -> int:
    """Make the demo's world in ``folder``, roll back, and say where everything lies. Returns the exit status."""
    with world.made(folder, lambda words: screen.sentence(f"• {words}", console)), session.server(console):
        waits = _approver(console) if answer else partial(_ask, console)
        with session.told(console, waits):
            state = rollback(RollbackRequest.model_validate(REQUEST), return_state=True)
        status = session.ended(state, console)
    screen.sentence(
        f"Look around in {folder}: backups/, reports/, mailbox/ (one file a mail), app/, services/.", console
    )
    return status


def _ask(console: Console, flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
    """Let the person at the terminal be the approver that the demo made."""
    one = approvers.read(settings.load())[0]
    screen.sentence(f"• You are {one.name} ({one.role}).", console)
    words.show_code(one)
    prompting.prompt(console, flow_run, plan, request)


def _approver(console: Console) -> approvals.Listener:
    """Play the approver, and say so."""
    play = playing.approver("Approved by the demo itself.", lambda said: screen.sentence(f"• {said}", console))

    def answer(flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
        terminal.plan(plan, request, console)
        screen.sentence(PLAYS, console)
        play(flow_run, plan, request)

    return answer
