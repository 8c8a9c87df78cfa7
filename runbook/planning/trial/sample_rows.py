"""Rows for a trial of the transaction on a copy of the schema.

What a trigger does with a row, or a function without a readable text, shows only when a real row comes. So the copy
gets a few: of every table some, and of what the scripts write those that hang together.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql as compose

from runbook import database
from runbook.errors import RollbackError
from runbook.planning import reading, relations, users
from runbook.planning.relations import Relation
from runbook.settings import Settings

USERS = 3
"""How many users without a password are tried."""
OTHERS = 2
"""How many rows of each table come along."""
NOT_ALLOWED = (
    "this role may not set session_replication_role (a superuser from PostgreSQL 15 on: GRANT SET ON PARAMETER "
    "session_replication_role TO {role})"
)
ENOUGH = 100
"""How many rows of one table are tried at most, of those that a deletion takes or sets to NULL."""


@dataclass(frozen=True)
class Sample:
    """Rows of one stored table, as one JSON array."""

    relation: Relation
    rows: str


def read(conn: psycopg.Connection, oauth: str, settings: Settings) -> list[Sample]:
    """Read rows for the trial of this choice for OAuth users, changing nothing; a table not read in time gives none."""
    known = relations.read(conn)
    picked: dict[int, list[str]] = defaultdict(list)
    chosen, _ = reading.attempt(conn, settings.look_seconds, lambda: users.preview_deletion(conn, USERS))
    if chosen:
        accounts = relations.public(known, "users")
        for oid, rows in chosen.rows.items():
            if oauth == "delete" or (accounts and oid in accounts.below):
                picked[oid] += rows[:ENOUGH]
        for oid, rows in chosen.pointed.items():
            picked[oid] += rows[:ENOUGH]
        for written in chosen.written:
            picked[written.relation.oid] += written.rows[:ENOUGH] if oauth == "delete" else []
    stored = [table for table in known.values() if table.kind == "r"]
    found = [(table, _rows(conn, table, picked[table.oid], settings.look_seconds)) for table in stored]
    return [Sample(table, rows) for table, rows in found if rows]


def _rows(conn: psycopg.Connection, table: Relation, picked: Sequence[str], seconds: float) -> str:
    query = compose.SQL(
        "SELECT jsonb_agg(to_jsonb(r.*))::text FROM ONLY {0} AS r "
        "WHERE r.ctid = ANY ({1}::tid[]) OR r.ctid IN (SELECT ctid FROM ONLY {0} LIMIT {2})"
    ).format(table.identifier, users.addresses(picked), compose.Literal(OTHERS))
    row, _ = reading.attempt(conn, seconds, lambda: conn.execute(query).fetchone())
    return str(_first(row) or "")


def _first(row: object) -> object:
    """Return the only column of a row, whatever kind of rows the connection makes."""
    if isinstance(row, Mapping):
        return next(iter(row.values()))
    return row[0] if isinstance(row, tuple) else None


def load(conn: psycopg.Connection, samples: Sequence[Sample]) -> list[str]:
    """Put the rows into the copy that ``conn`` leads to, and wake no trigger; return what could not be put there.

    Wants a role that may set session_replication_role; else nothing is put there, and the list says so.
    """
    if samples and not _may_wake_none(conn):
        return [NOT_ALLOWED.format(role=conn.info.user)]
    problems: list[str] = []
    there = {(table.schema, table.relation): table for table in relations.read(conn).values()}
    for sample in samples:
        table = there.get((sample.relation.schema, sample.relation.relation))
        if table is None:
            problems.append(f"{sample.relation.name}: the copy has no such table")
            continue
        try:
            with database.transaction(conn):
                conn.execute("SET LOCAL session_replication_role = replica")
                conn.execute(_insert(conn, table, sample.rows))
        except RollbackError as error:
            problems.append(f"{sample.relation.name}: {error.problem}")
    return problems


def clear(conn: psycopg.Connection, samples: Sequence[Sample]) -> None:
    """Take all rows out of the copy again, and wake no trigger. Raises RollbackError."""
    there = [table.identifier for table in relations.read(conn).values() if table.kind == "r"] if samples else []
    if there and _may_wake_none(conn):
        with database.transaction(conn):
            conn.execute("SET LOCAL session_replication_role = replica")
            conn.execute(compose.SQL("TRUNCATE {} CASCADE").format(compose.SQL(", ").join(there)))


def _may_wake_none(conn: psycopg.Connection) -> bool:
    """Tell whether this role may put rows past triggers and keys; without that right none were put there."""
    try:
        with database.transaction(conn):
            conn.execute("SET LOCAL session_replication_role = replica")
    except RollbackError:
        return False
    return True


def _insert(conn: psycopg.Connection, table: Relation, rows: str) -> compose.Composed:
    """Return the statement that puts rows into a table, generated columns left out."""
    columns = [row["name"] for row in database.query(conn, "columns", relation=table.oid) if row["generated"] is None]
    return compose.SQL(
        "INSERT INTO {0} ({1}) OVERRIDING SYSTEM VALUE SELECT {1} FROM jsonb_populate_recordset(NULL::{0}, {2})"
    ).format(table.identifier, compose.SQL(", ").join(map(compose.Identifier, columns)), compose.Literal(rows))
