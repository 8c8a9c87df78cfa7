"""What a team added is in the plan before anything stops: what goes along, and what blocks, each with its remedy."""

import pytest

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
