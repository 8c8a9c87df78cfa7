"""What the end state needs and the scripts cannot make, or would destroy, is named beforehand with its remedy."""

from collections.abc import Callable

import pytest

from runbook.schema import catalogue
from tests import trials
from tests.databases import ALL, Database

pytestmark = pytest.mark.pg("18")

NewDatabase = Callable[..., Database]

CRM = "CREATE SCHEMA crm; "
TRIGGER = "BEFORE UPDATE ON knowledge_bases FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()"

# What was done to the transformed database, and what the plan must name.
BLOCKED = [
    # a type of the row
    ("CREATE TABLE team_rows (kb knowledge_bases)", "column kb of table team_rows"),
    (CRM + "CREATE TABLE crm.history (was public.knowledge_bases[])", "column was of table crm.history"),
    ("CREATE DOMAIN shown AS knowledge_bases; CREATE TABLE pages (page shown)", "column page of table pages"),
    ("CREATE TYPE pair AS (a knowledge_bases, b int); CREATE TABLE pairs (p pair)", "column p of table pairs"),
    ("CREATE TYPE pair AS (a knowledge_bases); CREATE TABLE pairs (p pair[])", "column p of table pairs"),
    (
        "CREATE MATERIALIZED VIEW kbs AS SELECT k FROM knowledge_bases AS k",
        "column k of materialized view kbs",
    ),
    ("CREATE TABLE user_versions (id int, was users)", "column was of table user_versions"),
    # what stands on a column that goes and on more
    (CRM + "CREATE VIEW crm.faces AS SELECT avatar_url FROM public.users", "view crm.faces"),
    (CRM + "CREATE MATERIALIZED VIEW crm.faces AS SELECT avatar_url FROM public.users", "materialized view crm.faces"),
    ("CREATE VIEW v AS SELECT id, oauth_id FROM users WITH CHECK OPTION", "view v"),
    ("CREATE INDEX team_share ON knowledge_bases (share_url, name)", "index team_share"),
    ("CREATE INDEX team_share ON knowledge_bases (share_url) INCLUDE (name)", "index team_share"),
    ("CREATE STATISTICS s (dependencies) ON oauth_id, email FROM users", "statistics object s"),
    ("ALTER TABLE users ADD CONSTRAINT c CHECK (oauth_id <> email)", "constraint c on table users"),
    ("CREATE SEQUENCE team_seq OWNED BY users.oauth_id", "sequence team_seq"),
    (
        "ALTER TABLE users ADD seen text GENERATED ALWAYS AS (lower(oauth_id)) STORED",
        "column seen of table users",
    ),
    (
        "CREATE RULE r AS ON UPDATE TO users WHERE OLD.oauth_id IS NULL DO ALSO DELETE FROM vector_store",
        "rule r on table users",
    ),
    (
        "CREATE TRIGGER t BEFORE UPDATE OF oauth_id ON users FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
        "trigger t on table users",
    ),
    (
        "CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW WHEN (OLD.oauth_id IS NOT NULL) "
        "EXECUTE FUNCTION update_updated_at_column()",
        "trigger t on table users",
    ),
    ("CREATE PUBLICATION p FOR TABLE users (id, oauth_id)", "publication of table users in publication p"),
    (
        "CREATE PUBLICATION p FOR TABLE users WHERE (oauth_id IS NULL) WITH (publish = 'insert')",
        "publication of table users",
    ),
    (
        CRM + "CREATE TABLE crm.links (url varchar REFERENCES public.knowledge_bases (share_url))",
        "constraint links_url_fkey on table crm.links",
    ),
    # inheritance
    (
        "CREATE TABLE vip_users (level int) INHERITS (users); CREATE VIEW vips AS SELECT oauth_id FROM vip_users",
        "view vips",
    ),
    (
        "CREATE TABLE people (oauth_id varchar(255)); ALTER TABLE users INHERIT people",
        "column oauth_id of table users",
    ),
    (
        "CREATE TABLE k () INHERITS (knowledge_bases); ALTER TABLE k ADD profession int",
        "column profession of table k | integer | character varying(255)",
    ),
    # labels
    ("ALTER TYPE user_role ADD VALUE 'support'", "type user_role | super_admin, kb_owner, end_user, support"),
    ("ALTER TYPE user_role RENAME VALUE 'end_user' TO 'guest'", "type user_role"),
    ("ALTER TYPE conversation_status ADD VALUE 'parked' BEFORE 'closed'", "type conversation_status"),
    ("ALTER TYPE conversation_status RENAME VALUE 'closed' TO 'shut'", "type conversation_status"),
    ("ALTER TYPE message_sender ADD VALUE 'system' BEFORE 'user'", "type message_sender"),
    ("ALTER TYPE llm_provider ADD VALUE 'mistral'", "type llm_provider"),
    (
        "CREATE TYPE user_role_new AS ENUM ('x'); CREATE TABLE invited (role user_role_new)",
        "column role of table invited",
    ),
    # constraints
    ("ALTER TABLE knowledge_bases DROP CONSTRAINT digital_twins_user_id_key", "constraint digital_twins_user_id_key"),
    (
        "ALTER TABLE knowledge_bases RENAME CONSTRAINT digital_twins_user_id_key TO one_each",
        "digital_twins_user_id_key",
    ),
    ("ALTER TABLE web_sources DROP CONSTRAINT web_sources_twin_id_fkey", "constraint web_sources_twin_id_fkey"),
    (
        "ALTER TABLE llm_usage DROP CONSTRAINT llm_usage_twin_id_fkey, ADD CONSTRAINT llm_usage_twin_id_fkey "
        "FOREIGN KEY (kb_id) REFERENCES knowledge_bases ON DELETE SET NULL",
        "FOREIGN KEY (twin_id) REFERENCES digital_twins(id) ON DELETE SET NULL",
    ),
    (
        "ALTER TABLE conversations DROP CONSTRAINT conversations_twin_id_fkey, ADD CONSTRAINT conversations_kb_id_fkey "
        "FOREIGN KEY (kb_id) REFERENCES knowledge_bases ON DELETE CASCADE NOT VALID",
        "constraint conversations_kb_id_fkey of table conversations | not validated",
    ),
    (
        "ALTER TABLE knowledge_base DISABLE TRIGGER ALL",
        "constraint knowledge_base_twin_id_fkey of table knowledge_base | not enforced",
    ),
    (
        "ALTER TABLE knowledge_bases DROP CONSTRAINT digital_twins_semantic_search_threshold_check",
        "digital_twins_semantic_search_threshold_check",
    ),
    # columns
    ("ALTER TABLE conversations ALTER kb_id DROP NOT NULL", "column kb_id of table conversations"),
    ("ALTER TABLE knowledge_bases ALTER user_id DROP NOT NULL", "column user_id of table knowledge_bases"),
    ("ALTER TABLE messages ALTER sender DROP NOT NULL", "column sender of table messages"),
    ("ALTER TABLE users ALTER role DROP NOT NULL", "column role of table users"),
    ("ALTER TABLE users ALTER password_hash TYPE text", "column password_hash of table users"),
    ("ALTER TABLE conversations ALTER id DROP DEFAULT", "column id of table conversations"),
    # names
    (
        "DROP INDEX idx_conversations_kb_id; CREATE INDEX idx_conversations_kb_id ON conversations (kb_id, created_at)",
        "index idx_conversations_kb_id",
    ),
    ("CREATE INDEX idx_doc_jobs_twin_id ON users (full_name)", "index idx_doc_jobs_twin_id | an index of users"),
    ("CREATE TABLE idx_llm_usage_twin_id ()", "table idx_llm_usage_twin_id"),
    ("CREATE TYPE digital_twins AS ENUM ('x')", "name digital_twins"),
    ("CREATE TYPE handover_notifications AS (x int)", "handover_notifications"),
    ("CREATE VIEW handover_notifications AS SELECT 1 AS id", "view handover_notifications"),
    ("CREATE SEQUENCE handover_notifications_pkey", "sequence handover_notifications_pkey"),
    (
        "ALTER TABLE knowledge_bases ADD CONSTRAINT digital_twins_profession_not_null CHECK (true)",
        "constraint digital_twins_profession_not_null",
    ),
    (
        "CREATE TABLE chk (a int, CONSTRAINT digital_twins_profession_not_null CHECK (a > 0))",
        "constraint digital_twins_profession_not_null on table chk",
    ),
    ("ALTER TABLE users ADD CONSTRAINT users_password_hash_not_null CHECK (true)", "users_password_hash_not_null"),
    (
        "CREATE SCHEMA rollback; CREATE TABLE rollback.archived_users (id int)",
        "rollback.archived_users | there, without",
    ),
    ("CREATE SCHEMA rollback; CREATE VIEW rollback.archived_knowledge_bases AS SELECT 1", "archived_knowledge_bases"),
    # what is gone, or of another type
    ("DROP TABLE web_sources CASCADE", "column twin_id of table web_sources | missing"),
    ("CREATE SCHEMA s; ALTER TABLE llm_usage SET SCHEMA s", "table llm_usage | missing"),
    ("ALTER TABLE llm_usage DROP COLUMN kb_id CASCADE", "table llm_usage | missing"),
    ("ALTER TABLE knowledge_bases DROP COLUMN rag_config", "column rag_config of table knowledge_bases | missing"),
    ("ALTER TABLE knowledge_bases DROP COLUMN llm_provider", "column llm_provider of table knowledge_bases | missing"),
    ("ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE", "table users | without a primary key"),
    (
        "ALTER TABLE conversations DROP CONSTRAINT conversations_pkey CASCADE",
        "table conversations | without a primary key",
    ),
    (
        "ALTER TABLE knowledge_bases ADD COLUMN capabilities int",
        "column capabilities of table knowledge_bases | integer",
    ),
    ("ALTER TABLE conversations ADD COLUMN handed_over_at timestamptz", "column handed_over_at of table conversations"),
    ("ALTER TABLE users ALTER role DROP DEFAULT, ALTER role TYPE text", "column role of table users | of type text"),
    ("ALTER TABLE messages ALTER sender TYPE text", "column sender of table messages | of type text"),
    (
        "ALTER TYPE conversation_status RENAME TO conv_status",
        "column status of table conversations | of type conv_status",
    ),
    ("ALTER TYPE user_role SET SCHEMA extensions", "column role of table users | of type user_role"),
    (
        "CREATE DOMAIN d AS conversation_status; "
        "ALTER TABLE conversations ALTER status DROP DEFAULT, ALTER status TYPE d",
        "column status of table conversations | of type d",
    ),
    (
        "ALTER TABLE knowledge_bases ADD CONSTRAINT e EXCLUDE USING btree (name WITH =) WHERE (is_public)",
        "index e",
    ),
    # triggers and views
    (f"CREATE TRIGGER update_digital_twins_updated_at {TRIGGER}", "trigger update_digital_twins_updated_at"),
    ("ALTER TABLE knowledge_bases DISABLE TRIGGER update_knowledge_bases_updated_at", "disabled"),
    ("DROP TRIGGER update_knowledge_bases_updated_at ON knowledge_bases", "missing"),
    ("DROP VIEW llm_user_costs", "view llm_user_costs"),
    # a half-made handover_notifications with something of the team's on it
    (
        "CREATE TABLE handover_notifications (id serial); CREATE VIEW notes AS SELECT id FROM handover_notifications",
        "view notes",
    ),
    (
        "CREATE TABLE handover_notifications (id serial); CREATE TRIGGER t BEFORE UPDATE ON handover_notifications "
        "FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
        "trigger t on table handover_notifications",
    ),
]


@pytest.mark.parametrize(("statement", "named"), BLOCKED, ids=[statement[-60:] for statement, _ in BLOCKED])
def test_it_is_named_and_would_have_failed(new_database: NewDatabase, statement: str, named: str) -> None:
    with new_database(messages=0, forward=ALL).connect() as conn:
        conn.execute(statement.encode())
        said = trials.obstacles(conn)
        assert any(named in line for line in said), said
        before = catalogue.read(conn)
        with conn.transaction(force_rollback=True):
            assert trials.faults(conn)
        assert catalogue.read(conn) == before


def test_a_label_that_would_go_with_the_type_is_named(new_database: NewDatabase) -> None:
    with new_database(messages=0, forward=ALL).connect() as conn:
        for label in ("professional", "support"):
            conn.execute(f"ALTER TYPE user_role ADD VALUE '{label}'".encode())
        assert "Make the type without 'support'" in trials.obstacles(conn)[0]
        conn.execute(
            "INSERT INTO users (email, full_name, password_hash, role) VALUES ('a@b.org', 'A', 'x', 'support')"
        )
        with conn.transaction(force_rollback=True):
            assert "support" in trials.faults(conn)[0]
