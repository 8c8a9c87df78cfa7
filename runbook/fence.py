"""The fence: while it is closed, nobody can connect to the database, superusers included.

ALLOW_CONNECTIONS false is the only means that keeps out everybody. Connections that exist stay, so the runbook makes
its own before it closes the fence, and everybody else's are ended. PostgreSQL refuses the change from inside the
database itself: it is made over the gate, a connection to the maintenance database.
"""

import logging
import time
from collections.abc import Sequence

import psycopg
from psycopg import sql as compose

from runbook import database
from runbook.errors import DatabaseUnavailable, RollbackError, SecondRunner
from runbook.models import Session
from runbook.settings import Settings

log = logging.getLogger(__name__)

SECONDS = 10
"""How long ended sessions may take to go."""


def sessions(conn: psycopg.Connection, own: Sequence[int]) -> list[Session]:
    """Return everybody else's sessions on this database."""
    return [Session(**row) for row in database.query(conn, "sessions", own=list(own))]


def close(
    gate: psycopg.Connection, conn: psycopg.Connection, own: Sequence[int], spared: Sequence[str] = ()
) -> list[Session]:
    """Let nobody connect any more, end everybody else's sessions, and return whose they were.

    ``conn`` is inside, ``own`` are the backend pids of the runbook; sessions whose application_name is in ``spared``
    stay. Raises RollbackError when one does not go within SECONDS.
    """
    _allow(gate, conn.info.dbname, allow=False)
    stragglers = _others(conn, own, spared)
    for session in stragglers:
        log.warning("Ending %s (pid %d, %s)", session.application, session.pid, session.address)
    until = time.monotonic() + SECONDS
    while left := _others(conn, own, spared):
        if time.monotonic() > until:
            names = ", ".join(f"{s.application} (pid {s.pid})" for s in left)
            raise RollbackError(f"These sessions do not end: {names}.", "Stop their programs, then run again.")
        database.query(conn, "terminate", own=list(own), spared=list(spared))
        time.sleep(0.05)
    return stragglers


def _others(conn: psycopg.Connection, own: Sequence[int], spared: Sequence[str]) -> list[Session]:
    return [session for session in sessions(conn, own) if session.application not in spared]


def open_up(gate: psycopg.Connection, name: str) -> None:
    """Let everybody connect again."""
    _allow(gate, name, allow=True)


def _allow(gate: psycopg.Connection, name: str, *, allow: bool) -> None:
    statement = compose.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(
        compose.Identifier(name), compose.Literal(allow)
    )
    with database.translated():
        gate.execute(statement)
    log.info("Database %s %s connections.", name, "takes" if allow else "takes no new")


def abandoned(settings: Settings) -> str:
    """Return the name of the fenced database when no living runner stands behind the fence.

    Raises SecondRunner when one does.
    """
    name = target()
    with database.connect(settings.maintenance_database) as conn:
        runners = database.query(conn, "runner", database=name)
    if runners:
        raise SecondRunner(
            f"A runner is at work behind the fence ({database.runner(runners)}).",
            "Follow that run; the fence opens when it ends.",
            "This run touched nothing.",
        )
    return name


def open_from_outside(settings: Settings) -> None:
    """Open the fence around the database from the maintenance database, where connecting is still allowed."""
    with database.connect(settings.maintenance_database) as gate:
        open_up(gate, target())


def target() -> str:
    """Return the database's name as libpq would find it (environment, service file), without connecting to it."""
    defaults = {option.keyword: option.val for option in psycopg.pq.Conninfo.get_defaults()}
    name = defaults.get(b"dbname") or defaults.get(b"user")
    if not name:
        raise DatabaseUnavailable("No database is named.", "Set PGDATABASE or PGSERVICE.")
    return name.decode()
