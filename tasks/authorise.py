"""Step: authorise. Waits for a person's answer inside the decision window; silence is never a yes."""

from datetime import UTC, datetime

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from prefect.states import Running
from pydantic import ValidationError

from runbook import approvals, criteria, journal, planpage
from runbook.errors import Declined, WordsMissing
from runbook.models import Plan
from runbook.request import Approval, deadline
from runbook.runs import Run

POLL_SECONDS = 2


class ApprovalForm(RunInput, Approval):
    """The form behind the Resume button of the flow run's page."""


@task(name="authorise", task_run_name="authorise", cache_policy=NO_CACHE, persist_result=False)
def authorise(run: Run, plan: Plan) -> Approval:
    """Wait for an approval of this plan. Raises Declined when it is refused or does not come in time."""
    context = FlowRunContext.get()
    flow_run = str(context.flow_run.id) if context and context.flow_run else None
    journal.begin(run, plan, flow_run)
    with journal.step(run, "authorise") as found:
        approvals.announce(flow_run, plan, run.request)
        approval = _answer(run, plan)
        journal.approved(run, approval)
        found.update(approval.model_dump())
        if approval.decision == "decline":
            raise Declined(f"{approval.name} ({approval.role}) declined: {approval.comment or 'no reason given'}.")
    return approval


def _answer(run: Run, plan: Plan) -> Approval:
    """Pause until an answer fits the form; an answer that does not is asked for again."""
    page = planpage.plan_markdown(plan, run.request, datetime.now(UTC))
    while True:
        form = ApprovalForm.with_initial_data(description=page)
        left = (deadline(run.request, run.settings.decision_minutes) - datetime.now(UTC)).total_seconds()
        if left <= 0:
            raise approvals.too_late(run.request, run.settings)
        try:
            answer = pause_flow_run(wait_for_input=form, timeout=max(1, int(left)), poll_interval=POLL_SECONDS)
            approval = Approval.model_validate(answer.model_dump(include=set(Approval.model_fields)))
            if approval.decision == "approve":
                criteria.require_words(plan.verdict, approval.comment)
            return approval
        except FlowPauseTimeout:
            _end_pause()
            raise approvals.too_late(run.request, run.settings) from None
        except ValidationError as error:
            page = f"**The last answer could not be used:** {approvals.wrong(error)}\n\n{page}"
        except WordsMissing as error:
            page = f"**The last answer could not be used:** {error.problem}\n\n{page}"


def _end_pause() -> None:
    """Say that the run goes on, to its end: Prefect lets a run whose pause timed out end in no state but Failed."""
    context = FlowRunContext.get()
    if context and context.flow_run:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(context.flow_run.id, Running(), force=True)
