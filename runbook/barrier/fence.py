"""The fence: while it is closed, nobody can connect to the database, superusers included.

ALLOW_CONNECTIONS false is the only means that keeps out everybody. Connections that exist stay, so the runbook makes
its own before it closes the fence, and everybody else's are ended. PostgreSQL refuses the change from inside the
database itself: it is made over the gate, a connection to the maintenance database.
"""

import logging
from collections.abc import Sequence

import psycopg
from psycopg import sql as compose

from runbook import database
from runbook.barrier import autovacuum, stragglers, watchdog
from runbook.barrier.stragglers import Straggler
from runbook.errors import DatabaseUnavailable, SecondRunner
from runbook.models import Session
from runbook.settings import Settings

log = logging.getLogger(__name__)


def sessions(conn: psycopg.Connection, own: Sequence[int]) -> list[Session]:
    """Return everybody else's sessions on this database."""
    return stragglers.sessions(conn, own)


def close(
    gate: psycopg.Connection,
    conn: psycopg.Connection,
    own: Sequence[int],
    spared: Sequence[str] = (),
    *,
    grace: float = 0.0,
) -> list[Straggler]:
    """Let nobody connect any more, end everybody else's sessions, and return whose they were.

    ``conn`` is inside, ``own`` are the backend pids of the runbook; sessions whose application_name is in ``spared``
    stay. Who is in the middle of a transaction has ``grace`` s to finish it. May be called again: it ends who came in
    since. Raises RollbackError when one does not go.
    """
    _allow(gate, conn.info.dbname, allow=False)
    return [*stragglers.end(conn, own, spared, grace), *autovacuum.end(conn)]


def open_up(gate: psycopg.Connection, name: str) -> None:
    """Let everybody connect again."""
    _allow(gate, name, allow=True)


def open_for_good(gate: psycopg.Connection, name: str) -> None:
    """Let everybody connect again and end the watchdog, which would have done so."""
    open_up(gate, name)
    watchdog.end(gate, name)


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
        open_for_good(gate, target())


def target() -> str:
    """Return the database's name as libpq would find it (environment, service file), without connecting to it."""
    defaults = {option.keyword: option.val for option in psycopg.pq.Conninfo.get_defaults()}
    name = defaults.get(b"dbname") or defaults.get(b"user")
    if not name:
        raise DatabaseUnavailable("No database is named.", "Set PGDATABASE or PGSERVICE.")
    return name.decode()
