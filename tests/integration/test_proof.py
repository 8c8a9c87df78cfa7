"""The proof of a backup: really restored, really compared, on real servers."""

import gzip
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runbook.errors import BackupFailed
from runbook.safekeeping import archive, proof
from tests import proofs
from tests.databases import Database
from tests.proofs import GZIP, ONE, Place


@pytest.fixture
def place(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with proofs.place(transformed, tmp_path, monkeypatch) as at:
        yield at


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


@GZIP
def test_a_changed_row_is_found(place: Place) -> None:
    place.conn.execute("UPDATE users SET full_name = 'Grace Hopper' WHERE id = (SELECT id FROM users LIMIT 1)")
    taken = place.take()
    proofs.rewritten(place.file(taken, "users"), b"Grace Hopper", b"Grace Hoppes")
    proofs.seal(taken)
    proofs.refused(place, taken, "1 difference.", "public.users:", "and other values in them")


@GZIP
def test_a_missing_row_is_found(place: Place) -> None:
    taken = place.take()
    file = place.file(taken, "messages")
    first = gzip.decompress(file.read_bytes()).partition(b"\n")[0]
    proofs.rewritten(file, first + b"\n", b"")
    proofs.seal(taken)
    [count] = place.conn.execute("SELECT count(*) FROM messages").fetchone() or [0]
    proofs.refused(place, taken, "1 difference.", f"public.messages: {count} rows, restored {count - 1}")


def test_a_missing_table_is_found(place: Place) -> None:
    taken = place.take()
    subprocess.run(["rm", "-r", taken.path], check=True)
    place.conn.execute("CREATE TABLE lonely AS SELECT 1 AS id")
    done = place.database.program("pg_dump", "-Fd", "-f", taken.path, "--exclude-table=lonely")
    assert done.returncode == 0, done.stderr
    proofs.seal(taken)
    proofs.refused(place, taken, "1 difference.", "public.lonely is missing in the restored database")


def test_a_cut_file_is_found_even_where_its_checksum_was_taken_later(place: Place) -> None:
    taken = place.take()
    file = max(Path(taken.path).glob("*.dat.*"), key=lambda one: one.stat().st_size)
    os.truncate(file, file.stat().st_size // 2)
    with pytest.raises(BackupFailed, match=f"{file.name} has changed"):
        place.prove(taken)
    proofs.seal(taken)
    proofs.refused(place, taken, taken.path)


@ONE
def test_a_database_that_is_not_there_is_said(place: Place) -> None:
    taken = place.take()
    with pytest.raises(BackupFailed, match="no database nowhere to compare"):
        proof.prove(place.settings, place.maintenance, taken, "nowhere")


@ONE
def test_a_list_of_checksums_is_asked_for(place: Place) -> None:
    taken = place.take()
    with pytest.raises(BackupFailed, match="cannot be read"):
        place.prove(replace(taken, path=f"{taken.path}.other"))
    assert archive.size(Path(taken.path)) == taken.bytes
