"""The snapshot: a copy behind the fence, everything it lacks written down, and the way back to it by real psql."""

import os
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from runbook import connections
from runbook import database as door
from runbook.barrier import fence
from runbook.errors import BackupFailed, DatabaseFenced
from runbook.runs import Run
from runbook.safekeeping import snapshot, snapshots, wayback
from runbook.safekeeping.kept import Copy
from tests import runbook_runs
from tests.databases import Database

PROPERTIES = """
    SELECT r.rolname, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(d.datacl) a), d.datconnlimit,
           d.datistemplate, d.datallowconn, d.encoding, d.datcollate, shobj_description(d.oid, 'pg_database'),
           (SELECT array_agg(coalesce(u.rolname, '')
                             || (SELECT string_agg(one, ';' ORDER BY one) FROM unnest(s.setconfig) one)
                             ORDER BY u.rolname)
              FROM pg_db_role_setting s LEFT JOIN pg_roles u ON u.oid = s.setrole WHERE s.setdatabase = d.oid)
      FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
     WHERE d.datname = current_database()
"""
DECORATIONS = """
    CREATE ROLE "{role} owner"; CREATE ROLE "{role} reader";
    ALTER DATABASE {name} OWNER TO "{role} owner";
    REVOKE ALL ON DATABASE {name} FROM PUBLIC;
    GRANT CONNECT ON DATABASE {name} TO "{role} reader" WITH GRANT OPTION;
    GRANT TEMPORARY ON DATABASE {name} TO "{role} reader";
    ALTER DATABASE {name} CONNECTION LIMIT 77;
    ALTER DATABASE {name} SET work_mem = '17MB';
    ALTER DATABASE {name} SET search_path = "$user", public, "extensions";
    ALTER DATABASE {name} SET "app.motto" = 'it''s, all right';
    ALTER ROLE "{role} reader" IN DATABASE {name} SET statement_timeout = '7s';
    COMMENT ON DATABASE {name} IS 'DigitalTwin''s; everything';
"""


