"""Step: authorise. Waits inside the decision window until the answers count; silence is never a yes."""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext
from pydantic import ValidationError

from runbook import figures, journal, printable
from runbook.approval import approvals, approvers, asking, authority, host_door, reminders, roster, tries
from runbook.approval.answer import Answer, Approval
from runbook.approval.asking import Waiting
from runbook.approval.authority import Question
from runbook.approval.host_door import AnswerResult, Given, Shown
from runbook.errors import Declined, NotEntitled, RollbackError, Withdrawn
from runbook.models import Plan
from runbook.runs import Run
from tasks import AGAIN, NOBODY
from tasks.authorise import fields, form
from tasks.authorise.form import Left, Pause

POLL_SECONDS = 0.5
"""How often Prefect is asked whether somebody answered; what comes at the host door is heard at once."""
FORM_SECONDS = 5
"""How often the form is looked at, and how long a server that does not answer is left alone."""
ALARM_SECONDS = 60
"""How often people are told at most of the same thing done to a waiting run."""
LETTERS = 60
"""How many characters of a name are repeated that nobody has proved."""
FORM = "Prefect UI or API"
UNREADABLE = "The answer cannot be read."
CLOSED = "Answers at Prefect do not count in this installation; answer in a terminal of the worker's host."

EVER = datetime(1, 1, 1, tzinfo=UTC)

log = logging.getLogger(__name__)


@dataclass
class Gate:
    """A run at its gate: what is asked, what was said of the last answer, and what stands at Prefect."""

    run: Run
    waiting: Waiting
    question: Question
    note: str = ""
    declined: Approval | None = None
    pause: Pause | None = None
    """The question as it stands at Prefect; None while it has to be put there."""
    looked: datetime = EVER
    """When the form was looked at."""
    away: datetime | None = None
    """Since when Prefect does not answer."""
    alarmed: dict[str, datetime] = field(default_factory=dict)
    """When people were told of what."""


@task(name="authorise", task_run_name="authorise", cache_policy=NO_CACHE, persist_result=False)
def authorise(run: Run, plan: Plan) -> Approval:
    """Wait for the approval of this plan. Raises Declined when it is refused or late, Withdrawn when it is ended."""
    context = FlowRunContext.get()
    flow_run = str(context.flow_run.id) if context and context.flow_run else ""
    journal.begin(run, plan, flow_run or None)
    with journal.step(run, "authorise") as found:
        now = datetime.now(UTC)
        until = approvals.window_end(run.request, run.settings, plan.drawn_at, now)
        waiting = Waiting(run.request, run.settings, plan, flow_run)
        known = roster.of(asking.people(run.settings))
        gate = Gate(run, waiting, Question(plan.hash, now, until, run.request.requested_by, known=known))
        with host_door.opened(run.settings, flow_run, lambda: _shown(gate)) as came:
            approvals.announce(flow_run or None, plan, run.request)
            asking.tell_waiting(waiting, gate.question, now)
            with reminders.running(waiting, lambda: gate.question):
                given = _decided(gate, came)
        found.update(given[-1].model_dump(), approvals=[f"{one.name} ({one.role})" for one in given])
    return given[-1]


def _shown(gate: Gate) -> Shown:
    """Return what the host door shows."""
    text = asking.above(gate.waiting, gate.question, datetime.now(UTC), gate.note)
    return Shown(text, figures.short(gate.question.plan_hash), fields.demanded(gate.waiting))


def _decided(gate: Gate, came: "SimpleQueue[Given]") -> list[Approval]:
    """Hear answers until enough of them count; where the wait ends otherwise, a code may lie unread at Prefect."""
    try:
        return _decide(gate, came)
    except BaseException as end:
        if gate.declined is None and type(end) is not KeyboardInterrupt:
            tries.doubt(gate.run.settings, datetime.now(UTC))
        raise


