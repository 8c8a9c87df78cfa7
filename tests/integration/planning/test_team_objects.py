"""What a team added is in the plan before anything stops: what goes along, and what blocks, each with its remedy."""

import pytest

from runbook.errors import Blocked
from runbook.planning import triggers
from tests.databases import Database
from tests.integration.planning.plans import drawn

pytestmark = pytest.mark.pg("18")


def plan_of(aimed: Database, statement: str, **asked: str) -> tuple[str, str]:
    """Return blockers and warnings."""
    with aimed.connect() as conn:
        conn.execute(statement.encode())
    plan = drawn(**asked)
    return "\n".join(plan.blockers), "\n".join(plan.warnings)


def test_what_goes_along_is_a_warning(aimed: Database) -> None:
    blockers, warnings = plan_of(
        aimed,
        "CREATE INDEX team_share ON knowledge_bases (share_url, is_public); "
        "CREATE TABLE vip_users (level int, PRIMARY KEY (id)) INHERITS (users); "
        "COMMENT ON COLUMN users.role IS 'see the handbook, page 12'",
    )
    assert blockers == ""
    assert "With the columns that are dropped go: " in warnings
    for name in ("index team_share", "column vip_users.oauth_id", "index idx_users_oauth"):
        assert name in warnings
    assert "Comments are removed from " in warnings
    assert "table public.users" in warnings
    assert "users.role" not in warnings
    assert "The comment on column digital_twins.rag_config was replaced by 010" in warnings


def test_what_is_kept_is_not_announced(aimed: Database) -> None:
    _, warnings = plan_of(aimed, "SELECT", oauth="keep")
    assert "idx_users_oauth" not in warnings
    assert "table public.users" not in warnings
    assert "type public.llm_provider" not in warnings
    assert "type public.llm_provider" in "\n".join(drawn(gemini="remove").warnings)


def test_drift_that_matters_blocks(aimed: Database) -> None:
    blockers, _ = plan_of(
        aimed,
        "ALTER TYPE user_role ADD VALUE 'support'; CREATE TABLE team_rows (kb knowledge_bases); "
        "ALTER TABLE knowledge_bases DROP CONSTRAINT digital_twins_user_id_key",
    )
    assert "012: type user_role is super_admin, kb_owner, end_user, support; the end state needs " in blockers
    assert "Make the type without 'support', and give the rows of users.role another value first" in blockers
    assert (
        "010: column kb of table team_rows: it holds whole rows of knowledge_bases, whose columns change." in blockers
    )
    assert (
        "010: constraint digital_twins_user_id_key of table knowledge_bases is missing; the end state needs UNIQUE "
        "(user_id). ALTER TABLE public.knowledge_bases ADD CONSTRAINT digital_twins_user_id_key UNIQUE (user_id)."
    ) in blockers


def test_the_remedies_of_the_plan_lift_the_block(aimed: Database) -> None:
    blockers, _ = plan_of(
        aimed,
        "ALTER TABLE knowledge_bases DROP CONSTRAINT digital_twins_user_id_key; "
        "ALTER TABLE web_sources DROP CONSTRAINT web_sources_twin_id_fkey; "
        "ALTER TABLE knowledge_bases DISABLE TRIGGER update_knowledge_bases_updated_at; "
        "ALTER TABLE conversations ALTER kb_id DROP NOT NULL; ALTER TABLE messages ALTER sender DROP NOT NULL",
    )
    remedies = [line.split(". ", 1)[1].rstrip(".") for line in blockers.splitlines()]
    assert len(remedies) == 5
    with aimed.connect() as conn:
        for remedy in remedies:
            conn.execute(remedy.encode())
    assert drawn().blockers == []


