"""The backup before the rollback: a dump that is private, watched, checked, and compressed by several hands."""

import fcntl
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import scalar_row

import sql
from runbook.errors import BackupFailed
from runbook.models import Identity
from runbook.safekeeping import checksums, compression, dump, naming, programs
from runbook.safekeeping.archive import Contents, check
from runbook.safekeeping.checksums import verify as verify_checksum
from runbook.safekeeping.dump import APPLICATION, Dump
from runbook.safekeeping.kept import Backup
from runbook.safekeeping.programs import binaries
from runbook.settings import Settings

__all__ = ["APPLICATION", "binaries", "check", "check_folder", "estimate", "leftovers", "take", "verify_checksum"]

NAME = "backup_before_rollback_%Y%m%d_%H%M%S"
"""How the procedure's name for it begins, in local time as ``date`` gives it; database and incident follow."""
PART = ".part"

Connection = psycopg.Connection[Any]
log = logging.getLogger(__name__)


def estimate(conn: Connection) -> int:
    """Return how large a backup of this database can become at most, in bytes."""
    with conn.cursor(row_factory=scalar_row) as cursor:
        return int(cursor.execute(sql.query("backup_size")).fetchone() or 0)


def check_folder(settings: Settings, needed_bytes: int) -> None:
    """Make the folder for backups, write a file there, and see that there is room. Raises BackupFailed."""
    folder = settings.backup_dir.absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"probe")
            probe.flush()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise BackupFailed(
            f"The folder for backups {folder} cannot be written to: {error.strerror}.",
            "Give this user the right to write there, or set ROLLBACK_BACKUP_DIR.",
        ) from None
    if free < needed_bytes:
        raise BackupFailed(
            f"The folder for backups {folder} has {free / 1e6:.0f} MB free; the backup may need "
            f"{needed_bytes / 1e6:.0f} MB.",
            "Make room, or set ROLLBACK_BACKUP_DIR to a folder on a larger disk.",
        )


def leftovers(settings: Settings) -> list[str]:
    """Name the halves of backups that killed runs left, each with what to do; those still being written are not."""
    return [
        f"{part} is half a backup, left by a run that was killed: remove it (rm -r {part})."
        for part in sorted(settings.backup_dir.absolute().glob(f"backup_before_rollback_*.dump{PART}"))
        if not _is_written(part)
    ]


def take(
    settings: Settings,
    identity: Identity,
    *,
    monitor: Connection,
    on_progress: Callable[[int], None],
    on_started: Callable[[], None],
    database: str | None = None,
    incident: str = "",
) -> Backup:
    """Dump a database of the server, check the dump, and give it its name only then.

    ``database`` is the one of libpq's environment unless another is named, such as its copy; what is kept says that it
    is of ``identity``'s database, and for which ``incident`` it was taken. ``monitor`` is any
    connection to the server. ``on_progress`` gets the bytes written, about every second. ``on_started`` is called once,
    as soon as pg_dump holds all its connections and the one snapshot they share (seen over ``monitor``), or at its end
    where it was faster than that. Both are called in the caller's thread; what they raise ends the dump. Raises
    BackupFailed, ProgramMissing or DatabaseUnavailable; no half dump is left.
    """
    naming.check(identity.database)
    began, name = time.monotonic(), database or identity.database
    path = _name(settings.backup_dir.absolute(), identity.database, incident)
    folder, jobs = programs.binaries(identity.major, settings), programs.jobs(settings)
    method = compression.best(folder)
    try:
        with _claimed(path) as part:
            wanted = Dump(folder / "pg_dump", name, part, jobs, method, monitor, database or "")
            dump.take(wanted, on_progress, on_started)
            contents = _checked(part, settings, identity.major, name)
            facts = {"database": identity.database, "dumped as": name, "incident": incident}
            facts |= {"server": str(identity.major), "restore with": str(folder / "pg_restore")}
            sha256 = _seal(part, path, contents, facts)
    except OSError as error:
        raise BackupFailed(f"The backup {path} cannot be written: {error.strerror}.") from None
    seconds = time.monotonic() - began
    log.info(
        "backup %s: %d bytes, %d entries, %s, %d job(s), %.1f s",
        *(path, contents.bytes, contents.entries, method, jobs, seconds),
    )
    return Backup(str(path), contents.bytes, sha256, contents.entries, seconds, jobs, method, name, str(folder))


def _name(folder: Path, database: str, incident: str) -> Path:
    """Return the procedure's name for a backup taken now, with what it is of."""
    path = folder / f"{'_'.join(filter(None, [time.strftime(NAME), naming.part(database), incident]))}.dump"
    if path.exists() or checksums.sidecar(path).exists():
        raise BackupFailed(f"There is a backup {path} already.", "Try again in a second.")
    return path


@contextmanager
def _claimed(path: Path) -> Iterator[Path]:
    """Make an empty private folder, held as long as it is written to; it is gone unless it got its name in the end."""
    part = path.with_name(f"{path.name}{PART}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part.mkdir(mode=0o700)
    held = os.open(part, os.O_RDONLY)
    try:
        with suppress(OSError):  # a network's filesystem may not know locks
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield part
    finally:
        os.close(held)
        shutil.rmtree(part, ignore_errors=True)
        if not path.exists():
            checksums.sidecar(path).unlink(missing_ok=True)


def _is_written(part: Path) -> bool:
    """Return whether a living process holds this folder."""
    try:
        held = os.open(part, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(held)
    return False


def _checked(part: Path, settings: Settings, major: int, database: str) -> Contents:
    contents = check(part, settings, major)
    if contents.database != database:
        raise BackupFailed(f"pg_dump dumped the database {contents.database}, not {database}.")
    return contents


def _seal(part: Path, path: Path, contents: Contents, facts: Mapping[str, str]) -> str:
    """Bring the dump to the disk, note its checksums, and give it its name: all of it survives a power cut."""
    for file in part.iterdir():
        file.chmod(checksums.PRIVATE)
        _sync(file)
    _sync(part)
    sha256 = checksums.write(path, contents.sums, facts)
    part.rename(path)
    _sync(path.parent)
    return sha256


def _sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
