"""The guard: what a rehearsal changes is not production, by whatever name it is reached."""

import secrets
from collections.abc import Mapping
from typing import Any

import psycopg

from runbook import database
from runbook.errors import RehearsalRefused, SecondRunner, StatementFailed
from runbook.models import Identity
from runbook.rehearsing.marks import Found
from runbook.safekeeping import snapshot
from runbook.settings import Settings

NOTHING = "Nothing was touched."


def check_target(settings: Settings) -> None:
    """Raise RehearsalRefused where the settings call the target production."""
    if settings.target.strip().lower() == "production":
        raise RehearsalRefused(
            "The target is called production (ROLLBACK_TARGET); a rehearsal runs on staging only.",
            "Set ROLLBACK_TARGET=staging, and let PGSERVICE (or PGHOST, PGDATABASE) name staging.",
            NOTHING,
        )


def same_server(source: psycopg.Connection, gate: psycopg.Connection) -> bool:
    """Tell whether both lead to one running server: a lock that is taken here is seen there.

    It is right whatever way the connections go (another host name, a socket, a pooler), and writes nothing.
    """
    high, low = secrets.randbits(31), secrets.randbits(31)
    with database.transaction(source):
        database.query(source, "rehearsal_key", high=high, low=low)
        return bool(database.query(gate, "rehearsal_seen", high=high, low=low))


def identity(conn: psycopg.Connection) -> Identity:
    """Return which database this is. Raises RehearsalRefused where the role may not know it."""
    try:
        return database.identity(conn)
    except StatementFailed as error:
        raise RehearsalRefused(
            f"It cannot be told which server this is: {error.problem}",
            "GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() to this role, there and on staging.",
            NOTHING,
        ) from None


def check(gate: psycopg.Connection, name: str, source: Identity | None) -> None:
    """Raise RehearsalRefused if the database ``name`` behind ``gate`` is the source; asked before each step.

    A physical copy of production's server has the same system identifier: there the name alone decides.
    """
    here = identity(gate).system_identifier
    if source is None or source.system_identifier != here:
        return
    rows = database.query(gate, "rehearsal_databases", name=name)
    if name == source.database or any(row["oid"] == source.oid for row in rows):
        raise RehearsalRefused(
            f"The database {name} is production itself (system identifier {here}, database {source.database}).",
            "Let PGSERVICE (or PGHOST, PGDATABASE) name the staging database.",
            "It was not touched.",
        )


def check_runner(gate: psycopg.Connection, name: str) -> None:
    """Raise SecondRunner while a rollback is at work on the database ``name``."""
    if runners := database.query(gate, "runner", database=name):
        who = database.runner(runners)
        raise SecondRunner(f"A rollback is at work on {name} ({who}).", "Wait until it ends.", NOTHING)


def marked_source(words: Mapping[str, Any]) -> Identity | None:
    """Return what production is, as a mark has it; None where only a dump was known."""
    if not words.get("system_identifier"):
        return None
    return Identity(int(words["system_identifier"]), str(words["database"]), 0, int(words["oid"]))


def check_dump(standing: Found | None, staging: str, dumped: str) -> None:
    """Raise RehearsalRefused where only a dump says what production is, and staging may be production.

    Staging must have another name, and somebody must have said in its comment that it is staging. A snapshot's dump
    bears the snapshot's name, which begins with its original's.
    """
    if standing and not standing.ours and "staging" not in (standing.comment or "").lower():
        raise RehearsalRefused(
            f"Production is only known by a dump, and nobody said that the database {staging} is staging.",
            f"Set ROLLBACK_REHEARSAL_SOURCE; or say it once: COMMENT ON DATABASE \"{staging}\" IS 'staging'.",
            NOTHING,
        )
    if not dumped or dumped.partition(snapshot.MARK)[0] == staging:
        what = (
            f"was taken of a database {dumped}, and staging is called so too"
            if dumped
            else "does not say of what it is"
        )
        raise RehearsalRefused(
            f"The dump {what}: nothing shows that this is not production.",
            "Set ROLLBACK_REHEARSAL_SOURCE: production is then asked once who it is, and not read.",
            NOTHING,
        )