def _decide(gate: Gate, came: "SimpleQueue[Given]") -> list[Approval]:
    """Hear answers until enough of them count. Raises Declined, Withdrawn."""
    try:
        while len(gate.question.given) < gate.run.settings.approvals_needed:
            over = datetime.now(UTC) >= gate.question.until
            if not _hear(gate, came, 0 if over else POLL_SECONDS) and over:
                raise approvals.too_late(gate.run.request, gate.run.settings, gate.question.until)
            if no := gate.declined:
                raise Declined(f"{no.name} ({no.role}) declined: {no.comment.rstrip('.') or 'no reason given'}.")
    except Declined:
        with suppress(Withdrawn):
            form.end(gate.pause)
        raise
    form.end(gate.pause)
    return list(gate.question.given)


def _hear(gate: Gate, came: "SimpleQueue[Given]", seconds: float) -> bool:
    """Take one answer, and tell whether there was one; wait at most so long. Raises Withdrawn."""
    if (left := _left(gate)) is not None:
        _take_left(gate, left)
        return True
    try:
        given = came.get(timeout=seconds) if seconds else came.get_nowait()
    except Empty:
        return False
    given.results.put(_safely(gate, given.door, lambda: _take(gate, given.said, given.door, own=True)))
    return True


def _left(gate: Gate) -> Left | None:
    """Put the question up at Prefect where it does not stand there, and return what was left at it. Raises Withdrawn.

    A server that is away ends no wait: it is asked again, and the host door is open meanwhile.
    """
    now = datetime.now(UTC)
    if gate.away and now < gate.away + timedelta(seconds=FORM_SECONDS):
        return None
    try:
        left = _looked(gate, now)
    except form.AWAY as error:
        log.warning("Prefect does not answer (%s); the run waits for answers at the host door.", type(error).__name__)
        gate.away = now
        return None
    gate.away = None
    return left


def _looked(gate: Gate, now: datetime) -> Left | None:
    if gate.pause is None:
        put = fields.build(gate.waiting, gate.question, gate.note)
        gate.pause = form.ask(UUID(gate.waiting.flow_run), put, gate.question.until)
        gate.looked = now
        return None
    left = form.look(gate.pause)
    if left is None and now > gate.looked + timedelta(seconds=FORM_SECONDS):
        gate.looked = now
        return None if form.untouched(gate.pause) else Left(None, "The form was changed, or deleted.")
    return left


def _take_left(gate: Gate, left: Left) -> None:
    """Take what was left at Prefect, and put there what became of it. Raises Withdrawn where it ends the run."""
    pause, gate.pause = gate.pause, None
    if not left.wrong and gate.run.settings.form_answers and not _doubted(gate):
        _check_unproved(left.said)
        result = _safely(gate, FORM, lambda: _take(gate, left.said, FORM, own=False))
    else:
        result = _safely(gate, FORM, lambda: _distrust(gate, left))
    if pause and left.verdict:
        form.tell(pause, left.verdict, vars(result))


def _check_unproved(said: object) -> None:
    """Raise Withdrawn where somebody declines without a code: whoever reaches Prefect may end the run, and no more."""
    if isinstance(said, Mapping) and said.get("decision") == "decline" and not said.get("code"):
        name = printable.line(said.get("name", ""), LETTERS)
        raise Withdrawn(f"Somebody who gave the name '{name}' declined at Prefect without a code, {NOBODY}.", AGAIN)


def _distrust(gate: Gate, left: Left) -> AnswerResult:
    """Refuse what came through Prefect where the form is closed, or where somebody tampers; its codes are used up."""
    now = datetime.now(UTC)
    if not gate.run.settings.form_answers:
        return _unusable(gate, CLOSED, left.said, FORM, own=False)
    if left.wrong:
        tries.doubt(gate.run.settings, now)
        _alarm(gate, left.wrong, f"Somebody who reaches Prefect tampers with it: {left.wrong}")
    until = _doubted(gate)
    why = left.wrong or "Somebody tampered with an answer there, or ended a run, and may have read a code."
    return _unusable(gate, f"{why} {tries.closed(until) if until else ''}".rstrip(), left.said, FORM, own=False)


