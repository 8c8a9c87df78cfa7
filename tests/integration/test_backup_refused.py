"""A backup that is not whole is refused, and so is a place where none can be taken."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runbook import shell
from runbook.errors import BackupFailed, ProgramMissing
from runbook.safekeeping import backup, checksums, programs
from runbook.settings import Settings
from tests import backups
from tests.backups import ONE, RANDOM, Place
from tests.databases import Database


@pytest.fixture
def place(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with backups.place(transformed, tmp_path, monkeypatch) as at:
        yield at


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


def _stand_in(folder: Path, major: int, *, sets_more: bool = False) -> Path:
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        sets = f"echo 'SET lock_timeout = 0;\nSET new_in_{major} = 0;'" if sets_more else "echo 'SET lock_timeout = 0;'"
        version = f"echo '{name} (PostgreSQL) {major}.1'"
        (folder / name).write_text(f'#!/bin/sh\n[ "$1" = --version ] && {version} || {sets}\n')
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
    with caplog.at_level("INFO"):
        assert backup.binaries(20, Settings()) == tmp_path / "on21"
    assert "is newer than the server (20)" in caplog.text


def test_a_newer_pair_that_sets_what_this_server_may_not_know_is_refused(tmp_path: Path) -> None:
    newer = _stand_in(tmp_path / "on23", 23, sets_more=True)
    assert backup.binaries(23, Settings(pg_bin=newer)) == newer
    with pytest.raises(ProgramMissing, match="sets new_in_23, which a server 22 does not know"):
        backup.binaries(22, Settings(pg_bin=newer))


def test_programs_that_are_too_old_are_named(tmp_path: Path) -> None:
    old = _stand_in(tmp_path / "old", 13)
    with pytest.raises(
        ProgramMissing, match=rf"fit this server \(16\) are needed in ROLLBACK_PG_BIN .*13 in {old} \(too old\)"
    ):
        backup.binaries(16, Settings(pg_bin=old))
    with pytest.raises(ProgramMissing, match="found: none"):
        backup.binaries(16, Settings(pg_bin=tmp_path))


def test_programs_are_found_on_this_machine_for_the_embedded_servers() -> None:
    for major in (16, 18):
        folder = backup.binaries(major, Settings())
        assert f" {major}." in shell.run(folder / "pg_restore", "--version")
