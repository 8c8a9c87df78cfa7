"""What the plan is made of: counts, what is in force, what deletion would take; right in every state."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import sql
from runbook.planning import census, users
from runbook.planning.users import Effect
from tests import states
from tests.databases import ALL, AS_SHIPPED, STOPPED, Database

pytestmark = pytest.mark.pg("15", "18")

NewDatabase = Callable[..., Database]


def applied(conn: psycopg.Connection[Any]) -> dict[str, str]:
    probes: dict[str, set[bool]] = {}
    for migration, _, forward in conn.execute(sql.query("applied")):
        probes.setdefault(migration, set()).add(forward)
    return {
        number: "partial" if len(found) > 1 else "applied" if True in found else "absent"
        for number, found in probes.items()
    }


@pytest.mark.parametrize("forward", [(), *((number,) for number in ALL), ALL, (AS_SHIPPED,), (STOPPED,)], ids="+".join)
def test_what_is_in_force_is_read_from_the_catalogue(new_database: NewDatabase, forward: tuple[str, ...]) -> None:
    half = {number[:3] for number in forward if number not in ALL}
    with new_database(messages=0, forward=forward).connect() as conn:
        assert applied(conn) == {
            number: "partial" if number in half else "applied" if number in forward else "absent" for number in ALL
        }


def test_counts_of_the_transformed_database(transformed: Database) -> None:
    with transformed.connect() as conn:
        one = users.count(conn)
        assert one.password_only + one.oauth_only + one.both + one.neither == one.total
        assert one.oauth_only + one.neither == one.without_password
        assert min(one.password_only, one.oauth_only, one.both, one.inactive, one.admins, one.owners_with_new_role) > 0
        removals = census.removed(conn, "delete")
        assert removals["users.oauth_id"] == one.oauth_only + one.both
        assert len(removals) == 6
        bases = transformed.value("SELECT count(*) FROM knowledge_bases")
        filled = census.placeholders(conn, "temporary passwords")
        assert list(filled.values()) == [bases, one.without_password]
        used = transformed.value("SELECT count(*) FROM knowledge_bases WHERE llm_provider = 'gemini'")
        assert census.gemini(conn) == used > 0


def test_counts_of_the_baseline(database: Database) -> None:
    with database.connect() as conn:
        one = users.count(conn)
        assert one.password_only == one.total
        assert census.removed(conn, "delete") == {}
        assert census.placeholders(conn, "temporary passwords") == {}
        assert census.gemini(conn) == 0


def test_functions_that_name_what_changes_are_listed(database: Database) -> None:
    with database.connect() as conn:
        assert conn.execute(sql.query("mentions")).fetchall() == []
        conn.execute(
            "CREATE FUNCTION old() RETURNS void LANGUAGE plpgsql "
            "AS $$BEGIN PERFORM kb_id, source_kb_id FROM knowledge_bases; END$$"
        )
        assert conn.execute(sql.query("mentions")).fetchall() == [("function old()", "kb_id, knowledge_bases")]


def test_foreign_keys_that_let_orphans_exist_are_listed(database: Database) -> None:
    with database.connect() as conn:
        assert conn.execute(sql.query("orphans")).fetchall() == []
        conn.execute("ALTER TABLE messages DISABLE TRIGGER ALL")
        assert [row[:2] for row in conn.execute(sql.query("orphans"))] == [
            ("messages", "messages_conversation_id_fkey")
        ]


def test_temporary_passwords_touch_nothing_else(transformed: Database) -> None:
    others = "SELECT md5(string_agg((to_jsonb(u) - 'password_hash')::text, '' ORDER BY id)) FROM users AS u"
    before, waiting = transformed.value(others), "SELECT count(*) FROM users WHERE password_hash IS NULL"
    count = transformed.value(waiting)
    with transformed.connect() as conn:
        said: list[str] = []
        conn.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        conn.execute(sql.read("oauth/temporary_passwords.sql"))
    assert said == [f"OAuth users: {count} got a temporary password"]
    assert transformed.value(waiting) == 0
    assert transformed.value(others) == before
    placeholder = "SELECT count(*) FROM users WHERE password_hash = '$2b$10$TEMPORARY_HASH_INVALID_FOR_LOGIN'"
    assert transformed.value(placeholder) == count
    assert transformed.value("SELECT tgenabled FROM pg_trigger WHERE tgname = 'update_users_updated_at'") == "O"


@pytest.mark.parametrize("option", ["temporary_passwords", "delete"])
def test_the_options_have_nothing_to_do_on_the_baseline(database: Database, option: str) -> None:
    said: list[str] = []
    with database.connect() as conn:
        conn.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        conn.execute(sql.read(f"oauth/{option}.sql"))
    assert said == ["OAuth users: nothing to do, users.password_hash is NOT NULL"]


def counts(conn: psycopg.Connection[Any]) -> dict[str, int]:
    tables = [row[0] for row in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    found = {name: conn.execute(f'SELECT count(*) FROM "{name}"').fetchone() for name in tables}
    return {name: row[0] for name, row in found.items() if row}


def test_deletion_takes_what_the_preview_says(transformed: Database) -> None:
    with transformed.connect() as conn:
        forbidding = [one for one in users.preview_deletion(conn).effects if one.action == "forbids"]
        assert forbidding == [Effect("benchmark_results", "benchmark_results_evaluated_by_fkey", 1, "forbids")]
        with pytest.raises(psycopg.errors.ForeignKeyViolation, match="evaluated_by"):
            conn.execute(sql.read("oauth/delete.sql"))
        conn.execute("UPDATE benchmark_results SET evaluated_by = NULL")

        preview = users.preview_deletion(conn)
        assert [one for one in preview.effects if one.action == "forbids"] == []
        doomed = {one.table for one in preview.effects if one.action == "deleted"}
        assert {"subscriptions", "knowledge_bases", "conversations", "messages", "email_credentials"} <= doomed
        before, stamps = counts(conn), stamped(conn)
        conn.execute(sql.read("oauth/delete.sql"))
        after = counts(conn)
    taken = {name: before[name] - after[name] for name in before if name != "users" and before[name] != after[name]}
    assert taken == preview.deleted
    assert set(taken) == doomed
    with transformed.connect() as conn:
        assert stamped(conn).items() <= stamps.items()
        states.roll_back(conn)


def stamped(conn: psycopg.Connection[Any]) -> dict[tuple[str, Any], Any]:
    query = """
        SELECT table_name FROM information_schema.columns AS c JOIN information_schema.tables AS t
        USING (table_schema, table_name) WHERE column_name = 'updated_at' AND table_schema = 'public'
        AND table_type = 'BASE TABLE'"""
    tables = [row[0] for row in conn.execute(query)]
    return {(name, row[0]): row[1] for name in tables for row in conn.execute(f'SELECT id, updated_at FROM "{name}"')}
