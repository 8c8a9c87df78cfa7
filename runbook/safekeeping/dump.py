"""pg_dump at work: its words, its start seen, its bytes counted."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from runbook.approval import attended
from runbook.approval.attended import Sessions
from runbook.errors import BackupFailed, DatabaseUnavailable, ProgramFailed
from runbook.safekeeping import archive, compression

APPLICATION = "rollback-backup"
"""What every session of pg_dump calls itself in pg_stat_activity."""
START_SECONDS = 60.0
"""How long pg_dump may take until all its sessions have the snapshot; longer than it may wait for a lock."""
LOCK_WAIT = "30s"
"""How long pg_dump may wait for a table that somebody holds exclusively."""
PROGRESS_SECONDS = 1.0

Connection = psycopg.Connection[Any]


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

    conninfo: str = ""
    """Where the server is; empty: libpq's environment says it."""
    options: tuple[str, ...] = ()
    """More of pg_dump's options."""

    @property
    def sessions(self) -> int:
        """How many sessions pg_dump has: workers come to its own where there is more than one job."""
        return self.jobs + 1 if self.jobs > 1 else 1


def take(dump: Dump, on_progress: Callable[[int], None], on_started: Callable[[], None]) -> None:
    """Run pg_dump, and watch it in this thread. Raises BackupFailed, DatabaseUnavailable."""
    sessions = Sessions(dump.database, APPLICATION, dump.monitor)

    def watch(running: Future[str]) -> None:
        _await_start(running, dump, sessions)
        if running.done() and running.exception():
            return
        on_started()
        while not attended.ended(running, PROGRESS_SECONDS):
            on_progress(archive.size(dump.folder))
        on_progress(archive.size(dump.folder))

    try:
        attended.run([dump.program, *_words(dump)], sessions, watch)
    except ProgramFailed as error:
        raise BackupFailed(
            f"The backup was not taken: {error.problem}", "Mend what pg_dump complains about, then try again."
        ) from None


def _words(dump: Dump) -> list[str]:
    """Return pg_dump's arguments. The name is given in the connection string: a service file overrules PGAPPNAME."""
    named = {"dbname": dump.dbname} if dump.dbname else {}
    conninfo = make_conninfo(dump.conninfo, application_name=APPLICATION, connect_timeout=10, **named)
    return [
        *("--format=directory", f"--jobs={dump.jobs}", compression.option(dump.compression)),
        *dump.options,
        *("--no-password", f"--lock-wait-timeout={LOCK_WAIT}", f"--file={dump.folder}", f"--dbname={conninfo}"),
    ]


def _await_start(running: Future[str], dump: Dump, sessions: Sessions) -> None:
    """Wait until pg_dump and all its workers share one snapshot: none of them will connect any more.

    Raises BackupFailed when it does not get so far, DatabaseUnavailable.
    """
    due = time.monotonic() + START_SECONDS
    while not attended.ended(running) and _ready(sessions) < dump.sessions:
        if time.monotonic() > due:
            raise BackupFailed(
                f"pg_dump was not seen to start within {START_SECONDS:g} s with {dump.sessions} session(s) on the "
                f"database {dump.database} of this run.",
                f"See that PGHOST and PGSERVICE lead pg_dump to the same server, and that {dump.sessions} connections "
                "are free; ROLLBACK_DUMP_JOBS=1 needs one.",
            )


def _ready(sessions: Sessions) -> int:
    try:
        return sessions.ready()
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"The backup cannot be watched any more: {error}") from None
