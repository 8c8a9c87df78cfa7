"""With 'delete', the archive has each user and each knowledge base that goes, by whatever way, and how it went."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import sql
from runbook.schema import catalogue
from tests import states, trials
from tests.databases import ALL, Database

pytestmark = pytest.mark.pg("15", "18")

NewDatabase = Callable[..., Database]
FREE = "UPDATE benchmark_results SET evaluated_by = NULL"
HOW = "deleted with the users without a password"

USERS = "SELECT id, to_jsonb(u) - 'updated_at' FROM users AS u WHERE {} ORDER BY 1"
BASES = "SELECT id, to_jsonb(b) FROM {} AS b ORDER BY 1"
ARCHIVED = "SELECT id, whole {} FROM rollback.archived_{} WHERE how = %s ORDER BY 1"


def rows(conn: psycopg.Connection[Any], query: str, *parameters: str) -> list[Any]:
    return conn.execute(query.encode(), parameters or None).fetchall()


@pytest.mark.parametrize("forward", [ALL, ("012",), ("010", "012")], ids="+".join)
def test_what_is_deleted_is_kept_whole(new_database: NewDatabase, forward: tuple[str, ...]) -> None:
    table = "knowledge_bases" if "010" in forward else "digital_twins"
    with new_database(messages=20, forward=forward).connect() as conn:
        conn.execute(FREE)
        users, left = (rows(conn, USERS.format(f"password_hash IS {what}")) for what in ("NULL", "NOT NULL"))
        bases = rows(conn, BASES.format(table))
        schema = catalogue.read(conn)
        with conn.transaction():
            conn.execute(sql.read("oauth/delete.sql"))
            there = rows(conn, BASES.format(table))
            gone = [base for base in bases if base not in there]
            assert catalogue.read(conn) == schema
            if "010" in forward:
                assert trials.wrong(conn, schema) != []
            states.roll_back(conn)
            states.verify(conn)
        assert users
        assert gone
        assert rows(conn, ARCHIVED.format("- 'updated_at'", "users"), HOW) == users
        assert rows(conn, ARCHIVED.format("", "knowledge_bases"), HOW) == gone
        kept = rows(conn, "SELECT id FROM rollback.archived_users WHERE how = 'columns dropped' ORDER BY 1")
        had = [row[0] for row in left if any(row[1][name] for name in ("oauth_provider", "oauth_id", "avatar_url"))]
        assert [row[0] for row in kept] == had


def test_what_a_longer_way_deletes_is_kept_too(new_database: NewDatabase) -> None:
    with new_database(messages=20, forward=ALL).connect() as conn:
        conn.execute(FREE)
        conn.execute("ALTER TABLE users ADD invited_by uuid REFERENCES users ON DELETE CASCADE")
        conn.execute("CREATE TABLE old_bases () INHERITS (knowledge_bases)")
        conn.execute(
            "UPDATE users SET invited_by = (SELECT id FROM users WHERE password_hash IS NULL LIMIT 1) "
            "WHERE password_hash IS NOT NULL AND role = 'kb_owner'"
        )
        before = conn.execute("SELECT count(*) FROM users").fetchone()
        with conn.transaction():
            assert trials.faults(conn, "delete") == []
        gone = conn.execute("SELECT count(*) FROM rollback.archived_users WHERE how = %s", [HOW]).fetchone()
        left = conn.execute("SELECT count(*) FROM users").fetchone()
        assert before and gone and left
        assert gone[0] + left[0] == before[0]


def test_an_archive_from_before_is_taken_over(new_database: NewDatabase) -> None:
    with new_database(messages=20, forward=ALL).connect() as conn:
        conn.execute(FREE)
        conn.execute("CREATE SCHEMA rollback")
        conn.execute(
            "CREATE TABLE rollback.archived_users (archived_at timestamptz NOT NULL DEFAULT transaction_timestamp(), "
            "id uuid NOT NULL, oauth_provider text, oauth_id text, avatar_url text)"
        )
        conn.execute("INSERT INTO rollback.archived_users (id) SELECT id FROM users LIMIT 1")
        with conn.transaction():
            assert trials.faults(conn, "delete") == []
        said = rows(conn, "SELECT DISTINCT coalesce(how, 'not said') FROM rollback.archived_users ORDER BY 1")
        assert [row[0] for row in said] == ["columns dropped", HOW, "not said"]


def test_a_cascade_runs_as_the_owner_of_its_table(new_database: NewDatabase) -> None:
    database = new_database(messages=20, forward=ALL)
    with database.connect() as conn:
        conn.execute(FREE)
        conn.execute("CREATE ROLE plain_owner; ALTER TABLE knowledge_bases OWNER TO plain_owner")
        conn.execute("GRANT SELECT, DELETE, REFERENCES ON ALL TABLES IN SCHEMA public TO plain_owner")
        try:
            with conn.transaction():
                conn.execute(sql.read("oauth/delete.sql"))
            assert rows(conn, "SELECT FROM rollback.archived_knowledge_bases")
        finally:
            conn.execute("REASSIGN OWNED BY plain_owner TO postgres; DROP OWNED BY plain_owner; DROP ROLE plain_owner")
