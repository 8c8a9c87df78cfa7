"""The proof of a backup: really restored, really compared, on real servers."""

import gzip
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runbook import database
from runbook.errors import BackupFailed
from runbook.models import Identity
from runbook.safekeeping import archive, backup, checksums, proof, scratch, serverdisk
from runbook.safekeeping.kept import Backup, Proof
from runbook.settings import Settings
from tests import waiting
from tests.databases import Database

ONE = pytest.mark.pg("18")
GZIP = pytest.mark.pg("15", "18")
"""Servers whose programs compress by gzip, which Python can do as well."""


@dataclass(frozen=True)
class Place:
    """A transformed database, and the connection from which it is proved."""

    database: Database
    conn: psycopg.Connection[Any]
    maintenance: psycopg.Connection[Any]
    settings: Settings

    def take(self) -> Backup:
        identity = Identity(1, self.database.dbname, self.conn.info.server_version)
        return backup.take(
            self.settings, identity, monitor=self.conn, on_progress=lambda _: None, on_started=lambda: None
        )

    def prove(self, taken: Backup, **calls: Any) -> Proof:
        return proof.prove(self.settings, self.maintenance, taken, self.database.dbname, **calls)

    def scratches(self) -> list[str]:
        rows = self.maintenance.execute("SELECT datname FROM pg_database WHERE datname LIKE 'rollback_proof%'")
        return [row[0] for row in rows]

    def file(self, taken: Backup, table: str) -> Path:
        """Return the file with a table's rows."""
        listed = self.database.program("pg_restore", "--list", taken.path).stdout.splitlines()
        [line] = [line for line in listed if f" TABLE DATA public {table} " in line]
        return Path(taken.path) / f"{line.partition(';')[0]}.dat.gz"


@pytest.fixture
def place(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name, value in transformed.env.items():
        monkeypatch.setenv(name, value)
    settings = Settings(backup_dir=tmp_path / "backups", pg_bin=transformed.server.folder)
    with transformed.connect() as conn, database.connect("postgres") as maintenance:
        at = Place(transformed, conn, maintenance, settings)
        yield at
        assert at.scratches() == [], "a scratch database is left"


def seal(taken: Backup) -> None:
    """Write the checksums anew, as of a dump that was wrong from the start."""
    path = Path(taken.path)
    checksums.sidecar(path).unlink()
    checksums.write(path, {file.name: checksums.checksum(file) for file in path.iterdir()})


def rewritten(file: Path, old: bytes, new: bytes) -> None:
    """Change the rows in a file of a dump."""
    text = gzip.decompress(file.read_bytes())
    assert text.count(old) >= 1
    file.write_bytes(gzip.compress(text.replace(old, new, 1)))


def refused(place: Place, taken: Backup, *words: str) -> None:
    """See that the proof fails, naming each of these."""
    with pytest.raises(BackupFailed) as caught:
        place.prove(taken)
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)
    assert caught.value.state and caught.value.remedy


def test_a_backup_is_proved_table_by_table(place: Place) -> None:
    seen: list[tuple[int, int]] = []
    place.conn.execute("CREATE SCHEMA rollback; CREATE TABLE rollback.run AS SELECT 1 AS id")
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname IN ('public', 'rollback')"
    proved = place.prove(place.take(), on_compared=lambda done, of: seen.append((done, of)))
    [count] = place.conn.execute(tables).fetchone() or [0]
    assert proved.tables == count > 20
    rows = sum(number for number, _ in place.database.checksums().values())
    assert proved.rows == rows + 1 and not proved.differences
    assert proved.seconds > proved.restore_seconds > 0
    assert seen[-1][0] == seen[-1][1] > count


def test_everything_that_a_dump_may_hold_is_compared(place: Place) -> None:
    """Types whose text depends on settings, odd names, inheritance, partitions, sequences, large objects."""
    for statement in ODD.split(";\n"):  # a subscription is not made inside a transaction
        place.conn.execute(statement)
    place.conn.execute(f"ALTER DATABASE {place.database.dbname} SET \"DateStyle\" = 'German'")
    place.conn.execute(f"ALTER DATABASE {place.database.dbname} SET \"IntervalStyle\" = 'sql_standard'")
    place.conn.execute(f"ALTER DATABASE {place.database.dbname} SET \"TimeZone\" = 'Asia/Tokyo'")
    place.conn.execute(f"ALTER DATABASE {place.database.dbname} SET search_path = odd, public, extensions")
    place.conn.execute(f"ALTER DATABASE {place.database.dbname} SET app.greeting = 'it''s me'")
    taken = place.take()
    place.prove(taken)
    for change, said in CHANGES.items():
        with place.database.connect() as conn:
            conn.execute(change)
        refused(place, taken, said)
        with place.database.connect() as conn:
            conn.execute("DROP SUBSCRIPTION odd_sub")
            conn.execute("DROP PUBLICATION odd_all; DROP SCHEMA odd CASCADE")
            conn.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
            conn.execute(SAME)
            for statement in ODD.split(";\n"):
                conn.execute(statement)
    place.conn.execute("DROP SUBSCRIPTION odd_sub")


