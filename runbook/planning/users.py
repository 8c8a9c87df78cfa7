"""The users who cannot log in without OAuth: how many they are, and what deleting them would take along.

The preview does what PostgreSQL would do, in its order. The keys of all rows that one statement deletes are
carried out before the keys of the rows that those took along, and NO ACTION does not wait for the latter: a row that
would go a level later forbids the deletion all the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import psycopg
from psycopg import sql as compose
from psycopg.rows import class_row

import sql
from runbook.planning import relations
from runbook.planning.relations import Relation, Relations

Connection = psycopg.Connection[tuple[object, ...]]
Action = Literal["deleted", "set null", "set default", "forbids", "left behind"]

_ACTIONS: Mapping[str, Action] = {
    "c": "deleted",
    "n": "set null",
    "d": "set default",
    "a": "forbids",
    "r": "forbids",
}
"""By pg_constraint.confdeltype."""

Rows = dict[int, set[str]]
"""Addresses of rows by the table that holds them."""


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
    why: str = ""
    """Why it forbids, where that is not simply its kind."""


@dataclass(frozen=True)
class Key:
    """One foreign key: child columns refer to parent columns. ``changed`` is what SET NULL or SET DEFAULT writes."""

    oid: int
    name: str
    child: int
    parent: int
    columns: list[str]
    referred: list[str]
    action: str
    match_full: bool
    works: bool
    changed: list[str]
    defaults: list[str]
    required: list[bool]
    domains: list[bool]


@dataclass(frozen=True)
class Written:
    """Rows of one stored table whose columns a foreign key sets; ``rows`` are their addresses."""

    key: Key
    relation: Relation
    rows: Sequence[str]


@dataclass(frozen=True)
class Deletion:
    """What deleting the users without a password does to all other rows."""

    effects: Sequence[Effect]
    """By foreign key; a row that two keys reach counts for each of them."""
    deleted: Mapping[str, int]
    """Rows that go, by table, each once; of users only those who have a password and go along with another."""
    written: Sequence[Written] = ()
    """Rows that a foreign key sets to NULL or to their default."""
    carried: Sequence[Key] = ()
    """The keys that PostgreSQL carries out: it runs their statements also where they find no row."""
    rows: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """Addresses of all rows that go, the users among them, by the table that holds them."""
    pointed: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """Addresses of the rows that SET DEFAULT points at afterwards, by the table that holds them."""


NOBODY = Deletion([], {})
"""What it does where nobody is deleted."""


def count(conn: Connection) -> Count:
    """Count the users by kind, whether or not migration 012 is in force."""
    with conn.cursor(row_factory=class_row(Count)) as cursor:
        found = cursor.execute(sql.query("users")).fetchone()
    assert found is not None  # an aggregate
    return found


def preview_deletion(conn: Connection, limit: int | None = None) -> Deletion:
    """Follow every foreign key from the users without a password, or from ``limit`` of them; nothing is changed.

    Holds the rows' addresses in memory; wants one snapshot (REPEATABLE READ) if others are writing.
    """
    known, keys = relations.read(conn), _keys(conn)
    walk = _Walk(conn, known, keys)
    walk.follow(first := _without_password(conn, limit))
    effects = [effect for key in keys for effect in walk.effects(key)]
    users = relations.public(known, "users")
    deleted: dict[str, int] = defaultdict(int)
    for oid, rows in walk.depth.items():
        if users is None or users.oid not in known[oid].above:
            deleted[known[oid].name] += len(rows)
        else:
            deleted[users.name] += len(rows.keys() - first.get(oid, set()))
    written = [
        Written(key, known[oid], sorted(rows))
        for key in keys
        if key.action in "nd" and key.works
        for oid, rows in walk.standing[key.oid].items()
        if rows
    ]
    return Deletion(
        effects,
        {name: rows for name, rows in deleted.items() if rows},
        written,
        [key for key in keys if key.oid in walk.carried and key.action in "cnd"],
        {oid: list(rows) for oid, rows in walk.depth.items()},
        {oid: list(rows) for oid, rows in walk.pointed.items()},
    )


class _Walk:
    """The deletion, level by level: what each row's keys reach, and when each row goes."""

    def __init__(self, conn: Connection, known: Relations, keys: Sequence[Key]) -> None:
        self.conn, self.known, self.keys = conn, known, keys
        self.depth: dict[int, dict[str, int]] = defaultdict(dict)
        self.reached: dict[int, Rows] = defaultdict(lambda: defaultdict(set))
        self.standing: dict[int, Rows] = defaultdict(lambda: defaultdict(set))
        """Rows that a key reaches and that are still there when it is carried out."""
        self.carried: set[int] = set()
        self.pointed: Rows = defaultdict(set)

    def follow(self, first: Rows) -> None:
        level, depth = first, 0
        while level:
            for oid, rows in level.items():
                self.depth[oid] |= dict.fromkeys(rows, depth)
            level, depth = self._next(level, depth), depth + 1

    def _next(self, level: Rows, depth: int) -> Rows:
        following: Rows = defaultdict(set)
        for oid, rows in level.items():
            for key in (key for key in self.keys if key.parent in self.known[oid].above):
                self.carried |= {key.oid} if key.works else set()
                for child, found in _reached(self.conn, self.known, [key], oid, rows).items():
                    self.reached[key.oid][child] |= found
                    there = {row for row in found if self.depth[child].get(row, depth + 1) > depth}
                    self.standing[key.oid][child] |= there - self._gone_just_before(key, oid, rows, child)
                    if key.action == "c" and key.works:
                        following[child] |= found - self.depth[child].keys()
        return {oid: rows for oid, rows in following.items() if rows}

    def _gone_just_before(self, key: Key, parent: int, rows: set[str], child: int) -> set[str]:
        """Return the rows of ``child`` that an earlier key of the very same parent row deletes first."""
        if key.action == "c":
            return set()
        earlier = [
            one
            for one in self.keys[: self.keys.index(key)]
            if one.action == "c" and one.works and one.child == key.child and one.parent in self.known[parent].above
        ]
        found = [_reached(self.conn, self.known, [key, one], parent, rows).get(child, set()) for one in earlier]
        return set().union(*found)

    def effects(self, key: Key) -> Iterator[Effect]:
        """Say what the key does; rows that it reaches and that go at last keep no NULL."""
        name, staying = self.known[key.child].name, self._count(self._staying(key))
        if not key.works:
            yield from _effect(name, key, staying, "left behind")
        elif key.action == "c":
            yield from _effect(name, key, self._count(self.reached[key.oid]), "deleted")
        elif key.action in "ar":
            yield from _effect(name, key, self._count(self.standing[key.oid]), "forbids")
        else:
            if why := self._refusal(key):
                yield from _effect(name, key, self._count(self.standing[key.oid]), "forbids", why)
            yield from _effect(name, key, staying, _ACTIONS[key.action])

    def _staying(self, key: Key) -> Rows:
        return {oid: rows - self.depth[oid].keys() for oid, rows in self.reached[key.oid].items()}

    @staticmethod
    def _count(rows: Rows) -> int:
        return sum(len(found) for found in rows.values())

    def _refusal(self, key: Key) -> str:
        """Say why PostgreSQL would refuse what the key wants to write; empty: it does not."""
        if not self._count(self.standing[key.oid]):
            return ""
        written = ["NULL"] * len(key.changed) if key.action == "n" else key.defaults
        empty = [name for name, value in zip(key.changed, written, strict=True) if value == "NULL"]
        wants = "SET NULL" if key.action == "n" else "SET DEFAULT"
        for name in (name for name, needed in zip(key.changed, key.required, strict=True) if needed and name in empty):
            return f"{wants} meets the column {name}, which is NOT NULL"
        if key.match_full and len(key.columns) > len(empty) > 0:
            return f"{wants} leaves some of its columns empty and not others, which MATCH FULL refuses"
        return self._orphaned(key) if key.action == "d" and not empty else ""

    def _orphaned(self, key: Key) -> str:
        """Say that the defaults point at no row that stays; empty: they do."""
        parent = self.known[key.parent]
        values = dict(zip(key.changed, key.defaults, strict=True))
        if set(values) != set(key.columns):
            return ""
        equal = compose.SQL(" AND ").join(
            compose.SQL("p.{} = ({})").format(compose.Identifier(theirs), compose.SQL(values[mine]))
            for mine, theirs in zip(key.columns, key.referred, strict=True)
        )
        query = compose.SQL("SELECT p.tableoid::int8, p.ctid::text FROM {} AS p WHERE {}").format(parent.source, equal)
        found = [(oid, row) for oid, rows in _addresses(self.conn, query).items() for row in rows]
        for oid, row in found:
            self.pointed[oid].add(row)
        if any(row not in self.depth[oid] for oid, row in found):
            return ""
        return f"SET DEFAULT wants {', '.join(key.defaults)}, which no row of {parent.name} has afterwards"


