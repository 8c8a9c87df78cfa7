"""What the transaction writes into the user's own tables, said before it does: for CHECKs, and for triggers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import psycopg
from psycopg import sql as compose

from runbook import database
from runbook.planning import relations, users
from runbook.planning.checks import Write
from runbook.planning.relations import Relation, Relations
from runbook.planning.users import Deletion, Written

PLACEHOLDER = "$2b$10$TEMPORARY_HASH_INVALID_FOR_LOGIN"
"""What oauth/temporary_passwords.sql writes into users.password_hash."""
PROFESSION = "Not recorded"
"""What 010 writes into digital_twins.profession."""

Kind = Literal["INSERT", "UPDATE", "DELETE"]


@dataclass(frozen=True)
class Event:
    """One kind of statement on one table, as triggers and rules see it; ``columns`` are those an UPDATE sets."""

    relation: int
    kind: Kind
    columns: frozenset[str] = frozenset()


def updates(conn: psycopg.Connection, known: Relations, oauth: str, deletion: Deletion) -> Iterator[Write]:
    """Yield each UPDATE that the scripts and the foreign keys make."""
    accounts = relations.public(known, "users")
    if accounts and oauth == "temporary passwords" and _may_be_null(conn, accounts, "password_hash"):
        yield _filled(
            known,
            accounts,
            "password_hash",
            PLACEHOLDER,
            "Change or drop it for the rollback, or choose 'keep' or 'delete' for OAuth users.",
        )
    bases = relations.public(known, "knowledge_bases", "digital_twins")
    if bases and _may_be_null(conn, bases, "profession"):
        yield _filled(
            known, bases, "profession", PROFESSION, "Fill the column in these rows, or change or drop what refuses it."
        )
    yield from (_by_key(written) for written in deletion.written)


def events(conn: psycopg.Connection, known: Relations, oauth: str, deletion: Deletion) -> set[Event]:
    """Return each statement on a table of the user's; one that finds no row fires statement triggers all the same."""
    found = {
        Event(oid, "UPDATE", frozenset(write.values))
        for write in updates(conn, known, oauth, deletion)
        for table in write.tables
        for oid in (*table.above, table.oid)
    }
    accounts = relations.public(known, "users")
    if accounts and oauth == "delete" and _may_be_null(conn, accounts, "password_hash"):
        found |= {Event(oid, "DELETE") for oid in (*accounts.above, *accounts.below)}
    for key in deletion.carried:
        kind: Kind = "DELETE" if key.action == "c" else "UPDATE"
        columns = frozenset(key.changed) if kind == "UPDATE" else frozenset[str]()
        child = known[key.child]
        found |= {Event(oid, kind, columns) for oid in (*child.above, *(child.below if child.kind == "p" else ()))}
    return found


def _may_be_null(conn: psycopg.Connection, table: Relation, column: str) -> bool:
    columns = database.query(conn, "columns", relation=table.oid)
    return any(row["name"] == column and not row["required"] for row in columns)


def _filled(known: Relations, table: Relation, column: str, value: str, remedy: str) -> Write:
    name = compose.Identifier(column)
    return Write(
        tables=relations.stored(known, table),
        values={column: compose.SQL("{}::text").format(compose.Literal(value))},
        where=compose.SQL("r.{} IS NULL").format(name),
        what=f"the placeholder {value!r} for {table.name}.{column}",
        remedy=remedy,
        literals={column: value},
    )


def _by_key(written: Written) -> Write:
    key = written.key
    values = ["NULL"] * len(key.changed) if key.action == "n" else key.defaults
    empty = [name for name, value in zip(key.changed, values, strict=True) if value == "NULL"]
    return Write(
        tables=[written.relation],
        values={
            name: compose.SQL("({})").format(compose.SQL(value))
            for name, value in zip(key.changed, values, strict=True)
        },
        where=compose.SQL("r.ctid = ANY ({}::tid[])").format(users.addresses(written.rows)),
        what=f"{'SET NULL' if key.action == 'n' else 'SET DEFAULT'} by {key.name}",
        remedy="Point these rows at another parent first, or choose temporary passwords.",
        literals=dict.fromkeys(empty),
    )
