"""A backup that is interrupted or killed leaves nothing, or is named."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from runbook.errors import BackupFailed
from runbook.planning import obstacles
from runbook.safekeeping import backup, dump, means, programs
from tests import backups, waiting
from tests.backups import LONG, ONE, Place
from tests.databases import Database


@pytest.fixture
def place(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with backups.place(transformed, tmp_path, monkeypatch) as at:
        yield at


@ONE
def test_an_interrupt_ends_pg_dump_with_its_workers_and_leaves_nothing(place: Place) -> None:
    place.conn.execute(LONG)
    before: list[int] = []

    def interrupt() -> None:
        before.append(backups.sessions(place.conn))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.take(on_started=interrupt)
    assert before == [programs.jobs(place.settings) + 1]
    assert place.left() == [] and backups.sessions(place.conn) == 0


@ONE
def test_a_killed_pg_dump_leaves_nothing(place: Place) -> None:
    place.conn.execute(LONG)
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rollback-backup'"
    with pytest.raises(BackupFailed, match="not taken"):
        place.take(on_started=lambda: place.conn.execute(kill))
    assert place.left() == [] and backups.sessions(place.conn) == 0


@ONE
def test_a_table_that_is_locked_for_long_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump, "LOCK_WAIT", "200ms")
    with psycopg.connect() as other, pytest.raises(BackupFailed, match="LOCK TABLE public"):
        other.execute("LOCK TABLE public.messages IN ACCESS EXCLUSIVE MODE")
        place.take()
    assert place.left() == []


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
    waiting.until(lambda: backups.sessions(place.conn) == 0)
    subprocess.run(["sh", "-ec", line.partition("(")[2].partition(")")[0]], check=True)  # what it says
    assert place.left() == [] and not any("half a backup" in line for line in _warnings(place))


def _warnings(place: Place) -> list[str]:
    return obstacles.of_backup(place.conn, means.draw(place.conn, "auto", place.settings), place.settings)
