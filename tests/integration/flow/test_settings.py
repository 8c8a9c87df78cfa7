"""Settings that a role, a database, or the environment brings along: the rollback is the same under each of them."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql as pgsql

import sql
from flows import cli
from runbook import database, sample, texts
from tests import runbook_runs
from tests.databases import ALL, Database
from tests.integration.flow.look import journal, wrong
from tests.servers import Server

pytestmark = [
    pytest.mark.pg("15", "18"),
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

FILES = (
    *("extensions.sql", "baseline.sql", "seed.sql"),
    *(file.removeprefix("demo/") for file in sample.FORWARD.values()),
    "seed_transformed.sql",
)
CRM = """
    CREATE SCHEMA crm; CREATE TYPE crm.conversation_status AS ENUM ('z'); CREATE TABLE crm.users (id int);
    CREATE FUNCTION crm.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS 'SELECT (1 / 0)::text';
    CREATE TABLE crm.seen (at timestamp DEFAULT CURRENT_TIMESTAMP);
    CREATE FUNCTION crm.see() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN INSERT INTO seen DEFAULT VALUES; RETURN NULL; END$$;
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
    "idle_in_transaction_session_timeout": "500ms",
    "idle_session_timeout": "500ms",
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
NEWER = {"transaction_timeout": "400ms"}
"""Settings of PostgreSQL 17 and newer. A parallel worker lives under its role's until it has taken over its leader's,
and needs the time to start on a busy machine."""


def settings_of(made: Database) -> dict[str, str]:
    return SETTINGS | (NEWER if made.server.version >= "17" else {})


def literal(name: str, value: str) -> str:
    return value or "''" if name == "search_path" else f"'{value}'"


def roll_back() -> None:
    """Go from the plan to the messages, and give the commands that look and open."""
    assert cli.app(["plan"], result_action="return_value") == 0
    state = runbook_runs.run()
    assert state.is_completed(), state.message
    for words in (["status"], ["verify"], ["fence", "open"]):
        assert cli.app(words, result_action="return_value") == 0


def look(made: Database) -> None:
    """See that the end state is reached, and that the team's trigger fired."""
    assert wrong(made, gemini="kept") == []
    assert {outcome for outcome, _ in journal(made).values()} <= {"done", "skipped"}
    assert made.value("SELECT count(*) FROM crm.seen") == 1


@pytest.fixture
def crm(new_database: Callable[..., Database], aim: Callable[[Database], Database]) -> Database:
    made = aim(new_database(forward=ALL))
    with made.connect() as conn:
        conn.execute(CRM)
    return made


def test_settings_of_the_database(crm: Database) -> None:
    with crm.server.connect() as admin:
        for name, value in settings_of(crm).items():
            admin.execute(f'ALTER DATABASE "{crm.dbname}" SET {name} = {literal(name, value)}')
        roll_back()
        admin.execute(f'ALTER DATABASE "{crm.dbname}" RESET ALL')
    look(crm)
    # Times without a zone, which its trigger wrote, are in the zone that everybody else's sessions have.
    assert crm.value("SELECT bool_and(at > now() AT TIME ZONE 'UTC' + interval '5 hours') FROM crm.seen")


def drop_copies(admin: psycopg.Connection[Any], name: str) -> None:
    """Drop the copies that a rollback made of a database."""
    known = (
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s) AND datname ~ '_(before_rollback|rolled_back)_'"
    )
    found = admin.execute(known, [name])
    for (copy,) in found.fetchall():
        admin.execute(pgsql.SQL("DROP DATABASE {} WITH (FORCE)").format(pgsql.Identifier(copy)))


