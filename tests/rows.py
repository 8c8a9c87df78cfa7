"""All rows of a database as the old release names them, so that both sides of a rollback can be compared by value."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from runbook.schema import naming
from tests.databases import Database

Rows = dict[str, dict[str, dict[str, Any]]]


@dataclass
class Changes:
    """What differs between two readings: rows by table, and values by column that both have."""

    gone: Counter[str] = field(default_factory=Counter)
    new: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)


def read(database: Database) -> Rows:
    """Return each row of schema public by table and id."""
    found: Rows = {}
    with database.connect() as conn:
        tables = [row[0] for row in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        for table in tables:
            rows = conn.execute(f"SELECT to_jsonb(t) FROM public.{table} t").fetchall()
            found[naming.translate(table)] = {row["id"]: _translated(row) for (row,) in rows}
    return found


def compare(before: Rows, after: Rows) -> Changes:
    changes = Changes()
    for table in before.keys() | after.keys():
        old, new = before.get(table, {}), after.get(table, {})
        changes.gone[table] += len(old.keys() - new.keys())
        changes.new[table] += len(new.keys() - old.keys())
        for key in old.keys() & new.keys():
            common = old[key].keys() & new[key].keys()
            changes.changed.update(f"{table}.{name}" for name in common if old[key][name] != new[key][name])
    return Changes(*(+counter for counter in (changes.gone, changes.new, changes.changed)))


def _translated(row: dict[str, Any]) -> dict[str, Any]:
    row = {naming.translate(name): value for name, value in row.items()}
    return {**row, "role": "professional"} if row.get("role") == "kb_owner" else row
