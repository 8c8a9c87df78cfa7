"""Settings that a role, a database, or the environment brings along: the rollback is the same under each of them."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows import cli
from tests import runbook_runs
from tests.databases import ALL, Database
from tests.integration.flow.look import journal, wrong

pytestmark = [
    pytest.mark.pg("15", "18"),
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

CRM = """
    CREATE SCHEMA crm; CREATE TYPE crm.conversation_status AS ENUM ('z'); CREATE TABLE crm.users (id int);
    CREATE FUNCTION crm.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS 'SELECT (1 / 0)::text';
    CREATE TABLE crm.seen (at timestamp DEFAULT CURRENT_TIMESTAMP);
    CREATE FUNCTION crm.see() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO seen DEFAULT VALUES; RETURN NULL; END$$;
    CREATE TRIGGER see AFTER UPDATE ON public.users FOR EACH STATEMENT EXECUTE FUNCTION crm.see();
"""
"""What a search_path that names crm first finds there, and a trigger that finds its table by that path alone."""

SETTINGS = {
    "search_path": "crm, extensions, pg_catalog",
    "client_encoding": "latin1",
    "DateStyle": "German",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kathmandu",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "xmloption": "document",
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "off",
    "backslash_quote": "on",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "check_function_bodies": "off",
    "plpgsql.extra_errors": "all",
    "exit_on_error": "on",
    "statement_timeout": "50ms",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "30ms",
    "idle_session_timeout": "30ms",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "session_replication_role": "replica",
    "track_counts": "off",
    "synchronous_commit": "off",
    "client_min_messages": "error",
    "stats_fetch_consistency": "snapshot",
    "jit": "on",
    "jit_above_cost": "0",
    "max_parallel_workers_per_gather": "8",
    "parallel_setup_cost": "0",
    "min_parallel_table_scan_size": "0",
    "default_table_access_method": "heap",
    "lc_messages": "C",
}
NEWER = {"transaction_timeout": "50ms"}
"""Settings of PostgreSQL 17 and newer."""


def settings_of(database: Database) -> dict[str, str]:
    return SETTINGS | (NEWER if database.server.version >= "17" else {})


def literal(name: str, value: str) -> str:
    return value or "''" if name == "search_path" else f"'{value}'"


def roll_back() -> None:
    """Go from the plan to the messages, and give the commands that look and open."""
    assert cli.app(["plan"], result_action="return_value") == 0
    state = runbook_runs.run()
    assert state.is_completed(), state.message
    for words in (["status"], ["verify"], ["fence", "open"]):
        assert cli.app(words, result_action="return_value") == 0


def look(database: Database, seen: int = 1) -> None:
    """See that the end state is reached, and that the team's trigger fired."""
    assert wrong(database, gemini="kept") == []
    assert {outcome for outcome, _ in journal(database).values()} <= {"done", "skipped"}
    assert database.value("SELECT count(*) FROM crm.seen") == seen


@pytest.fixture
def crm(new_database: Callable[..., Database], aim: Callable[[Database], Database]) -> Database:
    database = aim(new_database(forward=ALL))
    with database.connect() as conn:
        conn.execute(CRM)
    return database


def test_settings_of_the_database(crm: Database) -> None:
    with crm.server.connect() as admin:
        for name, value in settings_of(crm).items():
            admin.execute(f'ALTER DATABASE "{crm.dbname}" SET {name} = {literal(name, value)}')
        roll_back()
        admin.execute(f'ALTER DATABASE "{crm.dbname}" RESET ALL')
    look(crm)
