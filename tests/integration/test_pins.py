"""Each connection sets for itself what it depends on: one setting at a time, of a role or of a database."""

import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from runbook import database
from tests.databases import Database
from tests.integration.flow.test_settings import literal, settings_of

pytestmark = pytest.mark.pg("15", "18")

FREE = {"search_path", "lc_messages", "jit_above_cost", "parallel_setup_cost", "min_parallel_table_scan_size"}
"""What is looked at otherwise, or costs time only."""


@pytest.fixture
def aimed(transformed: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    for name, value in transformed.env.items():
        monkeypatch.setenv(name, value)
    with transformed.server.connect() as admin:
        admin.execute("CREATE ROLE pinned LOGIN SUPERUSER")
        yield transformed
        admin.execute("DROP ROLE pinned")


def now() -> dict[str, str]:
    """Return all settings of a connection of the runbook's."""
    with closing(database.connect()) as conn:
        found: dict[str, str] = dict(conn.execute("SELECT name, setting FROM pg_settings").fetchall())
        return {name: value for name, value in found.items() if name not in FREE}


def test_one_at_a_time(aimed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clean, wrong = now(), dict[str, set[str]]()
    for name, value in settings_of(aimed).items():
        if name in FREE:
            continue
        for whose in (f'DATABASE "{aimed.dbname}"', "ROLE pinned"):
            monkeypatch.setenv("PGUSER", "pinned" if "ROLE" in whose else aimed.server.user)
            with aimed.server.connect() as admin:
                admin.execute(f"ALTER {whose} SET {name} = {literal(name, value)}")
                wrong[f"{whose} {name}"] = {key for key, found in now().items() if clean.get(key) != found}
                admin.execute(f"ALTER {whose} RESET {name}")
    assert {key: found for key, found in wrong.items() if found} == {}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("''", ["public"]),
        ("crm, public", ["public", "crm"]),
        ("pg_catalog, crm", ["public", "crm"]),
        ('"a,b", "x""y", "$user"', ["public", "a,b", 'x"y']),
    ],
)
def test_public_comes_first_and_the_own_path_stays(aimed: Database, path: str, found: list[str]) -> None:
    with aimed.connect() as admin:
        admin.execute('CREATE SCHEMA crm; CREATE SCHEMA "a,b"; CREATE SCHEMA "x""y"')
        admin.execute(f'ALTER DATABASE "{aimed.dbname}" SET search_path = {path}')
    with closing(database.connect()) as conn:
        row = conn.execute("SELECT current_schemas(false)").fetchone()
    assert row is not None
    assert list(dict.fromkeys(row[0])) == found


def test_programs_get_the_same(aimed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with aimed.server.connect() as admin:
        admin.execute(f'ALTER DATABASE "{aimed.dbname}" SET DateStyle = German')
        admin.execute(f'ALTER DATABASE "{aimed.dbname}" SET statement_timeout = 1')
    monkeypatch.setenv("PGTZ", "Mars")
    monkeypatch.setenv("PGOPTIONS", "-c rollback.bot_label=twin -c work_mem=5MB")
    for name, value in database.environment("LATIN1").items():
        monkeypatch.setenv(name, value)
    shown = ("DateStyle", "statement_timeout", "TimeZone", "work_mem", "rollback.bot_label", "client_encoding")
    asked = [word for name in shown for word in ("-c", f"SHOW {name}")]
    said = aimed.program("psql", "-XAt", *asked, options=os.environ["PGOPTIONS"])
    assert said.stdout.split("\n")[:-1] == ["ISO, MDY", "0", "UTC", "5MB", "twin", "LATIN1"], said.stderr


def test_what_only_a_superuser_may_set_is_left_and_found(aimed: Database) -> None:
    with aimed.server.connect() as admin:
        admin.execute(f'ALTER DATABASE "{aimed.dbname}" SET session_replication_role = replica')
        admin.execute("ALTER ROLE pinned NOSUPERUSER")
    os.environ["PGUSER"] = "pinned"
    with closing(database.connect()) as conn:
        assert [row["name"] for row in database.query(conn, "pins_of_superusers")] == ["session_replication_role"]
    os.environ["PGUSER"] = aimed.server.user
    with closing(database.connect()) as conn:
        assert database.query(conn, "pins_of_superusers") == []
