"""What of the team's fires on the transaction: the plan names it, and PostgreSQL then writes where the plan said."""

from collections.abc import Callable

import pytest

from runbook import database as door
from tests.databases import ALL, Database
from tests.integration.planning.looking import Case, looked, transact

pytestmark = pytest.mark.pg("18")

AUDIT = """CREATE TABLE audit_log (id bigserial PRIMARY KEY, tab text, op text, at timestamptz DEFAULT now());
    CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN INSERT INTO audit_log (tab, op) VALUES (TG_TABLE_NAME, TG_OP); RETURN NULL; END$$;"""
DDL_LOG = """CREATE TABLE ddl_log (at timestamptz DEFAULT now(), tag text, obj text);
    CREATE FUNCTION log_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.ddl_log (tag, obj)
    SELECT command_tag, object_identity FROM pg_event_trigger_ddl_commands(); END$$;"""
GUARD = """CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN IF NEW.email IS NULL THEN RAISE EXCEPTION 'no e-mail'; END IF; RETURN NEW; END$$;"""
SWALLOW = "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;"


# What fires: SQL, choice, and what the plan says of it; then whether it blocks.
FIRES: dict[str, tuple[str, str, list[str]]] = {
    "each row": (
        AUDIT + "CREATE TRIGGER t AFTER UPDATE OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION audit()",
        "temporary passwords",
        ["trigger t on users: INSERT audit_log"],
    ),
    "each statement": (
        AUDIT + "CREATE TRIGGER t BEFORE UPDATE ON users EXECUTE FUNCTION audit()",
        "temporary passwords",
        ["trigger t on users: INSERT audit_log"],
    ),
    "of this column": (
        AUDIT + "CREATE TRIGGER t AFTER UPDATE OF password_hash ON users EXECUTE FUNCTION audit()",
        "temporary passwords",
        ["trigger t on users: INSERT audit_log"],
    ),
    "of another column": (
        AUDIT + "CREATE TRIGGER t AFTER UPDATE OF email ON users EXECUTE FUNCTION audit()",
        "temporary passwords",
        [],
    ),
    "a constraint trigger": (
        AUDIT + "CREATE CONSTRAINT TRIGGER t AFTER UPDATE ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
        "EXECUTE FUNCTION audit()",
        "temporary passwords",
        ["trigger t on users: INSERT audit_log"],
    ),
    "disabled": (
        AUDIT + "CREATE TRIGGER t AFTER UPDATE ON users EXECUTE FUNCTION audit(); ALTER TABLE users DISABLE TRIGGER t",
        "temporary passwords",
        [],
    ),
    "on replicas only": (
        AUDIT + "CREATE TRIGGER t AFTER UPDATE ON users EXECUTE FUNCTION audit();"
        "ALTER TABLE users ENABLE REPLICA TRIGGER t",
        "temporary passwords",
        [],
    ),
    "always": (
        AUDIT
        + "CREATE TRIGGER t AFTER UPDATE ON users EXECUTE FUNCTION audit(); ALTER TABLE users ENABLE ALWAYS TRIGGER t",
        "temporary passwords",
        ["trigger t on users: INSERT audit_log"],
    ),
    "on what the deletion takes": (
        AUDIT + "CREATE TRIGGER t AFTER DELETE ON messages FOR EACH ROW EXECUTE FUNCTION audit()",
        "delete",
        [
            "trigger t on messages: INSERT audit_log",
            "trigger trigger_update_email_count on email_knowledge: UPDATE email_credentials",
        ],
    ),
    "a statement that finds no row": (
        AUDIT + "CREATE TABLE crm_note (owner uuid REFERENCES users ON DELETE SET NULL);"
        "CREATE TRIGGER t AFTER UPDATE ON crm_note EXECUTE FUNCTION audit()",
        "delete",
        [
            "trigger t on crm_note: INSERT audit_log",
            "trigger trigger_update_email_count on email_knowledge: UPDATE email_credentials",
        ],
    ),
    "one after the other": (
        AUDIT + "CREATE TABLE per_day (d date PRIMARY KEY, n int); CREATE FUNCTION tell() RETURNS trigger LANGUAGE "
        "plpgsql AS $$"
        "BEGIN INSERT INTO per_day VALUES (current_date, 1) ON CONFLICT (d) DO UPDATE SET n = per_day.n + 1; "
        "RETURN NULL; END$$;"
        "CREATE TRIGGER second AFTER INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION tell();"
        "CREATE TRIGGER first AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION audit()",
        "temporary passwords",
        ["trigger first on users: INSERT audit_log", "trigger second on audit_log: INSERT per_day, UPDATE per_day"],
    ),
    "through another function": (
        AUDIT
        + "CREATE FUNCTION note(t text) RETURNS void LANGUAGE sql AS $$INSERT INTO public.audit_log (tab) VALUES (t)$$;"
        "CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM note(TG_OP); RETURN NULL; END$$;"
        "CREATE TRIGGER t AFTER UPDATE ON users EXECUTE FUNCTION fire()",
        "temporary passwords",
        ["trigger t on users: INSERT audit_log"],
    ),
    "a rule": (
        AUDIT + "CREATE RULE r AS ON UPDATE TO users DO ALSO INSERT INTO audit_log (tab) VALUES ('users')",
        "temporary passwords",
        ["rule r on users: INSERT audit_log"],
    ),
    "DDL": (
        DDL_LOG + "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION log_ddl()",
        "keep",
        ["event trigger e on : INSERT ddl_log"],
    ),
    "other DDL": (
        DDL_LOG
        + "CREATE EVENT TRIGGER e ON ddl_command_end WHEN TAG IN ('CREATE FUNCTION') EXECUTE FUNCTION log_ddl()",
        "keep",
        [],
    ),
    "stamps by a name of its own": (
        "CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
        "temporary passwords",
        ["trigger touch on users: "],
    ),
}


