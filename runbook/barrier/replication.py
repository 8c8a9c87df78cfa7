"""Replication: what is cut off by the fence, and what meets the old schema afterwards."""

import psycopg

from runbook import database, figures
from runbook.barrier import stragglers


def warnings(conn: psycopg.Connection) -> list[str]:
    """Explain the logical slots, the publications and the subscriptions of this database."""
    return [*_slots(conn), *_publications(conn), *_subscriptions(conn)]


def _slots(conn: psycopg.Connection) -> list[str]:
    return [
        f"Logical replication slot {row['slot']} ({row['plugin']}) {_reader(row)}. The slot stays and keeps back WAL "
        "until it is read again. The change of the tables is not in the stream: its reader meets the old schema "
        "unprepared. Pause it, and let it start from a new copy after the rollback."
        for row in database.query(conn, "slots")
    ]


def _reader(row: database.Row) -> str:
    kept = f"; it keeps back {figures.size(row['bytes'])} of WAL" if row["bytes"] else ""
    if not row["active"]:
        return f"has no reader now{kept}"
    place = "where this role may not see" if row["address"] == stragglers.HIDDEN else row["address"]
    return f"is read by {row['application']} from {place}, who is cut off while the fence is closed{kept}"


def _publications(conn: psycopg.Connection) -> list[str]:
    return [
        f"Publication {row['publication']} ({row['tables']} table(s)): what is renamed or restored here is not at its "
        "subscribers. Change their tables likewise and REFRESH their subscriptions before they go on."
        for row in database.query(conn, "publications")
    ]


def _subscriptions(conn: psycopg.Connection) -> list[str]:
    return [
        f"Subscription {row['subscription']} writes into this database. Its worker is ended, and kept out while the "
        "fence is closed; afterwards it stops at the first table that it does not find in the old schema: "
        f"ALTER SUBSCRIPTION {row['subscription']} DISABLE before, ENABLE when its publisher is rolled back too."
        for row in database.query(conn, "subscriptions")
        if row["enabled"]
    ]
