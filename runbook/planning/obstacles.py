"""Obstacles: everything that stands in the way of a plan at once, and what to be warned of."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import psycopg

from runbook import database, figures, journal, store
from runbook.approval import approvers
from runbook.barrier import poolers, replication
from runbook.errors import RollbackError
from runbook.models import Plan
from runbook.outlook import Means
from runbook.planning import census, serverstate
from runbook.request import RollbackRequest
from runbook.safekeeping import backup, means, programs, snapshots
from runbook.settings import Settings
from runbook.telling import mail, messages, report, team

T = TypeVar("T")

OAUTH = "012"
"""The one migration for which the procedure makes an exception: its option 3 skips it."""


def attempt(problems: list[str], act: Callable[[], T]) -> T | None:
    """Do ``act``; what it complains of becomes one more problem of the list."""
    try:
        return act()
    except RollbackError as error:
        problems.append(f"{error.problem} {error.remedy}".strip())
        return None


def named(described: str) -> str:
    """Return the name by which people know an object that ``pg_describe_object`` described."""
    return re.sub(r"rule _RETURN on (?=(materialized )?view )", "", described)


def rights(conn: psycopg.Connection) -> list[str]:
    """List the rights that the role lacks, each with the statement that grants it."""
    return [f"Missing right: {row['lacks']}. {row['remedy']}" for row in database.query(conn, "rights")]


def blockers(conn: psycopg.Connection, plan: Plan, settings: Settings) -> list[str]:
    """List everything that stands in the way, each with its remedy."""
    problems = rights(conn)
    problems += [
        f"Prepared transaction {row['gid']} of {row['owner']}, since {figures.moment(row['prepared'])}, belongs to no "
        "session, so the fence cannot end it: it keeps its locks, and the database cannot be copied. Ask its owner, "
        f"then COMMIT PREPARED {row['gid']} or ROLLBACK PREPARED {row['gid']} in this database."
        for row in database.query(conn, "prepared")
    ]
    problems += [
        f"{row['migration']}: {named(row['object'])}: {row['why']}. {row['remedy']}"
        for row in database.query(conn, "blockers")
        if not (row["migration"] == OAUTH and plan.oauth == "keep")
    ]
    problems += [
        f"{row['migration']}: {row['object']} is {row['found']}; the end state needs {row['needed']}. {row['remedy']}."
        for row in database.query(conn, "needs")
        if not (row["migration"] == OAUTH and plan.oauth == "keep")
    ]
    problems += journal.strangers(conn)
    if plan.oauth == "keep" and plan.migrations[OAUTH] == "partial":
        problems.append("012 is applied in part, so it cannot be kept. Choose temporary passwords or delete.")
    problems += serverstate.blockers(conn, settings)
    attempt(problems, lambda: poolers.check(conn))
    attempt(problems, lambda: programs.binaries(plan.identity.major, settings))
    problems += _backup(conn, plan, settings)
    attempt(problems, lambda: report.check(settings))
    attempt(problems, lambda: messages.check(settings))
    attempt(problems, lambda: team.check(settings))
    attempt(problems, lambda: approvers.check(settings))
    attempt(problems, lambda: store.check(settings))
    return problems


def _backup(conn: psycopg.Connection, plan: Plan, settings: Settings) -> list[str]:
    """List what stands in the way of the backup; a snapshot needs no room for a dump before the users are back."""
    problems: list[str] = []
    inside = plan.backup.method == "dump"
    attempt(problems, lambda: backup.check_folder(settings, backup.estimate(conn) if inside else 0))
    attempt(problems, lambda: means.check(plan.backup))
    return problems


def of_backup(conn: psycopg.Connection, chosen: Means, settings: Settings) -> list[str]:
    """List what should be known of the backup: what is unknown, and what the portable dump lacks later."""
    found = means.warnings(chosen)
    attempt(found, lambda: programs.psql(settings))
    if chosen.method == "snapshot":
        attempt(found, lambda: backup.check_folder(settings, backup.estimate(conn)))
    return found + backup.leftovers(settings) + snapshots.warnings(conn, settings)


def warnings(
    conn: psycopg.Connection,
    request: RollbackRequest,
    settings: Settings,
    drift: Sequence[str],
) -> list[str]:
    """List what does not stand in the way, and should be known."""
    found: list[str] = []
    if gemini := census.gemini(conn):
        what = "get openai" if request.gemini == "remove" else "stay; the old release does not know that provider"
        found.append(f"{gemini} row(s) use the provider gemini (013) and {what}.")
    found += replication.warnings(conn)
    found += serverstate.warnings(conn)
    found += [f"Drift from the baseline, left as it is: {line}" for line in drift]
    attempt(found, lambda: mail.check(settings))
    found += attempt([], lambda: approvers.warnings(settings)) or []  # that they cannot be read is a blocker
    return found
