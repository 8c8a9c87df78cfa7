"""A rehearsal that was killed, or whose programs died: the next one takes up what it left; nothing else is touched."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runbook.errors import CloneFailed, RehearsalRefused, RollbackError
from runbook.rehearsing import cleaning, clone, marks, masking, resting
from tests import disks, rehearsal, servers, waiting
from tests.databases import Database
from tests.faults.stage import stands_alone
from tests.rehearsal import STAGING, Stage

pytestmark = pytest.mark.pg("18")

DOOMED = "from runbook import settings; from runbook.rehearsing import clone; clone.make(settings.load())"


@pytest.mark.parametrize("way", ["stream", "file"])
def test_a_clone_killed_half_way_is_dropped_by_the_next(
    way: str, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLBACK_TARGET", "staging")
    monkeypatch.setenv("ROLLBACK_REHEARSAL_SOURCE", stage.production.conninfo)
    monkeypatch.setenv("ROLLBACK_REHEARSAL_WAY", way)
    monkeypatch.setenv("ROLLBACK_BACKUP_DIR", str(stage.folder / "backups"))
    monkeypatch.setenv("ROLLBACK_PG_BIN", str(stage.staging.server.folder))
    waits = "SELECT count(*) FROM pg_locks WHERE relation = 'messages'::regclass AND NOT granted"
    with stage.production.connect(autocommit=False) as holder, stage.production.connect() as looking:
        holder.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")  # pg_dump waits for it
        doomed = subprocess.Popen([sys.executable, "-c", DOOMED], start_new_session=True)
        try:
            waiting.until(lambda: bool((looking.execute(waits).fetchone() or [0])[0]), seconds=60)
        finally:
            os.killpg(doomed.pid, signal.SIGKILL)
            doomed.wait()
    found = stage.databases()[f"{STAGING}_incoming"]
    assert found and '"state": "raw"' in found
    halves = list((stage.folder / "backups").glob("rehearsal_*.dump"))
    assert len(halves) == (1 if way == "file" else 0)

    made = clone.make(stage.settings())

    assert made.bytes > 1_000_000 and not any(path.exists() for path in halves)
    assert cleaning.clean_up(stage.settings()).dropped == [f"{STAGING}_incoming"]


def test_a_clone_killed_before_it_was_marked_is_known_all_the_same(stage: Stage) -> None:
    with stage.staging.server.connect() as admin:
        admin.execute(f"CREATE DATABASE {STAGING}_incoming ALLOW_CONNECTIONS false CONNECTION LIMIT {marks.UNBORN}")
    assert cleaning.clean_up(stage.settings()).dropped == [f"{STAGING}_incoming"]


def test_a_rehearsal_killed_while_the_clone_stood_is_put_right_by_the_next(stage: Stage) -> None:
    first = stage.run()
    second = clone.make(stage.settings())
    assert first.run != second.run
    assert set(stage.databases()) == {STAGING, f"{STAGING}_incoming"}
    assert stage.staging.value("SELECT id FROM was_here") == 1
    with pytest.raises(CloneFailed, match="not the clone of this rehearsal"):
        masking.mask(stage.settings(), first)
    with pytest.raises(CloneFailed, match="not the masked clone"):
        resting.take_name(stage.settings(), second)
    masking.mask(stage.settings(), second)
    masking.mask(stage.settings(), second)  # done already
    resting.take_name(stage.settings(), second)
    assert resting.take_name(stage.settings(), second).resting == f"{STAGING}_resting"
    assert masking.mask(stage.settings(), second).rows == 0  # a step that is tried again
    cleaning.clean_up(stage.settings())


@pytest.mark.parametrize("side", ["pg_dump", "pg_restore"])
def test_each_side_of_a_broken_stream_is_told(side: str, stage: Stage) -> None:
    def hang_up(step: str, size: int, of: int) -> None:
        where = stage.production if side == "pg_dump" else stage.staging
        application = "rollback-backup" if side == "pg_dump" else "rollback-rehearsal"
        ended = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = %s AND state = 'active' AND query LIKE 'COPY %%much%%'"
        )
        with where.server.connect() as admin:
            waiting.until(lambda: bool(admin.execute(ended, [application]).fetchall()), seconds=30)

    with stage.production.connect() as conn:  # enough to be in the middle of it
        conn.execute(
            "CREATE TABLE much AS SELECT n, repeat(md5(n::text), 20) AS words FROM generate_series(1, 200000) n"
        )
    with pytest.raises(CloneFailed) as caught:
        clone.make(stage.settings(rehearsal_way="stream"), hang_up)
    said = str(caught.value)
    assert "pg_dump ended with" in said and "pg_restore ended with" in said and "terminat" in said, said


def test_a_clone_that_is_called_off_leaves_nothing(stage: Stage) -> None:
    def stop(step: str, size: int, of: int) -> None:
        raise KeyboardInterrupt

    for way in ("stream", "file"):
        with pytest.raises(KeyboardInterrupt):
            clone.make(stage.settings(rehearsal_way=way), stop)
        assert stands_alone(stage)
        assert list((stage.folder / "backups").glob("*")) == []


def test_a_dump_that_was_cut_off_leaves_nothing(stage: Stage) -> None:
    path = stage.folder / "production.dump"
    assert stage.production.program("pg_dump", "-Fc", "-f", str(path)).returncode == 0
    path.write_bytes(path.read_bytes()[: -path.stat().st_size // 10])
    with pytest.raises(CloneFailed, match="was not restored"):
        clone.make(stage.settings(rehearsal_dump=path))
    assert path.exists()


@pytest.mark.system
def test_a_staging_without_room_is_left_as_it_is(
    transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with disks.xfs(reflink=False) as disk:
        small = servers.start("18", disk)
        try:
            with (
                rehearsal.staged(transformed, small, tmp_path, monkeypatch) as stage,
                stage.production.connect() as conn,
            ):
                conn.execute(
                    "CREATE TABLE much AS SELECT n, repeat(md5(n::text), 40) AS words FROM generate_series(1, 300000) n"
                )
                before = stage.databases()
                with pytest.raises(CloneFailed, match="disk has"):
                    clone.make(stage.settings())
                # Where nobody may look at the disk, PostgreSQL finds out itself.
                monkeypatch.setattr("runbook.safekeeping.serverdisk.look", lambda conn: None)
                with pytest.raises(RollbackError) as caught:
                    clone.make(stage.settings())
                assert "Make room" in caught.value.remedy, str(caught.value)
                assert stage.databases() == before
                with pytest.raises(RehearsalRefused):
                    clone.make(stage.settings(target="production"))
        finally:
            small.stop()
