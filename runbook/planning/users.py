"""The users who cannot log in without OAuth: who they are, and what deleting them would take along."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

import psycopg
from psycopg import sql as compose
from psycopg.rows import class_row

import sql

Connection = psycopg.Connection[tuple[object, ...]]
Action = Literal["deleted", "set null", "set default", "forbids"]

# By pg_constraint.confdeltype. NO ACTION and RESTRICT forbid, but see _forbidding.
_ACTIONS: dict[str, Action] = {
    "c": "deleted",
    "n": "set null",
    "d": "set default",
    "a": "forbids",
    "r": "forbids",
}


@dataclass(frozen=True)
class Count:
    """Users by the way they sign in, and how many of them are inactive or administrators."""

    total: int
    password_only: int
    oauth_only: int
    both: int
    neither: int
    without_password: int
    inactive: int
    admins: int
    admins_without_password: int
    owners_with_new_role: int


@dataclass(frozen=True)
class Effect:
    """What deleting the users without a password does to one table by one foreign key."""

    table: str
    constraint: str
    rows: int
    action: Action


@dataclass(frozen=True)
class _Key:
    """One foreign key: child columns refer to parent columns."""

    name: str
    child: str
    parent: str
    columns: list[str]
    referred: list[str]
    action: str


def count(conn: Connection) -> Count:
    """Count the users by kind, whether or not migration 012 is in force."""
    with conn.cursor(row_factory=class_row(Count)) as cursor:
        found = cursor.execute(sql.query("users")).fetchone()
    assert found is not None  # an aggregate
    return found


@dataclass(frozen=True)
class Deletion:
    """What deleting the users without a password does to all other rows."""

    effects: list[Effect]
    """By foreign key; a row that two keys reach counts for each of them."""
    deleted: dict[str, int]
    """Rows that go, by table, each once; the users themselves are not among them."""


NOBODY = Deletion([], {})
"""What it does where nobody is deleted."""


def preview_deletion(conn: Connection) -> Deletion:
    """Follow every foreign key from the users without a password; nothing is changed.

    Holds the rows' addresses in memory; wants one snapshot (REPEATABLE READ) if others are writing.
    """
    keys = _keys(conn)
    effects: dict[str, set[str]] = defaultdict(set)
    doomed: dict[str, set[str]] = defaultdict(set)
    waiting = {"users": _addresses(conn, "SELECT ctid::text FROM public.users WHERE password_hash IS NULL")}
    while waiting:
        parent, rows = waiting.popitem()
        rows -= doomed[parent]
        doomed[parent] |= rows
        for key in (key for key in keys if key.parent == parent and rows):
            reached = _reached(conn, key, rows)
            effects[key.name] |= reached
            if key.action == "c" and reached - doomed[key.child]:
                waiting[key.child] = waiting.get(key.child, set()) | reached
    found = [_effect(key, effects[key.name], doomed[key.child]) for key in keys]
    deleted = {table: len(rows) for table, rows in doomed.items() if rows and table != "users"}
    return Deletion([effect for effect in found if effect.rows], deleted)


def _effect(key: _Key, reached: set[str], doomed: set[str]) -> Effect:
    # A row that goes as well neither forbids (but by RESTRICT, which does not wait) nor keeps a NULL.
    rows = reached if key.action in "cr" else reached - doomed
    return Effect(key.child, key.name, len(rows), _ACTIONS[key.action])


def _keys(conn: Connection) -> list[_Key]:
    with conn.cursor(row_factory=class_row(_Key)) as cursor:
        return cursor.execute(sql.query("foreign_keys")).fetchall()


def _reached(conn: Connection, key: _Key, rows: set[str]) -> set[str]:
    equal = compose.SQL(" AND ").join(
        compose.SQL("c.{} = p.{}").format(compose.Identifier(mine), compose.Identifier(theirs))
        for mine, theirs in zip(key.columns, key.referred, strict=True)
    )
    query = compose.SQL(
        "SELECT c.ctid::text FROM public.{} AS c JOIN public.{} AS p ON {} WHERE p.ctid = ANY (%s::tid[])"
    ).format(compose.Identifier(key.child), compose.Identifier(key.parent), equal)
    return _addresses(conn, query, list(rows))


def _addresses(conn: Connection, query: str | compose.Composed, *parameters: object) -> set[str]:
    return {str(row[0]) for row in conn.execute(query, parameters or None)}
