"""The only door to psycopg. The database is the one that libpq's environment names."""

import logging
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

import sql
from runbook import texts
from runbook.errors import (
    DatabaseFenced,
    DatabaseUnavailable,
    LockNotAvailable,
    RollbackError,
    StatementFailed,
    WrongDatabase,
)
from runbook.models import Identity

log = logging.getLogger(__name__)

Row = dict[str, Any]
APPLICATION = "rollback"
"""application_name of every connection of the runbook."""

KEEPALIVE = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
# A connection may stay idle for as long as an approver thinks; firewalls drop silent ones.

POLL_SECONDS = 0.01

TRIES = 5
"""How often a session is prepared where its role lets no statement take longer than a moment."""

PIN = re.compile(r"^SET ([\w.]+) = ('[^']*'|\w+);$", re.MULTILINE)

REFUSALS = {
    "starting up": "The server starts, or recovers from a crash: wait until it is up, then run again.",
    "recovery mode": "The server starts, or recovers from a crash: wait until it is up, then run again.",
    "not yet accepting": "The server starts, or recovers from a crash: wait until it is up, then run again.",
    "shutting down": "The server is being shut down: find out why, and run again when it is up.",
    "not accepting connections": "This is a standby that takes no connections: let PGHOST name the primary server.",
    "unsupported startup parameter": "A pooler answers: let PGHOST and PGPORT name the PostgreSQL server itself.",
    "connection slots": "No connection slot is free for this role: end some sessions, or use another role.",
    "password authentication failed": "Check the password: PGPASSFILE, the service file, or the role in PGUSER.",
    "no password supplied": "Give a password through PGPASSFILE or the service file.",
    "does not exist": "Check PGDATABASE and PGUSER (or PGSERVICE): the server does not know this name.",
    "no pg_hba.conf entry": "Ask who runs the server to let this host and role in (pg_hba.conf).",
    "too many": "No connection slot is free for this role; end some sessions, or use a role with reserved slots.",
    "connection refused": "Check PGHOST and PGPORT, and that the server runs.",
    "no such file": "Check PGHOST and PGPORT, and that the server runs.",
    "could not translate host name": "Check PGHOST: the name cannot be resolved.",
    "timeout": "Check PGHOST, and whether a firewall lies between.",
    "definition of service": "Check PGSERVICE and PGSERVICEFILE.",
    "service file": "Check PGSERVICE and PGSERVICEFILE.",
}

RAISED_IN = re.compile(r"function ([^\n]+?\)) line \d+")
"""How PostgreSQL's context names the function that an error came from, innermost first."""
PARSED = "RB000"
"""The SQLSTATE of our own with which a look at the grammar ends."""
LOST = ("57P", "080")
"""How SQLSTATE begins where the connection is gone: ended by an administrator, a crash, or on the way."""


def connect(database: str | None = None) -> psycopg.Connection:
    """Open a connection in autocommit mode, to ``database`` or to the one that libpq's environment names.

    Raises DatabaseUnavailable with a remedy, or DatabaseFenced when the database takes no connections.
    """
    return connect_to("", {"dbname": database} if database else {})


def connect_to(conninfo: str, words: Mapping[str, object] = MappingProxyType({})) -> psycopg.Connection:
    """Open a connection in autocommit mode to what ``conninfo`` names, by libpq's environment where that is silent.

    Raises what ``connect`` raises.
    """
    named = {"application_name": APPLICATION, "connect_timeout": 10, "client_encoding": "UTF8", **KEEPALIVE, **words}
    try:
        conn = psycopg.connect(make_conninfo(conninfo, **named), autocommit=True)  # type: ignore[arg-type]
        pin(conn)
    except psycopg.Error as error:
        raise _refused(str(error)) from None
    conn.add_notice_handler(lambda notice: log.info("%s", notice.message_primary))
    return conn


def pin(conn: psycopg.Connection) -> None:
    """Set what a session depends on (sql/session/pins.sql), in one round trip. Raises psycopg.Error."""
    text = f"{sql.read('session/pins.sql')}\n{sql.query('pins_of_superusers')}"
    for left in reversed(range(TRIES)):
        try:
            cursor = conn.execute(text.encode())
            break
        except psycopg.errors.QueryCanceled:  # a limit of the role's, of a few ms, was over before it was lifted
            if not left:
                raise
    while cursor.nextset():
        pass
    for name, value, _ in cursor.fetchall():
        with suppress(psycopg.errors.InsufficientPrivilege):  # the plan says so where that matters
            conn.execute("SELECT pg_catalog.set_config(%s, %s, false)", [name, value])
    texts.adapt(conn)


def environment(encoding: str = texts.UTF8) -> dict[str, str]:
    """Return what is added to the environment of pg_dump and pg_restore, so that they depend on nobody's settings.

    ``encoding``: the database's own, in which a dump is written.
    """
    return {
        "LC_ALL": "C",
        "PGOPTIONS": options(os.environ.get("PGOPTIONS", "")),
        "PGCLIENTENCODING": encoding,
        "PGDATESTYLE": "default",
        "PGTZ": "default",
    }


def options(given: str = "") -> str:
    """Return libpq's options that hold the pins of programs; they come after those that are ``given``."""
    pins = PIN.findall(sql.read("session/pins.sql"))
    values = [(name, value.strip("'").replace("\\", r"\\").replace(" ", r"\ ")) for name, value in pins]
    return " ".join(filter(None, [given, *(f"-c {name}={value}" for name, value in values)]))


