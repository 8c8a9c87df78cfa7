"""The oracle sees what it is there to see: each of these changes is noticed, whatever schema it is in."""

from collections.abc import Callable

import pytest

from runbook.request import RollbackRequest
from tests import runbook_runs
from tests.databases import ALL, Templates
from tests.hostile import judging, oracle, references
from tests.hostile.oracle import Picture
from tests.hostile.references import Reference

TEAM = """
    CREATE SCHEMA crm;
    CREATE TABLE crm.leads (id serial PRIMARY KEY, kb uuid REFERENCES public.knowledge_bases, "Note" text, role public.user_role);
    INSERT INTO crm.leads (kb, role) SELECT id, 'kb_owner' FROM public.knowledge_bases;
    CREATE TABLE crm.loose AS SELECT 1 AS n FROM generate_series(1, 3);
    CREATE VIEW crm.owners AS SELECT id FROM public.users WHERE role::text = 'kb_owner';
    CREATE FUNCTION crm.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER t BEFORE UPDATE ON crm.leads FOR EACH ROW EXECUTE FUNCTION crm.f();
    ALTER TABLE crm.leads ADD CONSTRAINT some_check CHECK (id > 0);
    COMMENT ON TABLE crm.leads IS 'ours';
    CREATE INDEX by_kb ON crm.leads (kb);
    CREATE PUBLICATION p FOR TABLE crm.leads;
"""  # noqa: E501 - SQL reads best as it is typed
CHANGES = {
    "a row that is gone": "DELETE FROM crm.leads WHERE id = 1",
    "a row that is new": "INSERT INTO crm.leads DEFAULT VALUES",
    "one of two equal rows": "DELETE FROM crm.loose WHERE ctid = (SELECT min(ctid) FROM crm.loose)",
    "a value": "UPDATE crm.leads SET \"Note\" = 'x' WHERE id = 2",
    "a label": "UPDATE crm.leads SET role = 'end_user' WHERE id = 2",
    "a time": "UPDATE users SET updated_at = '2025-01-01' WHERE email = 'user1@example.org'",
    "a view's rows": "UPDATE crm.leads SET kb = NULL; CREATE OR REPLACE VIEW crm.owners AS SELECT id FROM public.users",
    "a view": "DROP VIEW crm.owners",
    "a trigger": "DROP TRIGGER t ON crm.leads",
    "a trigger that is off": "ALTER TABLE crm.leads DISABLE TRIGGER t",
    "a function": "CREATE OR REPLACE FUNCTION crm.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "a comment": "COMMENT ON TABLE crm.leads IS NULL",
    "a grant": "GRANT SELECT ON crm.leads TO PUBLIC",
    "a column's default": "ALTER TABLE crm.leads ALTER COLUMN id DROP DEFAULT",
    "a constraint's name": "ALTER TABLE crm.leads RENAME CONSTRAINT some_check TO other_check",
    "a check that rows violate": "ALTER TABLE crm.leads DROP CONSTRAINT some_check, "
    "ADD CONSTRAINT some_check CHECK (id > 1) NOT VALID",
    "an orphan": "SET session_replication_role = replica; UPDATE crm.leads SET kb = gen_random_uuid() WHERE id = 3",
    "an index": "DROP INDEX crm.by_kb",
    "a publication's table": "ALTER PUBLICATION p ADD TABLE crm.loose",
    "a setting": "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 1000', current_database()); END$$",
    "a large object": "SELECT lo_from_bytea(0, 'x')",
    "row level security": "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
    "a schema": "CREATE SCHEMA other",
    "an owner": "ALTER TABLE crm.loose OWNER TO pg_monitor",
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen(statement: str, hostile: Callable[[str], Templates]) -> None:
    templates = hostile("18")
    reference = references.of(templates, ALL)
    with templates.copy(forward=ALL, messages=references.MESSAGES) as database:
        with database.connect() as conn:
            conn.execute(TEAM)
        before, again = oracle.look(database), oracle.look(database)
        with database.connect() as conn:
            conn.execute(statement.encode())
        after = oracle.look(database)
    assert judging.differences(before, again) == []
    assert judging.differences(before, after)
    assert unannounced(before, again, reference) == []
    assert unannounced(before, after, reference)


def unannounced(before: Picture, after: Picture, reference: Reference) -> list[str]:
    """Return what is seen beyond the columns that a rollback would have brought back."""
    request = RollbackRequest.model_validate({**runbook_runs.REQUEST, "oauth": "keep"})
    return [one for one in judging.unannounced(before, after, request, "", reference) if "came back" not in one]
