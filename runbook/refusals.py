"""The runs that a worker refused, in its store: whoever reaches Prefect's API can delete them there, and not here."""

import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from runbook import store
from runbook.settings import Settings

TABLE = "CREATE TABLE IF NOT EXISTS refused_run (at REAL NOT NULL, run TEXT NOT NULL, reason TEXT NOT NULL)"
HOUR, DAY = 3600.0, 86400.0
TOLD = 5
"""How many messages an hour the team gets of them: whoever asks for a thousand runs must not drown the channel."""
KEPT = 1000


@dataclass(frozen=True)
class Refusals:
    """What was refused of late."""

    day: int
    """How many runs in the last day."""
    newest: str
    """When the newest one was, and why; empty: none is known."""


NONE = Refusals(0, "")


def record(settings: Settings, run: str, reason: str) -> int:
    """Write a refused run down, and return how many messages the team may still get this hour, this one's included.

    Raises SettingsInvalid.
    """
    now = time.time()
    with store.transaction(settings) as conn:
        conn.execute(TABLE)
        [before] = conn.execute("SELECT count(*) FROM refused_run WHERE at > ?", [now - HOUR]).fetchone()
        conn.execute("INSERT INTO refused_run VALUES (?, ?, ?)", [now, run, reason])
        conn.execute("DELETE FROM refused_run WHERE rowid <= (SELECT max(rowid) FROM refused_run) - ?", [KEPT])
    return max(0, TOLD - int(before))


def read(settings: Settings) -> Refusals:
    """Return what was refused of late; a store that is not there yet is not made. Raises SettingsInvalid."""
    if not store.place(settings).exists():
        return NONE
    with store.transaction(settings) as conn:
        conn.execute(TABLE)
        [day] = conn.execute("SELECT count(*) FROM refused_run WHERE at > ?", [time.time() - DAY]).fetchone()
        with closing(conn.execute("SELECT at, reason FROM refused_run ORDER BY rowid DESC LIMIT 1")) as rows:
            newest = rows.fetchone()
    return Refusals(
        int(day), f"{datetime.fromtimestamp(newest[0], UTC):%Y-%m-%d %H:%M} UTC: {newest[1]}" if newest else ""
    )
