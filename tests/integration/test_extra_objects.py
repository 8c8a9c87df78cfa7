"""What the team added since: it stays and works, or it is named as being in the way; it is never dropped."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import sql
from runbook.schema import catalogue
from tests import states
from tests.databases import ALL, Database

pytestmark = pytest.mark.pg("15", "18")

NewDatabase = Callable[..., Database]

ADDED = """
    CREATE VIEW bot_messages AS SELECT id, sender, content FROM messages WHERE sender = 'assistant';
    CREATE VIEW open_conversations AS
        SELECT kb_id, count(*) AS open FROM conversations WHERE status = 'active' GROUP BY kb_id;
    CREATE VIEW owners AS SELECT id, email FROM users WHERE role = 'kb_owner';
    CREATE MATERIALIZED VIEW base_sizes AS
        SELECT b.id, b.name, count(k.id) AS entries
        FROM knowledge_bases AS b LEFT JOIN knowledge_base AS k ON k.kb_id = b.id GROUP BY b.id;
    CREATE INDEX messages_of_bot ON messages (conversation_id) WHERE sender = 'assistant';
    CREATE INDEX conversations_open ON conversations (kb_id) WHERE status = 'active';
    ALTER TABLE messages ADD CONSTRAINT not_empty CHECK (sender <> 'user' OR content <> '');
    CREATE TABLE base_tags (
        kb_id uuid NOT NULL REFERENCES knowledge_bases ON DELETE CASCADE, tag text NOT NULL, PRIMARY KEY (kb_id, tag));
    ALTER TABLE users ADD COLUMN locale text DEFAULT 'en';
    ALTER TABLE conversations ENABLE ROW LEVEL SECURITY;
    CREATE POLICY of_base ON conversations USING (kb_id = current_setting('app.kb', true)::uuid);
    CREATE POLICY for_owners ON users USING (role = 'kb_owner');
    CREATE FUNCTION count_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM set_config('app.changes', 'seen', false); RETURN NULL; END $$;
    CREATE TRIGGER count_change AFTER UPDATE ON knowledge_bases FOR EACH ROW EXECUTE FUNCTION count_change();
    CREATE FUNCTION entries_of(b knowledge_bases) RETURNS bigint LANGUAGE sql
        BEGIN ATOMIC SELECT count(*) FROM knowledge_base AS k WHERE k.kb_id = b.id; END;
    GRANT SELECT ON conversations, messages, knowledge_bases TO pg_monitor;
    GRANT UPDATE (name) ON knowledge_bases TO pg_monitor;