def _refused(said: str) -> DatabaseUnavailable:
    """Turn libpq's words about a failed connection into an error with a remedy."""
    said = said.strip()
    if "not currently accepting connections" in said:
        return DatabaseFenced(
            "The database takes no connections: a fence is closed around it.",
            "If no rollback is running, open it: rollback fence open.",
        )
    remedy = next((words for sign, words in REFUSALS.items() if sign in said.lower()), "Check libpq's PG… variables.")
    return DatabaseUnavailable(f"No connection to the database: {said}", remedy)


def query(conn: psycopg.Connection, name: str, /, *, table: str = "", **parameters: object) -> list[Row]:
    """Run the named query sql/queries/``name``.sql and return its rows as dicts.

    ``table`` stands in for {table}, where a query must name one that is called this or that. Raises the errors of
    ``translated``.
    """
    text = sql.query(name).replace("{table}", table) if table else sql.query(name)
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(text.encode(), parameters or None)
        return cursor.fetchall() if cursor.description else []


def script(conn: psycopg.Connection, name: str) -> list[str]:
    """Run the whole file sql/``name`` and return the notices it raised.

    Raises the errors of ``translated``, and StatementFailed when the file ended the transaction it ran in.
    """
    heard: list[str] = []
    hear = lambda notice: heard.append(notice.message_primary or "")  # noqa: E731
    before = conn.info.transaction_status
    conn.add_notice_handler(hear)
    try:
        with translated():
            conn.execute(sql.read(name).encode())
    finally:
        conn.remove_notice_handler(hear)
    if conn.info.transaction_status != before:
        raise StatementFailed(f"sql/{name} ended the transaction it runs in.", "Take COMMIT or ROLLBACK out of it.")
    return heard


def parse_error(conn: psycopg.Connection, text: str) -> str:
    """Return what PostgreSQL's grammar has against a text of statements, none of which runs; empty: nothing."""
    # PostgreSQL parses all that it is sent before it runs the first statement, which ends it here.
    stop = f"DO $$ BEGIN RAISE EXCEPTION 'parsed' USING ERRCODE = '{PARSED}'; END $$;\n"
    try:
        with transaction(conn):
            conn.execute((stop + text).encode(), prepare=False)
    except StatementFailed as error:
        return "" if error.sqlstate == PARSED else error.problem
    return ""


def leave(conn: psycopg.Connection, name: str) -> None:
    """Send the file sql/``name`` as one statement and do not wait for its end; the server goes on when we are gone.

    Close the connection only when another one has seen the statement begin: what is not read yet could be lost with it.
    """
    with translated():
        conn.pgconn.send_query(texts.fitting(sql.read(name), texts.encoding(conn)).encode())
        while conn.pgconn.flush():
            time.sleep(POLL_SECONDS)


@contextmanager
def translated() -> Iterator[None]:
    """Turn psycopg's errors into the runbook's: LockNotAvailable, DatabaseUnavailable or StatementFailed."""
    try:
        yield
    except psycopg.Error as error:
        raise _translation(error) from error


def _translation(error: psycopg.Error) -> RollbackError:
    said = error.diag.message_primary or str(error).strip() or type(error).__name__
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return LockNotAvailable(f"A lock was not granted in time: {said}.", "End the sessions that hold it, or wait.")
    if isinstance(error, psycopg.OperationalError) and (error.sqlstate is None or error.sqlstate[:3] in LOST):
        return DatabaseUnavailable(f"The connection to the database was lost: {said}", "Run the same command again.")
    detail = " ".join(filter(None, [error.diag.message_detail, error.diag.message_hint]))
    raised = RAISED_IN.search(error.diag.context or "")
    where = f"(raised in function {raised[1]})" if raised else ""
    told = f"{said.removesuffix('.')}." if detail else said  # what comes next begins a sentence
    failed = StatementFailed(" ".join(filter(None, [f"PostgreSQL refused: {told}", detail, where])))
    failed.sqlstate = error.sqlstate
    return failed


@contextmanager
def transaction(conn: psycopg.Connection) -> Iterator[None]:
    """Open a transaction, or a savepoint inside one; it is undone when the block raises."""
    with translated(), conn.transaction():
        yield


def in_transaction(conn: psycopg.Connection) -> bool:
    """Return whether a transaction is open on this connection."""
    return conn.info.transaction_status != psycopg.pq.TransactionStatus.IDLE


def guard(conn: psycopg.Connection, expected: Identity) -> None:
    """Raise WrongDatabase unless this connection still speaks to the ``expected`` database."""
    found = identity(conn)
    if found != expected:
        raise WrongDatabase(
            f"This connection speaks to {found}, the run began on {expected}.",
            "Find out what moved (a failover, a proxy, a service file) before anything else.",
        )


def runner(rows: Sequence[Row]) -> str:
    """Say who the runner is that the query ``runner`` found; empty: nobody."""
    return "; ".join(f"pid {row['pid']} from {row['address']}, since {_clock(row['since'])}" for row in rows)


def _clock(since: datetime | None) -> str:
    """Write a time; a role that may not look at another's sessions is not told theirs."""
    return f"{since.astimezone(UTC):%H:%M:%S} UTC" if since else "an unknown time"


def identity(conn: psycopg.Connection) -> Identity:
    """Return which database this connection speaks to."""
    row = query(conn, "identity")[0]
    return Identity(**row)
