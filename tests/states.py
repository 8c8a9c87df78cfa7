"""The states in which a rollback may find a database, and what must be the same after it."""

from collections.abc import Iterable
from itertools import chain, combinations
from typing import Any

import psycopg
from psycopg import sql as compose

import sql
from runbook import sample
from runbook.schema import naming
from runbook.schema.catalogue import Fact
from tests.databases import AS_SHIPPED, STOPPED

Connection = psycopg.Connection[Any]

SCRIPTS = ("012_rollback_oauth", "011_rollback_handover", "010_rollback_knowledge_base")
# Every subset of 010 to 013, 011 also half applied in both ways.
STATES = [
    tuple(sorted((*subset, *handover)))
    for subset in chain.from_iterable(combinations(("010", "012", "013"), n) for n in range(4))
    for handover in ((), ("011",), (AS_SHIPPED,), (STOPPED,))
]

# Values that the rollback changes on purpose; both sides are written the same way before they are compared.
_RELABELLED = {
    "role": ("kb_owner", "professional"),
    "llm_provider": ("gemini", "openai"),
    "sender": ("twin", "assistant"),
}
_REMOVED = {
    "users": {"oauth_provider", "oauth_id", "avatar_url", "password_hash"},
    "digital_twins": {"description", "is_public", "share_url"},
    "handover_notifications": set(),
}


def roll_back(conn: Connection, scripts: Iterable[str] = SCRIPTS, **options: str) -> None:
    """Run rollback scripts with options, in the transaction that is open."""
    for name, value in options.items():
        sample.set_option(conn, name, value)
    for script in scripts:
        conn.execute(sql.read(f"rollback/{script}.sql"))


def verify(conn: Connection, scripts: Iterable[str] = SCRIPTS) -> None:
    """Run verify scripts."""
    for script in scripts:
        conn.execute(sql.read(f"verify/{script}.sql"))


REPLACED = ("comment", "table column public.digital_twins.rag_config")
"""The one comment whose text 010 replaced: nobody kept the old one, so a rollback leaves the new one."""


def rows(facts: Iterable[Fact]) -> set[tuple[str, str, str]]:
    """Return facts without identity, to be compared between databases, but for the text of the comment replaced."""
    return {(fact.kind, fact.object, "" if fact.key == REPLACED else fact.definition) for fact in facts}


def survivors(conn: Connection) -> dict[str, list[str]]:
    """Return the columns whose values survive a rollback, by table, by the old release's names."""
    return {table: sorted(set(names) - _REMOVED.get(table, set())) for table, (_, names) in _layout(conn).items()}


def checksums(conn: Connection, wanted: dict[str, list[str]]) -> dict[str, str]:
    """Return a checksum of the values of all rows, by table, by the old release's names."""
    layout = _layout(conn)
    return {table: _checksum(conn, *layout[table], names) for table, names in wanted.items()}


def _layout(conn: Connection) -> dict[str, tuple[str, dict[str, str]]]:
    """Return the present names of tables and columns by the old release's names."""
    query = """
        SELECT r.relname, array_agg(a.attname::text) FROM pg_class AS r JOIN pg_attribute AS a ON a.attrelid = r.oid
        WHERE r.relnamespace = 'public'::regnamespace AND r.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
        GROUP BY r.relname"""
    return {
        naming.translate(table): (table, {naming.translate(name): name for name in names})
        for table, names in conn.execute(query)
    }


def _checksum(conn: Connection, table: str, present: dict[str, str], wanted: list[str]) -> str:
    values = compose.SQL(", ").join(
        compose.SQL("coalesce(replace({}::text, {}, {}), '-')").format(
            compose.Identifier(present[name]), *map(compose.Literal, _RELABELLED.get(name, ("", "")))
        )
        for name in wanted
    )
    query = compose.SQL("SELECT md5(string_agg(r, '|' ORDER BY r)) FROM (SELECT concat_ws('~', {}) FROM {}) AS t (r)")
    row = conn.execute(query.format(values, compose.Identifier("public", table))).fetchone()
    assert row is not None
    return str(row[0])
