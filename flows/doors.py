"""The doors through which a terminal answers a waiting run: the host's own where the run is, else Prefect's API."""

from uuid import UUID

from flows import approving
from runbook import settings
from runbook.approval import host_door
from runbook.approval.answer import Answer
from runbook.approval.host_door import AnswerResult, Shown
from runbook.errors import RollbackError

HERE = "Answered through: terminal on this host. Neither the decision nor the code passes through Prefect."
THERE = (
    "Answered through: Prefect's API, since the run does not wait on this host for this user. What Prefect says of the "
    "answer can be forged by whoever reaches it: rollback status, or the run's report, has what counts."
)
REHEARSAL = "without_rehearsal"


def local(flow_run: UUID | None) -> UUID | None:
    """Return the run that waits on this host: this one, or the only one; None where it does not wait here.

    Raises RollbackError where several wait and none was named.
    """
    loaded = settings.load()
    if flow_run:
        return flow_run if host_door.question(loaded, str(flow_run)) else None
    names = host_door.waiting(loaded)
    if len(names) > 1:
        raise RollbackError(
            f"More than one run waits on this host: {', '.join(names)}.", "Name it: rollback approve RUN."
        )
    return UUID(names[0]) if names else None


def question(flow_run: UUID) -> tuple[Shown, str]:
    """Return what a waiting run shows, and through which door an answer goes. Raises RollbackError when none waits."""
    if shown := host_door.question(settings.load(), str(flow_run)):
        return shown, HERE
    run = approving.paused(flow_run)
    demanded = REHEARSAL if approving.demands(run, REHEARSAL) else ""
    return Shown(approving.shown_plan(run), approving.plan_of(run), demanded), THERE


def give(flow_run: UUID, answer: Answer) -> AnswerResult:
    """Give an answer to a waiting run and return what became of it. Raises RollbackError when it was not taken."""
    loaded = settings.load()
    if host_door.question(loaded, str(flow_run)):
        return host_door.give(loaded, str(flow_run), answer)
    return approving.give(flow_run, answer)
