"""The schema and the files that declare it agree; differences and losses are seen and named."""

from collections.abc import Callable
from typing import Any

import pytest

from runbook.schema import catalogue
from runbook.schema.catalogue import Difference, Fact
from tests import make_end_state, states
from tests.databases import ALL, Database, Templates, migrate

NewDatabase = Callable[..., Database]

CHOICES: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {}),
    ({"bot_label": "twin"}, {"bot_label": "twin"}),
    ({"forward": ("013",)}, {"gemini": "kept"}),
    ({"forward": ("012",)}, {"oauth": "kept"}),
    ({"forward": ("012", "013"), "bot_label": "twin"}, {"gemini": "kept", "oauth": "kept", "bot_label": "twin"}),
]


@pytest.mark.parametrize(("state", "conditions"), CHOICES, ids=["+".join(one) or "default" for _, one in CHOICES])
def test_schema_and_declaration_agree(
    new_database: NewDatabase, server: Any, state: dict[str, Any], conditions: dict[str, str]
) -> None:
    with new_database(messages=0, **state).connect() as conn:
        found = [fact for fact in catalogue.read(conn) if fact.kind != "grant" and fact.schema == "public"]
    assert make_end_state.rows(catalogue.expected(int(server.version), **conditions)) == make_end_state.rows(found)


def test_migrations_are_declared_where_they_change_something(templates: Templates, server: Any) -> None:
    declared = {tuple(row): changed for row, (changed, _, _) in make_end_state.declare(templates).items()}
    choices = [catalogue.expected(int(server.version), **conditions) for _, conditions in CHOICES]
    written = {(fact.kind, fact.object, fact.definition): fact.migration for facts in choices for fact in facts}
    assert declared == written


def test_the_list_of_what_is_removed_is_complete(templates: Templates) -> None:
    made = {(kind, name): number for kind, name, number in make_end_state.removed(templates)}
    assert catalogue.removed() == made


@pytest.mark.pg("15", "18")
def test_reading_changes_nothing_and_sees_new_labels(new_database: NewDatabase) -> None:
    with new_database(messages=0).connect(autocommit=False) as conn:
        conn.execute("SET LOCAL search_path = pg_catalog")
        conn.execute("ALTER TYPE public.user_role ADD VALUE 'guest'")
        assert ("enum", "user_role", "super_admin, professional, end_user, guest") in states.rows(catalogue.read(conn))
        assert conn.execute("SHOW search_path").fetchone() == ("pg_catalog",)
        assert catalogue.read(conn) == catalogue.read(conn)


CHANGES = [
    ("ALTER TABLE users ALTER email DROP NOT NULL", ("different", "column", "users.email", "")),
    ("ALTER TABLE digital_twins DROP bio", ("missing", "column", "digital_twins.bio", "010")),
    ("ALTER TABLE users ADD oauth_id text", ("left over", "column", "users.oauth_id", "012")),
    ("CREATE TYPE user_role_new AS ENUM ('x')", ("left over", "enum", "user_role_new", "012")),
    ("ALTER TABLE users ADD locale text", ("extra", "column", "users.locale", "")),
    ("CREATE INDEX x ON users (full_name)", ("extra", "index", "x", "")),
    ("COMMENT ON TABLE users IS 'x'", ("extra", "comment", "table public.users", "")),
    ("COMMENT ON COLUMN digital_twins.rag_config IS NULL", ("missing", "comment", "table column public", "")),
    ("ALTER TABLE users ENABLE ROW LEVEL SECURITY", ("extra", "row security", "users", "")),
    ("CREATE OR REPLACE FUNCTION check_email_limit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
     ("different", "function", "check_email_limit()", "")),
    ("ALTER TABLE messages ADD UNIQUE (content)", ("extra", "constraint", "messages.messages_content_key", "")),
    ("ALTER TABLE users DISABLE TRIGGER update_users_updated_at",
     ("different", "trigger", "users.update_users_updated_at", "")),
    ("ALTER TYPE email_provider ADD VALUE 'x'", ("different", "enum", "email_provider", "")),
    ("DROP VIEW llm_cost_analytics", ("missing", "view", "llm_cost_analytics", "")),
]  # fmt: skip


@pytest.mark.pg("15", "18")
def test_each_difference_is_named(new_database: NewDatabase, server: Any) -> None:
    declared = catalogue.expected(int(server.version))
    with new_database(messages=0).connect() as conn:
        for statement, (outcome, kind, name, migration) in CHANGES:
            with conn.transaction(force_rollback=True):
                conn.execute(statement)
                found = catalogue.differences(declared, catalogue.read(conn))
            said = [one for one in found if one.kind == kind and one.object.startswith(name)]
            assert [(one.outcome, one.migration) for one in said] == [(outcome, migration)], statement
            assert said[0].fails == (outcome != "extra")


