"""The rehearsal's guard: production is found out in every disguise."""

from pathlib import Path

import psycopg
import pytest

from runbook.errors import RehearsalRefused, SettingsInvalid
from runbook.rehearsing import cleaning, clone, guard, source
from tests import pgbouncer, rehearsal
from tests.rehearsal import STAGING, Stage

pytestmark = pytest.mark.pg("18")


def named(stage: Stage, way: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a connection string that leads to the staging database by another name."""
    server = stage.staging.server
    words = f"port={server.port} user={server.user} dbname={STAGING}"
    if way == "another path":
        (folder / "alias").symlink_to(server.host)
        return f"host={folder / 'alias'} {words}"
    if way == "a service":
        (folder / "services").write_text(
            f"[production]\nhost={server.host}\nport={server.port}\nuser={server.user}\ndbname={STAGING}\n"
        )
        monkeypatch.setenv("PGSERVICEFILE", str(folder / "services"))
        return "service=production"
    if way == "another role":
        with server.connect() as admin:
            admin.execute("DROP ROLE IF EXISTS reader")
            admin.execute("CREATE ROLE reader LOGIN IN ROLE pg_read_all_data")
        return f"host={server.host} port={server.port} user=reader dbname={STAGING}"
    return f"postgresql://{server.user}@/{STAGING}?host={server.host}&port={server.port}"


@pytest.mark.parametrize("way", ["another path", "a service", "another role", "an address"])
def test_staging_is_not_its_own_source(way: str, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = named(stage, way, tmp_path, monkeypatch)
    rehearsal.refused(stage, "is production itself", "PGDATABASE", rehearsal_source=found)


@pytest.mark.system
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_pooler_is_seen_through(mode: pgbouncer.Mode, stage: Stage) -> None:
    if pgbouncer.program() is None:
        pytest.skip("pgbouncer is not installed (make test-system installs it)")
    with pgbouncer.running(stage.staging.server, mode) as pooler:
        found = f"host=127.0.0.1 port={pooler.port} user={pooler.user} dbname={STAGING}"
        # It takes the option out that makes the connection read-only, which is seen first.
        rehearsal.refused(stage, "pooler", rehearsal_source=found)
        with (
            pooler.connect(STAGING) as source_conn,
            stage.staging.server.connect() as gate,
            stage.production.connect() as elsewhere,
        ):
            assert guard.same_server(source_conn, gate)
            assert not guard.same_server(elsewhere, gate)
            with pytest.raises(RehearsalRefused, match="production itself"):
                guard.check(gate, STAGING, guard.identity(source_conn))


@pytest.mark.attack(
    "files",
    "lets the rehearsal's settings lead to production, so that it is rolled back without an approver",
    "the server's identity is compared, not names",
)
def test_no_name_of_the_rehearsal_leads_to_production(beside: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Production is called what the rehearsal would call its clone, or what it puts aside."""
    for name in (f"{STAGING}_resting", f"{STAGING}_incoming"):
        with beside.staging.server.connect() as admin:
            admin.execute(f"CREATE DATABASE {name}")
        found = beside.staging.conninfo.replace(STAGING, name)
        with pytest.raises(RehearsalRefused, match="production itself"):
            clone.make(beside.settings(rehearsal_source=found))
        assert name in beside.databases()
        with beside.staging.server.connect() as admin:
            admin.execute(f"DROP DATABASE {name}")


@pytest.mark.attack("files", "rehearses on the target called production", "refused by its name")
def test_a_target_called_production_is_refused(stage: Stage) -> None:
    rehearsal.refused(stage, "ROLLBACK_TARGET", target="Production")


def test_the_guard_looks_again_before_each_step(beside: Stage) -> None:
    with beside.staging.server.connect() as gate, beside.staging.connect() as conn:
        barred = guard.identity(conn)
        guard.check(gate, beside.production.dbname, barred)
        gate.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{STAGING}'")
        gate.execute(f"ALTER DATABASE {STAGING} RENAME TO {STAGING}_moved")
        with pytest.raises(RehearsalRefused):  # by its number
            guard.check(gate, f"{STAGING}_moved", barred)


def test_who_may_not_ask_for_the_system_identifier_is_told_so(stage: Stage) -> None:
    with stage.production.connect() as conn:
        conn.execute("DROP ROLE IF EXISTS blind")
        conn.execute("CREATE ROLE blind LOGIN IN ROLE pg_read_all_data")
        conn.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    found = stage.production.conninfo.replace("user=postgres", "user=blind")
    rehearsal.refused(stage, "GRANT EXECUTE", "pg_control_system", rehearsal_source=found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("host=db dbname=d password=hunter2", "holds a password"),
        ("postgresql://me:hunter2@db/d", "holds a password"),
        ("host=db user=me", "names no database"),
        ("hunter2 is no conninfo =", "no connection string"),
        (None, "is not set"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused(stage: Stage, text: str | None, said: str) -> None:
    with pytest.raises(SettingsInvalid, match=said) as caught:
        clone.make(stage.settings(rehearsal_source=text))
    assert "hunter2" not in str(caught.value)


@pytest.mark.attack("files", "gives the rehearsal a role that may write to production", "that connection only reads")
def test_nothing_can_be_written_over_the_connection_to_production(stage: Stage) -> None:
    conn = source.connect(stage.settings())
    with conn, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        conn.execute("CREATE TABLE public.written (id int)")


def test_a_role_that_can_only_read_is_enough(stage: Stage) -> None:
    with stage.production.connect() as conn:
        conn.execute("DROP ROLE IF EXISTS reader")
        conn.execute("CREATE ROLE reader LOGIN IN ROLE pg_read_all_data")
    found = stage.production.conninfo.replace("user=postgres", "user=reader")
    for way in ("stream", "file"):
        assert clone.make(stage.settings(rehearsal_source=found, rehearsal_way=way)).way == way
    cleaning.clean_up(stage.settings())


def test_both_may_be_services(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """As prefect.yaml has it: PGSERVICE names staging, the setting names production."""
    lines: list[str] = []
    for name, one in (("staging", stage.staging), ("production", stage.production)):
        words = {"host": one.server.host, "port": one.server.port, "user": one.server.user, "dbname": one.dbname}
        lines += [f"[{name}]", *(f"{key}={value}" for key, value in words.items())]
    (stage.folder / "services").write_text("\n".join(lines) + "\n")
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PGSERVICEFILE", str(stage.folder / "services"))
    monkeypatch.setenv("PGSERVICE", "staging")
    made = stage.run(rehearsal_source="service=production")
    assert (made.source, made.staging) == (stage.production.dbname, STAGING)
    cleaning.clean_up(stage.settings())
    rehearsal.refused(stage, "production itself", rehearsal_source="service=staging")
