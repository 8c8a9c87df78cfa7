"""Poolers: the runbook's own connection must not lead through one, and others' are pointed out."""

from collections import Counter
from collections.abc import Sequence

import psycopg

from runbook import database
from runbook.barrier import stragglers
from runbook.errors import ThroughPooler
from runbook.models import Session

NAMES = ("pgbouncer", "odyssey", "pgcat", "pgpool", "supavisor", "pgagroal", "pgdog")
"""What poolers call themselves, where they do."""

MANY = 10
"""So many sessions from one address are likely to be a pool's; PgBouncer hides behind its clients' names."""

BREAKS = (
    "In transaction mode it gives each transaction another server connection: the lock that keeps a second runner out "
    "would not be this run's, SET would be lost, and the fence would end the runbook's own sessions. In session mode "
    "it hides from the server that a runner is gone."
)
MEANS = (
    "The fence ends a pool's server connections and gives it no new ones: clients wait or get errors. "
    "With PgBouncer, PAUSE the database in its console before, and RESUME when the fence is open: they only wait. "
    "Without that it tries again up to server_login_retry (15 s) after the fence opened; SET server_login_retry = 1 "
    "shortens it. Statements that clients had prepared are gone with the server connections."
)


def check(conn: psycopg.Connection, *, locked: bool = False) -> None:
    """Raise ThroughPooler unless this connection leads to the server itself.

    ``locked``: it took the runner's lock before, and must still have it.
    """
    found = database.query(conn, "own_backend")[0]
    if found["pid"] != conn.info.backend_pid:
        why = f"it was told of server process {conn.info.backend_pid}, and {found['pid']} answers"
        raise _through(why, "" if locked else "Nothing was touched.")
    if locked and not found["locked"]:
        raise _through("the runner's lock, which it took, is not held by the server process that answers")


def _through(why: str, state: str = "") -> ThroughPooler:
    return ThroughPooler(
        f"This connection leads through a pooler: {why}. {BREAKS}",
        "Let PGHOST and PGPORT (or PGSERVICE) name the PostgreSQL server itself.",
        state,
    )


def warnings(sessions: Sequence[Session]) -> list[str]:
    """Point out the poolers among the sessions: those that say so, and many sessions from one address."""
    named = sorted({s.application for s in sessions if any(name in s.application.lower() for name in NAMES)})
    crowds = Counter(s.address for s in sessions if s.address != stragglers.HIDDEN and s.application not in named)
    signs = [f"{application} by its name" for application in named]
    signs += [f"{count} sessions from {_place(address)}" for address, count in sorted(crowds.items()) if count >= MANY]
    if not signs:
        return []
    return [f"Likely a pooler, or a pool inside the application: {'; '.join(signs)}. {MEANS}"]


def _place(address: str) -> str:
    return "the server's own machine" if address == "local" else address