DRIFT = """
    ALTER TABLE users ALTER is_active SET DEFAULT false;
    ALTER TABLE digital_twins ALTER temperature SET DEFAULT 0.9;
    COMMENT ON TABLE llm_usage IS NULL;
    DROP INDEX idx_digital_twins_semantic_config;
    CREATE INDEX idx_digital_twins_semantic_config ON digital_twins (semantic_search_threshold) WHERE is_active;
    DROP VIEW llm_user_costs;
    CREATE VIEW llm_user_costs AS SELECT user_id, twin_id, ''::text AS twin_name FROM llm_usage;
    DROP INDEX idx_subscriptions_tier;
    ALTER TABLE messages DROP metadata;
"""


@pytest.mark.pg("15", "18")
def test_what_differed_before_the_transformation_is_no_failure(new_database: NewDatabase, server: Any) -> None:
    declared = catalogue.expected(int(server.version))
    database = new_database(messages=0)
    with database.connect() as conn:
        conn.execute(DRIFT)
        migrate(database, ALL)
        before = catalogue.read(conn)
        conn.execute("BEGIN")
        states.roll_back(conn, gemini="remove")
        states.verify(conn)
        found = catalogue.differences(declared, catalogue.read(conn), before)
        assert [str(one) for one in found if one.fails] == []
        assert {"users.is_active", "digital_twins.temperature", "llm_user_costs"} <= {one.object for one in found}
        assert any(one.fails for one in catalogue.differences(declared, catalogue.read(conn)))
        conn.execute("ALTER TABLE users ALTER role SET DEFAULT 'end_user'; DROP TABLE handover_notifications")
        failing = {one.object for one in catalogue.differences(declared, catalogue.read(conn), before) if one.fails}
        assert {"users.role", "handover_notifications", "handover_notifications.reason"} <= failing


@pytest.mark.pg("15", "18")
def test_drift_is_known_before_the_rollback(new_database: NewDatabase, server: Any) -> None:
    declared = catalogue.expected(int(server.version))
    database = new_database(messages=0)

    def drifted(conn: Any) -> set[str]:
        facts = catalogue.read(conn)
        return {one.object for one in catalogue.differences(declared, facts, facts) if one.outcome == "drift"}

    with database.connect() as conn:
        migrate(database, ALL)
        assert drifted(conn) == set()
        conn.execute("ALTER TABLE users ALTER is_active SET DEFAULT false; ALTER TABLE messages DROP metadata")
        conn.execute("DROP VIEW llm_user_costs; CREATE VIEW llm_user_costs AS SELECT kb_id AS twin_id FROM llm_usage")
        assert {"users.is_active", "messages.metadata", "llm_user_costs"} <= drifted(conn)


@pytest.mark.pg("15", "18")
def test_what_a_rollback_left_undone_is_no_drift(new_database: NewDatabase, server: Any) -> None:
    declared = catalogue.expected(int(server.version))
    with new_database(messages=0, forward=ALL).connect() as conn:
        before = catalogue.read(conn)
        failing = {(one.kind, one.object) for one in catalogue.differences(declared, before, before) if one.fails}
    assert {
        ("table", "digital_twins"),
        ("column", "conversations.twin_id"),
        ("column", "users.role"),
        ("column", "users.password_hash"),
        ("column", "users.oauth_id"),
        ("enum", "llm_provider"),
        ("enum", "message_sender"),
        ("index", "idx_doc_jobs_twin_id"),
        ("trigger", "digital_twins.update_digital_twins_updated_at"),
    } <= failing


LOSSES = [
    ("DROP VIEW bot", {"view bot", "column bot.content", "grant bot"}),
    ("DROP POLICY p ON conversations", {"policy conversations.p"}),
    ("ALTER POLICY p ON conversations USING (true)", {"policy conversations.p"}),
    ("ALTER TABLE conversations DISABLE ROW LEVEL SECURITY", {"row security conversations"}),
    ("REVOKE SELECT ON users FROM pg_monitor", {"grant users"}),
    ("ALTER TABLE users DROP locale", {"column users.locale"}),
    ("ALTER TABLE users RENAME locale TO language", set()),
]


@pytest.mark.pg("15", "18")
def test_each_loss_is_named(new_database: NewDatabase) -> None:
    with new_database(messages=0, forward=ALL).connect() as conn:
        conn.execute("CREATE VIEW bot AS SELECT content FROM messages WHERE sender = 'assistant'")
        conn.execute("ALTER TABLE users ADD locale text; ALTER TABLE conversations ENABLE ROW LEVEL SECURITY")
        conn.execute("CREATE POLICY p ON conversations USING (kb_id IS NOT NULL)")
        conn.execute("GRANT SELECT ON users TO pg_monitor")
        before = catalogue.read(conn)
        with conn.transaction():
            states.roll_back(conn, gemini="remove")
        assert catalogue.lost(before, catalogue.read(conn)) == []
        for statement, named in LOSSES:
            with conn.transaction(force_rollback=True):
                conn.execute(statement)
                lost = catalogue.lost(before, catalogue.read(conn))
            assert {f"{fact.kind} {fact.object}" for fact in lost} == named, statement


def test_a_difference_is_said_in_a_line() -> None:
    difference = Difference("different", "column", "users.role", "text", "int", "012")
    assert str(difference) == "different: column users.role is int, should be text"
    assert catalogue.differences([Fact("table", "a", "table")], []) == [
        Difference("missing", "table", "a", "table", "", "")
    ]
