"""What the worker's store keeps of answers, for all targets and databases: used codes, and wrong answers.

Each function works inside a transaction of the store that its caller opened.
"""

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from runbook.approval import onetime
from runbook.approval.authority import LIMIT, WINDOW, Past

ALARM_SECONDS = 60
"""How often people are told of more wrong answers, once a source has come to its limit."""


def past(store: sqlite3.Connection, fingerprint: str, source: str, now: datetime) -> Past:
    """Return what is remembered of an approver's codes, and of the source that an answer comes from."""
    last = onetime.near(now)[-1]
    newest = store.execute(
        "SELECT coalesce(max(step), -1) FROM used_code WHERE secret = ? AND accepted AND step <= ?", (fingerprint, last)
    ).fetchone()[0]
    since = onetime.around(now)[0] - 1
    used = store.execute("SELECT step FROM used_code WHERE secret = ? AND step >= ?", (fingerprint, since))
    return Past(newest, frozenset(row["step"] for row in used), wrong_answers(store, source, now))


def use(store: sqlite3.Connection, fingerprint: str, step: int, now: datetime, *, accepted: bool) -> None:
    """Mark a code as used: it never works again."""
    store.execute(
        "INSERT INTO used_code (secret, step, accepted, used) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (fingerprint, step, accepted, now.timestamp()),
    )


def wrong_answers(store: sqlite3.Connection, source: str, now: datetime) -> int:
    """Return how many wrong answers came from a source within the last day."""
    since = (now - WINDOW).timestamp()
    found = store.execute("SELECT count(*) FROM wrong_answer WHERE source = ? AND came > ?", (source, since))
    return int(found.fetchone()[0])


def add_wrong(store: sqlite3.Connection, source: str, now: datetime) -> bool:
    """Count one more wrong answer of a source, and return whether people should be told of it.

    They hear of each one up to the limit, and then of one a minute, so that a flood of them does not silence anybody.
    """
    store.execute(
        "DELETE FROM wrong_answer WHERE came NOT BETWEEN ? AND ?",
        ((now - WINDOW).timestamp(), (now + WINDOW).timestamp()),
    )
    lately = (now - timedelta(seconds=ALARM_SECONDS)).timestamp()
    told = (
        wrong_answers(store, source, now) < LIMIT
        or not store.execute(
            "SELECT count(*) FROM wrong_answer WHERE source = ? AND told AND came > ?", (source, lately)
        ).fetchone()[0]
    )
    store.execute("INSERT INTO wrong_answer (source, came, told) VALUES (?, ?, ?)", (source, now.timestamp(), told))
    return bool(told)


def doubt(store: sqlite3.Connection, source: str, until: datetime) -> None:
    """Let no code of a source count until then, in any run."""
    store.execute("INSERT OR REPLACE INTO doubt (source, until) VALUES (?, ?)", (source, until.timestamp()))


def doubted(store: sqlite3.Connection, source: str) -> datetime | None:
    """Return until when no code of a source counts; None where it was never doubted."""
    row = store.execute("SELECT until FROM doubt WHERE source = ?", (source,)).fetchone()
    return datetime.fromtimestamp(row["until"], UTC) if row else None


def imported(store: sqlite3.Connection, database: str) -> bool:
    """Return whether what a journal of an earlier version remembered was taken over already."""
    return store.execute("SELECT 1 FROM used_code_import WHERE database = ?", (database,)).fetchone() is not None


def take_over(store: sqlite3.Connection, database: str, codes: Iterable[tuple[str, int, bool]], now: datetime) -> None:
    """Remember codes (fingerprint, step, accepted) from the journal of an earlier version, once for each database."""
    store.execute("INSERT INTO used_code_import VALUES (?, ?) ON CONFLICT DO NOTHING", (database, now.timestamp()))
    for fingerprint, step, accepted in codes:
        use(store, fingerprint, step, now, accepted=accepted)
