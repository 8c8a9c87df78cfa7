"""The backup, taken from a real server with its own programs."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runbook import shell
from runbook.safekeeping import backup, checksums, dump
from tests import backups
from tests.backups import LONG, ONE, RANDOM, Connection, Place
from tests.databases import Database


@pytest.fixture
def place(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with backups.place(transformed, tmp_path, monkeypatch) as at:
        yield at


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
    listed = [line for line in checksums.sidecar(path).read_text().splitlines() if not line.startswith("# ")]
    assert len(listed) == len(files)


@pytest.mark.parametrize("jobs", [1, 3])
def test_as_many_sessions_dump_as_are_set(place: Place, jobs: int) -> None:
    place.conn.execute(RANDOM)
    seen: set[int] = set()
    wanted = 1 if jobs == 1 else jobs + 1
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rollback-backup'"

    def look() -> None:
        [number] = place.conn.execute(count).fetchone() or [0]
        seen.add(number)

    several = Place(place.conn, place.identity, place.settings.model_copy(update={"dump_jobs": jobs}))
    for _ in range(5):  # a dump this small may be over before anybody looks
        taken = several.take(on_started=look)
        assert taken.jobs == jobs
        if wanted in seen:
            break
        time.sleep(1)  # the next one's name is of another second
    assert max(seen) == wanted


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
