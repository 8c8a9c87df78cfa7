"""The history of rehearsals, in a database that no rehearsal touches."""

import hashlib
import logging
from typing import Any

import psycopg
from psycopg import sql as compose
from psycopg.conninfo import conninfo_to_dict

import sql
from runbook import database
from runbook.barrier import fence
from runbook.database import Row
from runbook.errors import DatabaseUnavailable, SecondRunner, SettingsInvalid
from runbook.rehearsing.source import SECRETS
from runbook.settings import Settings

DATABASE = "rollback_rehearsals"
SHOWN = 20
"""How many rehearsals the table and the picture show."""
FOLDERS = ("rollback", "verify", "oauth")
"""Folders of the scripts that a rehearsal is of."""

log = logging.getLogger(__name__)


def scripts(oauth: str = "temporary passwords", gemini: str = "keep") -> str:
    """Return SHA-256 over the very scripts: names and contents of all files of FOLDERS, and what is chosen of them.

    With another choice other scripts run: a rehearsal that kept OAuth users did not show that 012 works.
    """
    digest = hashlib.sha256(f"oauth {oauth}, gemini {gemini}\n".encode())
    for folder in FOLDERS:
        for name in sorted(one.name for one in sql.folder(folder) if one.name.endswith(".sql")):
            digest.update(f"{folder}/{name} {sql.digest(f'{folder}/{name}')}\n".encode())
    return digest.hexdigest()


def opened(settings: Settings) -> psycopg.Connection:
    """Connect to the history and see that its tables are there; a database that is missing is made.

    Raises DatabaseUnavailable, StatementFailed, SettingsInvalid.
    """
    conninfo = _conninfo(settings)
    if conninfo_to_dict(conninfo).get("dbname") == fence.target():
        raise SettingsInvalid(
            "ROLLBACK_REHEARSAL_HISTORY names the staging database, which a rehearsal puts aside.",
            f"Name another one, such as {DATABASE}.",
            "Nothing was touched.",
        )
    try:
        conn = database.connect_to(conninfo)
    except DatabaseUnavailable:
        if not _made(conninfo, settings):
            raise
        conn = database.connect_to(conninfo)
    with database.transaction(conn):
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('rehearsal.run', 0))")  # two could make the tables
        database.script(conn, "rehearsal/history.sql")
    return conn


def read_only(settings: Settings) -> psycopg.Connection:
    """Connect to a history that is only read. Raises SettingsInvalid, DatabaseUnavailable."""
    if settings.rehearsal_history is None and settings.production:
        raise SettingsInvalid(
            "ROLLBACK_REHEARSAL_HISTORY is not set.", "Let it name the database with staging's history."
        )
    return database.connect_to(_conninfo(settings))


def _conninfo(settings: Settings) -> str:
    conninfo = settings.rehearsal_history or f"dbname={DATABASE}"
    try:
        known = conninfo_to_dict(conninfo)
    except psycopg.Error:
        raise SettingsInvalid(
            "ROLLBACK_REHEARSAL_HISTORY is no connection string of libpq.", "Write it as service=…."
        ) from None
    if any(word in known for word in SECRETS):
        raise SettingsInvalid(
            "ROLLBACK_REHEARSAL_HISTORY holds a password.", "Put it into the password file (PGPASSFILE, mode 0600)."
        )
    return conninfo if "dbname" in known or "service" in known else f"{conninfo} dbname={DATABASE}"


def _made(conninfo: str, settings: Settings) -> bool:
    """Make the database where its server has none of this name; return whether that was so."""
    name = conninfo_to_dict(conninfo).get("dbname")
    if not name:
        return False
    gate = database.connect_to(conninfo, {"dbname": settings.maintenance_database})
    with gate, database.translated():
        if gate.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None:
            return False
        gate.execute(compose.SQL("CREATE DATABASE {}").format(compose.Identifier(str(name))))
    log.info("made the database %s for the history of rehearsals", name)
    return True


def lock(conn: psycopg.Connection, target: str) -> list[Row]:
    """Hold a target for this rehearsal, and return those that were killed. Raises SecondRunner."""
    if not database.query(conn, "scratch_lock", database=f"rehearsal of {target}")[0]["locked"]:
        raise SecondRunner(
            f"A rehearsal on {target} is at work.", "Wait until it ends, or follow it.", "This one touched nothing."
        )
    return database.query(conn, "history_killed", target=target)


def runs(conn: psycopg.Connection, target: str, length: int = SHOWN) -> list[Row]:
    """Return the newest rehearsals of a target, the newest first."""
    return database.query(conn, "history_runs", target=target, length=length)


def slower(conn: psycopg.Connection, settings: Settings, id: Any) -> list[Row]:
    """Return the steps of a rehearsal that were slower than usual: name, seconds, usual, runs."""
    return database.query(
        conn,
        "history_slower",
        target=settings.target,
        id=id,
        length=10,
        least=3,
        factor=settings.rehearsal_slower,
        floor=settings.rehearsal_slower_seconds,
    )
