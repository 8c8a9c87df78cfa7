"""Playing the approver, through the same gate that everybody answers: for the demo, and for a rehearsal."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import httpx
from prefect.exceptions import PrefectException

from flows import doors, prompting
from runbook import figures, settings
from runbook.approval import approvals, approvers, onetime
from runbook.approval.answer import Answer
from runbook.errors import RollbackError
from runbook.models import Plan
from runbook.request import RollbackRequest

log = logging.getLogger(__name__)

Say = Callable[[str], None]


def approver(comment: str, say: Say, good: Callable[[Plan], bool] = lambda _: True) -> approvals.Listener:
    """Return what answers a run as soon as it waits, for the first approver there is.

    A plan that is not ``good`` is declined.
    """

    def answer(flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:  # noqa: ARG001 - a listener's
        decision = "approve" if good(plan) else "decline"
        prompting.beside(partial(_give, UUID(flow_run), plan, {"decision": decision, "comment": comment}, say))

    return answer


def _give(flow_run: UUID, plan: Plan, said: dict[str, str], say: Say) -> None:
    """Answer once the run is paused, with codes of now."""
    one = approvers.read(settings.load())[0]
    # Two codes in a row count always, also after wrong ones of somebody else's.
    code = onetime.pair(one.secret.get_secret_value(), datetime.now(UTC))
    proof = {"plan": figures.short(plan.hash), "name": one.name, "role": one.role, "code": code}
    try:
        say(doors.give(flow_run, Answer.model_validate({**said, **proof})).said)
    except RollbackError as error:
        log.error("%s %s", error.problem, error.remedy)
    except (httpx.HTTPError, PrefectException) as error:
        log.error("The answer was not given: %s", error)
