"""Whole runs on databases with a team's own objects: what was announced happens, nothing else, and it commits."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests import runbook_runs
from tests.databases import ALL, Database
from tests.integration.flow.look import drawn, journal, wrong

pytestmark = [
    pytest.mark.pg("18"),
    pytest.mark.usefixtures("prefect"),
    # One of apprise's plugins imports what Python 3.13 no longer has.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

FREE = "UPDATE benchmark_results SET evaluated_by = NULL;"
AUDIT = """CREATE TABLE audit_log (id bigserial PRIMARY KEY, tab text, op text, row_id uuid);
    CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    INSERT INTO audit_log (tab, op, row_id) VALUES (TG_TABLE_NAME, TG_OP, coalesce(NEW.id, OLD.id)); RETURN NULL; END$$;
    CREATE TRIGGER audit_users AFTER INSERT OR UPDATE OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION audit();"""
CRM = """CREATE SCHEMA crm;
    CREATE TABLE crm.leads (id serial PRIMARY KEY, kb uuid NOT NULL REFERENCES knowledge_bases ON DELETE CASCADE);
    INSERT INTO crm.leads (kb) SELECT id FROM public.knowledge_bases;
    CREATE TABLE crm.notes (id serial PRIMARY KEY, owner uuid REFERENCES public.users ON DELETE SET NULL);
    INSERT INTO crm.notes (owner) SELECT id FROM public.users;"""
PARTS = """CREATE TABLE crm.seen (who uuid REFERENCES users ON DELETE CASCADE, n int) PARTITION BY LIST (n);
    CREATE TABLE crm.seen1 PARTITION OF crm.seen FOR VALUES IN (1);
    CREATE TABLE crm.seen2 PARTITION OF crm.seen DEFAULT;
    INSERT INTO crm.seen SELECT id, n FROM users, (VALUES (1), (2)) AS v (n);"""
DDL_LOG = """CREATE TABLE ddl_log (at timestamptz DEFAULT now(), tag text, obj text);
    CREATE FUNCTION log_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.ddl_log (tag, obj)
    SELECT command_tag, object_identity FROM pg_event_trigger_ddl_commands(); END$$;
    CREATE EVENT TRIGGER team_log ON ddl_command_end EXECUTE FUNCTION log_ddl();"""
PER_DAY = """CREATE SCHEMA stats; CREATE TABLE stats.per_day (d date PRIMARY KEY, n int);
    INSERT INTO stats.per_day VALUES (current_date, 0);
    CREATE FUNCTION stats.tell() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN UPDATE stats.per_day SET n = n + 1; RETURN NULL; END$$;
    CREATE TRIGGER tell AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION stats.tell();"""
BLIND = """CREATE TABLE trail (what text);
    CREATE FUNCTION trail() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN EXECUTE format('INSERT INTO %I VALUES (%L)', 'trail', TG_TABLE_NAME); RETURN NULL; END$$;
    CREATE TRIGGER trail AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION trail();"""
DOUBTFUL = "CREATE TABLE odd (u uuid); ALTER TABLE odd ADD FOREIGN KEY (u) REFERENCES users NOT VALID;"


class Run(NamedTuple):
    """What is added, the choice, who fires, and rows of the team's tables afterwards: new, gone, changed."""

    added: str
    oauth: str
    fires: list[str]
    new: dict[str, int]
    gone: dict[str, int]
    changed: dict[str, int]


RUNS = {
    "temporary passwords": Run(
        AUDIT + DDL_LOG + PER_DAY + BLIND + DOUBTFUL,
        "temporary passwords",
        ["audit_users", "team_log", "tell", "trail"],
        {"audit_log": 5, "trail": 5},
        {},
        {"stats.per_day": 5},
    ),
    "delete": Run(
        FREE + AUDIT + CRM + PARTS,
        "delete",
        ["audit_users", "trigger_update_email_count"],
        {"audit_log": 5},
        {"crm.leads": 1, "crm.seen": 10},
        {"crm.notes": 5},
    ),
    "keep": Run(AUDIT + DDL_LOG + DOUBTFUL, "keep", ["team_log"], {}, {}, {}),
}


@pytest.mark.parametrize("name", RUNS)
def test_what_was_announced_happens(
    new_database: Callable[..., Database], aim: Callable[[Database], Database], name: str
) -> None:
    case = RUNS[name]
    database = aim(new_database(forward=ALL))
    with database.connect() as conn:
        conn.execute(case.added.encode())

    state = runbook_runs.run(oauth=case.oauth)

    assert state.is_completed(), state.message
    assert wrong(database, gemini="kept", oauth="kept" if case.oauth == "keep" else "none") == []
    plan, counted = drawn(database), journal(database)["verify the schema"][1]["rows"]
    assert sorted(one["name"] for one in plan["fires"]) == sorted(case.fires)
    assert {table: plan["cascade"][table] for table in case.gone} == case.gone
    assert of_team(counted, "deleted") == case.gone
    assert of_team(counted, "updated") == case.changed
    inserted = of_team(counted, "inserted")
    assert (inserted.pop("ddl_log", 0) > 0) == ("team_log" in case.fires)
    assert inserted == case.new


def of_team(counted: dict[str, Any], kind: str) -> dict[str, int]:
    """Return the counts of one kind for the tables that are not DigitalTwin's."""
    team = ("audit_log", "crm.", "ddl_log", "stats.", "trail", "odd")
    return {table: kinds[kind] for table, kinds in counted.items() if kind in kinds and table.startswith(team)}


UNANNOUNCED = """CREATE TABLE quota (n int); INSERT INTO quota VALUES (1);
    CREATE FUNCTION spend() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN EXECUTE format('UPDATE %I SET n = n + 1', 'quota'); RETURN NULL; END$$;
    CREATE TRIGGER spend AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION spend();"""


def test_what_nobody_announced_takes_everything_back(
    new_database: Callable[..., Database], aim: Callable[[Database], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = aim(new_database(forward=ALL))
    with database.connect() as conn:
        conn.execute(UNANNOUNCED)
    before = database.checksums()

    state = runbook_runs.run(silent=True)

    # The trial with a few of the rows sees it; without them it is seen behind the fence.
    assert state.name == "Refused"
    assert "rows changed: quota 3 updated" in str(state.message)
    monkeypatch.setenv("ROLLBACK_TRIAL_ROWS", "false")

    state = runbook_runs.run()

    assert state.is_failed()
    assert "rows changed: quota 5 updated" in str(state.message)
    assert database.checksums() == before
    assert not drawn(database)["fires"][0]["readable"]
