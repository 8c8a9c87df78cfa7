"""The whole transaction on a database of a test's own, and what is said of it beforehand."""

from typing import Any

import psycopg

import sql
from runbook.schema import catalogue, leaving
from runbook.schema.catalogue import Fact
from tests import samples, states

Connection = psycopg.Connection[Any]
SETTLE = {"temporary passwords": "oauth/temporary_passwords.sql", "delete": "oauth/delete.sql"}


def obstacles(conn: Connection, gemini: str = "keep") -> list[str]:
    """Return what the plan would name as being in the way."""
    with conn.transaction(force_rollback=True):
        conn.execute("SELECT set_config('rollback.gemini', %s, true)", [gemini])
        blockers = conn.execute(sql.query("blockers")).fetchall()
        needs = conn.execute(sql.query("needs")).fetchall()
    assert all(all(row) for row in (*blockers, *needs))  # nothing is left unsaid
    return [" | ".join(row) for row in (*blockers, *needs)]


def announced(conn: Connection) -> str:
    """Return what the plan would say that goes beside the rows, everything being applied."""
    states_ = dict.fromkeys(("010", "011", "012", "013"), "applied")
    return "\n".join(leaving.announced(catalogue.read(conn), states_, samples.request()))  # type: ignore[arg-type]


def faults(conn: Connection, oauth: str = "temporary passwords", gemini: str = "keep") -> list[str]:
    """Run the transaction in the open one or one of its own; return what is wrong with the result, or the error."""
    before = catalogue.read(conn)
    try:
        conn.execute(sql.read(SETTLE[oauth]))
        states.roll_back(conn, gemini=gemini)
        states.verify(conn)
    except psycopg.Error as error:
        return [str(error)]
    return wrong(conn, before, gemini)


def wrong(conn: Connection, before: list[Fact], gemini: str = "keep") -> list[str]:
    """Compare the result with what is declared, and with what was there."""
    has_gemini = any(fact.key == ("enum", "llm_provider") and "gemini" in fact.definition for fact in before)
    kept = "kept" if gemini == "keep" and has_gemini else "none"
    after = catalogue.read(conn)
    declared = catalogue.expected(conn.info.server_version // 10000, gemini=kept)
    found = [str(one) for one in catalogue.differences(declared, after, before) if one.fails]
    return found + [f"lost: {fact.kind} {fact.object}" for fact in catalogue.lost(before, after)]
