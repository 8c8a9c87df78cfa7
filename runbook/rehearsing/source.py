"""The source of a rehearsal: production, which is only ever read."""

from dataclasses import dataclass

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from runbook import database
from runbook.errors import RehearsalRefused, SettingsInvalid
from runbook.models import Identity
from runbook.settings import Settings

READ_ONLY = "-c default_transaction_read_only=on"
AS_BEGUN = "SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only'"
SECRETS = ("password", "sslpassword")


@dataclass(frozen=True)
class Facts:
    """What a clone must know of its source."""

    identity: Identity
    bytes: int
    like: database.Row
    """What CREATE DATABASE is told: encoding, collation."""
    settings: tuple[database.Row, ...]
    """What ALTER DATABASE … SET has set."""


def conninfo(settings: Settings) -> str:
    """Return the connection string of production, by which nothing can be written. Raises SettingsInvalid."""
    if not settings.rehearsal_source:
        raise _invalid("is not set", "Name production, such as service=digitaltwin-production; or set a dump.")
    try:
        words = conninfo_to_dict(settings.rehearsal_source)
    except psycopg.Error:
        # What it says may repeat a password.
        raise _invalid("is no connection string of libpq", "Write it as service=digitaltwin-production.") from None
    if any(word in words for word in SECRETS):
        raise _invalid("holds a password", "Put it into the password file (PGPASSFILE, mode 0600).")
    if "service" not in words and "dbname" not in words:
        raise _invalid("names no database", "Add dbname=…: what is missing would come from staging's environment.")
    options = database.options(str(words.get("options") or ""))
    return make_conninfo(settings.rehearsal_source, options=f"{options} {READ_ONLY}")


def connect(settings: Settings) -> psycopg.Connection:
    """Open a connection to production that can only read.

    Raises SettingsInvalid, DatabaseUnavailable, or RehearsalRefused where it could write all the same.
    """
    conn = database.connect_to(conninfo(settings))
    with database.translated():
        # The door lets sessions write; this one is as the option had it when it began.
        [(read_only,)] = conn.execute(AS_BEGUN).fetchall()
        conn.execute("SET default_transaction_read_only = on")
    if read_only != "on":
        conn.close()
        raise RehearsalRefused(
            "The connection to production could write: a pooler on the way took the option out.",
            "Let ROLLBACK_REHEARSAL_SOURCE name the PostgreSQL server itself, or a standby of it.",
            "Nothing was touched.",
        )
    return conn


def facts(conn: psycopg.Connection) -> Facts:
    """Read what a clone must know of the database behind this connection."""
    name = conn.info.dbname
    return Facts(
        database.identity(conn),
        int(database.query(conn, "size")[0]["bytes"]),
        database.query(conn, "scratch_database", database=name)[0],
        tuple(database.query(conn, "database_settings", database=name)),
    )


def _invalid(what: str, remedy: str) -> SettingsInvalid:
    return SettingsInvalid(f"ROLLBACK_REHEARSAL_SOURCE {what}.", remedy, "Nothing was touched.")
