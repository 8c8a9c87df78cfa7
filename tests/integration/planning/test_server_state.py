"""What the server's own state means for a rollback: each is a blocker or a warning of the plan, with its remedy."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from runbook import database, settings
from runbook.errors import Blocked, DatabaseUnavailable
from runbook.models import Plan
from runbook.planning import plan, serverstate
from runbook.request import RollbackRequest
from tests import runbook_runs, servers
from tests.databases import ALL, Database, Templates
from tests.servers import Server

pytestmark = pytest.mark.pg("15", "18")


@pytest.fixture
def target(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    return transformed


def drawn() -> Plan:
    with closing(database.connect()) as conn:
        request = RollbackRequest.model_validate(runbook_runs.REQUEST)
        return plan.draw(conn, request, settings.load(), own=[conn.info.backend_pid])


def reasons() -> str:
    """Return what stands in the way, also where not even a plan can be drawn."""
    try:
        return "\n".join(drawn().blockers)
    except Blocked as undrawn:
        return "\n".join(undrawn.reasons)


@contextmanager
def role(target: Database, attributes: str = "") -> Iterator[str]:
    """Make a role that owns what the rollback changes, and is no superuser; it is the runner."""
    name = f"runner_{target.dbname}"
    with target.connect() as conn:
        conn.execute(f'CREATE ROLE "{name}" LOGIN {attributes}; GRANT CREATE ON SCHEMA public TO "{name}"')
        conn.execute(f'ALTER DATABASE "{target.dbname}" OWNER TO "{name}"')
        for kind, made in conn.execute(OWNED).fetchall():
            conn.execute(f'ALTER {kind} {made} OWNER TO "{name}"')
        if conn.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'extensions'").fetchone():
            conn.execute(f'GRANT USAGE ON SCHEMA extensions TO "{name}"')
    os.environ["PGUSER"] = name
    try:
        yield name
    finally:
        os.environ["PGUSER"] = target.server.user
        with target.connect() as conn:
            conn.execute(f'ALTER DATABASE "{target.dbname}" OWNER TO postgres')
            conn.execute(f'REASSIGN OWNED BY "{name}" TO postgres; DROP OWNED BY "{name}"; DROP ROLE "{name}"')


OWNED = """
    SELECT 'TABLE', c.oid::regclass::text FROM pg_class AS c
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
    UNION ALL
    SELECT 'TYPE', oid::regtype::text FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
