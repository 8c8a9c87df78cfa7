"""pg_dump at work: started, watched over another connection, and ended with all its sessions."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import tuple_row

import sql
from runbook import archive, compression, shell
from runbook.errors import BackupFailed, DatabaseUnavailable, ProgramFailed

APPLICATION = "rollback-backup"
"""What every session of pg_dump calls itself in pg_stat_activity."""
START_SECONDS = 60.0
"""How long pg_dump may take until all its sessions have the snapshot; longer than it may wait for a lock."""
LOCK_WAIT = "30s"
"""How long pg_dump may wait for a table that somebody holds exclusively."""
PROGRESS_SECONDS = 1.0
POLL_SECONDS = 0.05

Connection = psycopg.Connection[Any]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dump:
    """One dump to be taken: of which database, where to, and by what."""

    program: Path
    database: str
    folder: Path
    """Empty, and private."""
    jobs: int
    compression: str
    monitor: Connection
    """Any other connection to the server."""
    dbname: str = ""
    """What pg_dump is told to connect to; empty: nothing, so that libpq's environment decides."""

    @property
    def sessions(self) -> int:
        """How many sessions pg_dump has: workers come to its own where there is more than one job."""
        return self.jobs + 1 if self.jobs > 1 else 1


def take(dump: Dump, on_progress: Callable[[int], None], on_started: Callable[[], None]) -> None:
    """Run pg_dump in a thread, and watch it in this one. Raises BackupFailed, DatabaseUnavailable."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(shell.run, dump.program, *_words(dump), env={"LC_ALL": "C"})
        try:
            _watch(running, dump, on_progress, on_started)
        except BaseException:
            _end(running, dump)
            raise
    try:
        running.result()
    except ProgramFailed as error:
        raise BackupFailed(
            f"The backup was not taken: {error.problem}", "Mend what pg_dump complains about, then try again."
        ) from None


def _words(dump: Dump) -> list[str]:
    """Return pg_dump's arguments. The name is given in the connection string: a service file overrules PGAPPNAME."""
    named = {"dbname": dump.dbname} if dump.dbname else {}
    conninfo = make_conninfo("", application_name=APPLICATION, connect_timeout=10, **named)
    return [
        *("--format=directory", f"--jobs={dump.jobs}", compression.option(dump.compression)),
        *("--no-password", f"--lock-wait-timeout={LOCK_WAIT}", f"--file={dump.folder}", f"--dbname={conninfo}"),
    ]


def _watch(
    running: Future[str], dump: Dump, on_progress: Callable[[int], None], on_started: Callable[[], None]
) -> None:
    """Report start and progress until pg_dump ends. Raises BackupFailed when it does not get started."""
    due = time.monotonic() + START_SECONDS
    while not wait([running], timeout=POLL_SECONDS).done and not _has_snapshot(dump):
        if time.monotonic() > due:
            raise BackupFailed(
                f"pg_dump was not seen to start within {START_SECONDS:g} s with {dump.sessions} sessions on the "
                f"database {dump.database} of this run.",
                f"See that PGHOST and PGSERVICE lead pg_dump to the same server, and that {dump.sessions} connections "
                "are free; ROLLBACK_DUMP_JOBS=1 needs one.",
            )
    if running.done() and running.exception():
        return
    on_started()
    while not wait([running], timeout=PROGRESS_SECONDS).done:
        on_progress(archive.size(dump.folder))
    on_progress(archive.size(dump.folder))


def _sessions(dump: Dump) -> list[tuple[int, bool]]:
    """Return pid of each session of pg_dump, and whether it has its snapshot."""
    with dump.monitor.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("SELECT pg_catalog.pg_stat_clear_snapshot()")
        cursor.execute(sql.query("backup_session"), {"database": dump.database, "application": APPLICATION})
        return cursor.fetchall()


def _has_snapshot(dump: Dump) -> bool:
    """Return whether pg_dump and all its workers have connected and share its snapshot: nobody else will connect."""
    try:
        return sum(snapshot for _, snapshot in _sessions(dump)) >= dump.sessions
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"The backup cannot be watched any more: {error}") from None


def _end(running: Future[str], dump: Dump) -> None:
    """End pg_dump by ending its sessions. Where that cannot be said any more, wait until pg_dump ends by itself."""
    while not wait([running], timeout=POLL_SECONDS).done:
        try:
            for pid, _ in _sessions(dump):
                dump.monitor.execute("SELECT pg_catalog.pg_terminate_backend(%s)", [pid])
        except psycopg.Error as error:
            log.warning("pg_dump could not be ended and runs to its end: %s", error)
            wait([running])
