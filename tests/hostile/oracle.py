"""What a database holds, read without any of the runbook's own code: all rows and all objects of all schemas."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.databases import Database

FACTS, RELATIONS, READS, CHECKS = (
    (Path(__file__).parent / f"{name}.sql").read_bytes() for name in ("facts", "relations", "reads", "checks")
)

# What a team's own settings must not change in what is read here.
PINNED = (
    "-c role=none -c search_path=pg_catalog -c statement_timeout=0 -c row_security=off "
    "-c datestyle=ISO -c intervalstyle=postgres "
    "-c timezone=UTC -c bytea_output=hex -c extra_float_digits=1 -c default_transaction_read_only=off "
    "-c default_transaction_isolation=read\\ committed -c quote_all_identifiers=off -c lock_timeout=5s "
    "-c idle_session_timeout=0 -c idle_in_transaction_session_timeout=0 -c session_replication_role=origin"
)

TRANSACTION_TIMEOUT = 170000
"""The first server_version_num that knows it."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Fact:
    """One thing the catalogue says. ``key`` follows the object through renames."""

    key: tuple[Any, ...]
    kind: str
    name: str
    definition: str


@dataclass(frozen=True)
class Relation:
    """A table's, view's or materialized view's rows; a partitioned table's are those of all its partitions."""

    kind: str
    key: tuple[str, ...]
    """The columns of the primary key; empty: it has none."""
    roles: frozenset[str]
    """The columns in which labels of user_role stand, however deep."""
    rows: tuple[Row, ...]

    def by_key(self) -> Mapping[str, Row]:
        """Return the rows by primary key, or by all their values where there is none."""
        if self.key:
            return {json.dumps([row.get(name) for name in self.key], default=str): row for row in self.rows}
        found: dict[str, Row] = {}
        seen: Counter[str] = Counter()
        for row in self.rows:
            text = json.dumps(row, sort_keys=True, default=str)
            seen[text] += 1
            found[f"{text} {seen[text]}"] = row
        return found


@dataclass(frozen=True)
class Picture:
    """All that a database held at one moment."""

    facts: Mapping[tuple[Any, ...], Fact]
    relations: Mapping[str, Relation]
    reads: Mapping[str, frozenset[tuple[str, str]]]
    """The relations and columns that each view reads, also through other views."""

    broken: Mapping[tuple[str, str], int]
    """How many rows violate a check or a foreign key, by table and constraint."""

    def names(self) -> dict[tuple[str, str], str]:
        """Return the definitions by kind and name."""
        return {(fact.kind, fact.name): fact.definition for fact in self.facts.values()}


def look(database: Database) -> Picture:
    """Read a database at one moment."""
    with connect(database) as conn:
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return read(conn)


def connect(database: Database, user: str = "") -> psycopg.Connection[Any]:
    """Connect with none of the team's settings in force; the caller closes it."""
    words = {"user": user} if user else {}
    # Only a superuser may set the last one.
    options = PINNED.rpartition(" -c ")[0] if user else PINNED
    conn = psycopg.connect(database.conninfo, options=options, client_encoding="utf8", **words)  # type: ignore[arg-type]
    if conn.info.server_version >= TRANSACTION_TIMEOUT:
        conn.autocommit = True
        conn.execute("SET transaction_timeout = 0")
        conn.autocommit = False
    return conn


def read(conn: psycopg.Connection[Any]) -> Picture:
    """Read a database in the transaction that is open; search_path must be pg_catalog."""
    facts = [Fact((kind, *key), kind, name, said) for *key, kind, name, said in conn.execute(FACTS)]
    relations = {name: _relation(conn, name, *rest) for name, *rest in conn.execute(RELATIONS).fetchall()}
    reads: dict[str, set[tuple[str, str]]] = {}
    for view, relation, column in conn.execute(READS):
        reads.setdefault(view, set()).add((relation, column))
    broken = {
        (table, name): conn.execute(query.encode()).fetchall()[0][0]
        for table, name, query in conn.execute(CHECKS).fetchall()
    }
    views = {view: frozenset(on) for view, on in reads.items()}
    return Picture({fact.key: fact for fact in facts}, relations, views, broken)


def _relation(
    conn: psycopg.Connection[Any], name: str, kind: str, key: list[str] | None, roles: list[str] | None
) -> Relation:
    query = f"SELECT to_jsonb(t) FROM {'ONLY ' if kind == 'r' else ''}{name} AS t"
    try:
        with conn.transaction():
            rows = tuple(row[0] for row in conn.execute(query.encode()))
    except psycopg.Error as error:
        # A view may be one that nobody can read; then that is what it is, before and after.
        rows = ({"cannot be read": error.sqlstate},)
    return Relation("r" if kind == "p" else kind, tuple(key or ()), frozenset(roles or ()), rows)