"""


def test_a_role_without_rights_of_a_superuser_goes_ahead(target: Database) -> None:
    with role(target, "CREATEDB"):
        assert reasons() == ""


def test_too_few_connections(target: Database) -> None:
    with role(target, "CREATEDB CONNECTION LIMIT 3") as name:
        assert f"Too few connections are left for the role {name}: 3, and the run needs" in reasons()
        assert f"ALTER ROLE {name} CONNECTION LIMIT -1" in reasons()
        with target.connect() as admin:
            admin.execute(f'ALTER ROLE "{name}" CONNECTION LIMIT -1')
            admin.execute(f'ALTER DATABASE "{target.dbname}" CONNECTION LIMIT 2')
        assert f"Too few connections are left for the database {target.dbname}: 2" in reasons()
    assert reasons() == ""  # no limit holds for a superuser


def test_no_connection_left_at_all(target: Database) -> None:
    with role(target, "CREATEDB CONNECTION LIMIT 0"), pytest.raises(DatabaseUnavailable) as no:
        database.connect()
    assert "too many connections for role" in no.value.problem
    assert "No connection slot is free" in no.value.remedy


@pytest.mark.parametrize("force", [False, True])
def test_rows_that_a_policy_hides(target: Database, force: bool) -> None:
    with role(target, "CREATEDB") as name:
        with target.connect() as admin:
            admin.execute("CREATE POLICY visible ON users USING (password_hash IS NOT NULL)")
            admin.execute(f"ALTER TABLE users ENABLE ROW LEVEL SECURITY{', FORCE ROW LEVEL SECURITY' if force else ''}")
        if not force:
            assert reasons() == ""  # an owner sees all
            return
        assert f"all rows of public.users (row-level security hides some from {name}" in reasons()
        assert f"ALTER ROLE {name} BYPASSRLS" in reasons()
        assert "ALTER TABLE public.users NO FORCE ROW LEVEL SECURITY" in reasons()
        with target.connect() as admin:
            admin.execute(f'ALTER ROLE "{name}" BYPASSRLS')
        assert reasons() == ""


@pytest.mark.parametrize(("setting", "value"), [("session_replication_role", "replica"), ("track_counts", "off")])
def test_a_setting_that_only_a_superuser_may_mend(target: Database, setting: str, value: str) -> None:
    with target.connect() as admin:
        admin.execute(f"ALTER DATABASE {target.dbname} SET {setting} = {value}")
    assert reasons() == ""  # a superuser mends it for its own session
    with role(target, "CREATEDB"):
        assert f"The setting {setting} is not" in reasons()
        with target.server.connect() as admin:
            admin.execute(f"ALTER DATABASE {target.dbname} RESET {setting}")
        assert reasons() == ""


def test_read_only_by_default_is_said(target: Database) -> None:
    with target.connect() as admin:
        admin.execute(f"ALTER DATABASE {target.dbname} SET default_transaction_read_only = on")
    found = drawn()
    assert found.blockers == []
    assert f"ALTER DATABASE {target.dbname} RESET default_transaction_read_only" in "\n".join(found.warnings)


def test_a_collation_that_changed_makes_the_backup_a_dump(target: Database) -> None:
    assert drawn().backup.method == "snapshot"
    with target.connect() as admin:
        admin.execute("UPDATE pg_database SET datcollversion = '1.0' WHERE datname = current_database()")
    found = drawn()
    assert (found.backup.method, found.blockers) == ("dump", [])
    assert "collation was of version 1.0" in found.backup.why
    assert f"ALTER DATABASE {target.dbname} REFRESH COLLATION VERSION" in "\n".join(found.warnings)
    with target.connect() as admin:  # PostgreSQL would refuse it, indeed
        with pytest.raises(psycopg.Error, match="collation version"):
            admin.execute(f"CREATE DATABASE refused TEMPLATE {target.dbname}")
        admin.execute("UPDATE pg_database SET datcollversion = NULL WHERE datname = current_database()")


@pytest.mark.pg("18")
def test_a_trigger_at_each_login_is_named(target: Database) -> None:
    with target.connect() as admin:
        admin.execute("CREATE FUNCTION at_login() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$")
        admin.execute("CREATE EVENT TRIGGER doorbell ON login EXECUTE FUNCTION at_login()")
    assert "ALTER EVENT TRIGGER doorbell DISABLE" in "\n".join(drawn().warnings)


def test_the_end_of_the_transaction_numbers() -> None:
    old = {"xid_age": 2_120_000_000, "multixact_age": 5}
    [line] = serverstate._age(old)
    assert "transaction number is 2,120,000,000 old" in line
    assert serverstate._age({**old, "xid_age": 1_900_000_000}) == []


@pytest.fixture
def standby(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Make a server of the test's own a standby that follows nobody."""
    own = servers.start(server.version)
    with Templates(own).copy(forward=ALL) as made:
        runbook_runs.aim(monkeypatch, made, tmp_path)
        signal = Path(made.value("SHOW data_directory")) / "standby.signal"
        signal.touch()
        own.restart()
        yield made
        with own.connect() as admin:
            admin.execute("SELECT pg_promote()")
    own.stop()


def test_a_standby(standby: Database) -> None:
    assert standby.value("SELECT pg_is_in_recovery()")
    [line] = [line for line in drawn().blockers if "standby" in line]
    assert "Let PGHOST (or PGSERVICE) name the primary server" in line
