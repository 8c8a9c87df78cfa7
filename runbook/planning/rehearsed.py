"""What production asks of rehearsals: one of these very scripts, not long ago, or the approver's word."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from runbook import figures
from runbook.database import Row
from runbook.errors import RollbackError
from runbook.models import Plan
from runbook.outlook import Rehearsal
from runbook.rehearsing import history, reading
from runbook.request import RollbackRequest
from runbook.settings import Settings

WORD = "The approver must say why it goes without one."
OTHER = "Another choice for OAuth users or gemini is another rehearsal."


def add(plan: Plan, request: RollbackRequest, settings: Settings) -> Plan:
    """Add to a plan what is known of rehearsals, with a warning where there is no fresh one."""
    found = newest(settings, request) if plan.needed else None
    said = [found.lacking] if found and found.lacking else []
    return replace(plan, rehearsal=found, warnings=[*said, *plan.warnings])


def newest(settings: Settings, request: RollbackRequest) -> Rehearsal | None:
    """Return the newest rehearsal of these scripts; None where none is asked for: not production, or no days set.

    A history that cannot be read, or not soon, is a reason for the approver, and never an error.
    """
    if not settings.production or not settings.rehearsal_days:
        return None
    try:
        rows = reading.newest(settings, history.scripts(request.oauth, request.gemini))
    except RollbackError as error:
        why = " ".join(error.problem.split()).rstrip(".")
        return Rehearsal(
            settings.rehearsal_days, lacking=f"Whether this was rehearsed is not known: {why}. {error.remedy} {WORD}"
        )
    return judge(rows, settings.rehearsal_days, datetime.now(UTC))


def judge(rows: Sequence[Row], days: float, now: datetime) -> Rehearsal:
    """Judge the newest rehearsal that was done: whether it was of these very scripts, and not long ago."""
    if not rows:
        return Rehearsal(days, lacking=f"No rehearsal was ever done. {WORD}")
    row = rows[0]
    found = f"{row['label']} on {row['target']}, {ago(row['ended'], now)}"
    if not row["same"]:
        return Rehearsal(
            days,
            lacking=f"These very scripts were never rehearsed; the newest of other ones was {found}. {OTHER} {WORD}",
        )
    old = now - row["ended"] > timedelta(days=days)
    said = f"The newest rehearsal of these scripts is too old: {found}; one is wanted within {days:g} days. {WORD}"
    return Rehearsal(days, row["label"], row["ended"], row["outage"], said if old else "", row.get("reason", ""))


def ago(when: datetime, now: datetime) -> str:
    """Say how long ago something was."""
    seconds = max((now - when).total_seconds(), 0)
    days = int(seconds // (24 * figures.HOUR))
    return f"{figures.count(days, 'day')} ago" if days else f"{figures.duration(seconds)} ago"


def lacking(plan: Plan) -> bool:
    """Tell whether the approver must say why it goes without a fresh rehearsal."""
    return plan.rehearsal is not None and bool(plan.rehearsal.lacking)


def sentence(plan: Plan) -> str:
    """Say in a line what is known of rehearsals, with the outage that was measured; empty where none is asked for."""
    found = plan.rehearsal
    if found is None:
        return ""
    if found.lacking or found.ended is None:
        return found.lacking
    outage = figures.duration(found.outage_seconds) if found.outage_seconds is not None else "an unmeasured time"
    remark = f"; {found.remark}" if found.remark else ""
    return (
        f"{found.label}, {ago(found.ended, plan.drawn_at)}, of these very scripts: users offline for {outage}{remark}."
    )
