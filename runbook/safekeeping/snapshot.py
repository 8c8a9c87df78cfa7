"""The snapshot: a copy of the database on its own server, by which one goes back in an instant, by renaming.

CREATE DATABASE … STRATEGY FILE_COPY copies files, and where server and filesystem can, shares their blocks: then it
takes no time in proportion to the data. It needs that nobody is connected to the original but the session that copies.
"""

import logging
import os
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path

import psycopg
from psycopg import sql as compose
from psycopg.conninfo import make_conninfo

import sql
from runbook import database
from runbook.barrier import fence
from runbook.barrier.stragglers import Straggler
from runbook.errors import BackupFailed, StatementFailed
from runbook.outlook import Means
from runbook.safekeeping import checksums, naming

ATTEMPTS = 3
"""How often a copy is tried where somebody came past the fence; PostgreSQL itself waits 5 s for them each time."""

log = logging.getLogger(__name__)

MARK, STAMP = "_before_rollback_", "%Y%m%d_%H%M%S"
"""What is added to the database's name, the time in local time: as the procedure names its file."""
STAMP_BYTES = 15
ASIDE = "_rolled_back_"
"""What stands there in the name of the rolled back database, once the copy has the original's name."""
NAME_BYTES = 63
"""The longest name in PostgreSQL, in bytes (NAMEDATALEN - 1)."""
IN_USE, EXISTS, FULL = "55006", "42P04", "53100"
"""SQLSTATE of a source that somebody is connected to, of a name that is taken, of a full disk."""


@dataclass(frozen=True)
class Snapshot:
    """A copy that was taken."""

    database: str
    """Its name."""
    clone: bool
    """Whether its blocks were shared as far as the filesystem can."""
    properties: Sequence[str]
    """The statements that give it what CREATE DATABASE does not copy, once it has the original's name."""
    late: Sequence[Straggler] = ()
    """Who was connected all the same, and was ended."""


def prefix(original: str) -> str:
    """Return how the names of all copies of a database begin; a long name is cut."""
    return original.encode()[: NAME_BYTES - len(MARK) - STAMP_BYTES].decode(errors="ignore") + MARK


def name(original: str) -> str:
    """Return the name of a copy that is taken now."""
    return prefix(original) + time.strftime(STAMP)


def take(conn: psycopg.Connection, gate: psycopg.Connection, *, clone: bool) -> Snapshot:
    """Copy the database that ``conn``, its only session, is connected to; nobody can connect to the copy.

    ``clone``: share blocks (PostgreSQL 18 and newer). Somebody who came past the fence (let in before it closed, or by
    whoever opened it) is ended, and the copy tried again. Raises BackupFailed, with nothing left behind.
    """
    original, late, attempts = conn.info.dbname, list[Straggler](), count(1)
    given = properties(conn, original)
    while (copy := _copied(conn, clone=clone, last=next(attempts) == ATTEMPTS)) is None:
        late += fence.close(gate, conn, [conn.info.backend_pid])
    log.info("copied %s to %s", original, copy)
    return Snapshot(copy, clone, given, late)


def relieve(conn: psycopg.Connection, means: Means) -> str:
    """Let the server write what it has in memory while users are online, so that the copy finds little to write.

    A copy begins and ends with a checkpoint. Returns what became of it.
    """
    if means.method != "snapshot":
        return "not needed: no snapshot is taken"
    try:
        with database.translated():
            conn.execute("CHECKPOINT")
    except StatementFailed as error:
        log.info("No checkpoint before the outage: %s", error.problem)
        return "not allowed to this role (pg_checkpoint): the copy does it"
    return "done"


def _copied(conn: psycopg.Connection, *, clone: bool, last: bool) -> str | None:
    """Copy the database of ``conn`` and return the copy's name; None: somebody else is in, and a try is left."""
    copy = name(conn.info.dbname)
    statement = compose.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY ALLOW_CONNECTIONS false")
    try:
        with database.translated():
            if clone:
                conn.execute("SET file_copy_method = clone")
            conn.execute(statement.format(compose.Identifier(copy), compose.Identifier(conn.info.dbname)))
    except StatementFailed as error:
        if error.sqlstate == IN_USE and not last:
            return None
        raise _failed(copy, error) from None
    return copy


def _failed(copy: str, error: StatementFailed) -> BackupFailed:
    """Say why there is no copy, and what to do."""
    remedies = {
        IN_USE: "Find out who connects past the fence (a superuser who opened it?), end them, then run again.",
        EXISTS: f"Run again in a second, or look whose {copy} is: rollback snapshots list.",
        FULL: "Make room on the server's disk, or run again with backup 'dump'.",
    }
    remedy = remedies.get(error.sqlstate or "", "Mend what PostgreSQL says, or run again with backup 'dump'.")
    return BackupFailed(f"The copy {copy} was not made: {error.problem}", remedy)


def drop(conn: psycopg.Connection, copy: str) -> None:
    """Drop a copy, from another database. Raises StatementFailed."""
    with database.translated():
        conn.execute(compose.SQL("DROP DATABASE IF EXISTS {}").format(compose.Identifier(copy)))
    log.info("dropped the copy %s", copy)


def properties(conn: psycopg.Connection, name: str) -> list[str]:
    """Return the statements that give ``name`` what CREATE DATABASE does not copy of the database of ``conn``."""
    return [str(row["statement"]) for row in database.query(conn, "database_properties", database=name)]


def renaming(original: str, copy: str, given: Sequence[str]) -> list[str]:
    """Return what going back does to names and properties, with one database in the place of both."""
    names = [_quoted(name) for name in (original, copy, copy.replace(MARK, ASIDE), original)]
    return [*(f"ALTER DATABASE {old} RENAME TO {new}" for old, new in pairwise(names)), *given]


def going_back(original: str, taken: Snapshot) -> str:
    """Return the file for psql that gives the original's name to the copy. Raises BackupFailed."""
    naming.check(original)
    aside = taken.database.replace(MARK, ASIDE)
    names = {"database": original, "copy": taken.database, "aside": aside}
    words = {key: _quoted(value) for key, value in names.items()}
    words |= {f"{key}_name": compose.Literal(value).as_string(None) for key, value in names.items()}
    words["reopen"] = shlex.quote(f"ALTER DATABASE {words['database']} ALLOW_CONNECTIONS true")
    words["conninfo"] = _quoted(make_conninfo(dbname=original))  # psql takes a name with = in it for one
    return sql.read("go_back.psql").format(**words, properties="\n".join(f"{line};" for line in taken.properties))


def _quoted(name: str) -> str:
    return compose.Identifier(name).as_string(None)


def write_going_back(folder: Path, original: str, taken: Snapshot, incident: str = "") -> Path:
    """Write that file into ``folder``, readable by this user alone, and return where. Raises BackupFailed."""
    text = going_back(original, taken)
    named = "_".join(filter(None, [f"go_back_to_{naming.part(taken.database)}", incident]))
    path = folder.absolute() / f"{named}.sql"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, checksums.PRIVATE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise BackupFailed(f"{path} cannot be written: {error.strerror}.", "See ROLLBACK_BACKUP_DIR.") from None
    return path
