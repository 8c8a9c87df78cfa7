"""Each verify script raises, naming what differs, on each single thing that it guards."""

from collections.abc import Callable

import psycopg
import pytest

import sql
from tests.databases import Database

pytestmark = pytest.mark.pg("15", "18")

# One thing each, and what the message must say of it.
WRONG_012 = [
    ("ALTER TABLE users ADD oauth_provider varchar(50)", "users.oauth_provider is still there"),
    ("ALTER TABLE users ADD oauth_id varchar(255)", "users.oauth_id is still there"),
    ("ALTER TABLE users ADD avatar_url varchar(500)", "users.avatar_url is still there"),
    ("ALTER TABLE users ALTER password_hash DROP NOT NULL", "users.password_hash is character varying(255), not"),
    ("ALTER TABLE users ALTER password_hash TYPE text", "users.password_hash is text NOT NULL, not"),
    (
        "ALTER TABLE users ALTER password_hash DROP NOT NULL; UPDATE users SET password_hash = NULL WHERE is_active",
        "user(s) without password_hash",
    ),
    ("ALTER TABLE users ALTER role SET DEFAULT 'end_user'", "users.role is user_role NOT NULL DEFAULT 'end_user'"),
    ("ALTER TABLE users ALTER role DROP DEFAULT", "users.role is user_role NOT NULL, not"),
    ("ALTER TABLE users ALTER role DROP NOT NULL", "users.role is user_role DEFAULT"),
    (
        "ALTER TYPE user_role RENAME VALUE 'professional' TO 'kb_owner'",
        "user_role is (super_admin, kb_owner,",
    ),
    ("ALTER TYPE user_role ADD VALUE 'kb_owner'", "user_role is (super_admin, professional, end_user, kb_owner)"),
    ("CREATE TYPE user_role_new AS ENUM ()", "type user_role_new is left over"),
]
WRONG_011 = [
    ("DROP TABLE handover_notifications", "column handover_notifications.id is missing"),
    ("ALTER TABLE conversations DROP handed_over_at", "conversations.handed_over_at is missing"),
    ("ALTER TABLE conversations ALTER status DROP DEFAULT", "conversations.status is conversation_status, not"),
    ("ALTER TYPE conversation_status RENAME VALUE 'handed_over' TO 'x'", "conversation_status is (active, x, closed)"),
    ("ALTER TYPE message_sender RENAME VALUE 'professional' TO 'x'", "message_sender is (user, assistant, x)"),
    ("ALTER TYPE message_sender RENAME VALUE 'assistant' TO 'twin'", "message_sender is (user, twin, professional)"),
    ("CREATE TYPE conversation_status_new AS ENUM ()", "type conversation_status_new is left over"),
    ("ALTER TABLE handover_notifications ALTER id DROP DEFAULT", "handover_notifications.id is uuid NOT NULL, not"),
    ("ALTER TABLE handover_notifications ALTER is_read DROP DEFAULT", "handover_notifications.is_read is boolean, not"),
    ("ALTER TABLE handover_notifications ALTER user_id DROP NOT NULL", "handover_notifications.user_id is uuid, not"),
    ("ALTER TABLE handover_notifications ALTER reason TYPE varchar(999)", "handover_notifications.reason is character"),
    ("ALTER TABLE handover_notifications DROP CONSTRAINT handover_notifications_pkey", "notifications_pkey is missing"),
    (
        "ALTER TABLE handover_notifications DROP CONSTRAINT handover_notifications_user_id_fkey",
        "handover_notifications_user_id_fkey is missing",
    ),
    (
        "ALTER TABLE handover_notifications DISABLE TRIGGER ALL",
        "ON DELETE CASCADE (not enforced), not FOREIGN KEY",
    ),
    ("DROP INDEX idx_handover_notifications_is_read", "index idx_handover_notifications_is_read is missing"),
    ("ALTER TABLE handover_notifications OWNER TO pg_monitor", "handover_notifications belongs to pg_monitor"),
    ("GRANT SELECT ON conversations TO pg_monitor", "pg_monitor may not SELECT handover_notifications"),
]
WRONG_010 = [
    ("ALTER TABLE digital_twins RENAME TO knowledge_bases", "digital_twins is not a table"),
    ("CREATE TABLE knowledge_bases ()", "knowledge_bases is still a table"),
    ("ALTER TABLE llm_usage RENAME twin_id TO kb_id", "column llm_usage.kb_id is still there"),
    ("ALTER TABLE conversations ALTER twin_id DROP NOT NULL", "conversations.twin_id is uuid, not uuid NOT NULL"),
    (
        "ALTER TABLE digital_twins ALTER profession DROP NOT NULL",
        "profession is character varying(255), not",
    ),
    (
        "ALTER TABLE digital_twins ALTER profession DROP NOT NULL; UPDATE digital_twins SET profession = NULL",
        "digital twin(s) without profession",
    ),
    ("ALTER TABLE digital_twins ALTER profession SET DEFAULT 'x'", "DEFAULT 'x'::character varying, not"),
    ("ALTER TABLE digital_twins DROP bio", "digital_twins.bio is missing"),
    ("ALTER TABLE digital_twins DROP services", "digital_twins.services is missing"),
    (
        "ALTER TABLE digital_twins ALTER communication_style TYPE varchar(999)",
        "communication_style is character",
    ),
    ("ALTER TABLE digital_twins ALTER capabilities TYPE text", "digital_twins.capabilities is text, not jsonb"),
    (
        "ALTER TABLE digital_twins ALTER handover_threshold SET DEFAULT 0.70",
        "0.70, not numeric(3,2) DEFAULT 0.5",
    ),
    ("ALTER TABLE digital_twins ADD is_public bool", "digital_twins.is_public is still there"),
    (
        "ALTER TABLE benchmark_questions RENAME source_kb_id TO source_twin_id",
        "questions.source_kb_id is missing",
    ),
    (
        "ALTER TABLE digital_twins RENAME CONSTRAINT digital_twins_user_id_key TO k",
        "constraint digital_twins_user_id_key of digital_twins is missing",
    ),
    (
        "ALTER TABLE digital_twins DROP CONSTRAINT digital_twins_semantic_search_max_results_check",
        "digital_twins_semantic_search_max_results_check of digital_twins is missing",
    ),
    (
        "ALTER TABLE web_sources DROP CONSTRAINT web_sources_twin_id_fkey, ADD CONSTRAINT web_sources_twin_id_fkey "
        "FOREIGN KEY (twin_id) REFERENCES digital_twins ON DELETE CASCADE NOT VALID",
        "ON DELETE CASCADE NOT VALID, not FOREIGN KEY",
    ),
    ("ALTER TABLE knowledge_base DISABLE TRIGGER ALL", "ON DELETE CASCADE (not enforced), not FOREIGN KEY"),
    ("ALTER INDEX idx_doc_jobs_twin_id RENAME TO idx_doc_jobs_kb_id", "index idx_doc_jobs_twin_id is missing"),
    ("DROP INDEX idx_digital_twins_rag_config", "index idx_digital_twins_rag_config is missing"),
    ("DROP INDEX idx_knowledge_base_chunks", "index idx_knowledge_base_chunks is missing"),
    (
        "ALTER TRIGGER update_digital_twins_updated_at ON digital_twins RENAME TO update_knowledge_bases_updated_at",
        "trigger update_knowledge_bases_updated_at is still there",
    ),
    ("ALTER VIEW llm_user_costs RENAME COLUMN twin_name TO kb_name", "llm_user_costs has no output column twin_name"),
    ("ALTER TYPE llm_provider ADD VALUE 'mistral'", "llm_provider is (openai, anthropic, ollama, custom, mistral)"),
    ("CREATE TYPE llm_provider_old AS ENUM ()", "type llm_provider_old is left over"),
]
WRONG = [
    *(("012_rollback_oauth", *one) for one in WRONG_012),
    *(("011_rollback_handover", *one) for one in WRONG_011),
    *(("010_rollback_knowledge_base", *one) for one in WRONG_010),
]