@pytest.mark.parametrize("name", FIRES)
def test_what_fires_is_announced(new_database: Callable[..., Database], name: str) -> None:
    statements, oauth, said = FIRES[name]
    with new_database(forward=ALL).connect() as conn:
        conn.execute("UPDATE benchmark_results SET evaluated_by = NULL")
        conn.execute(statements.encode())
        found = looked(conn, Case("", oauth=oauth))
        assert found.blockers == []
        shown = [
            f"{one.kind} {one.name} on {one.table}: "
            + ", ".join(f"{kind} {table}" for table, kinds in one.writes.items() for kind in kinds)
            for one in found.fires
        ]
        assert shown == sorted(shown)  # in one order, whatever the process: the plan's hash is made of them
        assert shown == sorted(said)
        with conn.transaction(force_rollback=True):
            transact(conn, Case("", oauth=oauth))
            changed = {row["table"] for row in door.query(conn, "row_changes") if row["inserted"]}
        assert changed == {table for one in found.fires for table in one.writes} - {"email_credentials"}


SUPPRESSED = {
    "instead": (
        "CREATE RULE r AS ON UPDATE TO users WHERE new.email = old.email DO INSTEAD NOTHING",
        "temporary passwords",
        "Rule r on users does something else INSTEAD of UPDATE",
    ),
    "swallowed": (
        SWALLOW + "CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION swallow()",
        "temporary passwords",
        "Trigger t on users may keep rows from being written (UPDATE)",
    ),
    "swallowed in the cascade": (
        SWALLOW + "CREATE TRIGGER t BEFORE DELETE ON messages FOR EACH ROW EXECUTE FUNCTION swallow()",
        "delete",
        "Trigger t on messages may keep rows from being written (DELETE)",
    ),
}


@pytest.mark.parametrize("name", SUPPRESSED)
def test_what_would_keep_rows_from_being_written_blocks(new_database: Callable[..., Database], name: str) -> None:
    statements, oauth, said = SUPPRESSED[name]
    with new_database(forward=ALL).connect() as conn:
        conn.execute("UPDATE benchmark_results SET evaluated_by = NULL")
        conn.execute(statements.encode())
        [line] = looked(conn, Case("", oauth=oauth)).blockers
        assert line.startswith(said)


def test_a_trigger_that_raises_is_named(transformed: Database) -> None:
    with transformed.connect() as conn:
        conn.execute(GUARD + "CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION guard()")
        found = looked(conn, Case(""))
        assert found.blockers == []
        assert found.warnings[0].startswith("Trigger t on users can refuse a row (UPDATE)")
