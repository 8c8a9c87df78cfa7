"""Rows for a trial: on an empty copy with them, triggers do what they would do to the real rows."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from runbook import database as door
from runbook import settings
from runbook.planning.trial import sample_rows
from tests.databases import ALL, Database
from tests.integration.planning.looking import Case, transact

pytestmark = pytest.mark.pg("15", "18")

REFUSES = """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    IF {} THEN RAISE EXCEPTION 'not this one'; END IF; RETURN coalesce(NEW, OLD); END$$;
    CREATE TRIGGER refuse BEFORE {} FOR EACH ROW EXECUTE FUNCTION refuse()"""
QUOTA = """CREATE TABLE quota (n int); CREATE FUNCTION spend() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN EXECUTE format('UPDATE %I SET n = n + 1', 'quota'); RETURN NULL; END$$;
    CREATE TRIGGER spend AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION spend()"""
REFUSED = {
    "the placeholder": (REFUSES.format("NEW.password_hash LIKE '%INVALID%'", "UPDATE ON users"), "temporary passwords"),
    "a row of the cascade": (REFUSES.format("OLD.content <> ''", "DELETE ON messages"), "delete"),
}
FREE = "UPDATE benchmark_results SET evaluated_by = NULL"


def tried(
    new_database: Callable[..., Database], statements: str, oauth: str, rows: str = ""
) -> psycopg.Connection[Any]:
    """Return a connection to an empty copy of the schema with the rows for the trial of such a database."""
    real, copy = new_database(forward=ALL), new_database(messages=0, forward=ALL)
    for database in (real, copy):
        with database.connect() as conn:
            conn.execute(f"{statements}; {FREE}".encode())
    with real.connect() as conn:
        conn.execute(rows.encode())
        before = real.checksums()
        samples = sample_rows.read(conn, oauth, settings.load())
        assert real.checksums() == before
    conn = copy.connect()
    assert sample_rows.load(conn, samples) == []
    return conn


@pytest.mark.parametrize("name", REFUSED)
def test_a_trigger_refuses_the_row_on_the_copy(new_database: Callable[..., Database], name: str) -> None:
    with tried(new_database, *REFUSED[name]) as conn:
        with pytest.raises(psycopg.errors.RaiseException, match="not this one") as caught, conn.transaction():
            transact(conn, Case("", oauth=REFUSED[name][1]))
        assert "function refuse()" in str(caught.value)


def test_what_no_text_shows_is_counted_on_the_copy(new_database: Callable[..., Database]) -> None:
    oauth = "temporary passwords"
    with (
        tried(new_database, QUOTA, oauth, "INSERT INTO quota VALUES (1)") as conn,
        conn.transaction(force_rollback=True),
    ):
        transact(conn, Case("", oauth=oauth))
        assert {row["table"]: row["updated"] for row in door.query(conn, "row_changes")}["quota"] == 3


@pytest.mark.parametrize("oauth", ["temporary passwords", "delete", "keep"])
def test_the_rows_do_not_stand_in_the_way(new_database: Callable[..., Database], oauth: str) -> None:
    with tried(new_database, "SELECT 1", oauth) as conn, conn.transaction(force_rollback=True):
        transact(conn, Case("", oauth=oauth))
        if oauth == "delete":
            changes = {row["table"]: row["deleted"] for row in door.query(conn, "row_changes")}
            assert changes["users"] == 3
            assert changes["subscriptions"] > 0