def verify(conn: psycopg.Connection[tuple[object, ...]], script: str) -> None:
    conn.execute(sql.read(f"verify/{script}.sql"))


def test_each_wrong_thing_is_named(database: Database) -> None:
    with database.connect() as conn:
        for script, statement, said in WRONG:
            verify(conn, script)
            with conn.transaction(force_rollback=True):
                conn.execute(statement)
                with pytest.raises(psycopg.errors.AssertFailure) as differs:
                    verify(conn, script)
                assert said in str(differs.value), statement


def test_all_that_differs_is_in_one_message(database: Database) -> None:
    with database.connect() as conn:
        conn.execute("ALTER TABLE users ADD oauth_id text, ALTER role DROP NOT NULL")
        with pytest.raises(psycopg.errors.AssertFailure, match="012 is not rolled back") as differs:
            verify(conn, "012_rollback_oauth")
    assert str(differs.value).count("\n  - ") == 2


@pytest.mark.pg("18")
@pytest.mark.parametrize(
    ("script", "table", "name"),
    [
        ("012_rollback_oauth", "users", "users_password_hash_not_null"),
        ("010_rollback_knowledge_base", "digital_twins", "digital_twins_profession_not_null"),
        ("010_rollback_knowledge_base", "conversations", "conversations_twin_id_not_null"),
    ],
)
def test_names_of_not_null_constraints_count(database: Database, script: str, table: str, name: str) -> None:
    with database.connect() as conn:
        conn.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {name} TO other")
        with pytest.raises(psycopg.errors.AssertFailure, match=name):
            verify(conn, script)


@pytest.mark.parametrize("option", ["keep", "remove"])
def test_gemini_may_stay_only_if_kept(new_database: Callable[..., Database], option: str) -> None:
    with new_database(messages=0, forward=("013",)).connect() as conn:
        conn.execute("SELECT set_config('rollback.gemini', %s, false)", [option])
        if option == "keep":
            verify(conn, "010_rollback_knowledge_base")
        else:
            with pytest.raises(psycopg.errors.AssertFailure, match="llm_provider is"):
                verify(conn, "010_rollback_knowledge_base")


@pytest.mark.parametrize("number", ["010", "011", "012"])
def test_what_was_not_rolled_back_is_noticed(new_database: Callable[..., Database], number: str) -> None:
    script = next(script for script, *_ in WRONG if script.startswith(number))
    noticed = pytest.raises(psycopg.errors.AssertFailure, match=f"{number} is not rolled back")
    with new_database(messages=0, forward=(number,)).connect() as conn, noticed:
        verify(conn, script)
