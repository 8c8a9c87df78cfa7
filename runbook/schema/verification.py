"""Verification after the commit: the procedure's step 5 with its own queries, the declared end state, the services."""

from collections.abc import Sequence

import psycopg

import sql
from runbook import database as door
from runbook import journal, printable
from runbook.application import health
from runbook.errors import VerificationFailed
from runbook.models import Check, Plan
from runbook.schema import catalogue, endstate, naming
from runbook.schema.endstate import Conditions
from runbook.settings import Settings

ENUMS = {
    "conversation_status": "active, handed_over, closed",
    "message_sender": "user, {bot}, professional",
    "user_role": "super_admin, professional, end_user",
}
"""What the procedure says that its queries should show."""

KEPT = {"user_role": "super_admin, kb_owner, end_user"}
"""What they show where 012 was skipped (the procedure's option 3)."""


def database(conn: psycopg.Connection, plan: Plan, settings: Settings) -> list[Check]:
    """Hold the database against what the plan promised."""
    return _checks(conn, endstate.promised(plan, settings), plan.unguarded)


def standalone(conn: psycopg.Connection, settings: Settings) -> list[Check]:
    """Hold the database against the declared end state, with what the last committed run was told to keep."""
    last = next((row for row in journal.runs(conn, settings) if row["committed"]), None)
    return _checks(conn, endstate.recorded(last, catalogue.read(conn), settings, door.identity(conn)), None)


def _checks(conn: psycopg.Connection, conditions: Conditions, unguarded: Sequence[str] | None) -> list[Check]:
    with door.translated():
        return [
            *_tables(conn, conditions),
            *_enums(conn, conditions),
            _foreign_keys(conn, unguarded),
            *_end_state(conn, conditions),
        ]


def _tables(conn: psycopg.Connection, conditions: Conditions) -> list[Check]:
    tables = _column(conn, "tables")
    oauth = ", ".join(_column(conn, "users_columns")) or "none"
    wanted = "avatar_url, oauth_id, oauth_provider" if conditions.oauth == "kept" else "none"
    return [
        _check(r"\dt: digital_twins", "present", _present("digital_twins", tables)),
        _check(r"\dt: knowledge_bases", "absent", _present("knowledge_bases", tables)),
        _check(r"\dt: handover_notifications", "present", _present("handover_notifications", tables)),
        _check("users: OAuth columns", wanted, oauth),
    ]


def _enums(conn: psycopg.Connection, conditions: Conditions) -> list[Check]:
    wanted = {**ENUMS, **(KEPT if conditions.oauth == "kept" else {})}
    return [
        _check(f"enum {name}", labels.format(bot=conditions.bot_label), ", ".join(_column(conn, name)))
        for name, labels in wanted.items()
    ]


def _foreign_keys(conn: psycopg.Connection, unguarded: Sequence[str] | None) -> Check:
    """Hold the foreign keys against those that let orphans exist before; None: nobody knows which those were."""
    whole = "all guaranteed by PostgreSQL"
    doubtful = [f"{row['table']}.{row['constraint']} is {row['why']}" for row in door.query(conn, "orphans")]
    known = {naming.translate(line) for line in (doubtful if unguarded is None else unguarded)}
    new = [line for line in doubtful if line not in known]
    left = f"{whole}, but for what was so before: {'; '.join(doubtful)}" if doubtful else whole
    return Check("foreign keys", whole, "; ".join(new) or left, passed=not new)


def _end_state(conn: psycopg.Connection, conditions: Conditions) -> list[Check]:
    declared, found = endstate.declared(conditions), catalogue.read(conn)
    wrong = endstate.compare(declared, found, found)
    said = (
        "\n".join([f"{len(wrong)} difference(s):", *map(printable.line, wrong)]) if wrong else f"{len(declared)} facts"
    )
    drift = endstate.drift_of(declared, found)
    note = (
        [Check("elsewhere, as it was before", "not judged", "\n".join(map(printable.line, drift)), passed=True)]
        if drift
        else []
    )
    return [_check("declared end state", f"{len(declared)} facts", said), *note]


def _column(conn: psycopg.Connection, name: str) -> list[str]:
    return [str(row[0]) for row in conn.execute(sql.read(f"verify/procedure/{name}.sql").encode()).fetchall()]


def _present(name: str, tables: Sequence[str]) -> str:
    return "present" if name in tables else "absent"


def _check(name: str, expected: str, found: str) -> Check:
    return Check(name, expected, found, passed=expected == found)


def of_services(settings: Settings, plan: Plan) -> list[Check]:
    """Ask each service whether it works. Raises ServiceUnhealthy."""
    return health.wait_for_release(settings, plan.release) if plan.release else []


def judge(checks: Sequence[Check]) -> None:
    """Raise VerificationFailed when a check did not pass."""
    wrong = [
        f"  - {check.name}: expected {check.expected}, found {check.found}" for check in checks if not check.passed
    ]
    if wrong:
        raise VerificationFailed(
            "After the rollback something is not as it should be:\n" + "\n".join(wrong),
            "Mend it and run again for the same incident: it goes on with verify.",
            "The database is rolled back and committed; users are let in again.",
        )
