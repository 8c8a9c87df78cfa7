"""The backup, taken from a real server with its own programs."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runbook import shell
from runbook.errors import BackupFailed, ProgramMissing
from runbook.models import Identity
from runbook.planning import obstacles
from runbook.request import RollbackRequest
from runbook.safekeeping import backup, checksums, dump, programs
from runbook.safekeeping.kept import Backup
from runbook.settings import Settings
from tests import runbook_runs, waiting
from tests.databases import Database

Connection = psycopg.Connection[Any]
ONE = pytest.mark.pg("16")
"""What does not depend on the server's version is tried on one."""
RANDOM = "CREATE TABLE random AS SELECT g, sha512(g::text::bytea) FROM generate_series(1, 100000) g"
LONG = "CREATE TABLE long AS SELECT g, sha512(g::text::bytea) FROM generate_series(1, 400000) g"
"""What takes pg_dump a second or so."""


@dataclass(frozen=True)
class Place:
    """A transformed database, with libpq's environment set to it."""

    conn: Connection
    identity: Identity
    settings: Settings

    def take(self, **calls: Any) -> Backup:
        silent = {"on_progress": lambda _: None, "on_started": lambda: None}
        return backup.take(self.settings, self.identity, monitor=self.conn, **(silent | calls))

    def left(self) -> list[Path]:
        return sorted(self.settings.backup_dir.glob("*"))


@pytest.fixture
def place(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name, value in transformed.env.items():
        monkeypatch.setenv(name, value)
    with transformed.connect() as conn:
        identity = Identity(1, transformed.dbname, conn.info.server_version)
        yield Place(conn, identity, Settings(backup_dir=tmp_path / "backups"))


def _rows(conn: Connection) -> dict[str, object]:
    """Return a number and a hash of the rows of each table."""
    tables = conn.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    count = "SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM {} t"
    return {name: conn.execute(count.format(name)).fetchone() for (name,) in tables.fetchall()}


def test_a_backup_is_private_listed_and_sealed(place: Place) -> None:
    taken = place.take()
    path = Path(taken.path)
    assert [p.stat().st_mode & 0o777 for p in (path.parent, path, checksums.sidecar(path))] == [0o700, 0o700, 0o600]
    assert place.left() == [path, checksums.sidecar(path)]
    files = list(path.iterdir())
    assert {p.stat().st_mode & 0o777 for p in files} == {0o600}
    assert taken.entries >= 6 and taken.bytes == sum(file.stat().st_size for file in files)
    assert backup.verify_checksum(path) == taken.sha256
    subprocess.run(["sha256sum", "--check", "--strict", f"{path.name}.sha256"], cwd=path.parent, check=True)
    assert len(checksums.sidecar(path).read_text().splitlines()) == len(files)


@pytest.mark.parametrize("jobs", [1, 3])
def test_as_many_sessions_dump_as_are_set(place: Place, jobs: int) -> None:
    place.conn.execute(RANDOM)
    seen: set[int] = set()
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rollback-backup'"

    def look() -> None:
        [number] = place.conn.execute(count).fetchone() or [0]
        seen.add(number)

    several = Place(place.conn, place.identity, place.settings.model_copy(update={"dump_jobs": jobs}))
    taken = several.take(on_started=look)
    assert taken.jobs == jobs and seen == {1 if jobs == 1 else jobs + 1}


def test_the_best_method_that_the_programs_know_compresses(place: Place) -> None:
    taken = place.take()
    # Debian's 15 knows gzip alone, and so do the builds of 16 and 18; the one of 17 knows all.
    best = "zstd" if place.identity.major == 17 else "gzip"
    assert taken.compression == best
    suffixes = {file.suffix for file in Path(taken.path).iterdir()}
    assert suffixes == {".dat", ".zst" if best == "zstd" else ".gz"}


def test_another_database_is_dumped_where_it_is_named(place: Place, new_database: Callable[..., Database]) -> None:
    copy = new_database()
    with copy.connect() as conn:
        conn.execute("CREATE TABLE only_here AS SELECT 1 AS id")
    taken = place.take(database=copy.dbname)
    assert taken.database == copy.dbname
    restore = backup.binaries(place.identity.major, place.settings) / "pg_restore"
    assert "only_here" in shell.run(restore, "--list", taken.path)


def test_a_backup_restores_into_an_empty_database(place: Place, new_database: Callable[..., Database]) -> None:
    taken, scratch = place.take(), new_database(messages=None)
    folder = backup.binaries(place.identity.major, place.settings)
    shell.run(folder / "pg_restore", "--exit-on-error", f"--dbname={scratch.dbname}", taken.path)
    with scratch.connect() as restored:
        found = _rows(restored)
    assert len(found) >= 20 and found == _rows(place.conn)


@ONE
def test_the_estimate_is_an_upper_bound_for_rows_that_do_not_compress(place: Place) -> None:
    place.conn.execute(RANDOM)
    empty = 16_777_216
    assert 6_400_000 < place.take().bytes < backup.estimate(place.conn) - empty


def test_nobody_else_can_connect_once_all_its_sessions_are_there_and_the_dump_goes_on(place: Place) -> None:
    seen: list[int] = []
    during: list[tuple[Any, ...]] = []
    place.conn.execute(LONG)
    place.conn.execute("CREATE TABLE zebra AS SELECT 1 AS id")
    running = "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'rollback-backup'"

    with psycopg.connect(dbname="postgres", autocommit=True) as admin:
        allow = f"ALTER DATABASE {place.identity.database} WITH ALLOW_CONNECTIONS {{}}"

        def close() -> None:
            admin.execute(allow.format("false"))
            place.conn.execute("INSERT INTO zebra VALUES (0)")
            during.extend(admin.execute(running))

        taken = place.take(on_started=close, on_progress=seen.append)
        admin.execute(allow.format("true"))
    assert during == [(True,)], "the dump was through before the fence closed: the table is too small for this test"
    assert seen[-1] == taken.bytes and taken.seconds < dump.START_SECONDS
    restore = backup.binaries(place.identity.major, place.settings) / "pg_restore"
    rows = shell.run(restore, "--data-only", "--table=zebra", "--file=-", taken.path)
    assert "\n1\n" in rows and "\n0\n" not in rows, "0 was written after the snapshot"


@ONE
def test_it_is_called_in_the_callers_thread(place: Place) -> None:
    threads: set[threading.Thread] = set()
    place.take(
        on_started=lambda: threads.add(threading.current_thread()),
        on_progress=lambda _: threads.add(threading.current_thread()),
    )
    assert threads == {threading.current_thread()}


def _sessions(conn: Connection) -> int:
    row = conn.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rollback-backup'").fetchone()
    return int(row[0]) if row else 0


@ONE
def test_an_interrupt_ends_pg_dump_with_its_workers_and_leaves_nothing(place: Place) -> None:
    place.conn.execute(LONG)
    before: list[int] = []

    def interrupt() -> None:
        before.append(_sessions(place.conn))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.take(on_started=interrupt)
    assert before == [programs.jobs(place.settings) + 1]
    assert place.left() == [] and _sessions(place.conn) == 0


@ONE
def test_a_killed_pg_dump_leaves_nothing(place: Place) -> None:
    place.conn.execute(LONG)
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rollback-backup'"
    with pytest.raises(BackupFailed, match="not taken"):
        place.take(on_started=lambda: place.conn.execute(kill))
    assert place.left() == [] and _sessions(place.conn) == 0


@ONE
def test_a_table_that_is_locked_for_long_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump, "LOCK_WAIT", "200ms")
    with psycopg.connect() as other, pytest.raises(BackupFailed, match="LOCK TABLE public"):
        other.execute("LOCK TABLE public.messages IN ACCESS EXCLUSIVE MODE")
        place.take()
    assert place.left() == []


