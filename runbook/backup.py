"""The backup before the rollback: the procedure's ``pg_dump -F c``, private, watched and checked."""

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import scalar_row, tuple_row

import sql
from runbook import archive, programs, shell
from runbook.archive import check, verify_checksum
from runbook.errors import BackupFailed, DatabaseUnavailable, ProgramFailed
from runbook.models import Backup, Identity
from runbook.programs import binaries
from runbook.settings import Settings

__all__ = ["binaries", "check", "check_folder", "estimate", "take", "verify_checksum"]

APPLICATION = "rollback-backup"
"""What pg_dump calls itself in pg_stat_activity."""
START_SECONDS = 30.0
"""How long pg_dump may take to connect and to take its snapshot."""
LOCK_WAIT = "30s"
"""How long pg_dump may wait for a table that somebody holds exclusively."""
PROGRESS_SECONDS = 1.0
POLL_SECONDS = 0.05

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


def take(
    settings: Settings,
    identity: Identity,
    *,
    monitor: Connection,
    on_progress: Callable[[int], None],
    on_started: Callable[[], None],
) -> Backup:
    """Dump the database of libpq's environment, check the dump, and give it its name only then.

    ``on_progress`` gets the bytes written, about every second. ``on_started`` is called once, as soon as pg_dump holds
    its one connection and its snapshot (seen over ``monitor``), or at its end where it was faster than that. Both are
    called in the caller's thread; what they raise ends the dump. Raises BackupFailed, ProgramMissing or
    DatabaseUnavailable; no half file is left.
    """
    began, path = time.monotonic(), _name(settings.backup_dir.absolute())
    program, part = programs.binaries(identity.major, settings) / "pg_dump", path.with_name(f"{path.name}.part")
    try:
        _claim(part)
        _dump(program, part, monitor, on_progress, on_started)
        contents = check(part, settings, identity.major)
        if contents.database != identity.database:
            raise BackupFailed(f"pg_dump dumped the database {contents.database}, not {identity.database}.")
        _seal(part, path, contents.sha256)
    except OSError as error:
        raise BackupFailed(f"The backup {path} cannot be written: {error.strerror}.") from None
    finally:
        for rest in [part] if path.exists() else [part, archive.sidecar(path)]:
            rest.unlink(missing_ok=True)
    size, seconds = path.stat().st_size, time.monotonic() - began
    log.info("backup %s: %d bytes, %d entries, %.1f s", path, size, contents.entries, seconds)
    return Backup(str(path), size, contents.sha256, contents.entries, seconds)


def _name(folder: Path) -> Path:
    """Return the procedure's name for a backup taken now, in local time as ``date`` gives it."""
    path = folder / time.strftime("backup_before_rollback_%Y%m%d_%H%M%S.dump")
    if path.exists():
        raise BackupFailed(f"There is a backup {path} already.", "Try again in a second.")
    return path


def _claim(part: Path) -> None:
    """Make an empty private file; pg_dump, which would ask the umask, then keeps its mode."""
    part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, archive.PRIVATE))


def _dump(
    program: Path, part: Path, monitor: Connection, on_progress: Callable[[int], None], on_started: Callable[[], None]
) -> None:
    """Run pg_dump in a thread, and watch it in this one."""
    words = ("--format=custom", "--no-password", f"--lock-wait-timeout={LOCK_WAIT}", f"--file={part}")
    with ThreadPoolExecutor(1) as pool:
        # The name is given in the connection string, for a service file would overrule PGAPPNAME.
        dump = pool.submit(shell.run, program, *words, f"--dbname=application_name={APPLICATION}", env={"LC_ALL": "C"})
        try:
            _watch(dump, part, monitor, on_progress, on_started)
        except BaseException:
            _end(dump, monitor)
            raise
    try:
        dump.result()
    except ProgramFailed as error:
        raise BackupFailed(
            f"The backup was not taken: {error.problem}", "Mend what pg_dump complains about, then try again."
        ) from None


def _watch(
    dump: Future[str],
    part: Path,
    monitor: Connection,
    on_progress: Callable[[int], None],
    on_started: Callable[[], None],
) -> None:
    """Report start and progress until pg_dump ends. Raises BackupFailed when it does not get started."""
    due = time.monotonic() + START_SECONDS
    while not wait([dump], timeout=POLL_SECONDS).done and not _has_snapshot(monitor):
        if time.monotonic() > due:
            raise BackupFailed(
                f"pg_dump was not seen to start within {START_SECONDS:g} s on the database of this run.",
                "See that PGHOST and PGSERVICE lead pg_dump to the same server, and that a connection is free.",
            )
    if dump.done() and dump.exception():
        return
    on_started()
    while not wait([dump], timeout=PROGRESS_SECONDS).done:
        on_progress(part.stat().st_size)
    on_progress(part.stat().st_size)


def _has_snapshot(monitor: Connection) -> bool:
    """Return whether pg_dump has connected and taken its snapshot."""
    try:
        with monitor.cursor(row_factory=tuple_row) as cursor:
            cursor.execute("SELECT pg_catalog.pg_stat_clear_snapshot()")
            return any(snapshot for _, snapshot in cursor.execute(sql.query("backup_session")))
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"The backup cannot be watched any more: {error}") from None


def _end(dump: Future[str], monitor: Connection) -> None:
    """End pg_dump by ending its session. Where that cannot be said any more, wait until pg_dump ends by itself."""
    while not wait([dump], timeout=POLL_SECONDS).done:
        try:
            with monitor.cursor(row_factory=tuple_row) as cursor:
                cursor.execute("SELECT pg_catalog.pg_stat_clear_snapshot()")
                for pid, _ in cursor.execute(sql.query("backup_session")).fetchall():
                    cursor.execute("SELECT pg_catalog.pg_terminate_backend(%s)", [pid])
        except psycopg.Error as error:
            log.warning("pg_dump could not be ended and runs to its end: %s", error)
            wait([dump])


def _seal(part: Path, path: Path, sha256: str) -> None:
    """Bring the dump to the disk, note its checksum, and give it its name: all of it survives a power cut."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    archive.write_checksum(path, sha256)
    part.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