SAME = "SET search_path = public, extensions; SET \"DateStyle\" = 'ISO'; SET \"IntervalStyle\" = 'postgres'"
"""So that the same literals mean the same again, whatever the database has set."""
ODD = """
CREATE SCHEMA odd;
CREATE TABLE odd."a ""table" ("from" text, "Größe" money, at timestamptz, d date, i interval, f float8, b bytea, j json,
    r regclass);
INSERT INTO odd."a ""table" VALUES ('x', '12.50', '2026-11-22 03:04:05.678+00', '2026-11-22', '1 day 02:03', 0.1,
    '\\xdeadbeef', '{"b": 1,  "a": 2}', 'public.users'), (NULL, NULL, 'infinity', NULL, NULL, 'NaN', NULL, NULL, NULL);
CREATE TABLE odd.parent (a int, z int);
CREATE TABLE odd.child (b int) INHERITS (odd.parent);
ALTER TABLE odd.parent ADD COLUMN late text DEFAULT 'late';
INSERT INTO odd.parent VALUES (1, 2);
INSERT INTO odd.child VALUES (3, 4, 5);
CREATE TABLE odd.parts (k int) PARTITION BY LIST (k);
CREATE TABLE odd.part1 PARTITION OF odd.parts FOR VALUES IN (1);
INSERT INTO odd.parts VALUES (1);
CREATE TABLE odd.dropped (a int, b int, c int GENERATED ALWAYS AS (b * 2) STORED);
ALTER TABLE odd.dropped DROP COLUMN a;
INSERT INTO odd.dropped VALUES (1);
CREATE TABLE odd.none ();
INSERT INTO odd.none DEFAULT VALUES;
CREATE UNLOGGED TABLE odd.unlogged AS SELECT 1 AS id;
CREATE SEQUENCE odd.counter;
SELECT nextval('odd.counter'), nextval('odd.counter');
CREATE MATERIALIZED VIEW odd.seen AS SELECT count(*) FROM odd.parts;
INSERT INTO odd.parts VALUES (1);  -- it is stale now, and fresh in what is restored
CREATE PUBLICATION odd_all FOR TABLE odd.parts;
CREATE SUBSCRIPTION odd_sub CONNECTION 'dbname=nowhere' PUBLICATION odd_all WITH (connect = false, slot_name = NONE);
CREATE FUNCTION odd.noted() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO odd.none DEFAULT VALUES; END';
CREATE EVENT TRIGGER odd_noted ON ddl_command_end WHEN TAG IN ('COMMENT') EXECUTE FUNCTION odd.noted();
COMMENT ON EVENT TRIGGER odd_noted IS 'It writes a row.';
CREATE VIEW odd.looked AS SELECT * FROM odd.parts;
SELECT lo_from_bytea(0, decode(repeat('ab', 3000000), 'hex')), lo_from_bytea(0, '');
"""
CHANGES = {
    """UPDATE odd."a ""table" SET f = 0.10000000000000002 WHERE "from" = 'x'""": 'odd.a "table: 2 rows, and other',
    "UPDATE odd.child SET late = 'later'": "odd.child: 1 row, and other values",
    "INSERT INTO odd.parts VALUES (1)": "odd.part1: 3 rows, restored 2",
    "DELETE FROM odd.none": "odd.none: 0 rows, restored 1",
    "SELECT nextval('odd.counter')": "odd.counter: 1 row, and other values",
    "DROP MATERIALIZED VIEW odd.seen": "odd.seen is in the restored database only",
    "SELECT lo_put(oid, 2500000, '\\x00') FROM pg_largeobject_metadata ORDER BY oid LIMIT 1": "large objects: 2 rows",
    "CREATE TABLE odd.more ()": "odd.more is missing in the restored database",
    "ALTER TABLE odd.dropped ADD d int": "odd.dropped has other columns",
    "DROP TABLE odd.unlogged": "odd.unlogged is in the restored database only",
}


@GZIP
def test_a_changed_row_is_found(place: Place) -> None:
    place.conn.execute("UPDATE users SET full_name = 'Grace Hopper' WHERE id = (SELECT id FROM users LIMIT 1)")
    taken = place.take()
    rewritten(place.file(taken, "users"), b"Grace Hopper", b"Grace Hoppes")
    seal(taken)
    refused(place, taken, "1 difference.", "public.users:", "and other values in them")


