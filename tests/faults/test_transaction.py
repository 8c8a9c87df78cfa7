"""A failure in each of the five database steps leaves the schema and every row as they were."""

from pathlib import Path

import pytest

from runbook import catalogue
from tests import runbook_runs
from tests.databases import Database

pytestmark = [pytest.mark.usefixtures("prefect"), pytest.mark.pg("15", "16", "18")]

# Real failures, raised by PostgreSQL itself at a statement of the step. Superusers only can make event triggers, and
# they lie in a schema of their own, which no fingerprint covers.
ON_OBJECT = """
CREATE SCHEMA faults;
CREATE FUNCTION faults.strike() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = '{object}') THEN {act} END IF;
END $$;
CREATE EVENT TRIGGER strike ON ddl_command_end EXECUTE FUNCTION faults.strike();
"""
ON_USERS = """
CREATE SCHEMA faults;
CREATE FUNCTION faults.strike() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'struck'; END $$;
CREATE TRIGGER strike BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION faults.strike();
"""
STRUCK = "RAISE EXCEPTION 'struck';"
FAULTS = {
    "settle OAuth users": ON_USERS,
    "012": ON_OBJECT.format(object="public.user_role", act=STRUCK),
    "011": ON_OBJECT.format(object="public.handover_notifications", act=STRUCK),
    "010": ON_OBJECT.format(object="public.digital_twins", act=STRUCK),
    "verify the schema": ON_OBJECT.format(
        object="public.digital_twins", act="ALTER TABLE public.messages ALTER COLUMN content DROP NOT NULL;"
    ),
}


@pytest.mark.parametrize("step", FAULTS)
def test_a_failing_step_changes_nothing(
    step: str, transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    with transformed.connect() as conn:
        conn.execute(FAULTS[step])
        schema, rows = catalogue.read(conn), transformed.checksums()

    state = runbook_runs.run()

    with transformed.connect() as conn:  # the fence is open again
        assert catalogue.read(conn) == schema
        failed = conn.execute("SELECT name FROM rollback.step WHERE outcome = 'failed' ORDER BY id").fetchall()
    assert transformed.checksums() == rows
    assert state.name == "Failed"
    assert (step,) in failed
    assert ("notify",) not in failed
