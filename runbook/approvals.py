"""Approvals: who is told that a run waits, and what silence or a bad answer means."""

from collections.abc import Callable

from pydantic import ValidationError

from runbook.errors import Declined
from runbook.models import Plan
from runbook.request import RollbackRequest, deadline
from runbook.settings import Settings

Listener = Callable[[str | None, Plan, RollbackRequest], None]

listeners: list[Listener] = []
"""Who is told that a run waits for its approval, such as the prompt of the terminal that started it."""


def announce(flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
    """Tell the listeners that the flow run with this id waits for its approval."""
    for tell in listeners:
        tell(flow_run, plan, request)


def too_late(request: RollbackRequest, settings: Settings) -> Declined:
    """Return the error of a decision that did not come in time."""
    until = deadline(request, settings.decision_minutes)
    return Declined(
        f"No decision in time: the {settings.decision_minutes} minutes from identifying the incident ended at "
        f"{until:%Y-%m-%d %H:%M:%S} UTC.",
        "Decide whether the incident goes on; a new run needs a new identified_at.",
        "Nothing was changed; services run as before.",
    )


def wrong(error: ValidationError) -> str:
    """Return in one line what is wrong with an answer."""
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
