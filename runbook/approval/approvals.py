"""Approvals: until when one may come, who is told that a run waits, and what silence or a bad answer means."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from runbook import figures
from runbook.errors import Declined, Refused
from runbook.models import Plan
from runbook.planning import criteria
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

MOST = 10
"""How many faults of one answer are said."""
DEMANDED = "demanded"
"""How the form's schema marks a field that this plan asks for."""

UNTOUCHED = "Nothing was changed; services run as before."


@contextmanager
def heard(listener: Listener) -> Iterator[None]:
    """Let somebody be told of runs that wait, until the block ends."""
    listeners.append(listener)
    try:
        yield
    finally:
        listeners.remove(listener)


def announce(flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
    """Tell the listeners that the flow run with this id waits for its approval."""
    for tell in listeners:
        tell(flow_run, plan, request)


def window_end(request: RollbackRequest, settings: Settings, started: datetime, now: datetime) -> datetime:
    """Return when the decision must have fallen; a run that was ``started`` too late gets a short window from ``now``.

    Raises Refused when it was started too late and the request does not say why.
    """
    end = deadline(request, settings.decision_minutes)
    if started < end:
        return end
    if not criteria.in_words(request.late_reason):
        raise Refused(
            f"Started too late: the {settings.decision_minutes} minutes to decide ended at {figures.moment(end)}.",
            f"Say in late_reason why it is decided so late, in at least {criteria.LETTERS} letters. "
            "The approver sees it.",
            UNTOUCHED,
        )
    return now + timedelta(minutes=settings.late_minutes)


def too_late(request: RollbackRequest, settings: Settings, until: datetime) -> Declined:
    """Return the error of a decision that did not come in time."""
    return Declined(
        f"No decision in time: the time to decide about {request.incident} ended at {figures.moment(until)} "
        f"({settings.decision_minutes} minutes from identifying the incident).",
        "Decide whether the incident goes on; a new run needs a late_reason, since the time counts from the first "
        "identification.",
        UNTOUCHED,
    )


def wrong(error: ValidationError) -> str:
    """Return in one line what is wrong with an answer, without what it held."""
    said = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{_field(e)}: {e['msg']}" for e in said[:MOST])


def _field(error: ErrorDetails) -> str:
    """Name the field of an error; who sends fields of their own may write anything in their names."""
    return "an unknown field" if error["type"] == "extra_forbidden" else ".".join(map(str, error["loc"]))[:40]


def options(error: ValidationError) -> str:
    """Return what is wrong with a request that was typed, a line for each option."""
    return "\n".join(f"--{'-'.join(map(str, e['loc'])).replace('_', '-')}: {_plainly(e)}" for e in error.errors())


def _plainly(error: ErrorDetails) -> str:
    """Say what an option should be; pydantic speaks of patterns and types where a person wants an example."""
    if error["type"] == "missing":
        return "must be given."
    example = EXAMPLES.get(str(error["loc"][-1])) if error["loc"] else None
    return f"{error['input']!r} cannot be used: {error['msg']}" + (f", such as {example}." if example else ".")
