"""Step: authorise. Waits inside the decision window until the answers count; silence is never a yes."""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput, create_flow_run_input, read_flow_run_input
from prefect.input.run_input import keyset_from_base_key
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Running
from pydantic import Field, SecretStr, ValidationError, create_model

from runbook import figures, journal
from runbook.approval import approvals, approvers, asking, authority, reminders, roster, tries
from runbook.approval.answer import Answer, Approval, Decision
from runbook.approval.asking import Waiting
from runbook.approval.authority import Question
from runbook.errors import Declined, NotEntitled
from runbook.models import Plan
from runbook.planning import planpage, rehearsed
from runbook.runs import Run
from runbook.telling import messages
from tasks import artifact_of

POLL_SECONDS = 1
SPARE_SECONDS = 3600
"""Prefect fails a run whose pause timed out; the runbook's own clock ends the wait long before that."""
FORM = "Prefect UI or API"
PATIENCE = 6
"""How often a server that does not answer is asked again while the run waits: two minutes, as for a restart."""


class ApprovalForm(RunInput, Answer):
    """The form behind the Resume button of the flow run's page."""


@dataclass
class Gate:
    """A run at its gate: what is asked, and what was said of the last answer."""

    run: Run
    waiting: Waiting
    question: Question
    note: str = ""
    response: str = ""
    """Where Prefect keeps the answer of this pause."""


@task(name="authorise", task_run_name="authorise", cache_policy=NO_CACHE, persist_result=False)
def authorise(run: Run, plan: Plan) -> Approval:
    """Wait for the approval of this plan. Raises Declined when it is refused or does not come in time."""
    context = FlowRunContext.get()
    flow_run = str(context.flow_run.id) if context and context.flow_run else ""
    journal.begin(run, plan, flow_run or None)
    with journal.step(run, "authorise") as found:
        now = datetime.now(UTC)
        until = approvals.window_end(run.request, run.settings, plan.drawn_at, now)
        waiting = Waiting(run.request, run.settings, plan, flow_run)
        known = roster.of(asking.people(run.settings))
        gate = Gate(run, waiting, Question(plan.hash, now, until, run.request.requested_by, known=known))
        approvals.announce(flow_run or None, plan, run.request)
        asking.tell_waiting(waiting, gate.question, now)
        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: PATIENCE}),
            reminders.running(waiting, lambda: gate.question, lambda: _go_on(flow_run)),
        ):
            given = _decide(gate)
        found.update(given[-1].model_dump(), approvals=[f"{one.name} ({one.role})" for one in given])
    return given[-1]


def _decide(gate: Gate) -> list[Approval]:
    """Hear answers until enough of them count. Raises Declined."""
    settings = gate.run.settings
    while len(gate.question.given) < settings.approvals_needed:
        if datetime.now(UTC) >= gate.question.until:
            raise approvals.too_late(gate.run.request, settings, gate.question.until)
        answer = _heard(gate)
        if answer is not None:
            _weigh(gate, answer)
    return list(gate.question.given)


def _heard(gate: Gate) -> Answer | None:
    """Pause until an answer comes; None where none came, or one that does not fit the form."""
    key = f"approval-{secrets.token_hex(4)}"
    gate.response = keyset_from_base_key(f"paused-{key}")["response"]
    left = int((gate.question.until - datetime.now(UTC)).total_seconds())
    try:
        said = pause_flow_run(
            wait_for_input=_form(gate), timeout=left + SPARE_SECONDS, poll_interval=POLL_SECONDS, key=key
        )
        return Answer.model_validate(said.model_dump())
    except FlowPauseTimeout:
        return None
    except ValidationError as error:
        if datetime.now(UTC) < gate.question.until:
            why = f"The answer does not fit the form: {approvals.wrong(error)}"
            given = read_flow_run_input(gate.response)
            refusal = tries.unusable(gate.run, _door(gate), datetime.now(UTC), why, given)
            if refusal.alarming:
                asking.tell_refused(gate.waiting, "", refusal.problem)
            _answered(gate, refusal.problem, accepted=False)
        return None


