"""What a rollback would meet and take, counted; read-only, right whatever part of the transformation is in force."""

from dataclasses import dataclass
from typing import Literal, TypeVar

import psycopg
from psycopg import sql as compose
from psycopg.rows import class_row

import sql

Connection = psycopg.Connection[tuple[object, ...]]
State = Literal["applied", "partial", "absent"]
Row = TypeVar("Row")


@dataclass(frozen=True)
class Probe:
    """One sign by which a forward migration is recognised."""

    migration: str
    probe: str
    forward: bool


@dataclass(frozen=True)
class Blocker:
    """One thing that would make a rollback script fail."""

    migration: str
    object: str
    why: str
    remedy: str


@dataclass(frozen=True)
class Mention:
    """One function whose text names what changes; a person has to read it."""

    function: str
    words: str


@dataclass(frozen=True)
class Removal:
    """Values that leave their column, and the table that keeps them."""

    migration: str
    table: str
    column: str
    rows: int
    archive: str


@dataclass(frozen=True)
class Placeholder:
    """Rows that get a declared value because a NOT NULL column comes back."""

    migration: str
    table: str
    column: str
    placeholder: str
    rows: int


@dataclass(frozen=True)
class Gemini:
    """Rows that use the label of migration 013, and whether it exists."""

    rows: int
    label: bool


def probes(conn: Connection) -> list[Probe]:
    """Look for every sign of every forward migration."""
    return _fetch(conn, Probe, compose.SQL(sql.query("applied")))


def applied(found: list[Probe]) -> dict[str, State]:
    """Judge the probes by migration: in force, half, or not at all."""
    signs: dict[str, set[bool]] = {}
    for probe in found:
        signs.setdefault(probe.migration, set()).add(probe.forward)
    return {number: _judge(seen) for number, seen in signs.items()}


def blockers(conn: Connection, gemini: Literal["keep", "remove"] = "keep") -> list[Blocker]:
    """List what is in the way of the scripts, by the option they would be run with."""
    with conn.transaction(force_rollback=True):  # takes the setting back as well
        conn.execute("SELECT set_config('rollback.gemini', %s, true)", [gemini])
        return _fetch(conn, Blocker, compose.SQL(sql.query("blockers")))


def mentions(conn: Connection) -> list[Mention]:
    """List functions that the catalogue cannot follow through the renames."""
    return _fetch(conn, Mention, compose.SQL(sql.query("mentions")))


def removals(conn: Connection) -> list[Removal]:
    """Count the values that the rollback takes out of each column."""
    return _fetch(conn, Removal, _about_bases(conn, "removals"))


def placeholders(conn: Connection) -> list[Placeholder]:
    """Count the rows that get a placeholder."""
    return _fetch(conn, Placeholder, _about_bases(conn, "placeholders"))


def gemini(conn: Connection) -> Gemini:
    """Count the rows whose provider is gemini."""
    return _fetch(conn, Gemini, _about_bases(conn, "gemini"))[0]


def _judge(seen: set[bool]) -> State:
    if len(seen) > 1:
        return "partial"
    return "applied" if True in seen else "absent"


def _about_bases(conn: Connection, name: str) -> compose.Composed:
    row = conn.execute("SELECT to_regclass('public.knowledge_bases') IS NOT NULL").fetchone()
    table = "knowledge_bases" if row and row[0] else "digital_twins"
    return compose.SQL(sql.query(name)).format(table=compose.Identifier(table))


def _fetch(conn: Connection, kind: type[Row], query: compose.SQL | compose.Composed) -> list[Row]:
    with conn.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query).fetchall()