@pytest.fixture
def careless(crm: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Make a superuser of the test's own who is the runner."""
    name = f"careless_{crm.dbname}"
    with crm.server.connect() as admin:
        admin.execute(f'CREATE ROLE "{name}" LOGIN SUPERUSER')
        monkeypatch.setenv("PGUSER", name)
        yield name
        drop_copies(admin, crm.dbname)
        with crm.connect() as conn:
            conn.execute(f'REASSIGN OWNED BY "{name}" TO postgres; DROP OWNED BY "{name}"')
        admin.execute(f'DROP ROLE "{name}"')


def test_settings_of_the_role(crm: Database, careless: str) -> None:
    with crm.server.connect() as admin:
        for name, value in (settings_of(crm) | {"search_path": ""}).items():
            admin.execute(f'ALTER ROLE "{careless}" SET {name} = {literal(name, value)}')
        # The trigger finds its table by the path of the database, which the role's own hides from it.
        admin.execute(f'ALTER DATABASE "{crm.dbname}" SET search_path = crm, extensions')
        admin.execute(f'ALTER DATABASE "{crm.dbname}" SET statement_timeout = 1')
        roll_back()
        admin.execute(f'ALTER DATABASE "{crm.dbname}" RESET ALL')
    look(crm)


@pytest.mark.pg("18")
def test_settings_of_the_environment(crm: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {name: value.replace(" ", r"\ ") for name, value in settings_of(crm).items()}
    monkeypatch.setenv("PGOPTIONS", " ".join(f"-c {name}={value}" for name, value in given.items()))
    monkeypatch.setenv("PGCLIENTENCODING", "EUC_TW")
    monkeypatch.setenv("PGDATESTYLE", "German")
    monkeypatch.setenv("PGTZ", "Asia/Kathmandu")
    roll_back()
    for name in ("PGOPTIONS", "PGCLIENTENCODING", "PGDATESTYLE", "PGTZ"):
        monkeypatch.delenv(name)
    look(crm)


@pytest.fixture
def other(server: Server, request: pytest.FixtureRequest, aim: Callable[[Database], Database]) -> Iterator[Database]:
    """Make a transformed database with a name and an encoding of its own."""
    name, encoding = request.param
    with server.connect() as admin:
        creation = pgsql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LOCALE 'C'")
        admin.execute(creation.format(pgsql.Identifier(name), pgsql.Literal(encoding)))
        made = Database(server, name)
        with made.connect() as conn:
            conn.execute("SET client_encoding = 'UTF8'; SET search_path = public, extensions")
            for file in FILES:
                conn.execute(texts.fitting(sql.read(f"demo/{file}"), encoding).encode())
            conn.execute("UPDATE users SET full_name = convert_from('\\x4d61786cfc', 'LATIN1')")
        yield aim(made)
        drop_copies(admin, name[:20])
        admin.execute(pgsql.SQL("DROP DATABASE {} WITH (FORCE)").format(pgsql.Identifier(name)))


@pytest.mark.parametrize(
    ("other", "backup"),
    [
        pytest.param(("latin1", "LATIN1"), "snapshot", id="latin1"),
        pytest.param(("ascii", "SQL_ASCII"), "dump", id="sql_ascii"),
        pytest.param(('we/ird "q" it\'s 100% {b} $HOME \\ -d', "UTF8"), "snapshot", id="odd name"),
        pytest.param(("Ünï-" + "x" * 57, "UTF8"), "dump", id="63 bytes"),
    ],
    indirect=["other"],
)
@pytest.mark.pg("18")
def test_encodings_and_names(other: Database, backup: str) -> None:
    state = runbook_runs.run(backup=backup, reason="Chat → answers “Łódź”.")
    assert state.is_completed(), state.message
    for words in (["status"], ["verify"], ["fence", "open"]):
        assert cli.app(words, result_action="return_value") == 0
    with database.connect() as conn:  # not as the test would: in SQL_ASCII it gets bytes
        found = conn.execute("SELECT outcome, found ->> 'way_back' FROM rollback.step").fetchall()
    assert {outcome for outcome, _ in found} <= {"done", "skipped"}
    for way_back in (path for _, path in found if path):
        named = ("-v", "ON_ERROR_STOP=1", "-v", f"database={other.dbname}")
        done = Database(other.server, "postgres").psql(*named, "-f", way_back)
        assert done.returncode == 0, done.stderr
        assert other.value("SELECT to_regclass('public.knowledge_bases') IS NOT NULL")
