"""A failure in each of the five database steps leaves the schema and every row as they were."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.schema import catalogue
from tests import application, runbook_runs
from tests.application import Application
from tests.databases import Database

pytestmark = [pytest.mark.usefixtures("prefect"), pytest.mark.pg("15", "18")]

# Real failures, raised by PostgreSQL itself at a statement of the step. Superusers only can make event triggers, and
# they lie in a schema of their own, which no script touches.
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
WORDS = {"verify the schema": "messages.content is text, should be text NOT NULL"}
"""What the journal says of a step that PostgreSQL itself did not refuse."""


@pytest.fixture
def deployed(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    with application.running(tmp_path, transformed, monkeypatch) as running:
        yield running


@pytest.mark.parametrize("step", FAULTS)
def test_a_failing_step_changes_nothing(step: str, transformed: Database, deployed: Application) -> None:
    with transformed.connect() as conn:
        conn.execute(FAULTS[step])
        schema, rows = catalogue.read(conn), application.without_writings(transformed)
    before = deployed.pids()

    state = runbook_runs.run(previous_tag="v1")

    with transformed.connect() as conn:  # the fence is open again
        assert catalogue.read(conn) == schema
    assert deployed.answers() == {"backend v2 works", "frontend v2 works"}
    assert deployed.release() == "v2"
    assert set(before.values()).isdisjoint(deployed.pids().values())  # they were down in between
    assert application.without_writings(transformed) == rows
    assert state.name == "Failed"
    assert "State: The database is as it was before" in str(state.message)
    assert "Do now: " in str(state.message)
    check_journal(transformed, step)


def check_journal(database: Database, step: str) -> None:
    """The failed step says why, those before it are undone, and those after the transaction never began."""
    with database.connect() as conn:
        steps = {row[0]: row[1:] for row in conn.execute("SELECT name, outcome, found FROM rollback.step ORDER BY id")}
        ended = conn.execute("SELECT outcome, ended IS NOT NULL, state FROM rollback.run").fetchone()
    names = list(FAULTS)
    for name in names[: names.index(step)]:
        assert (steps[name][0], steps[name][1]["undone"]) == ("failed", "rolled back with the transaction")
    assert steps[step][0] == "failed"
    assert WORDS.get(step, "struck") in steps[step][1]["error"]
    assert not set(steps) & {*names[names.index(step) + 1 :], "restore release", "open and start", "verify"}
    assert steps["back up"][0] == steps["start services again"][0] == steps["notify"][0] == "done"
    assert ended is not None
    assert ended[:2] == ("failed", True)
    assert ended[2].startswith("The database is as it was before")
