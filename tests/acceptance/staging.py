"""A staging database beside no history of rehearsals, as a site has it before its first rehearsal."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg

from runbook.rehearsing import stagingmark
from tests.acceptance.site import PARTS
from tests.databases import Database
from tests.servers import Server

NAME = "rehearsed_staging"
HISTORY = "rollback_rehearsals"


@contextmanager
def lent(server: Server) -> Iterator[Database]:
    """Lend a staging database with a table of its own; it, its clones and the history go in the end."""
    _drop(server)
    with server.connect() as admin:
        admin.execute(f"CREATE DATABASE {NAME}")
    found = Database(server, NAME)
    with found.connect() as conn:
        conn.execute("CREATE TABLE was_here AS SELECT 1 AS id")
        mark(conn)
    try:
        yield found
    finally:
        _drop(server)


def mark(conn: "psycopg.Connection") -> None:
    """Mark a database as staging, as rollback rehearse --mark does for somebody who sits there."""
    stagingmark.write(conn, conn.info.dbname)


def _drop(server: Server) -> None:
    with server.connect() as admin:
        found = admin.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [NAME]).fetchall()
        for name in (HISTORY, *(row[0] for row in found)):
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def as_found(staging: Database) -> bool:
    """Tell whether staging is again what it was lent as."""
    return staging.column("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == ["was_here"]


def outcomes(staging: Database) -> list[str]:
    """Return how the rehearsals ended that the history knows, the oldest first."""
    history = Database(staging.server, HISTORY)
    with staging.server.connect() as admin:
        there = admin.execute("SELECT FROM pg_database WHERE datname = %s", [HISTORY]).fetchone() is not None
    known = there and history.value("SELECT to_regclass('rehearsal.run') IS NOT NULL")
    return history.column("SELECT outcome FROM rehearsal.run ORDER BY began") if known else []


def place(database: Database) -> Mapping[str, str]:
    """Return what libpq's service file says of a database."""
    return {part: database.env[name] for part, name in PARTS.items()}
