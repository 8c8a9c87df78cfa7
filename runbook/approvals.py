"""Approvals: who is told that a run waits, and what silence or a bad answer means."""

from collections.abc import Callable

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from runbook.errors import Declined
from runbook.models import Plan
from runbook.request import RollbackRequest, deadline
from runbook.settings import Settings

EXAMPLES = {
    "incident": "INC-2041 (letters, digits, dots, dashes; no spaces)",
    "identified_at": "2026-11-22T03:00Z (with Z or an offset)",
    "previous_tag": "v1.8.3",
}

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


def options(error: ValidationError) -> str:
    """Return what is wrong with a request that was typed, a line for each option."""
    return "\n".join(f"--{'-'.join(map(str, e['loc'])).replace('_', '-')}: {_plainly(e)}" for e in error.errors())


def _plainly(error: ErrorDetails) -> str:
    """Say what an option should be; pydantic speaks of patterns and types where a person wants an example."""
    if error["type"] == "missing":
        return "must be given."
    example = EXAMPLES.get(str(error["loc"][-1])) if error["loc"] else None
    return f"{error['input']!r} cannot be used: {error['msg']}" + (f", such as {example}." if example else ".")