def _doubted(gate: Gate) -> datetime | None:
    """Return until when no code counts at Prefect; a store that cannot be used lets no answer count anyway."""
    try:
        return tries.doubted(gate.run.settings, datetime.now(UTC))
    except RollbackError as error:
        log.error("%s", error.problem)
        return None


def _safely(gate: Gate, door: str, take: Callable[[], AnswerResult]) -> AnswerResult:
    """Return what became of an answer; whatever goes wrong in judging it, it does not count, and the wait goes on."""
    try:
        result = take()
    except Exception as error:
        result = _unjudged(gate, door, error)
    gate.note = result.said if result.accepted else f"The last answer does not count: {result.said}"
    return result


def _unjudged(gate: Gate, door: str, error: Exception) -> AnswerResult:
    """Refuse an answer in whose judging something went wrong; its code may be good still, so Prefect is doubted."""
    why = f"The answer could not be judged ({type(error).__name__}): it does not count."
    log.error("%s", why, exc_info=error)
    now = datetime.now(UTC)
    if door == FORM:
        tries.doubt(gate.run.settings, now)
    with suppress(Exception):
        tries.unusable(gate.run, door, now, why, own=door != FORM)
    return AnswerResult(False, why)


def _take(gate: Gate, said: object, door: str, *, own: bool) -> AnswerResult:
    """Judge what came as one piece; ``own``: through the host door, as the run itself knows."""
    if not isinstance(said, Mapping):
        return _unusable(gate, UNREADABLE, said, door, own=own)
    try:
        answer = fields.ApprovalForm.model_validate(said)
    except ValidationError as error:
        return _unusable(gate, f"It does not fit the form: {approvals.wrong(error)}", said, door, own=own)
    return _weigh(gate, answer, door, own=own)


def _unusable(gate: Gate, why: str, said: object, door: str, *, own: bool) -> AnswerResult:
    """Write down what is no answer; the codes in it are used up."""
    refusal = tries.unusable(gate.run, door, datetime.now(UTC), why, said, own=own)
    if refusal.alarming:
        _alarm(gate, why, f"An answer was refused: {refusal.problem}")
    return AnswerResult(False, refusal.problem)


def _weigh(gate: Gate, given: Answer, door: str, *, own: bool) -> AnswerResult:
    """Let an answer count, or say why it does not."""
    now = datetime.now(UTC)
    # It was read a moment after it came, and the clock lets none come in after the end.
    came = min(now, gate.question.until) if now - gate.question.until < timedelta(seconds=2 + POLL_SECONDS) else now
    try:
        answer = tries.judge(gate.run, gate.question, given, door, came, plan=gate.waiting.plan, own=own)
    except NotEntitled as refusal:
        return _refused(gate, given, refusal, came)
    approval = answer.said()
    journal.approved(gate.run, approval)
    if answer.role == authority.ON_CALL and answer.lead_unreachable.strip():
        asking.tell_unreachable(gate.waiting, approval.name, answer.lead_unreachable)
    if approval.decision == "decline":
        gate.declined = approval
    else:
        gate.question = replace(gate.question, given=[*gate.question.given, approval])
    return AnswerResult(True, f"{approval.name}: {approval.decision} counts.")


def _refused(gate: Gate, answer: Answer, refusal: NotEntitled, now: datetime) -> AnswerResult:
    """Say why an answer does not count, to who gave it and, where it looks like somebody trying, to the others."""
    if refusal.alarming:
        asking.tell_refused(gate.waiting, answer.name, f"An answer was refused: {refusal.problem}")
    who = approvers.find(asking.people(gate.run.settings), answer.name) if refusal.proved else None
    if who and who.role == authority.LEAD:
        gate.question = replace(gate.question, asked=now)  # a sign of life
    return AnswerResult(False, refusal.problem)


def _alarm(gate: Gate, kind: str, why: str) -> None:
    """Tell people of something done to the waiting run, of one kind once a minute at most."""
    now = datetime.now(UTC)
    if now >= gate.alarmed.get(kind, now):
        gate.alarmed[kind] = now + timedelta(seconds=ALARM_SECONDS)
        asking.tell_refused(gate.waiting, "", why)
