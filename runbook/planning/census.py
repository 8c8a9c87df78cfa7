"""The census: how many rows the rollback moves, fills in, or leaves, counted before anything is touched."""

from collections.abc import Mapping
from typing import Literal

import psycopg

from runbook import database
from runbook.planning import choices, users

Table = Literal["knowledge_bases", "digital_twins"]


def table(conn: psycopg.Connection) -> Table:
    """Return what the table of the twins is called now."""
    there = conn.execute("SELECT to_regclass('public.knowledge_bases') IS NOT NULL").fetchone()
    return "knowledge_bases" if there and there[0] else "digital_twins"


def kinds(conn: psycopg.Connection) -> dict[str, int]:
    """Count users by kind; "OAuth only" are all without a password, whatever identity they have."""
    count = users.count(conn)
    return {
        choices.PASSWORD: count.password_only,
        choices.OAUTH: count.without_password,
        choices.BOTH: count.both,
        "inactive": count.inactive,
        "admins": count.admins,
    }


def removed(conn: psycopg.Connection, oauth: str) -> dict[str, int]:
    """Count the values that leave their columns; those of users stay where OAuth users are kept."""
    rows = database.query(conn, "removals", table=table(conn))
    return {f"{row['table']}.{row['column']}": row["rows"] for row in rows if row["rows"] and _leaves(row, oauth)}


def placeholders(conn: psycopg.Connection, oauth: str) -> dict[str, int]:
    """Count the rows that get a declared placeholder, by column."""
    rows = database.query(conn, "placeholders", table=table(conn))
    chosen = [row for row in rows if row["table"] != "users" or oauth == "temporary passwords"]
    return {f"{row['table']}.{row['column']} = '{row['placeholder']}'": row["rows"] for row in chosen if row["rows"]}


def cascade(deletion: users.Deletion) -> dict[str, int]:
    """Count the rows that deleting the users without a password takes along, by table."""
    return dict(sorted(deletion.deleted.items()))


def blocking(deletion: users.Deletion) -> dict[str, int]:
    """Count the rows that forbid deleting the users without a password, by table and foreign key."""
    return {f"{one.table}.{one.constraint}": one.rows for one in deletion.effects if one.action == "forbids"}


def unlinked(deletion: users.Deletion) -> dict[str, int]:
    """Count the rows that stay and lose their link to a row that is deleted, by column's foreign key.

    A key that only writes rows which another one deletes a moment later has 0: they are updated all the same.
    """
    stay = {
        f"{effect.table}.{effect.constraint}": effect.rows
        for effect in deletion.effects
        if effect.action in ("set null", "set default")
    }
    return {f"{one.relation.name}.{one.key.name}": 0 for one in deletion.written} | stay


def forbidding(deletion: users.Deletion) -> list[str]:
    """Return what forbids deleting the users without a password, a line each with its remedy."""
    return [
        f"Deleting OAuth users is forbidden by {effect.rows} row(s) of {effect.table} ({effect.constraint}"
        f"{': ' + effect.why if effect.why else ''}). Point them at another user first, or choose temporary passwords."
        for effect in deletion.effects
        if effect.action == "forbids"
    ]


def kept(conn: psycopg.Connection, users: Mapping[str, int], oauth: str, cascade: Mapping[str, int]) -> dict[str, int]:
    """Count the rows that stay in the tables that lose values."""
    name = table(conn)
    there = sum(users[kind] for kind in (choices.PASSWORD, choices.OAUTH, choices.BOTH))
    bases = database.query(conn, "bases", table=name)[0]["rows"]
    gone = users[choices.OAUTH] + cascade.get("users", 0) if oauth == "delete" else 0
    return {"users": there - gone, name: bases - cascade.get(name, 0)}


def gemini(conn: psycopg.Connection) -> int:
    """Count the rows that use the label gemini."""
    return int(database.query(conn, "gemini", table=table(conn))[0]["rows"])


def _leaves(row: database.Row, oauth: str) -> bool:
    return bool(row["table"] != "users" or oauth != "keep")
