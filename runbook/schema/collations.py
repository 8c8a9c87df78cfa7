"""Collations that changed under the database, with the operating system: text is compared otherwise than it was."""

from dataclasses import dataclass

import psycopg

from runbook import database

OLDEST = 150000
"""server_version_num of the first server that keeps the version of a database's own collation."""


@dataclass(frozen=True)
class Changed:
    """A collation that is not of the version any more that the database was built with."""

    name: str
    """Empty: the database's own."""
    built: str
    found: str
    used_by: str
    remedy: str

    def __str__(self) -> str:
        what = f"collation {self.name}" if self.name else "the database's own collation"
        return f"{what} was of version {self.built} when this was built, and the operating system has {self.found}"


def changed(conn: psycopg.Connection) -> list[Changed]:
    """Return the collations in use that changed, the database's own first."""
    if conn.info.server_version < OLDEST:
        return []
    return [Changed(**row) for row in database.query(conn, "collations")]


def obstacle(conn: psycopg.Connection) -> str:
    """Say why PostgreSQL makes no copy of this database; empty: for its collation it would."""
    return next((f"{one}, so PostgreSQL refuses the copy ({one.remedy})" for one in changed(conn) if not one.name), "")


def warnings(conn: psycopg.Connection) -> list[str]:
    """Name each of them, with what to do."""
    return [
        f"{str(one)[0].upper()}{str(one)[1:]}: {one.used_by} may miss rows, or hold one twice. Mend it when users are "
        f"served again: {one.remedy}"
        for one in changed(conn)
    ]
