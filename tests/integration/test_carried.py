"""What looks like trouble and is none is carried through; nothing is lost, and no setting leads the scripts astray."""

from collections.abc import Callable

import pytest

from tests import trials
from tests.databases import ALL, Database

pytestmark = pytest.mark.pg("18")

NewDatabase = Callable[..., Database]

CRM = "CREATE SCHEMA crm; "
TRIGGER = "BEFORE UPDATE ON knowledge_bases FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()"

CARRIED = [
    "CREATE TABLE vip_users (level int, PRIMARY KEY (id)) INHERITS (users)",
    "CREATE TABLE vips (CHECK (is_active)) INHERITS (users); CREATE TABLE very_vips () INHERITS (vips)",
    "CREATE TABLE kbs () INHERITS (knowledge_bases); CREATE INDEX ON kbs (share_url); COMMENT ON COLUMN kbs.id IS 'x'",
    "CREATE TABLE k (profession varchar(255)) INHERITS (knowledge_bases)",
    "CREATE TABLE old_talks () INHERITS (conversations); CREATE TABLE old_messages () INHERITS (messages)",
    CRM + "CREATE TABLE crm.users (id int, oauth_id text); CREATE VIEW crm.v AS SELECT oauth_id FROM crm.users",
    CRM + "CREATE TABLE crm.knowledge_bases (kb_id int, share_url text); CREATE TABLE crm.digital_twins ()",
    CRM + "CREATE TYPE crm.conversation_status AS ENUM ('z'); CREATE TYPE crm.user_role AS ENUM ('kb_owner')",
    CRM + "CREATE TYPE crm.user_role_new AS ENUM ('z'); CREATE TABLE crm.t (r crm.user_role_new)",
    "CREATE FUNCTION all_of() RETURNS SETOF knowledge_bases LANGUAGE sql AS 'SELECT * FROM knowledge_bases'",
    "CREATE VIEW whole AS SELECT k FROM knowledge_bases AS k",
    "CREATE FUNCTION f(users[]) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    CRM + "CREATE TABLE crm.leads (kb uuid NOT NULL REFERENCES public.knowledge_bases ON DELETE CASCADE)",
    CRM + "CREATE VIEW crm.talks AS SELECT kb_id, status FROM public.conversations WHERE status = 'active'",
    CRM + "CREATE FUNCTION crm.n() RETURNS bigint LANGUAGE sql "
    "BEGIN ATOMIC SELECT count(*) FROM public.knowledge_bases; END",
    CRM + "CREATE MATERIALIZED VIEW crm.k AS SELECT k.name, count(*) FROM public.knowledge_bases k "
    "JOIN public.conversations c ON c.kb_id = k.id GROUP BY 1; CREATE UNIQUE INDEX ON crm.k (name)",
    "CREATE TABLE events (id int, kb uuid REFERENCES knowledge_bases) PARTITION BY RANGE (id); "
    "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (9)",
    "CREATE TABLE roles (role user_role PRIMARY KEY DEFAULT 'kb_owner', said text)",
    "CREATE DOMAIN owner_role AS user_role CHECK (VALUE = 'kb_owner')",
    'CREATE TABLE "Team Table" ("Kb_Id" uuid REFERENCES knowledge_bases, "user" uuid REFERENCES users)',
    "CREATE PUBLICATION p FOR TABLE users (id, email), knowledge_bases WHERE (is_active) WITH (publish = 'insert')",
    "CREATE PUBLICATION everything FOR ALL TABLES",
    "ALTER TABLE knowledge_bases ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON knowledge_bases USING (name <> 'kb_id')",
    "CREATE RULE r AS ON INSERT TO users WHERE NEW.role = 'kb_owner' DO ALSO DELETE FROM vector_store",
    "ALTER INDEX idx_knowledge_bases_user_id RENAME TO kb_by_user",
    "ALTER TABLE knowledge_bases RENAME CONSTRAINT digital_twins_user_id_key TO knowledge_bases_user_id_key",
    "ALTER TABLE conversations RENAME CONSTRAINT conversations_twin_id_fkey TO conversations_kb_id_fkey",
    f"CREATE TRIGGER update_kb {TRIGGER}; ALTER TABLE knowledge_bases DISABLE TRIGGER update_kb",
    "CREATE TRIGGER a BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
    "DROP INDEX idx_users_email, idx_users_role, idx_conversations_status",
    "ALTER TABLE users DROP CONSTRAINT users_email_key; CREATE UNIQUE INDEX users_email_key ON users (lower(email))",
    "ALTER TABLE users ALTER is_active DROP DEFAULT; ALTER TABLE users DISABLE TRIGGER update_users_updated_at",
    "ALTER TABLE knowledge_bases ALTER llm_provider SET DEFAULT 'anthropic', ALTER name DROP NOT NULL",
    "DROP INDEX idx_knowledge_base_chunks, idx_llm_usage_kb_id, idx_digital_twins_purpose_config",
    "ALTER TABLE users ADD junk int; ALTER TABLE users DROP junk; ALTER TABLE knowledge_bases DROP avatar_url",
    "CREATE TABLE handover_notifications (id serial PRIMARY KEY); CREATE INDEX ON handover_notifications (id)",
    "CREATE TABLE tags (kb_id uuid REFERENCES knowledge_bases); COMMENT ON COLUMN tags.kb_id IS 'kb_id'",
    "GRANT USAGE ON TYPE user_role TO pg_monitor; REVOKE USAGE ON TYPE llm_provider FROM PUBLIC",
    "CREATE OPERATOR CLASS c FOR TYPE text USING btree AS OPERATOR 3 =, FUNCTION 1 bttextcmp(text, text); "
    "CREATE INDEX i ON users (oauth_id c)",
    "CREATE TABLE avatars (url varchar PRIMARY KEY); ALTER TABLE users ADD FOREIGN KEY (avatar_url) REFERENCES avatars",
    "CREATE FUNCTION nothing() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; "
    "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION nothing()",
    "ALTER TYPE user_role ADD VALUE 'professional' BEFORE 'super_admin'",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pg_monitor",
]


