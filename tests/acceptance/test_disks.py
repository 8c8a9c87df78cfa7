"""The server on disks of its own: is sharing blocks seen, does a copy cost nothing there, and what of a full disk."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runbook import connections, settings
from runbook import database as door
from runbook.barrier import fence
from runbook.outlook import Means
from runbook.safekeeping import means, serverdisk, snapshot
from tests import application, disks, runbook_runs, servers
from tests.databases import ALL, Database, Templates

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("prefect"), pytest.mark.pg("18")]
FILLING = "CREATE TABLE filling AS SELECT repeat(md5(g::text), 30) AS t FROM generate_series(1, 200000) AS g"
USERS = "SELECT md5(string_agg(u::text, '' ORDER BY id)) FROM users u"
FILLED = 200_000_000
"""Bytes of that table, about."""


@contextmanager
def transformed_on(folder: Path) -> Iterator[Database]:
    """Lend a large transformed database on a server whose files lie in ``folder``."""
    running = servers.start("18", root=folder)
    try:
        with Templates(running).copy(messages=50, forward=ALL) as copy, copy.connect() as conn:
            conn.execute(FILLING)
            conn.execute("CHECKPOINT")
            conn.close()
            yield copy
    finally:
        running.stop()


def used(folder: Path) -> int:
    """Return the bytes in use on the filesystem of ``folder``."""
    found = os.statvfs(folder)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def chosen() -> Means:
    with door.connect() as conn:
        return means.draw(conn, "auto", settings.load())


def test_a_disk_that_shares_blocks_is_seen_and_a_copy_takes_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with disks.xfs(1200, reflink=True) as folder, transformed_on(folder) as database:
        runbook_runs.aim(monkeypatch, database, tmp_path)
        found = chosen()
        assert (found.method, found.clone) == ("snapshot", True)
        assert "shares its blocks with the original (xfs)" in found.way.remark
        with runbook_runs.begun() as (run, _):
            fence.close(run.gate, run.side, run.pids)
            connections.stay_alone(run)
            before = used(folder)
            taken = snapshot.take(run.work, run.gate, clone=True)
            assert used(folder) - before < FILLED / 10
            fence.open_up(run.gate, database.dbname)
        with database.server.connect() as admin:
            admin.execute(f"ALTER DATABASE {taken.database} ALLOW_CONNECTIONS true")
        assert Database(database.server, taken.database).checksums() == database.checksums()


def test_a_disk_that_fills_up_leaves_everything_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with disks.xfs(700, reflink=False) as folder, transformed_on(folder) as database:
        runbook_runs.aim(monkeypatch, database, tmp_path)
        found = chosen()
        assert (found.method, found.clone) == ("dump", False)
        assert "free, a copy needs" in found.why
        # Somebody declares room that is not there: only the copy itself finds out.
        monkeypatch.setenv("ROLLBACK_SNAPSHOT_ROOM_GB", "100")
        with application.running(tmp_path, database, monkeypatch) as deployed:
            rows, before = database.value(USERS), used(folder)
            state = runbook_runs.run(previous_tag="v1")
            assert state.name == "Failed"
            assert "No space left on device" in str(state.message)
            assert "backup 'dump'" in str(state.message)
            assert deployed.answers() == {"backend v2 works", "frontend v2 works"}
            assert database.value(USERS) == rows
            assert database.value("SELECT count(*) FROM pg_database WHERE datname LIKE '%before_rollback%'") == 0
            assert used(folder) - before < FILLED / 10
            again = runbook_runs.run(previous_tag="v1", backup="dump")
            assert again.is_completed(), again.message


def test_a_server_elsewhere_tells_nothing_of_its_disk(transformed: Database, tmp_path: Path) -> None:
    with transformed.connect() as conn:
        assert serverdisk.look(conn) is not None
        # Where the same path lies on this machine and on the server's, the control file tells one from the other.
        identifier = conn.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
        folder = conn.execute("SHOW data_directory").fetchone()
        assert identifier and folder
        assert serverdisk._is(Path(folder[0]), identifier[0])
        assert not serverdisk._is(Path(folder[0]), identifier[0] + 1)
        assert not serverdisk._is(tmp_path, identifier[0])
        conn.execute("CREATE ROLE nosy; SET ROLE nosy")
        assert serverdisk.look(conn) is None
        conn.execute("RESET ROLE; DROP ROLE nosy")


def test_a_disk_without_shared_blocks_is_seen() -> None:
    with disks.xfs(reflink=False) as folder:
        found = serverdisk._of([folder])
    assert (found.copies_on_write, found.filesystem) == (False, "xfs")
    assert 0 < found.free_bytes < disks.SMALLEST * 1024**2
