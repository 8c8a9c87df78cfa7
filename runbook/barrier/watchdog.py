"""The watchdog of the fence: a loop inside the server that opens it when no runner lives any more.

It is started over a connection of the runbook's and then left alone, so it needs neither runner nor network. Only a
restart of the server ends it with the fence closed.
"""

import logging
import time
from contextlib import closing

import psycopg

from runbook import database
from runbook.errors import RollbackError
from runbook.settings import Settings

log = logging.getLogger(__name__)

SECONDS = 10
"""How long it may take to start."""
POLL_SECONDS = 0.02


def start(gate: psycopg.Connection, settings: Settings, oid: int) -> int:
    """Start a watchdog for the database ``oid`` and return its backend pid; start it before the fence closes.

    Raises RollbackError when it does not come up within SECONDS: a killed runner would leave the fence closed.
    """
    with closing(database.connect(settings.maintenance_database)) as conn:
        database.query(conn, "watchdog_settings", database=oid, seconds=settings.fence_orphan_seconds)
        database.leave(conn, "fence/watchdog.sql")
        until = time.monotonic() + SECONDS
        while conn.info.backend_pid not in _pids(gate, oid):
            if time.monotonic() > until:
                raise RollbackError(
                    "The watchdog that opens the fence after a lost runner did not start.",
                    "The server's log says why. Run again.",
                )
            time.sleep(POLL_SECONDS)
        pid: int = conn.info.backend_pid
    log.info("Watchdog (pid %d): without a runner the fence opens after %g s.", pid, settings.fence_orphan_seconds)
    return pid


def _pids(conn: psycopg.Connection, oid: int) -> list[int]:
    return [int(row["pid"]) for row in database.query(conn, "watchdogs", oid=oid, database=None)]


def stands(conn: psycopg.Connection, name: str) -> bool:
    """Tell whether a watchdog stands behind the fence of the database ``name``."""
    return bool(database.query(conn, "watchdogs", oid=None, database=name))


def end(gate: psycopg.Connection, name: str) -> None:
    """End the watchdogs of the database ``name``: whoever opened the fence for good needs none."""
    database.query(gate, "watchdogs_end", database=name)