@pytest.mark.parametrize("statement", CARRIED, ids=[statement[-60:] for statement in CARRIED])
@pytest.mark.parametrize("gemini", ["keep", "remove"])
def test_it_is_carried_through(new_database: NewDatabase, statement: str, gemini: str) -> None:
    with new_database(messages=0, forward=ALL).connect() as conn:
        conn.execute(statement.encode())
        said = trials.obstacles(conn, gemini)
        with conn.transaction(force_rollback=True):
            failed = trials.faults(conn, gemini=gemini)
        assert said == failed == [] or (gemini == "remove" and all("llm_provider" in line for line in said) and failed)


DECOYS = """
    CREATE SCHEMA crm;
    CREATE TABLE crm.users (id int, role text, oauth_id text, password_hash text); CREATE TABLE crm.messages ();
    CREATE TABLE crm.knowledge_bases (id int); CREATE TABLE crm.digital_twins ();
    CREATE TABLE crm.conversations (status int);
    CREATE TYPE crm.user_role AS ENUM ('kb_owner', 'professional'); CREATE TYPE crm.conversation_status AS ENUM ('z');
    CREATE TYPE crm.message_sender AS ENUM ('assistant', 'twin'); CREATE TYPE crm.llm_provider AS ENUM ('gemini');
    CREATE FUNCTION crm.update_updated_at_column() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END';
    CREATE FUNCTION crm.uuid_generate_v4() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid';
    CREATE VIEW crm.llm_user_costs AS SELECT 1 AS x; CREATE TABLE crm.handover_notifications (id int);
    CREATE TABLE crm.archived_users (); CREATE INDEX idx_users_oauth ON crm.users (oauth_id);
"""
SETTINGS = {
    "search_path": ("crm, public, extensions", "crm", "''", "extensions, crm, public"),
    "quote_all_identifiers": ("on",),
    "datestyle": ("German",),
    "check_function_bodies": ("off",),
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in SETTINGS.items() for v in values])
@pytest.mark.parametrize("oauth", ["temporary passwords", "delete"])
def test_no_setting_leads_the_scripts_astray(new_database: NewDatabase, name: str, value: str, oauth: str) -> None:
    with new_database(messages=20, forward=ALL).connect() as conn:
        conn.execute("UPDATE benchmark_results SET evaluated_by = NULL")
        conn.execute(DECOYS.encode())
        conn.execute(f"SET {name} = {value}".encode())
        if name == "search_path":
            assert trials.obstacles(conn, "remove") == []
        with conn.transaction():
            assert trials.faults(conn, oauth, "remove") == []


def test_an_unfinished_table_goes_with_all_that_it_has_alone(new_database: NewDatabase) -> None:
    with new_database(messages=0, forward=ALL).connect() as conn:
        conn.execute("CREATE TABLE handover_notifications (id serial PRIMARY KEY, conversation_id int, user_id int)")
        conn.execute(
            "COMMENT ON TABLE handover_notifications IS 'x'; GRANT SELECT ON handover_notifications TO pg_monitor"
        )
        conn.execute("ALTER TABLE handover_notifications ENABLE ROW LEVEL SECURITY")
        assert trials.obstacles(conn) == []
        assert "table handover_notifications" in trials.announced(conn)
        with conn.transaction():
            assert trials.faults(conn) == []


def test_a_table_that_inherits_is_named(new_database: NewDatabase) -> None:
    with new_database(messages=20, forward=ALL).connect() as conn:
        conn.execute("CREATE TABLE vip_users (level int, PRIMARY KEY (id)) INHERITS (users)")
        conn.execute("INSERT INTO vip_users (email, full_name, oauth_id) VALUES ('v@example.org', 'V', 'o-1')")
        assert "column vip_users.oauth_id" in trials.announced(conn)
        with conn.transaction():
            assert trials.faults(conn) == []
        kept = conn.execute("SELECT a.oauth_id FROM rollback.archived_users a JOIN vip_users v USING (id)").fetchall()
        assert kept == [("o-1",)]