def _form(gate: Gate) -> type[ApprovalForm]:
    """Return the form with the plan above it and the plan's hash filled in; an answer must still name it itself."""
    named, decision = (ApprovalForm.model_fields[name] for name in ("plan", "decision"))
    plan = Field(
        max_length=64,
        title=named.title,
        description=named.description,
        json_schema_extra={"default": figures.short(gate.question.plan_hash)},
    )
    # On a low screen the UI leaves no room for what stands above the form: the first field says what matters most.
    first = Field(title=decision.title, description=f"{_gist(gate)}\n\n{decision.description}")
    fields: dict[str, Any] = {"plan": (str, plan), "decision": (Decision, first)}
    if demanded := tries.demand(gate.run.settings, datetime.now(UTC)):
        code = ApprovalForm.model_fields["code"]
        fields["code"] = (SecretStr, Field(max_length=40, title=code.title, description=demanded))
    if rehearsed.lacking(gate.waiting.plan):
        fields["without_rehearsal"] = (str, _demanded())
    form: type[ApprovalForm] = create_model("ApprovalForm", __base__=ApprovalForm, **fields)
    return form.with_initial_data(description=asking.above(gate.waiting, gate.question, datetime.now(UTC), gate.note))


def _demanded() -> Any:
    """Return the field that this plan asks for: why it goes without a fresh rehearsal."""
    return Field(
        "",
        max_length=2000,
        title=ApprovalForm.model_fields["without_rehearsal"].title,
        description="The plan says that there is no fresh rehearsal: why it goes without. It is recorded.",
        json_schema_extra={approvals.DEMANDED: True},
    )


def _gist(gate: Gate) -> str:
    """Say the plan in three sentences, with the address of all of it; as plain text, which is all that one UI shows."""
    whole = messages.artifact(gate.run.settings, artifact_of(gate.waiting.flow_run, "plan"))
    return "\n\n".join([*planpage.gist(gate.waiting.plan), f"The whole plan: {whole}" if whole else ""]).strip()


def _weigh(gate: Gate, answer: Answer) -> None:
    """Let an answer count, or keep why it does not for the next form. Raises Declined."""
    now, door = datetime.now(UTC), _door(gate)
    # It was read a moment after it came, and the clock lets none come in after the end.
    came = min(now, gate.question.until) if now - gate.question.until < timedelta(seconds=2 + POLL_SECONDS) else now
    try:
        answer = tries.judge(gate.run, gate.question, answer, door, came, plan=gate.waiting.plan)
    except NotEntitled as refusal:
        return _refuse(gate, answer, refusal, came)
    approval = answer.said()
    journal.approved(gate.run, approval)
    if answer.role == authority.ON_CALL and answer.lead_unreachable.strip():
        asking.tell_unreachable(gate.waiting, approval.name, answer.lead_unreachable)
    _answered(gate, f"{approval.name}: {approval.decision} counts.", accepted=True)
    if approval.decision == "decline":
        raise Declined(
            f"{approval.name} ({approval.role}) declined: {approval.comment.rstrip('.') or 'no reason given'}."
        )
    gate.question = replace(gate.question, given=[*gate.question.given, approval])
    return None


def _refuse(gate: Gate, answer: Answer, refusal: NotEntitled, now: datetime) -> None:
    """Say why an answer does not count, to who gave it and, where it looks like somebody trying, to the others."""
    if refusal.alarming:
        asking.tell_refused(gate.waiting, answer.name, f"An answer was refused: {refusal.problem}")
    who = approvers.find(asking.people(gate.run.settings), answer.name) if refusal.proved else None
    if who and who.role == authority.LEAD:
        gate.question = replace(gate.question, asked=now)  # a sign of life
    _answered(gate, f"The last answer does not count: {refusal.problem}", accepted=False)


def _answered(gate: Gate, words: str, *, accepted: bool) -> None:
    """Keep what became of an answer: above the next form, and beside the answer, where the door that gave it looks."""
    gate.note = words
    create_flow_run_input(f"{gate.response}-verdict", {"accepted": accepted, "said": words})


def _door(gate: Gate) -> str:
    """Return through which door the answer came: the runbook's own ones say so."""
    return str(read_flow_run_input(f"{gate.response}-door") or FORM)[:40]


def _go_on(flow_run: str) -> None:
    """End the pause: no answer comes in any more, and the run finds that there is none."""
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(UUID(flow_run)).state
        if state and state.is_paused():
            client.set_flow_run_state(UUID(flow_run), Running())