@GZIP
def test_a_missing_row_is_found(place: Place) -> None:
    taken = place.take()
    file = place.file(taken, "messages")
    first = gzip.decompress(file.read_bytes()).partition(b"\n")[0]
    rewritten(file, first + b"\n", b"")
    seal(taken)
    [count] = place.conn.execute("SELECT count(*) FROM messages").fetchone() or [0]
    refused(place, taken, "1 difference.", f"public.messages: {count} rows, restored {count - 1}")


def test_a_missing_table_is_found(place: Place) -> None:
    taken = place.take()
    subprocess.run(["rm", "-r", taken.path], check=True)
    place.conn.execute("CREATE TABLE lonely AS SELECT 1 AS id")
    done = place.database.program("pg_dump", "-Fd", "-f", taken.path, "--exclude-table=lonely")
    assert done.returncode == 0, done.stderr
    seal(taken)
    refused(place, taken, "1 difference.", "public.lonely is missing in the restored database")


def test_a_cut_file_is_found_even_where_its_checksum_was_taken_later(place: Place) -> None:
    taken = place.take()
    file = max(Path(taken.path).glob("*.dat.*"), key=lambda one: one.stat().st_size)
    os.truncate(file, file.stat().st_size // 2)
    with pytest.raises(BackupFailed, match=f"{file.name} has changed"):
        place.prove(taken)
    seal(taken)
    refused(place, taken, taken.path)


@ONE
def test_an_interrupted_proof_leaves_nothing(place: Place) -> None:
    taken = place.take()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.prove(taken, on_compared=interrupt)
    running = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rollback-proof'"
    assert place.scratches() == [] and place.maintenance.execute(running).fetchone() == (0,)


@ONE
def test_a_proof_that_is_interrupted_while_it_restores_leaves_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "PROGRESS_SECONDS", 0.1)
    place.conn.execute("CREATE TABLE long AS SELECT g, sha512(g::text::bytea) FROM generate_series(1, 400000) g")
    taken = place.take()
    seen: list[list[str]] = []

    def interrupt(_: float) -> None:
        seen.append(place.scratches())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.prove(taken, on_restoring=interrupt)
    assert seen == [[scratch.named(place.database.dbname)]] and place.scratches() == []


@ONE
def test_what_a_killed_proof_left_is_removed_by_the_next(place: Place) -> None:
    taken = place.take()
    for name, comment in (("rollback_proof_of_gone", scratch.COMMENT), (scratch.named(place.database.dbname), None)):
        place.maintenance.execute(f"CREATE DATABASE {name}")
        if comment:
            place.maintenance.execute(f"COMMENT ON DATABASE {name} IS '{comment}'")
    place.prove(taken)
    assert place.scratches() == []


@ONE
def test_a_living_proof_is_left_alone(place: Place) -> None:
    taken = place.take()
    with database.connect("postgres") as other, scratch.opened(other, place.database.dbname) as name:
        refused(place, taken, "Another proof of", "is at work")
        with database.connect("postgres") as third:
            scratch.sweep(third)
        assert place.scratches() == [name]


@ONE
def test_a_database_of_somebody_elses_is_not_dropped(place: Place) -> None:
    taken, name = place.take(), scratch.named(place.database.dbname)
    place.maintenance.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    with database.connect(name) as conn:
        conn.execute("CREATE TABLE theirs ()")
    refused(place, taken, f"There is a database {name}", "public.theirs")
    assert place.scratches() == [name]
    place.maintenance.execute(f"DROP DATABASE {name}")


@ONE
def test_nobody_else_may_come_in(place: Place) -> None:
    place.maintenance.execute("CREATE ROLE stranger LOGIN")
    try:
        with (
            scratch.opened(place.maintenance, place.database.dbname) as name,
            pytest.raises(psycopg.OperationalError, match="permission denied for database"),
        ):
            psycopg.connect(dbname=name, user="stranger")
    finally:
        place.maintenance.execute("DROP ROLE stranger")


@ONE
def test_a_database_that_is_not_there_is_said(place: Place) -> None:
    taken = place.take()
    with pytest.raises(BackupFailed, match="no database nowhere to compare"):
        proof.prove(place.settings, place.maintenance, taken, "nowhere")


