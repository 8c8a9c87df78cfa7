"""Losses are seen in every schema and among what lies in none; a rename followed through a definition is no loss."""

from collections.abc import Callable

import pytest

from runbook.schema import catalogue, endstate
from runbook.schema.endstate import Conditions
from tests import trials
from tests.databases import ALL, Database

pytestmark = pytest.mark.pg("15", "18")

NewDatabase = Callable[..., Database]

TEAM = """
    CREATE SCHEMA crm;
    CREATE SCHEMA "Sales Team";
    CREATE TABLE crm.leads (id serial PRIMARY KEY,
        kb_id uuid NOT NULL REFERENCES public.knowledge_bases ON DELETE CASCADE,
        stage text DEFAULT 'kb_owner' CHECK (stage <> ''), role public.user_role DEFAULT 'kb_owner');
    CREATE INDEX by_stage ON crm.leads (stage);
    CREATE STATISTICS crm.leads_stats ON kb_id, stage FROM crm.leads;
    CREATE TABLE crm.parts (id int) PARTITION BY RANGE (id);
    CREATE TABLE crm.parts_1 PARTITION OF crm.parts FOR VALUES FROM (0) TO (10);
    CREATE TABLE crm.child () INHERITS (crm.leads);
    CREATE VIEW crm.kbs AS SELECT id, name FROM public.knowledge_bases;
    CREATE MATERIALIZED VIEW crm.talks AS SELECT kb_id, count(*) FROM public.conversations GROUP BY kb_id;
    CREATE VIEW "Sales Team"."Owners" AS SELECT id, kb_id FROM crm.leads;
    CREATE FUNCTION crm.of(k public.knowledge_bases) RETURNS text LANGUAGE sql AS 'SELECT $1.name';
    CREATE FUNCTION crm.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER note BEFORE UPDATE OF stage ON crm.leads FOR EACH ROW EXECUTE FUNCTION crm.note();
    CREATE TRIGGER note_kb AFTER UPDATE OF name ON knowledge_bases FOR EACH ROW EXECUTE FUNCTION crm.note();
    CREATE POLICY mine ON crm.leads USING (EXISTS (SELECT FROM public.knowledge_bases AS k WHERE k.id = kb_id));
    ALTER TABLE crm.leads ENABLE ROW LEVEL SECURITY;
    CREATE RULE quiet AS ON DELETE TO crm.kbs DO INSTEAD NOTHING;
    CREATE DOMAIN crm.stage AS text CHECK (VALUE <> '');
    CREATE TYPE crm.mood AS ENUM ('good', 'bad');
    CREATE TYPE crm.spot AS (x int, kb public.message_sender);
    CREATE TYPE crm.span AS RANGE (subtype = int);
    CREATE SEQUENCE crm.numbers;
    CREATE COLLATION crm.plain (provider = libc, locale = 'C');
    CREATE OPERATOR CLASS crm.texts FOR TYPE text USING btree AS OPERATOR 3 =, FUNCTION 1 bttextcmp(text, text);
    CREATE TEXT SEARCH CONFIGURATION crm.plain (COPY = simple);
    CREATE CAST (public.user_role AS text) WITH INOUT AS ASSIGNMENT;
    CREATE PUBLICATION team FOR TABLE knowledge_bases, crm.leads;
    CREATE FUNCTION crm.nothing() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
    CREATE EVENT TRIGGER watch ON sql_drop EXECUTE FUNCTION crm.nothing();
    COMMENT ON TABLE crm.leads IS 'a kb_id each';
    COMMENT ON TRIGGER note ON crm.leads IS 'x';
    COMMENT ON SCHEMA crm IS 'x';
    GRANT USAGE ON SCHEMA crm TO pg_monitor;
    GRANT SELECT ON crm.leads TO pg_monitor;
    ALTER DEFAULT PRIVILEGES IN SCHEMA crm GRANT SELECT ON TABLES TO pg_monitor;
"""

