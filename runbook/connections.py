"""The connections of a run: watched by the server, closed for the copy, made again where they were lost."""

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg

from runbook import database
from runbook.barrier import fence
from runbook.errors import DatabaseUnavailable, RollbackError

if TYPE_CHECKING:
    from runbook.runs import Run

log = logging.getLogger(__name__)

SECONDS = 20
"""How long the server may take to end the backend of a lost connection."""


def watch(conn: psycopg.Connection) -> None:
    """Let the server end this backend soon after the runner or its machine is gone, also inside a statement."""
    with suppress(RollbackError):
        database.query(conn, "keepalive")
    with suppress(psycopg.Error):
        conn.execute("SET client_connection_check_interval = '1s'")


def stay_alone(run: "Run") -> None:
    """Close every connection to the database but ``work``: a copy of it needs that, and the fence is closed."""
    run.beside.close()


def rejoin(run: "Run") -> None:
    """Connect beside ``work`` again, once the fence is open."""
    if run.alone:
        run.beside = _watched()


def revive(run: "Run") -> None:
    """Replace connections that were lost; a closed fence keeps out the runbook too, so it is opened first.

    Raises DatabaseUnavailable when the server cannot be reached.
    """
    if not _lives(run.gate):
        run.gate = database.connect(run.settings.maintenance_database)
    if _lives(run.side) and _lives(run.work):
        return
    log.warning("The connection was lost; opening the fence to make a new one.")
    fence.open_up(run.gate, run.identity.database)
    if run.alone or not _lives(run.beside):
        run.beside.close()
        run.beside = _watched()
    if not _lives(run.work):
        run.work.close()
        run.work = _successor(run)


def _successor(run: "Run") -> psycopg.Connection:
    """Return a new connection with the runner's lock, which the lost one's backend has for as long as it works.

    A COMMIT may still be on its way in that backend: only when it is gone can be said whether it committed. Raises
    DatabaseUnavailable when it does not go within SECONDS.
    """
    until, conn = time.monotonic() + SECONDS, database.connect()
    while not database.query(conn, "lock_runner")[0]["locked"]:
        if time.monotonic() > until:
            conn.close()
            raise DatabaseUnavailable(
                f"The lost connection's backend (pid {run.worker}) does not end on the server.",
                "End it (SELECT pg_terminate_backend), then run again for the same incident.",
                "Whether the transaction committed is not known yet; the services are stopped.",
            )
        run.gate.execute("SELECT pg_terminate_backend(%s)", [run.worker])
        time.sleep(0.1)
    watch(conn)
    run.worker = conn.info.backend_pid
    return conn


def _watched() -> psycopg.Connection:
    conn = database.connect()
    watch(conn)
    return conn


def _lives(conn: psycopg.Connection) -> bool:
    try:
        conn.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True
