"""Telling people how a run ended: the team at once, then the users, then the team what is open. Nobody twice."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from runbook import figures, journal
from runbook.errors import RollbackError
from runbook.runs import Run
from runbook.telling import mail, messages, recipients, team, told
from runbook.telling.messages import Event, Facts, Message
from runbook.telling.summary import Summary, Verdict
from runbook.telling.told import Told

log = logging.getLogger(__name__)

PAUSES = (1.0, 3.0)
"""How long to wait before a channel that failed is tried again, in s."""
EVENTS: dict[Verdict, Event] = {
    "done": "team_done",
    "declined": "team_declined",
    "refused": "team_declined",
    "cancelled": "team_cancelled",
    "failed": "team_failed",
}


def tell(run: Run, summary: Summary, files: Sequence[Path], prefect_run: str) -> Told:
    """Tell the team and, after a rollback that was done, the users. Returns who was told, and who waits.

    Nobody who cannot be told raises anything: it is said, and tried again by the next run for the incident.
    """
    facts = messages.facts(summary, str(files[0]) if files else "", prefect_run)
    if journal.begun(run):
        recipients.prepare(run)
    if summary.outcome != "done":
        return Told(channels=_team(run, EVENTS[summary.outcome], summary.outcome, facts))
    _team(run, "team_done", "done", replace(facts, told=_announced(run)))
    unmailed, trouble, remedy = _users(run, facts)
    counted = recipients.counts(run.side).get(run.request.incident, Told())
    ended = replace(counted, unmailed=unmailed, trouble=trouble or recipients.why(run), remedy=remedy)
    _open(run, ended, facts)
    return ended


def _announced(run: Run) -> str:
    """Say to the team that the users come next."""
    if why := _silent(run):
        return why
    return f"{figures.count(len(recipients.listed(run)), 'user')} are mailed next."


def _silent(run: Run) -> str:
    """Return why no user is mailed; empty when they are."""
    if not run.request.notify_users:
        return told.NOT_ASKED
    return told.NO_SERVER if run.settings.smtp_host is None else ""


def _users(run: Run, facts: Facts) -> tuple[str, str, str]:
    """Mail who waits. Returns why nobody is mailed, what is in the way of those who wait, and what helps."""
    if not run.request.notify_users:
        recipients.give_up(run)
    if why := _silent(run):
        log.info("%s.", why)
        return why, "", ""
    before = recipients.counts(run.side).get(run.request.incident, Told()).users.get("accepted", 0)
    try:
        message = messages.users(run.settings, facts)
    except RollbackError as error:  # the operator's own template: the rollback is done all the same
        recipients.listed(run)
        return "", error.problem, error.remedy
    delivery = mail.send_users(
        run.settings,
        recipients.listed(run),
        message.title,
        message.body,
        recipients.ended(run),
        accepted_before=before > 0,
    )
    return "", delivery.trouble, delivery.remedy


def _team(run: Run, event: Event, mark: str, facts: Facts) -> dict[str, int]:
    """Tell each channel of the team that was not told this yet. Returns how many were told, and how many wait."""
    begun = journal.begun(run)
    before = recipients.told_channels(run) if begun else set()
    try:
        message = messages.team(run.settings, event, facts)
    except RollbackError as error:
        message = Message(f"{facts.incident}: {mark}", f"{facts.state}\n{error.problem}\n")
    names = {f"team: {mark}: {name}": url for name, url in team.channels(run.settings).items()}
    if begun and mark == "done":
        recipients.forget_channels(run, list(names))
    old = f"team: {mark}" in before
    missed = []
    for name, url in names.items():
        told_now = old or name in before or _reached(url, message)
        if begun and name not in before:
            recipients.channel(run, name, told=told_now)
        missed += [] if told_now else [name]
    if missed:
        log.error("The team was not told through %s.", ", ".join(name.rpartition(": ")[2] for name in missed))
    return {"accepted": len(names) - len(missed), "waiting": len(missed)}


def _reached(url: str, message: Message) -> bool:
    """Tell one channel; what fails is tried again after a pause."""
    for pause in (*PAUSES, None):
        if team.reach(url, message.title, message.body):
            return True
        if pause is not None:
            time.sleep(pause)
    return False


def _open(run: Run, ended: Told, facts: Facts) -> None:
    """Tell the team once what is open or could not be done, and once that it is over."""
    said = replace(facts, told=told.counts(ended), next=told.remedy(ended, run.request.incident) or facts.next)
    alarmed = any(name.startswith("team: open") for name in recipients.told_channels(run))
    if not ended.open and alarmed:
        _team(run, "team_told", "closed", replace(said, heading="Everybody is told who can be"))
    elif ended.open or ended.users.get("refused") or ended.users.get("doubtful"):
        _team(run, "team_told", "open", replace(said, heading="Not everybody is told"))
