"""What the plan finds in a database, and the transaction done for real."""

from typing import Any, NamedTuple

import psycopg

import sql
from runbook import settings
from runbook.planning import findings
from runbook.planning.findings import Findings
from tests import states
from tests.integration.planning.plans import asked


class Case(NamedTuple):
    """What is added, under which choices, and what the plan says of it where it blocks."""

    added: str
    blocks: str = ""
    oauth: str = "temporary passwords"
    gemini: str = "keep"
    violated: str = ""
    """The table whose rows stand against their CHECK afterwards: the transaction itself does not fail."""


def looked(conn: psycopg.Connection[Any], case: Case) -> Findings:
    request = asked(oauth=case.oauth, gemini=case.gemini)
    return findings.read(conn, request, settings.load())


def transact(conn: psycopg.Connection[Any], case: Case) -> None:
    """Do what the transaction does, in its order; afterwards the previous release writes its rows."""
    scripts = states.SCRIPTS if case.oauth != "keep" else states.SCRIPTS[1:]
    if case.oauth != "keep":
        conn.execute(sql.read(f"oauth/{case.oauth.replace(' ', '_')}.sql"))
    states.roll_back(conn, scripts, gemini=case.gemini)
