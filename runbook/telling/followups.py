"""What the procedure wants after a rollback, with its times: five actions, a post-mortem, and its meeting."""

import re
from datetime import UTC, datetime, timedelta

from runbook import figures, page, printable
from runbook.page import Block, Bullets, Fixed, Page, Section, Table
from runbook.telling import timeline, told
from runbook.telling.summary import Summary, outage, outage_words, post_mortem_due

TO_FILL_IN = "(to fill in)"
FOLD = 75
"""How many bytes a line of an invitation may have."""
FIRST_HOUR, LAST_HOUR = 9, 16
"""Between which hours, UTC, a meeting may begin."""


def actions(summary: Summary) -> Table:
    """List the procedure's five post-rollback actions."""
    due = figures.moment(post_mortem_due(summary))
    rows = [
        ("1. Notify users", "at once", _notified(summary)),
        ("2. Post-mortem", f"by {due}", "hold the meeting; an invitation (.ics) lies beside this report"),
        ("3. Document issues", f"by {due}", f"complete post-mortem-{summary.request.incident}.md; facts are filled in"),
        ("4. Fix issues", "before the next attempt", "address the root causes found by the post-mortem"),
        ("5. Reschedule", "at the post-mortem", "set the new deployment date"),
    ]
    return Table(("action", "when", "what to do"), rows)


def _notified(summary: Summary) -> str:
    """Say what became of the mail to users."""
    if not summary.request.notify_users:
        return "not mailed: the request says so; tell the users another way"
    if summary.told is None:
        return "mailed by the step notify, after this report is written; see the run"
    said = told.counts(summary.told)
    if summary.told.open:
        todo = told.remedy(summary.told, summary.request.incident)
        return f"OPEN: {said}. {todo} rollback status has the counts of now"
    return f"done: {said}" if summary.told.everybody else f"{said}; tell who was not told another way"


def post_mortem(summary: Summary) -> str:
    """Write the post-mortem as far as the facts go, as Markdown."""
    due = figures.moment(post_mortem_due(summary))
    lead: list[Block] = [f"To be held by {due}. Parts marked {TO_FILL_IN} are not known to the runbook."]
    sections = [
        Section("What went wrong", [summary.request.reason, _identified(summary)]),
        Section("What was done", [_done(summary), f"State: {summary.state}"]),
        Section("Effect on users", [f"{outage_words(summary).capitalize()}.", TO_FILL_IN]),
        Section("Timeline", [timeline.table(summary.steps), Fixed(timeline.picture(summary.steps, outage(summary)))]),
        *(Section(title, [TO_FILL_IN]) for title in ("Root cause", "Why it was not found before", "What went well")),
        Section("Actions", [Table(("action", "owner", "due"), [(TO_FILL_IN, "", "")])]),
        Section("New deployment date", [TO_FILL_IN]),
        Section("Present", [Bullets([TO_FILL_IN])]),
    ]
    return page.markdown(Page(f"Post-mortem {summary.request.incident}: {summary.target}", lead, sections))


def _identified(summary: Summary) -> str:
    by = f", reported by {summary.request.requested_by}" if summary.request.requested_by else ""
    return f"Identified at {figures.moment(summary.request.identified_at)}{by}."


def _done(summary: Summary) -> str:
    ending = {"done": "was done", "failed": "failed", "declined": "was not approved", "refused": "was refused"}
    ending["cancelled"] = "was cancelled"
    why = f" Problem: {summary.problem}" if summary.problem else ""
    return f"The rollback of {summary.database} {ending[summary.outcome]} at {figures.moment(summary.ended)}.{why}"


def meeting(summary: Summary) -> datetime:
    """Propose when to meet: the last hour inside the 24 that begins between 9 and 16 o'clock UTC."""
    latest = post_mortem_due(summary).astimezone(UTC) - timedelta(hours=1)
    if latest.hour < FIRST_HOUR:
        latest = latest.replace(hour=LAST_HOUR, minute=0) - timedelta(days=1)
    elif latest.hour >= LAST_HOUR:
        latest = latest.replace(hour=LAST_HOUR, minute=0)
    return latest.replace(second=0, microsecond=0)


def invitation(summary: Summary) -> str:
    """Write the meeting's invitation as iCalendar text (RFC 5545)."""
    begin, incident = meeting(summary), summary.request.incident
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//rollback-runbook//post-mortem//EN",
        "BEGIN:VEVENT",
        f"UID:{_words(f'post-mortem-{incident}@rollback-runbook')}",
        f"DTSTAMP:{summary.ended.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART:{begin:%Y%m%dT%H%M%SZ}",
        "DURATION:PT1H",
        f"SUMMARY:{_words(f'Post-mortem {incident}')}",
        f"DESCRIPTION:{_words(f'To be held by {figures.moment(post_mortem_due(summary))}.')}",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _words(text: str) -> str:
    """Escape a text of an invitation (RFC 5545, 3.3.11), on one line."""
    return re.sub(r"([\\;,])", r"\\\1", printable.line(text))


def _folded(line: str) -> str:
    """Break a line after 75 bytes at most, as RFC 5545 (3.1) wants it."""
    parts = [""]
    for char in line:
        if len(f"{parts[-1]}{char}".encode()) > FOLD:
            parts.append(" ")
        parts[-1] += char
    return "\r\n".join(parts)