"""

USED_AFTERWARDS = (
    "SELECT count(*) > 0 FROM bot_messages",
    "SELECT sum(open) > 0 FROM open_conversations",
    "SELECT count(*) > 0 FROM owners",
    "SELECT count(*) > 0 FROM base_sizes",
    "SELECT sum(entries_of(d)) > 0 FROM digital_twins AS d",
    "WITH x AS (INSERT INTO base_tags SELECT id, 'new' FROM digital_twins RETURNING 1) SELECT count(*) > 0 FROM x",
    "WITH x AS (UPDATE digital_twins SET bio = 'b' RETURNING 1) SELECT count(*) > 0 FROM x",
    "SELECT current_setting('app.changes') = 'seen'",
    "WITH x AS (DELETE FROM digital_twins RETURNING 1) SELECT count(*) > 0 FROM x",
    "SELECT count(*) = 0 FROM base_tags",
    "SELECT has_table_privilege('pg_monitor', 'handover_notifications', 'SELECT')",
    "SELECT has_column_privilege('pg_monitor', 'digital_twins', 'name', 'UPDATE')",
)


def test_what_was_added_stays_and_works(new_database: NewDatabase) -> None:
    with new_database(messages=20, forward=ALL).connect() as conn:
        conn.execute(ADDED)
        conn.execute(sql.read("oauth/temporary_passwords.sql"))
        assert blockers(conn) == []
        before = catalogue.read(conn)
        with conn.transaction():
            states.roll_back(conn)
            states.verify(conn)
            after = catalogue.read(conn)
        declared = catalogue.expected(conn.info.server_version // 10000, gemini="kept")
        assert [str(one) for one in catalogue.differences(declared, after) if one.fails] == []
        assert catalogue.lost(before, after) == []
        conn.execute("REFRESH MATERIALIZED VIEW base_sizes")
        for query in USED_AFTERWARDS:
            assert conn.execute(query).fetchone() == (True,), query


IN_THE_WAY = [
    ("012", "CREATE VIEW avatars AS SELECT avatar_url FROM users", "view avatars"),
    ("012", "CREATE INDEX idx_users_avatar_x ON users (avatar_url, email)", "index idx_users_avatar_x"),
    ("012", "CREATE INDEX by_mail ON users (email) WHERE oauth_id IS NULL", "index by_mail"),
    (
        "012",
        "ALTER TABLE users ADD COLUMN has_avatar bool GENERATED ALWAYS AS (avatar_url <> '') STORED",
        "has_avatar",
    ),
    (
        "010",
        "CREATE MATERIALIZED VIEW shared AS SELECT id FROM knowledge_bases WHERE is_public",
        "materialized view shared",
    ),
    ("010", "CREATE POLICY shared ON knowledge_bases USING (is_public)", "policy shared"),
    (
        "010",
        "CREATE TRIGGER x BEFORE UPDATE OF description ON knowledge_bases FOR EACH ROW "
        "EXECUTE FUNCTION update_updated_at_column()",
        "trigger x",
    ),
    ("010", "CREATE TABLE links (url varchar REFERENCES knowledge_bases (share_url))", "constraint links_url_fkey"),
    ("010", "CREATE UNIQUE INDEX public_names ON knowledge_bases (name) WHERE is_public", "index public_names"),
    (
        "010",
        "CREATE FUNCTION shared() RETURNS bigint LANGUAGE sql "
        "BEGIN ATOMIC SELECT count(*) FROM knowledge_bases WHERE is_public; END",
        "function shared()",
    ),
    ("gemini", "CREATE VIEW providers AS SELECT llm_provider FROM knowledge_bases", "view providers"),
    ("gemini", "CREATE INDEX local_ones ON knowledge_bases (id) WHERE llm_provider = 'ollama'", "index local_ones"),
    ("gemini", "CREATE TABLE models (provider llm_provider)", "column provider of table models"),
    ("gemini", "CREATE FUNCTION f(llm_provider) RETURNS int LANGUAGE sql AS 'SELECT 1'", "function f(llm_provider)"),
]


@pytest.mark.parametrize(("script", "statement", "name"), IN_THE_WAY, ids=[name for _, _, name in IN_THE_WAY])
def test_what_is_in_the_way_is_named(new_database: NewDatabase, script: str, statement: str, name: str) -> None:
    gemini = "remove" if script == "gemini" else "keep"
    with new_database(messages=0, forward=ALL).connect() as conn:
        conn.execute(statement)
        before = catalogue.read(conn)
        assert name in blockers(conn, gemini)[0][1]
        with (
            pytest.raises(psycopg.errors.DependentObjectsStillExist, match="in the way") as refused,
            conn.transaction(),
        ):
            states.roll_back(conn, gemini=gemini)
        assert "in the way" in str(refused.value)
        assert name in str(refused.value)
        assert catalogue.read(conn) == before


def test_a_type_used_elsewhere_blocks_only_its_removal(new_database: NewDatabase) -> None:
    with new_database(messages=0, forward=ALL).connect() as conn:
        conn.execute("CREATE VIEW providers AS SELECT llm_provider FROM knowledge_bases")
        assert blockers(conn) == []
        with conn.transaction():
            states.roll_back(conn)


def test_what_was_added_to_the_notifications_stays(database: Database) -> None:
    with database.connect() as conn:
        conn.execute("DELETE FROM handover_notifications; ALTER TABLE handover_notifications ADD note text")
        before = catalogue.read(conn)
        with conn.transaction():
            states.roll_back(conn)
            states.verify(conn)
        assert catalogue.read(conn) == before


OTHER_BLOCKERS = [
    ("CREATE TABLE digital_twins (id uuid)", "knowledge_bases"),
    ("CREATE VIEW digital_twins AS SELECT * FROM knowledge_bases", "knowledge_bases"),
    ("ALTER TABLE conversations ADD COLUMN twin_id uuid", "column kb_id of table conversations"),
    ("ALTER TYPE message_sender ADD VALUE 'twin'", "type message_sender"),
    (
        "CREATE TABLE handover_notifications (id int); INSERT INTO handover_notifications VALUES (1)",
        "handover_notifications",
    ),
    (
        "ALTER TYPE user_role ADD VALUE 'professional'; CREATE VIEW roles AS SELECT role FROM users",
        "column role of view roles",
    ),
]


@pytest.mark.parametrize(("statement", "name"), OTHER_BLOCKERS, ids=[name for _, name in OTHER_BLOCKERS])
def test_what_else_would_fail_is_found_before(new_database: NewDatabase, statement: str, name: str) -> None:
    with new_database(messages=0, forward=ALL).connect() as conn:
        conn.execute(statement)
        before = catalogue.read(conn)
        assert name in blockers(conn)[0][1]
        with pytest.raises(psycopg.Error), conn.transaction():
            states.roll_back(conn)
        assert catalogue.read(conn) == before


def blockers(conn: psycopg.Connection[Any], gemini: str = "keep") -> list[tuple[Any, ...]]:
    with conn.transaction():
        conn.execute("SELECT set_config('rollback.gemini', %s, true)", [gemini])
        return conn.execute(sql.query("blockers")).fetchall()
