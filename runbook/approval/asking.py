"""Asking the approvers of a run that waits: who is asked, reminded, and told of answers that look wrong."""

import logging
from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Thread

from runbook import figures, page
from runbook.approval import approvers, authority, tries
from runbook.approval.approvers import Approver
from runbook.approval.authority import Question
from runbook.errors import NotificationFailed, RollbackError
from runbook.models import Plan
from runbook.planning import planpage
from runbook.request import RollbackRequest
from runbook.settings import Settings
from runbook.telling import messages, team
from runbook.telling.messages import Event, Facts

log = logging.getLogger(__name__)

IN_YOUR_NAME = (
    "It was given in your name. If that was you, answer again. If it was not, somebody tries to answer for you: tell "
    "the team now, and answer yourself, for your own codes go on counting. If somebody else may have your device or "
    "its key, have your entry replaced before anything is approved: rollback approvers remove, then add."
)


@dataclass(frozen=True)
class Waiting:
    """A run that waits, as far as those who are told of it need to know."""

    request: RollbackRequest
    settings: Settings
    plan: Plan
    flow_run: str


def people(settings: Settings) -> Sequence[Approver]:
    """Return the approvers; nobody where they cannot be read: a run that waits goes on waiting."""
    try:
        return approvers.read(settings)
    except RollbackError as error:
        log.error("%s", error.problem)
        return []


def ladder(question: Question, settings: Settings, now: datetime) -> str:
    """Say who is asked now, and from when on the On-call Engineer counts."""
    everybody = people(settings)
    named = [f"{one.role} {one.name}" for one in authority.asked(question, settings, everybody, now)]
    said = f"{', '.join(named) or 'nobody'}."
    waiting = [one for one in everybody if one.role == authority.ON_CALL and f"{one.role} {one.name}" not in named]
    if waiting and all(one.role != authority.LEAD for one in question.given):
        names = ", ".join(one.name for one in waiting)
        said += (
            f" The On-call Engineer ({names}) counts if the Team Lead is silent until "
            f"{figures.moment(authority.on_call_from(question, settings))}, or says why they cannot be reached."
        )
    return said


def above(waiting: Waiting, question: Question, now: datetime, note: str = "") -> str:
    """Write what stands above the form, in Markdown: the last answer's fate, the clock, who is asked, and the plan."""
    request, settings = waiting.request, waiting.settings
    left = figures.duration((question.until - now).total_seconds())
    window = f"Decide until {figures.moment(question.until)}: {left} after this was written."
    lines = [
        f"**{page.escape(note)}**" if note else "",
        f"**{window}** Silence declines.",
        page.escape(tries.demand(settings, now)),
        page.escape(f"Asked now: {ladder(question, settings, now)}"),
        page.escape(f"Late because: {request.late_reason}") if request.late_reason else "",
        f"{len(question.given)} of {settings.approvals_needed} approvals are there." if question.given else "",
        planpage.plan_markdown(waiting.plan, request, now, settings.decision_minutes),
    ]
    return "\n\n".join(filter(None, lines))


def tell_waiting(waiting: Waiting, question: Question, now: datetime) -> None:
    """Ask or remind those whose answer counts now, and the team."""
    settings = waiting.settings
    left = _minutes((question.until - now).total_seconds())
    facts = replace(
        _facts(waiting),
        waiting=f"{left} left, until {figures.moment(question.until)}",
        asked=ladder(question, settings, now),
    )
    log.info("The run waits for an approval: %s. Asked now: %s %s", facts.waiting, facts.asked, facts.next)
    _tell(settings, authority.asked(question, settings, people(settings), now), "team_waiting", facts)


def tell_refused(waiting: Waiting, name: str, why: str) -> None:
    """Tell the team and all approvers of an answer that looks like somebody trying; who was named, with what to do."""
    everybody, facts = people(waiting.settings), replace(_facts(waiting), problem=why)
    named = approvers.find(everybody, name)
    if named:
        _tell(waiting.settings, [named], "team_try", replace(facts, problem=f"{why} {IN_YOUR_NAME}"), to_team=False)
    _tell(waiting.settings, [one for one in everybody if one is not named], "team_try", facts)


def tell_unreachable(waiting: Waiting, by: str, why: str) -> None:
    """Tell the Team Lead and the team that somebody answered in their place."""
    leads = [one for one in people(waiting.settings) if one.role == authority.LEAD]
    said = f"{by} answered because the Team Lead is said to be unreachable: {why}"
    _tell(waiting.settings, leads, "team_try", replace(_facts(waiting), problem=said))


def _facts(waiting: Waiting) -> Facts:
    return Facts(
        incident=waiting.request.incident,
        reason=waiting.request.reason,
        requested_by=waiting.request.requested_by,
        late_reason=waiting.request.late_reason,
        database=waiting.plan.identity.database,
        plan=figures.short(waiting.plan.hash),
        state="The run waits for an approval; nothing was changed.",
        next=f"Read the plan and answer: in the Prefect UI (Resume), or with rollback approve {waiting.flow_run}",
        run_id=waiting.flow_run,
    )


def _minutes(seconds: float) -> str:
    return f"{round(seconds / figures.MINUTE)} min" if seconds >= figures.MINUTE - 5 else f"{seconds:.0f} s"


def _tell(settings: Settings, persons: Sequence[Approver], event: Event, facts: Facts, *, to_team: bool = True) -> None:
    """Send a message to people, and to the team, beside the run: it must not keep an answer waiting.

    It knows the run (the context), so that what it logs stands in the run's log.
    """
    words = (settings, persons, event, facts, to_team)
    Thread(target=copy_context().run, args=(_send, *words), daemon=True).start()


def _send(settings: Settings, persons: Sequence[Approver], event: Event, facts: Facts, to_team: bool) -> None:
    try:
        message = messages.team(settings, event, facts)
        if to_team:
            team.tell(settings, message.title, message.body)
    except NotificationFailed as error:
        log.error("%s", error.problem)
    except RollbackError as error:
        log.error("The approvers could not be told: %s", error.problem)
        return
    for one in persons:
        contact = one.contact.get_secret_value()
        if contact and not team.tell_one(settings, contact, message.title, message.body):
            log.error("%s could not be told by %s.", one.name, approvers.shown_contact(one).partition(":")[0])
