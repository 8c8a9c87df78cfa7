"""Whom a run tells, in the journal: each user's mailbox and each channel of the team, with what became of it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg

from runbook import database, journal, sealed
from runbook.request import RollbackRequest
from runbook.runs import Run
from runbook.telling.told import Told

log = logging.getLogger(__name__)


def prepare(run: Run) -> None:
    """Bring a journal of an earlier version up to date; one that is, stays as it is."""
    journal.prepare(run.side)


def listed(run: Run) -> list[str]:
    """Write down every user that this run mails, and return who waits: also from earlier runs for the incident."""
    found = [str(row["email"]) for row in database.query(run.side, "recipients")]
    incident = run.request.incident
    database.query(run.side, "journal_told_list", run=run.id, incident=incident, recipients=found)
    return waiting(run)


def waiting(run: Run) -> list[str]:
    """Return the users of this incident who wait for their mail."""
    rows = database.query(run.side, "journal_told_waiting", incident=run.request.incident)
    return [str(row["recipient"]) for row in rows]


def ended(run: Run) -> Callable[[str, str, str], None]:
    """Return what writes down, at once, what became of a user's mail."""

    def write(recipient: str, outcome: str, said: str) -> None:
        at = {"incident": run.request.incident, "recipient": recipient}
        database.query(run.side, "journal_told_user", outcome=outcome, said=said.replace("\0", ""), **at)

    return write


def give_up(run: Run) -> None:
    """Give up on the users of this incident who wait."""
    database.query(run.side, "journal_told_give_up", incident=run.request.incident)


def channel(run: Run, name: str, *, told: bool) -> None:
    """Write down what became of a message to a channel, in this run."""
    outcome = "accepted" if told else "waiting"
    database.query(run.side, "journal_told_channel", run=run.id, recipient=name, outcome=outcome)


def told_channels(run: Run) -> set[str]:
    """Return which messages to channels arrived in this run; a name without a channel stands for all of them."""
    rows = database.query(run.side, "journal_told_channels", run=run.id)
    return {str(row["recipient"]) for row in rows if row["outcome"] == "accepted"}


def forget_channels(run: Run, present: Sequence[str]) -> None:
    """Give up on channels that wait and are not among those that this run tells."""
    incident = run.request.incident
    database.query(run.side, "journal_told_channels_gone", run=run.id, incident=incident, recipients=list(present))


def counts(conn: psycopg.Connection) -> dict[str, Told]:
    """Return who was told, by incident. Reads journals of earlier versions as well."""
    if not journal.exists(conn):
        return {}
    by: dict[str, dict[str, dict[str, int]]] = {}
    for row in database.query(conn, "journal_told_counts"):
        by.setdefault(row["incident"], {"user": {}, "channel": {}})[row["kind"]][row["outcome"]] = row["count"]
    return {incident: Told(one["user"], one["channel"]) for incident, one in by.items()}


def why(run: Run) -> str:
    """Return what the mail server said most often to those who were not mailed; empty when it said nothing."""
    rows = database.query(run.side, "journal_told_why", incident=run.request.incident)
    return "; ".join(f"{row['count']:,} {row['outcome']}: {row['said']}" for row in rows)


def unfinished(run: Run) -> tuple[UUID, RollbackRequest] | None:
    """Return the run for this incident that was done while somebody waits to be told, with its request.

    A run that this worker did not write is none: nobody is mailed because of it.
    """
    if not journal.exists(run.side):
        return None
    waiting = {row["id"] for row in database.query(run.side, "journal_open", incident=run.request.incident)}
    for row in journal.runs(run.side, run.settings) if waiting else []:
        if row["id"] in waiting and row["committed"]:
            return row["id"], _request(row["request"])
        if row["id"] in waiting:
            log.warning("Run %s left somebody waiting to be told: %s", row["id"], sealed.NOT_OURS)
    return None


def _request(given: Mapping[str, Any]) -> RollbackRequest:
    return RollbackRequest.model_validate(given)
