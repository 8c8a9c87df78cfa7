"""A rollback by the old, faulty scripts may have stopped at any of its statements; the new ones finish from there."""

from collections.abc import Callable

import pytest

from runbook.schema import catalogue
from tests import states, trials
from tests.databases import ALL, Database

pytestmark = pytest.mark.pg("15", "18")

HOLDERS = [
    "knowledge_base",
    "conversations",
    "analytics_events",
    "benchmark_datasets",
    "benchmark_runs",
    "benchmark_ab_tests",
    "web_sources",
    "llm_usage",
    "document_processing_jobs",
]

# What such scripts did, in their order, with their mistakes.
OLD_ROLLBACK = (
    "UPDATE users SET password_hash = 'x' WHERE password_hash IS NULL",
    "DROP INDEX idx_users_oauth",
    "ALTER TABLE users DROP COLUMN oauth_provider",
    "ALTER TABLE users DROP COLUMN oauth_id, DROP COLUMN avatar_url",
    "CREATE TYPE user_role_new AS ENUM ('super_admin', 'professional', 'end_user')",
    "ALTER TABLE users ALTER COLUMN role DROP DEFAULT",
    "ALTER TABLE users ALTER COLUMN role TYPE user_role_new USING "
    "(CASE role::text WHEN 'kb_owner' THEN 'professional' ELSE role::text END)::user_role_new",
    "DROP TYPE user_role",
    "ALTER TYPE user_role_new RENAME TO user_role",
    "CREATE TABLE handover_notifications (id SERIAL PRIMARY KEY, conversation_id INTEGER, user_id INTEGER)",
    "ALTER TABLE conversations ADD COLUMN handed_over_at TIMESTAMP",
    "CREATE TYPE conversation_status_new AS ENUM ('active', 'handed_over', 'closed')",
    "ALTER TABLE conversations ALTER COLUMN status DROP DEFAULT",
    "ALTER TABLE conversations ALTER COLUMN status TYPE conversation_status_new "
    "USING status::text::conversation_status_new",
    "DROP TYPE conversation_status",
    "ALTER TYPE conversation_status_new RENAME TO conversation_status",
    "CREATE TYPE message_sender_new AS ENUM ('user', 'assistant', 'professional')",
    "ALTER TABLE messages ALTER COLUMN sender TYPE message_sender_new USING sender::text::message_sender_new",
    "DROP TYPE message_sender",
    "ALTER TYPE message_sender_new RENAME TO message_sender",
    "ALTER TABLE knowledge_bases RENAME TO digital_twins",
    *(f"ALTER TABLE {table} RENAME COLUMN kb_id TO twin_id" for table in HOLDERS),
    "ALTER TABLE digital_twins ADD COLUMN profession VARCHAR(255), ADD COLUMN bio TEXT",
    "ALTER TABLE digital_twins ADD COLUMN communication_style VARCHAR(100) DEFAULT 'formal'",
    "ALTER TABLE digital_twins ADD COLUMN capabilities TEXT[] NOT NULL DEFAULT ARRAY['chat', 'a \"b\"', NULL, 'chat']",
    "ALTER TABLE digital_twins ADD COLUMN personality_traits JSON, ADD COLUMN services JSONB NOT NULL DEFAULT '{}'",
    "ALTER TABLE digital_twins ADD COLUMN pricing_info JSONB, ADD COLUMN availability_schedule JSONB",
    "ALTER TABLE digital_twins ADD COLUMN handover_threshold DECIMAL(3, 2) DEFAULT 0.70",
    "ALTER TABLE digital_twins DROP COLUMN description",
    "ALTER TABLE digital_twins DROP COLUMN is_public, DROP COLUMN share_url",
    "ALTER INDEX idx_knowledge_base_kb_id RENAME TO idx_knowledge_base_twin_id",
    "DROP INDEX idx_conversations_kb_id",
    "ALTER INDEX idx_llm_usage_kb_id RENAME TO llm_usage_by_kb",
    "ALTER TRIGGER update_knowledge_bases_updated_at ON digital_twins RENAME TO update_digital_twins_updated_at",
    "ALTER TABLE digital_twins RENAME CONSTRAINT digital_twins_pkey TO knowledge_bases_pkey",
    "ALTER TABLE conversations RENAME CONSTRAINT conversations_twin_id_fkey TO conversations_kb_id_fkey",
    "ALTER VIEW llm_user_costs RENAME COLUMN twin_name TO kb_name",
    "COMMENT ON TABLE digital_twins IS 'was knowledge_bases'",
    "COMMENT ON TYPE user_role IS 'who may what'",
)


def test_it_may_have_stopped_anywhere(
    baseline: Callable[..., set[tuple[str, str, str]]], new_database: Callable[..., Database]
) -> None:
    with new_database(messages=20, forward=ALL).connect(autocommit=False) as conn:
        for statement in OLD_ROLLBACK:
            conn.execute(statement)
            with conn.transaction(force_rollback=True):
                assert trials.obstacles(conn, "remove") == [], statement
                before = catalogue.read(conn)
                states.roll_back(conn, gemini="remove")
                states.verify(conn)
                assert states.rows(catalogue.read(conn)) == baseline(), statement
                assert catalogue.lost(before, catalogue.read(conn)) == [], statement


def test_what_it_wrote_is_mended(new_database: Callable[..., Database]) -> None:
    with new_database(messages=20, forward=ALL).connect() as conn:
        for statement in OLD_ROLLBACK:
            conn.execute(statement)
        before = conn.execute("SELECT id, updated_at FROM digital_twins ORDER BY 1").fetchall()
        with conn.transaction():
            states.roll_back(conn)
        said = conn.execute("SELECT DISTINCT profession, capabilities::text, communication_style FROM digital_twins")
        assert said.fetchall() == [("Not recorded", '{"chat": true, "a \\"b\\"": true}', "formal")]
        assert conn.execute("SELECT id, updated_at FROM digital_twins ORDER BY 1").fetchall() == before


def test_a_list_that_was_never_filled_in_stays_empty(new_database: Callable[..., Database]) -> None:
    with new_database(messages=20, forward=ALL).connect() as conn:
        conn.execute("ALTER TABLE knowledge_bases ADD COLUMN capabilities TEXT[]")
        conn.execute(
            "UPDATE knowledge_bases SET capabilities = '{chat}' WHERE id = (SELECT min(id::text)::uuid FROM "
            "knowledge_bases)"
        )
        with conn.transaction():
            states.roll_back(conn, ["010_rollback_knowledge_base"])
            states.verify(conn, ["010_rollback_knowledge_base"])
        said = conn.execute("SELECT capabilities::text, count(*) > 1 FROM digital_twins GROUP BY 1 ORDER BY 1")
        assert said.fetchall() == [('{"chat": true}', False), (None, True)]


def test_a_half_converted_role_is_finished(
    baseline: Callable[..., set[tuple[str, str, str]]], database: Database
) -> None:
    with database.connect() as conn:
        conn.execute("ALTER TYPE user_role ADD VALUE 'kb_owner' AFTER 'super_admin'")
        conn.execute("ALTER TABLE users DISABLE TRIGGER update_users_updated_at")
        conn.execute("UPDATE users SET role = 'kb_owner' WHERE role = 'professional' AND is_active")
        conn.execute("ALTER TABLE users ENABLE TRIGGER update_users_updated_at")
        wanted = states.survivors(conn)
        before = states.checksums(conn, wanted)
        with conn.transaction():
            states.roll_back(conn)
            states.verify(conn)
        assert states.rows(catalogue.read(conn)) == baseline()
        assert states.checksums(conn, wanted) == before