@pytest.fixture
def prover(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the maintenance database of a role that is no superuser; it reads everything."""
    place.maintenance.execute("CREATE ROLE prover LOGIN; GRANT pg_read_all_data TO prover")
    monkeypatch.setenv("PGUSER", "prover")
    try:
        with database.connect("postgres") as conn:
            yield conn
    finally:
        place.maintenance.execute("DROP ROLE prover")


@pytest.mark.pg("15", "18")
def test_a_role_that_may_create_databases_proves_what_it_may_make(
    place: Place, prover: psycopg.Connection[Any]
) -> None:
    place.conn.execute("DROP SCHEMA IF EXISTS extensions CASCADE; DROP EXTENSION IF EXISTS vector CASCADE")
    place.maintenance.execute("ALTER ROLE prover CREATEDB")
    proved = proof.prove(place.settings, prover, place.take(), place.database.dbname)
    assert proved.tables > 20 and proved.rows > 200


# 15 has a stand-in for the extension, whose base type is a superuser's; 18 has the extension, which is not trusted.
@pytest.mark.pg("15", "18")
def test_what_only_a_superuser_may_make_is_named(place: Place, prover: psycopg.Connection[Any]) -> None:
    place.maintenance.execute("ALTER ROLE prover CREATEDB")
    taken = place.take()
    with pytest.raises(BackupFailed) as caught:
        proof.prove(place.settings, prover, taken, place.database.dbname)
    vector = "must be superuser|permission denied" if place.database.server.version == "15" else '"vector"'
    assert re.search(vector, caught.value.problem), caught.value
    assert "superuser" in caught.value.remedy


@ONE
def test_a_role_that_may_not_create_databases_is_told(place: Place, prover: psycopg.Connection[Any]) -> None:
    taken = place.take()
    with pytest.raises(BackupFailed, match="permission denied to create database") as caught:
        proof.prove(place.settings, prover, taken, place.database.dbname)
    assert "CREATEDB" in caught.value.remedy and caught.value.state.endswith("nothing is lost.")


@pytest.fixture
def full(place: Place) -> Iterator[str]:
    """A database whose own small disk has no room for a second one."""
    folder = Path(tempfile.mkdtemp(prefix="small-disk-"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=36m", "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("no tmpfs can be mounted")
    owner = Path(place.database.server.host).stat().st_uid  # the server's own user
    os.chown(folder, owner, -1)
    place.conn.close()  # nobody may be in the template
    try:
        place.maintenance.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
        place.maintenance.execute(f"CREATE DATABASE full_disk TABLESPACE small TEMPLATE {place.database.dbname}")
        yield "full_disk"
        place.maintenance.execute("DROP DATABASE full_disk WITH (FORCE)")
        place.maintenance.execute("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


@ONE
def test_a_disk_without_room_is_refused_before_and_said_where_nobody_could_look(
    place: Place, full: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.connect(full) as conn:
        conn.execute("CREATE TABLE long AS SELECT g, sha512(g::text::bytea) FROM generate_series(1, 180000) g")
        monkeypatch.setenv("PGDATABASE", full)
        identity = Identity(1, full, conn.info.server_version)
        silent: dict[str, Any] = {"on_progress": lambda _: None, "on_started": lambda: None}
        taken = backup.take(place.settings, identity, monitor=conn, **silent)
    with pytest.raises(BackupFailed, match=r"The server's disk has [\d.]+ MB free"):
        proof.prove(place.settings, place.maintenance, taken, full)
    monkeypatch.setattr(serverdisk, "look", lambda _: None)  # as where the server is elsewhere
    with pytest.raises(BackupFailed, match=r"could not be proved.*No space left on device") as caught:
        proof.prove(place.settings, place.maintenance, taken, full)
    assert caught.value.remedy.startswith("Make room on the server")


KILLED = """
import sys
from runbook import database
from runbook.safekeeping import proof
from runbook.safekeeping.kept import Backup
from runbook.settings import Settings
with database.connect("postgres") as maintenance:
    proof.PROGRESS_SECONDS = 0.05
    proof.prove(Settings(), maintenance, Backup(sys.argv[1], 0, "", 0, 0), sys.argv[2],
                on_restoring=lambda _: print("restoring", flush=True))
"""


@ONE
def test_a_proof_that_was_killed_is_cleared_away_by_the_next(place: Place) -> None:
    place.conn.execute("CREATE TABLE long AS SELECT g, sha512(g::text::bytea) FROM generate_series(1, 400000) g")
    taken = place.take()
    words = [sys.executable, "-c", KILLED, taken.path, place.database.dbname]
    env = os.environ | {"ROLLBACK_PG_BIN": str(place.database.server.folder)}
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "restoring\n"
        process.kill()
    assert place.scratches() == [scratch.named(place.database.dbname)]
    waiting.until(lambda: _is_free(place))
    assert place.prove(taken).tables > 20


def _is_free(place: Place) -> bool:
    """Return whether the server has noticed that the killed proof is gone."""
    row = place.maintenance.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
    return row == (0,)


@ONE
def test_a_list_of_checksums_is_asked_for(place: Place) -> None:
    taken = place.take()
    with pytest.raises(BackupFailed, match="cannot be read"):
        place.prove(replace(taken, path=f"{taken.path}.other"))
    assert archive.size(Path(taken.path)) == taken.bytes