@ONE
def test_a_dump_of_another_database_is_refused(place: Place) -> None:
    other = Place(place.conn, replace(place.identity, database="another"), place.settings)
    with pytest.raises(BackupFailed, match=r"dumped the database test_\w+, not another"):
        other.take()
    assert place.left() == []


@ONE
def test_a_dump_without_the_tables_of_digitaltwin_is_refused(place: Place) -> None:
    place.conn.execute("ALTER TABLE public.conversations RENAME TO something")
    with pytest.raises(BackupFailed, match="no rows of conversations"):
        place.take()
    assert place.left() == []


@pytest.mark.pg("15", "17")  # gzip; and zstd, whose ends pg_restore does not look at
@pytest.mark.parametrize("lost", [1, 9, 1000, 0.5, 0.9999])
def test_a_truncated_dump_is_refused(place: Place, lost: float) -> None:
    place.conn.execute(RANDOM)
    path = Path(place.take().path)
    largest = max(path.iterdir(), key=lambda file: file.stat().st_size)
    size = largest.stat().st_size
    os.truncate(largest, int(size - lost if lost >= 1 else size * (1 - lost)))
    with pytest.raises(BackupFailed, match="cannot be read"):
        backup.check(path, place.settings, place.identity.major)


@pytest.mark.pg("15", "17")
def test_a_dump_is_refused_whichever_file_is_missing_or_cut(place: Place) -> None:
    path = Path(place.take().path)
    files = sorted(path.iterdir())
    assert len(files) > 20
    for file in files:
        whole = file.read_bytes()
        for rest in (whole[:-1], whole[: len(whole) // 2], whole[:11], whole[:5], whole[:1], b"", None):
            file.unlink()
            if rest is not None:
                file.write_bytes(rest)
            with pytest.raises(BackupFailed, match=r"cannot be read|no rows of"):
                backup.check(path, place.settings, place.identity.major)
            file.write_bytes(whole)
    backup.check(path, place.settings, place.identity.major)


@ONE
def test_a_changed_backup_is_noticed(place: Place) -> None:
    path = Path(place.take().path)
    rows = max(path.iterdir(), key=lambda file: file.stat().st_size)
    whole = rows.read_bytes()
    rows.write_bytes(whole[:-100] + b"x" * 10 + whole[-90:])
    with pytest.raises(BackupFailed, match=f"not what it was.*{rows.name} has changed"):
        backup.verify_checksum(path)
    rows.unlink()
    (path / "stray").touch()
    with pytest.raises(BackupFailed, match=f"stray is not in the list; {rows.name} is missing"):
        backup.verify_checksum(path)
    checksums.sidecar(path).unlink()
    with pytest.raises(BackupFailed, match="cannot be read"):
        backup.verify_checksum(path)


@ONE
def test_a_backup_that_is_being_written_is_not_called_half_a_one(place: Place) -> None:
    during: list[list[str]] = []
    place.take(on_started=lambda: during.append(backup.leftovers(place.settings)))
    assert during == [[]] and backup.leftovers(place.settings) == []


KILLED = """
import sys
import psycopg
from runbook.safekeeping import backup
from runbook.models import Identity
from runbook.settings import Settings
with psycopg.connect(autocommit=True) as conn:
    backup.take(Settings(), Identity(1, sys.argv[1], conn.info.server_version), monitor=conn,
                on_progress=lambda _: None, on_started=lambda: print("started", flush=True))
"""


@ONE
def test_the_plan_names_the_half_of_a_backup_that_was_killed(place: Place) -> None:
    place.conn.execute(LONG)
    env = os.environ | {"ROLLBACK_BACKUP_DIR": str(place.settings.backup_dir)}
    words = [sys.executable, "-c", KILLED, place.identity.database]
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "started\n"
        process.kill()
    [part] = place.left()
    [line] = [line for line in _warnings(place) if "half a backup" in line]
    assert line == f"{part} is half a backup, left by a run that was killed: remove it (rm -r {part})."
    waiting.until(lambda: _sessions(place.conn) == 0)
    subprocess.run(["sh", "-ec", line.partition("(")[2].partition(")")[0]], check=True)  # what it says
    assert place.left() == [] and not any("half a backup" in line for line in _warnings(place))


def _warnings(place: Place) -> list[str]:
    request = RollbackRequest.model_validate(runbook_runs.REQUEST)
    return obstacles.warnings(place.conn, request, place.settings, [])


@ONE
def test_a_server_that_is_gone_is_said(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PGHOST", str(tmp_path))
    with pytest.raises(BackupFailed, match="No such file or directory"):
        place.take()
    assert place.left() == []


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackupFailed, match="cannot be written to: Not a directory"):
        backup.check_folder(Settings(backup_dir=tmp_path / "file" / "backups"), 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@ONE
def test_a_disk_that_is_too_small_is_refused_before(place: Place, small_disk: Path) -> None:
    with pytest.raises(BackupFailed, match=r"has 2 MB free; the backup may need \d+ MB"):
        backup.check_folder(Settings(backup_dir=small_disk), backup.estimate(place.conn))


@ONE
def test_a_disk_that_gets_full_leaves_nothing(place: Place, small_disk: Path) -> None:
    place.conn.execute(RANDOM)
    full = Place(place.conn, place.identity, Settings(backup_dir=small_disk / "backups"))
    with pytest.raises(BackupFailed, match="No space left"):
        full.take()
    assert full.left() == []


def test_a_disk_that_is_read_only_is_refused(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(BackupFailed, match="Read-only file system"):
        backup.check_folder(Settings(backup_dir=small_disk), 0)


def _stand_in(folder: Path, major: int) -> Path:
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {major}.1'\n")
        (folder / name).chmod(0o755)
    return folder


def test_the_programs_of_the_servers_own_version_are_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for major in (19, 21):
        _stand_in(tmp_path / f"on{major}", major)
    folders = [tmp_path / "on21", tmp_path / "on19"]
    monkeypatch.setattr(programs, "_folders", lambda: iter(folders))
    assert backup.binaries(19, Settings()) == tmp_path / "on19"
    assert not [r for r in caplog.records if r.name == "runbook.safekeeping.programs"]
    assert backup.binaries(20, Settings()) == tmp_path / "on21"
    assert "is newer than the server (20)" in caplog.text


def test_programs_that_are_too_old_are_named(tmp_path: Path) -> None:
    old = _stand_in(tmp_path / "old", 13)
    with pytest.raises(ProgramMissing, match=f"16 or newer are needed in ROLLBACK_PG_BIN .*found: 13 in {old}"):
        backup.binaries(16, Settings(pg_bin=old))
    with pytest.raises(ProgramMissing, match="found: none"):
        backup.binaries(16, Settings(pg_bin=tmp_path))


def test_programs_are_found_on_this_machine_for_the_embedded_servers() -> None:
    for major in (16, 18):
        folder = backup.binaries(major, Settings())
        assert f" {major}." in shell.run(folder / "pg_restore", "--version")