@pytest.fixture
def fenced(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Lend a run that is the only one connected, behind a closed fence."""
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    with runbook_runs.begun() as (run, _):
        fence.close(run.gate, run.side, run.pids)
        connections.stay_alone(run)
        yield run
        fence.open_up(run.gate, transformed.dbname)


def copy_of(database: Database, name: str) -> Database:
    with database.server.connect() as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    return Database(database.server, name)


def go_back(database: Database, path: Path) -> subprocess.CompletedProcess[str]:
    return Database(database.server, "postgres").psql("-v", f"database={database.dbname}", "-f", str(path))


def test_the_copy_is_the_database_and_nobody_can_connect_to_it(transformed: Database, fenced: Run) -> None:
    clones = fenced.identity.major >= 18
    taken = snapshot.take(fenced.work, fenced.gate, clone=clones)
    assert taken.database.startswith(f"{transformed.dbname}_before_rollback_2")
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        transformed.server.connect(taken.database)
    with pytest.raises(DatabaseFenced):  # and the fence stayed closed all the while
        door.connect()
    copied = copy_of(transformed, taken.database).checksums()
    fence.open_up(fenced.gate, transformed.dbname)
    assert copied == transformed.checksums()
    assert fenced.work.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (1,)


def test_going_back_by_renaming_restores_what_a_copy_lacks(
    transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    role, rows = f"role_of_{transformed.dbname}", transformed.checksums()
    with transformed.connect() as conn:
        conn.execute(DECORATIONS.format(role=role, name=transformed.dbname))
        before = conn.execute(PROPERTIES).fetchone()
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    with runbook_runs.begun() as (run, _):
        fence.close(run.gate, run.side, run.pids)
        connections.stay_alone(run)
        taken = snapshot.take(run.work, run.gate, clone=False)
        path = snapshot.write_going_back(tmp_path / "backups", transformed.dbname, taken)
        fence.open_up(run.gate, transformed.dbname)
    assert path.stat().st_mode & 0o777 == 0o600
    straggler = transformed.connect()
    straggler.execute("DELETE FROM messages")
    straggler.execute("BEGIN")
    done = go_back(transformed, path)  # with somebody still connected
    assert done.returncode == 0, done.stderr
    straggler.close()
    with transformed.connect() as conn:
        assert conn.execute(PROPERTIES).fetchone() == before
    assert transformed.checksums() == rows
    assert transformed.column("SELECT DISTINCT outcome FROM rollback.run") == ["failed"]
    aside = Database(transformed.server, taken.database.replace("before_rollback", "rolled_back"))
    assert aside.value("SELECT count(*) FROM messages") == 0
    again = go_back(transformed, path)
    assert again.returncode != 0 and "There is no database" in again.stderr
    assert transformed.checksums() == rows  # and the database still takes connections


@pytest.mark.pg("15", "18")
def test_going_back_by_the_copys_dump_restores_what_a_copy_lacks_too(
    transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    role, rows = f"role_of_{transformed.dbname}", transformed.checksums()
    with transformed.connect() as conn:
        conn.execute(DECORATIONS.format(role=role, name=transformed.dbname))
        before = conn.execute(PROPERTIES).fetchone()
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    with runbook_runs.begun() as (run, _):
        fence.close(run.gate, run.side, run.pids)
        connections.stay_alone(run)
        name = snapshot.take(run.work, run.gate, clone=False).database
        fence.open_up(run.gate, transformed.dbname)
        connections.rejoin(run)
        copy = Copy(name, run.id, "INC-1", datetime.now(UTC), "", 0, True, None)
        taken, proof = snapshots.secure(run, copy, lambda _: None, lambda _done, _of: None)
        assert proof.rows > sum(number for number, _ in rows.values())  # the journal's are among them
        snapshot.drop(run.gate, name)
    path = f"{transformed.server.folder}{os.pathsep}{os.environ['PATH']}"
    lines = "\n".join(wayback.restore_commands(taken, transformed.dbname))
    subprocess.run(["sh", "-ec", lines], env=os.environ | transformed.env | {"PATH": path}, check=True)
    with transformed.connect() as conn:
        assert conn.execute(PROPERTIES).fetchone() == before
    assert transformed.checksums() == rows
    with transformed.server.connect() as admin:
        admin.execute(f"DROP DATABASE {transformed.dbname}_rolled_back")


@pytest.mark.pg("15", "18")
def test_somebody_who_came_past_the_fence_is_ended_and_named(transformed: Database, fenced: Run) -> None:
    came = threading.Event()

    def intrude() -> None:
        with transformed.server.connect() as admin:
            admin.execute(f"ALTER DATABASE {transformed.dbname} ALLOW_CONNECTIONS true")
        conninfo = make_conninfo(transformed.conninfo, application_name="intruder")
        guests.append(psycopg.connect(conninfo, autocommit=True))
        came.set()

    guests: list[psycopg.Connection[Any]] = []
    threading.Thread(target=intrude).start()
    assert came.wait(10)
    taken = snapshot.take(fenced.work, fenced.gate, clone=False)
    assert [session.application for session in taken.late] == ["intruder"]
    with pytest.raises(psycopg.OperationalError):
        guests[0].execute("SELECT 1")
    with pytest.raises(DatabaseFenced):
        door.connect()


@pytest.mark.pg("18")
def test_a_second_copy_of_the_same_name_is_refused_and_the_first_stays(
    transformed: Database, fenced: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "STAMP", "20261122_031500")  # the same second twice
    taken = snapshot.take(fenced.work, fenced.gate, clone=True)
    with pytest.raises(BackupFailed, match=r"(?s)was not made: .*already exists.*Run again in a second"):
        snapshot.take(fenced.work, fenced.gate, clone=True)
    assert copy_of(transformed, taken.database).value("SELECT count(*) FROM messages") > 0


@pytest.mark.pg("18")
def test_a_long_name_is_cut_to_what_postgresql_keeps() -> None:
    name = snapshot.name("ä" * 40)
    assert len(name.encode()) <= 63
    assert name.startswith(snapshot.prefix("ä" * 40))