def _effect(table: str, key: Key, rows: int, action: Action, why: str = "") -> Iterator[Effect]:
    if rows:
        yield Effect(table, key.name, rows, action, why)


def _keys(conn: Connection) -> list[Key]:
    with conn.cursor(row_factory=class_row(Key)) as cursor:
        return cursor.execute(sql.query("foreign_keys").encode()).fetchall()


def _without_password(conn: Connection, limit: int | None) -> Rows:
    query = "SELECT tableoid::int8, ctid::text FROM public.users WHERE password_hash IS NULL LIMIT {}"
    return _addresses(conn, compose.SQL(query).format(compose.Literal(limit)))


def _reached(conn: Connection, known: Relations, keys: Sequence[Key], parent: int, rows: set[str]) -> Rows:
    """Return the rows by which all ``keys`` of one child refer to the same one of ``rows`` of ``parent``."""
    query = compose.SQL(
        "SELECT c.tableoid::int8, c.ctid::text FROM {} AS c JOIN ONLY {} AS p ON {} WHERE p.ctid = ANY ({}::tid[])"
    ).format(
        known[keys[0].child].source,
        known[parent].identifier,
        compose.SQL(" AND ").join([part for key in keys for part in _equal(key)]),
        addresses(rows),
    )
    return _addresses(conn, query)


def _equal(key: Key) -> list[compose.Composed]:
    return [
        compose.SQL("c.{} = p.{}").format(compose.Identifier(mine), compose.Identifier(theirs))
        for mine, theirs in zip(key.columns, key.referred, strict=True)
    ]


def addresses(rows: Iterable[str]) -> compose.Literal:
    """Write addresses of rows as an array in a statement; a name in it may hold a %, so nothing is a parameter."""
    return compose.Literal("{" + ",".join(f'"{row}"' for row in sorted(rows)) + "}")


def _addresses(conn: Connection, query: compose.SQL | compose.Composed) -> Rows:
    found: Rows = defaultdict(set)
    for oid, row in conn.execute(query).fetchall():
        found[int(str(oid))].add(str(row))
    return found
