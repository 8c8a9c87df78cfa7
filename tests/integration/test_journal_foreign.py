"""A schema rollback that somebody prepared: refused with what is in it named, and nothing of it is executed."""

from pathlib import Path

import pytest

import sql
from runbook import journal, settings
from runbook.errors import Blocked
from runbook.telling import standing
from tests import runbook_runs
from tests.databases import Database

pytestmark = [pytest.mark.pg("15", "18")]

TRAP = """
CREATE TABLE public.sprung (who text);
GRANT ALL ON public.sprung TO PUBLIC;
CREATE FUNCTION public.spring() RETURNS text LANGUAGE plpgsql AS
    $$BEGIN INSERT INTO public.sprung VALUES (current_user); RETURN ''; END$$;
CREATE FUNCTION public.sprung() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN PERFORM public.spring(); RETURN NEW; END$$;
"""
LOOK_ALIKE = {
    "a trigger": (
        "CREATE TRIGGER trap BEFORE INSERT OR UPDATE ON rollback.step FOR EACH ROW EXECUTE FUNCTION public.sprung()",
        "Trigger trap on rollback.step",
    ),
    "a rule": (
        "CREATE RULE trap AS ON INSERT TO rollback.run DO ALSO SELECT public.spring()",
        "Rule trap on rollback.run",
    ),
    "a default": (
        "ALTER TABLE rollback.step ADD COLUMN more text DEFAULT public.spring()",
        "Column rollback.step.more has a default or an expression that is not the runbook's",
    ),
    "a default by PostgreSQL's own": (
        "ALTER TABLE rollback.run ALTER state SET DEFAULT query_to_xml('SELECT public.spring()', true, true, '')::text",
        "Column rollback.run.state has a default",
    ),
    "a check": (
        "ALTER TABLE rollback.approval ADD CONSTRAINT trap CHECK (public.spring() = '')",
        "Constraint trap on rollback.approval",
    ),
    "a generated column": (
        "CREATE FUNCTION public.fixed(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT public.spring()'; "
        "ALTER TABLE rollback.run ADD COLUMN more text GENERATED ALWAYS AS (public.fixed(incident)) STORED",
        "Column rollback.run.more has a default or an expression",
    ),
    "an index": (
        "CREATE FUNCTION public.fixed(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT public.spring()'; "
        "CREATE INDEX trap ON rollback.run (public.fixed(incident))",
        "Index rollback.trap has an expression",
    ),
    "a policy": (
        "CREATE POLICY trap ON rollback.run USING (public.spring() = '')",
        "Policy trap on rollback.run",
    ),
    "a view in a table's place": (
        "ALTER TABLE rollback.notified RENAME TO other; CREATE VIEW rollback.notified AS "
        "SELECT *, public.spring() FROM rollback.other",
        "rollback.notified has the name of a table of the runbook's journal, and is no table",
    ),
    "a function": (
        "CREATE FUNCTION rollback.to_jsonb(rollback.approval) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'",
        "Function rollback.to_jsonb(rollback.approval) is not the runbook's",
    ),
    "an operator": (
        "CREATE FUNCTION public.equal(text, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT public.spring() IS NULL'; "
        "CREATE OPERATOR rollback.= (FUNCTION = public.equal, LEFTARG = text, RIGHTARG = varchar)",
        "Operator rollback.=(text,character varying) is not the runbook's",
    ),
    "a type": (
        "CREATE DOMAIN public.trap AS text CHECK (public.spring() = ''); "
        "ALTER TABLE rollback.step ADD COLUMN more public.trap",
        "Column rollback.step.more has a type of somebody's own",
    ),
    "a child": ("CREATE TABLE public.child () INHERITS (rollback.run)", "rollback.run inherits from another table"),
}


@pytest.fixture(autouse=True)
def _aimed(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)


def prepared(database: Database, attack: str, owner: str = "") -> None:
    """Prepare a journal as somebody would who wants the runbook to execute something."""
    with database.connect() as conn:
        conn.execute(TRAP)
        conn.execute(sql.read("journal/schema.sql").encode())
        conn.execute(attack.encode())
        conn.execute("TRUNCATE public.sprung")
        if owner:
            conn.execute(f"ALTER SCHEMA rollback OWNER TO {owner}")


@pytest.mark.parametrize(("attack", "named"), LOOK_ALIKE.values(), ids=LOOK_ALIKE)
@pytest.mark.attack(
    "owner",
    "puts functions, triggers, rules, views, policies, operators and defaults into schema rollback",
    "each is named and refused before anything of it runs",
)
def test_what_is_not_ours_is_named_and_never_executed(attack: str, named: str, transformed: Database) -> None:
    prepared(transformed, attack)
    with transformed.connect() as conn, pytest.raises(Blocked) as told:
        journal.check(conn)
    assert any(reason.startswith(named) for reason in told.value.reasons), told.value.reasons
    assert named in standing.read(settings.load()).state
    with transformed.connect() as conn:
        assert journal.runs(conn) == []
    assert transformed.column("SELECT who FROM public.sprung") == []


@pytest.mark.usefixtures("prefect")
@pytest.mark.pg("18")
@pytest.mark.attack(
    "owner",
    "makes schema rollback first, as somebody else",
    "it is refused before it is touched",
)
def test_a_run_is_refused_before_it_touches_a_schema_of_somebody_elses(transformed: Database) -> None:
    with transformed.connect() as conn:
        conn.execute("DROP ROLE IF EXISTS intruder")
        conn.execute("CREATE ROLE intruder")
    try:
        prepared(transformed, LOOK_ALIKE["a trigger"][0], "intruder")
        rows = transformed.checksums()
        state = runbook_runs.run(silent=True)
        assert state.name == "Refused"
        assert "Schema rollback belongs to role intruder" in str(state.message)
        assert "Trigger trap on rollback.step is not the runbook's" in str(state.message)
        assert transformed.checksums() == rows
        assert transformed.column("SELECT who FROM public.sprung") == []
        assert transformed.value("SELECT count(*) FROM rollback.run") == 0
    finally:
        with transformed.connect() as conn:
            conn.execute("DROP SCHEMA rollback CASCADE; DROP ROLE intruder")


def test_our_own_journal_and_a_table_beside_it_are_not_strange(transformed: Database) -> None:
    with transformed.connect() as conn:
        conn.execute(sql.read("journal/schema.sql").encode())
        conn.execute("CREATE TABLE rollback.notes (id serial, note text)")
        conn.execute("CREATE TABLE rollback.archived_users (archived_at timestamptz NOT NULL DEFAULT now(), id uuid)")
        journal.check(conn)
        assert journal.exists(conn)
        journal.prepare(conn)