def test_what_changes_beside_the_tables_is_a_warning(aimed: Database) -> None:
    blockers, warnings = plan_of(
        aimed,
        "CREATE TABLE old_talks () INHERITS (conversations); "
        "CREATE VIEW as_json AS SELECT to_jsonb(k) AS kb FROM knowledge_bases AS k; "
        "CREATE TABLE talk_rows (was conversations[]); "
        "ALTER INDEX idx_knowledge_base_kb_id RENAME TO ix_kb; "
        "ALTER TABLE knowledge_bases ADD COLUMN profession int DEFAULT 7; "
        "CREATE FUNCTION named(r text DEFAULT 'kb_owner') RETURNS text LANGUAGE sql AS 'SELECT r'",
    )
    bases = aimed.value("SELECT count(*) FROM knowledge_bases")
    assert blockers == ""
    assert "Table old_talks inherits from conversations, and what changes there changes in it" in warnings
    assert "View as_json has whole rows of knowledge_bases" in warnings
    assert "Column talk_rows.was has whole rows of conversations" in warnings
    assert "Index ix_kb holds what the old release's idx_knowledge_base_twin_id holds, and gets that name." in warnings
    assert (
        "Column knowledge_bases.profession is integer with the default 7, and becomes the old release's character "
        f"varying(255); the values of {bases} rows are converted." in warnings
    )
    assert "A default of function named(r text) has 'kb_owner' as text" in warnings


def test_nothing_is_said_of_what_the_team_does_not_have(aimed: Database) -> None:
    _, warnings = plan_of(aimed, "SELECT")
    for words in ("inherits from", "whole rows", "gets that name", "are converted", "WITH a password"):
        assert words not in warnings


def test_users_with_a_password_who_go_along_are_counted(aimed: Database) -> None:
    _, warnings = plan_of(
        aimed,
        "UPDATE benchmark_results SET evaluated_by = NULL; "
        "ALTER TABLE users ADD COLUMN sponsor uuid REFERENCES users ON DELETE CASCADE; "
        "UPDATE users SET sponsor = (SELECT id FROM users WHERE password_hash IS NULL ORDER BY id LIMIT 1) "
        "WHERE id IN (SELECT id FROM users WHERE password_hash IS NOT NULL AND role = 'kb_owner' ORDER BY id LIMIT 2)",
        oauth="delete",
    )
    assert "Deleting OAuth users takes along 2 users WITH a password, by users_sponsor_fkey." in warnings
    plan = drawn(oauth="delete")
    assert plan.cascade["users"] == 2
    assert plan.kept["users"] == aimed.value("SELECT count(*) - 2 FROM users WHERE password_hash IS NOT NULL")


def test_a_table_that_only_has_the_journals_name_blocks(aimed: Database) -> None:
    blockers, _ = plan_of(aimed, "CREATE SCHEMA rollback; CREATE TABLE rollback.run (id int)")
    assert "rollback.run has the name of a table of the runbook's journal, and is none: it has no " in blockers


def test_a_function_in_the_place_of_postgresqls_own_blocks(aimed: Database) -> None:
    with aimed.connect() as conn:
        conn.execute("CREATE FUNCTION public.format(text, text) RETURNS text LANGUAGE sql AS $$SELECT 'x'$$")
    with pytest.raises(Blocked) as caught:
        drawn()
    assert caught.value.reasons[0].startswith("Function public.format(text, text) is called in place of PostgreSQL's")


def test_an_event_trigger_that_may_not_write_blocks(aimed: Database) -> None:
    """The table is another role's, and this one is no superuser."""
    with aimed.connect() as conn:
        conn.execute(
            "CREATE TABLE dba_log (tag text); CREATE FUNCTION dba() RETURNS event_trigger LANGUAGE plpgsql AS "
            "$$BEGIN INSERT INTO public.dba_log VALUES (tg_tag); END$$; "
            "CREATE EVENT TRIGGER dba ON ddl_command_end EXECUTE FUNCTION dba()"
        )
        with conn.transaction(force_rollback=True):
            conn.execute("CREATE ROLE team_reader; SET LOCAL ROLE team_reader")
            fired = triggers.read(conn, set())
    assert fired.blockers[0].startswith(
        "Event trigger dba fires on what the scripts do and would INSERT dba_log, which this role may not."
    )