LOSSES = [
    ("DROP TABLE crm.child", "table crm.child"),
    ("DROP INDEX crm.by_stage", "index crm.by_stage"),
    ("DROP STATISTICS crm.leads_stats", "statistics crm.leads_stats"),
    ("ALTER TABLE crm.parts DETACH PARTITION crm.parts_1", "inheritance crm.parts_1"),
    ("ALTER TABLE crm.child NO INHERIT crm.leads", "inheritance crm.child"),
    ('DROP VIEW "Sales Team"."Owners"', 'view "Sales Team"."Owners"'),
    ("DROP MATERIALIZED VIEW crm.talks", "materialized view crm.talks"),
    ("ALTER TABLE crm.leads DROP CONSTRAINT leads_kb_id_fkey", "constraint crm.leads.leads_kb_id_fkey"),
    ("DROP FUNCTION crm.of(digital_twins)", "function crm.of(k knowledge_bases)"),
    ("DROP TRIGGER note ON crm.leads", "trigger crm.leads.note"),
    ("ALTER TABLE crm.leads DISABLE TRIGGER note", "trigger crm.leads.note"),
    ("ALTER TABLE users DISABLE TRIGGER update_users_updated_at", "trigger users.update_users_updated_at"),
    ("ALTER POLICY mine ON crm.leads USING (true)", "policy crm.leads.mine"),
    ("ALTER TABLE crm.leads DISABLE ROW LEVEL SECURITY", "row security crm.leads"),
    ("DROP RULE quiet ON crm.kbs", "rule crm.kbs.quiet"),
    ("DROP DOMAIN crm.stage", "type crm.stage"),
    ("DROP TYPE crm.mood", "enum crm.mood"),
    ("DROP TYPE crm.spot", "type crm.spot"),
    ("DROP TYPE crm.span", "type crm.span"),
    ("DROP SEQUENCE crm.numbers", "sequence crm.numbers"),
    ("DROP COLLATION crm.plain", "collation crm.plain"),
    ("DROP OPERATOR CLASS crm.texts USING btree", "operator class crm.texts"),
    ("DROP TEXT SEARCH CONFIGURATION crm.plain", "text search configuration crm.plain"),
    ("DROP CAST (user_role AS text)", "cast (public.user_role AS pg_catalog.text)"),
    ("DROP PUBLICATION team", "publication team"),
    ("ALTER PUBLICATION team DROP TABLE digital_twins", "publication relation public.knowledge_bases"),
    ("ALTER PUBLICATION team SET (publish = 'insert')", "publication team"),
    ("ALTER PUBLICATION team SET TABLE digital_twins WHERE (is_active), crm.leads", "publication relation"),
    ("ALTER EVENT TRIGGER watch DISABLE", "event trigger watch"),
    ("DROP EVENT TRIGGER watch", "event trigger watch"),
    ("COMMENT ON TABLE crm.leads IS 'a twin_id each'", "comment table crm.leads"),
    ("COMMENT ON TRIGGER note ON crm.leads IS NULL", "comment trigger note on crm.leads"),
    ("COMMENT ON SCHEMA crm IS NULL", "comment schema crm"),
    ("REVOKE USAGE ON SCHEMA crm FROM pg_monitor", "grant crm"),
    ("REVOKE SELECT ON crm.leads FROM pg_monitor", "grant crm.leads"),
    ("ALTER DEFAULT PRIVILEGES IN SCHEMA crm REVOKE SELECT ON TABLES FROM pg_monitor", "default acl"),
]


def test_each_loss_is_seen_and_no_rename_is_one(new_database: NewDatabase) -> None:
    with new_database(messages=0, forward=ALL).connect() as conn:
        conn.execute(TEAM.encode())
        assert trials.obstacles(conn) == []
        before = catalogue.read(conn)
        with conn.transaction():
            assert trials.faults(conn) == []
        later = catalogue.read(conn)
        assert catalogue.lost(before, later) == []
        for statement, named in LOSSES:
            with conn.transaction(force_rollback=True):
                conn.execute(statement.encode())
                lost = [f"{fact.kind} {fact.object}" for fact in catalogue.lost(before, catalogue.read(conn))]
            assert any(line.startswith(named) for line in lost), (statement, lost)
        declared = catalogue.expected(conn.info.server_version // 10000, gemini="kept")
        extra = {one.object for one in catalogue.differences(declared, later)}
        assert not [name for name in extra if "crm" in name]  # only schema public is declared


def test_names_of_schema_public_stay_and_others_have_their_schema(new_database: NewDatabase) -> None:
    with new_database(messages=0, forward=ALL).connect() as conn:
        conn.execute(TEAM.encode())
        facts = catalogue.read(conn)
    assert {fact.schema for fact in facts} == {"public", "crm", "Sales Team", "extensions", ""}
    assert ("column", "crm.leads.kb_id") in {fact.key for fact in facts}
    assert ("column", "users.email") in {fact.key for fact in facts}
    assert not [
        fact for fact in facts if fact.object.startswith("public.") and fact.kind in ("table", "column", "index")
    ]


OF_THE_TEAM = """
    COMMENT ON TABLE {table} IS 'x'; COMMENT ON TABLE users IS 'x'; COMMENT ON COLUMN users.password_hash IS 'x';
    COMMENT ON TYPE llm_provider IS 'x'; COMMENT ON COLUMN {table}.rag_config IS 'x'; COMMENT ON TABLE llm_usage IS 'x';
    CREATE INDEX idx_users_avatar_url ON users (full_name); CREATE INDEX idx_knowledge_bases_share_url ON messages (id);
    CREATE INDEX x ON {table} (name); DROP INDEX idx_users_role, idx_users_email; CREATE SCHEMA crm;
    CREATE TABLE crm.users (oauth_id text); CREATE TYPE crm.user_role_new AS ENUM ('x');
    ALTER TABLE {table} ALTER name DROP NOT NULL;
"""


@pytest.mark.parametrize("forward", [(), ("011", "013")], ids="+".join)
def test_what_a_team_adds_makes_no_migration_look_applied(new_database: NewDatabase, forward: tuple[str, ...]) -> None:
    with new_database(messages=0, forward=forward).connect() as conn:
        conditions = Conditions(conn.info.server_version // 10000, "assistant")
        conn.execute(OF_THE_TEAM.format(table="digital_twins").encode())
        assert endstate._away(catalogue.read(conn), conditions) == set(forward)


def test_reading_stays_quick_with_many_tables(new_database: NewDatabase) -> None:
    many = "CREATE TABLE t{0} (id serial PRIMARY KEY, a text NOT NULL, b int DEFAULT {0}); CREATE INDEX ON t{0} (b)"
    with new_database(messages=0, forward=ALL).connect() as conn:
        conn.execute("; ".join(many.format(number) for number in range(300)).encode())
        conn.execute("SET statement_timeout = '2s'")
        assert len(catalogue.read(conn)) > 2000
        trials.obstacles(conn)
