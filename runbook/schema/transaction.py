"""The statements of the one transaction, on any connection: a run's own, or that of a copy on which they are tried."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psycopg

import sql
from runbook import database
from runbook.errors import RollbackError
from runbook.models import Plan, Script
from runbook.schema import catalogue, endstate, leaving
from runbook.schema.catalogue import Fact
from runbook.settings import Settings

OAUTH_SCRIPTS = {"temporary passwords": "oauth/temporary_passwords.sql", "delete": "oauth/delete.sql"}
"""The procedure's options 1 and 2; option 3, keep, runs nothing and skips 012."""


@dataclass(frozen=True)
class Result:
    """What the transaction made, before it commits."""

    facts: int
    """How many facts of the catalogue were compared."""
    rows: Mapping[str, Mapping[str, int]]
    """Rows inserted, updated and deleted, by table."""
    differences: list[str]
    """What is not as the declared end state says, a line each."""
    lost: list[str]
    """What was there before and is gone, by kind and name."""
    unannounced: list[str]
    """Rows that were changed although the plan does not say so, a line a table."""

    @property
    def wrong(self) -> list[str]:
        """All that forbids the commit, a line each."""
        return [*self.differences, *(f"lost: {name}" for name in self.lost), *self.unannounced]


def set_options(conn: psycopg.Connection, settings: Settings, gemini: str) -> None:
    """Set what the scripts read, for the transaction that is open."""
    database.query(
        conn, "transaction_settings", lock_ms=settings.lock_timeout_ms, bot_label=settings.bot_label, gemini=gemini
    )


def handle_oauth_users(conn: psycopg.Connection, plan: Plan) -> list[str] | None:
    """Do with the users without a password what the plan says; return the notices, None where they are kept."""
    name = OAUTH_SCRIPTS.get(plan.oauth)
    return database.script(conn, name) if name else None


def run_script(conn: psycopg.Connection, script: Script) -> list[str]:
    """Run a rollback script and its verify script; return the notices.

    Raises RollbackError when the file is not the one that was approved.
    """
    if sql.digest(script.name) != script.sha256:
        raise RollbackError(
            f"sql/{script.name} is not the file that was approved: it changed since.",
            "Find out who changed it; a new plan needs a new approval.",
        )
    notices = database.script(conn, script.name)
    database.script(conn, script.name.replace("rollback/", "verify/", 1))
    return notices


def result(conn: psycopg.Connection, plan: Plan, settings: Settings, before: Iterable[Fact]) -> Result:
    """Hold what was made against the declared end state and against what the plan announced."""
    earlier, after, rows = list(before), catalogue.read(conn), row_changes(conn)
    return Result(
        facts=len(after),
        rows=rows,
        differences=endstate.wrong(plan, settings, after, earlier),
        lost=[f"{fact.kind} {fact.object}" for fact in catalogue.lost(earlier, after, leaving.skipped(plan))],
        unannounced=endstate.unannounced(plan, rows, settings.tolerated),
    )


def row_changes(conn: psycopg.Connection) -> dict[str, dict[str, int]]:
    """Return rows inserted, updated and deleted by this transaction so far, by table (the server's own counters)."""
    rows = database.query(conn, "row_changes")
    return {str(row.pop("table")): {k: int(v) for k, v in row.items() if v} for row in rows}
