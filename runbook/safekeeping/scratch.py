"""The scratch database in which a backup is proved: private, known by its comment, gone in the end."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import psycopg
from psycopg import sql as compose

from runbook import database, figures
from runbook.errors import BackupFailed, RollbackError, StatementFailed
from runbook.safekeeping import comparison, serverdisk

PREFIX = "rollback_proof_of_"
BARE = "template0"
"""What an empty database is made from; another template may bring extensions that this role cannot create."""
LONGEST = 63
"""How many bytes a name has in PostgreSQL."""
ROOM = 1.5
"""How much of its source's size is asked for: the copy, and the log that is written with it."""
COMMENT = "Scratch database of the rollback runbook. It may be dropped."
PROVIDERS = {"i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE")}

log = logging.getLogger(__name__)


@contextmanager
def opened(
    maintenance: psycopg.Connection, source: str, *, prefix: str = PREFIX, rows: bool = True, template: str = BARE
) -> Iterator[str]:
    """Make a private scratch database like ``source``, lend its name, and drop it whatever happens.

    Its name begins with ``prefix``; ``rows``: it must find room for the source's rows; ``template`` is what it is
    made from. What was left by those that
    were killed is dropped first. Raises BackupFailed, DatabaseUnavailable or StatementFailed.
    """
    name = named(source, prefix)
    if not database.query(maintenance, "scratch_database", database=source):
        raise BackupFailed(f"There is no database {source} to compare the backup with.")
    sweep(maintenance)
    if rows:
        _check_disk(source)
    if not database.query(maintenance, "scratch_lock", database=name)[0]["locked"]:
        raise BackupFailed(f"Another proof of {source} is at work.", "Wait until it ends.")
    try:
        _make_room(maintenance, name)
        try:
            _create(maintenance, name, source, template)
            yield name
        finally:
            _drop(maintenance, name)
    finally:
        _unlock(maintenance, name)


def named(source: str, prefix: str = PREFIX) -> str:
    """Return the scratch database's name, which no two sources share."""
    name = f"{prefix}{source}"
    return name if len(name.encode()) <= LONGEST else f"{prefix}{hashlib.sha256(source.encode()).hexdigest()[:32]}"


def sweep(maintenance: psycopg.Connection) -> None:
    """Drop the scratch databases of proofs that were killed: nobody holds their lock any more."""
    for row in database.query(maintenance, "scratch_left", comment=COMMENT):
        if database.query(maintenance, "scratch_lock", database=row["name"])[0]["locked"]:
            log.warning("Database %s was left by a proof that was killed; dropping it.", row["name"])
            _drop(maintenance, row["name"])
            _unlock(maintenance, row["name"])


def _check_disk(source: str) -> None:
    """See that a second copy finds room, where the server's disk can be looked at: a full one stops everybody.

    Raises BackupFailed.
    """
    with closing(database.connect(source)) as conn:
        disk, size = serverdisk.look(conn), int(database.query(conn, "size")[0]["bytes"])
    if disk and disk.free_bytes < ROOM * size:
        raise BackupFailed(
            f"The server's disk has {figures.size(disk.free_bytes)} free; a second copy of {source} may take "
            f"{figures.size(int(ROOM * size))}.",
            "Make room on the server, then prove the backup again.",
        )


def _make_room(maintenance: psycopg.Connection, name: str) -> None:
    """Drop an empty database of this name: a proof was killed while it made it. Raises BackupFailed for any other."""
    with database.translated():
        if not maintenance.execute("SELECT FROM pg_catalog.pg_database WHERE datname = %s", [name]).fetchall():
            return
    with closing(database.connect(name)) as conn:
        held = comparison.relations(conn)
    if held:
        raise BackupFailed(
            f"There is a database {name}, which is no scratch database and holds {', '.join(map(str, held[:3]))}.",
            "See what it is. Rename it, or drop it.",
        )
    _drop(maintenance, name)


def _create(maintenance: psycopg.Connection, name: str, source: str, template: str) -> None:
    [like] = database.query(maintenance, "scratch_database", database=source)
    _do(maintenance, creation(name, like, template))
    _do(maintenance, compose.SQL("COMMENT ON DATABASE {} IS {}").format(compose.Identifier(name), COMMENT))
    _do(maintenance, compose.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(compose.Identifier(name)))
    settle(maintenance, name, database.query(maintenance, "database_settings", database=source))


def creation(name: str, like: database.Row, template: str = BARE) -> compose.Composed:
    """Return the statement that makes an empty database, with what the query ``scratch_database`` found of another."""
    words = [compose.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(compose.Identifier, (name, template)))]
    words += [_word(key.upper(), like[key]) for key in ("encoding", "lc_collate", "lc_ctype")]
    if provider := PROVIDERS.get(like["provider"]):
        words += [_word("LOCALE_PROVIDER", provider[0]), _word(provider[1], like["locale"])]
    words += [_word("ICU_RULES", like["rules"])] if like["rules"] else []
    words += [compose.SQL("TABLESPACE {}").format(compose.Identifier(like["tablespace"]))] if like["tablespace"] else []
    return compose.SQL(" ").join(words)


def _word(key: str, value: str) -> compose.Composed:
    return compose.SQL("{} {}").format(compose.SQL(key), compose.Literal(value))


def settle(maintenance: psycopg.Connection, name: str, settings: Sequence[database.Row]) -> None:
    """Give it the source's settings: what functions and views find may depend on them, search_path among them."""
    for row in settings:
        setting = compose.Identifier(*row["name"].split("."))
        try:
            with database.transaction(maintenance):
                maintenance.execute("SELECT pg_catalog.set_config(%(name)s, %(value)s, true)", row)
                maintenance.execute(
                    compose.SQL("ALTER DATABASE {} SET {} FROM CURRENT").format(compose.Identifier(name), setting)
                )
        except StatementFailed as error:
            log.info("Setting %s is not made in %s: %s", row["name"], name, error.problem)


def _drop(maintenance: psycopg.Connection, name: str) -> None:
    """Drop it with whoever is in it. Where that cannot be done any more, the next proof does it."""
    try:
        _do(maintenance, compose.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(compose.Identifier(name)))
    except RollbackError as error:
        log.warning("The scratch database %s is left; the next proof drops it: %s", name, error.problem)


def _unlock(maintenance: psycopg.Connection, name: str) -> None:
    """Let go of it; the lock of a lost connection is gone."""
    try:
        database.query(maintenance, "scratch_unlock", database=name)
    except RollbackError as error:
        log.warning("The lock on %s is gone with its connection: %s", name, error.problem)


def _do(maintenance: psycopg.Connection, statement: compose.Composed) -> None:
    with database.translated():
        maintenance.execute(statement)
