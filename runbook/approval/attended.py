"""A program of PostgreSQL's at work in a thread: its sessions watched over another connection, and ended with it."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import tuple_row

import sql
from runbook import database, shell

POLL_SECONDS = 0.05

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sessions:
    """The sessions of one program, as pg_stat_activity has them."""

    database: str
    application: str
    monitor: psycopg.Connection[Any]
    """Any other connection to the server."""

    def ready(self) -> int:
        """Return how many of them have their snapshot. Raises psycopg.Error."""
        return sum(snapshot for _, snapshot in self._found())

    def end(self) -> None:
        """End all of them. Raises psycopg.Error."""
        for pid, _ in self._found():
            self.monitor.execute("SELECT pg_catalog.pg_terminate_backend(%s)", [pid])

    def _found(self) -> list[tuple[int, bool]]:
        with self.monitor.cursor(row_factory=tuple_row) as cursor:
            cursor.execute("SELECT pg_catalog.pg_stat_clear_snapshot()")
            cursor.execute(sql.query("program_sessions"), {"database": self.database, "application": self.application})
            return cursor.fetchall()


def run(words: Sequence[str | Path], sessions: Sessions, watch: Callable[[Future[str]], None]) -> None:
    """Run a program in a thread, and ``watch`` it in this one until it ends; what that raises ends the program.

    Raises ProgramFailed, ProgramMissing.
    """
    env = environment(sessions)
    do(lambda: shell.run(*words, env=env), sessions, watch)


def environment(sessions: Sessions) -> dict[str, str]:
    """Return what is added to the program's environment. Raises DatabaseUnavailable."""
    rows = database.query(sessions.monitor, "scratch_database", database=sessions.database)
    return database.environment(*(str(row["encoding"]) for row in rows))


def do(work: Callable[[], str], sessions: Sessions, watch: Callable[[Future[str]], None]) -> None:
    """Do some work in a thread that ends when these ``sessions`` end, and ``watch`` it as ``run`` does."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(work)
        try:
            watch(running)
        except BaseException:
            _end(running, sessions)
            raise
    running.result()


def ended(running: Future[str], seconds: float = POLL_SECONDS) -> bool:
    """Wait so long, and return whether the program has ended."""
    return bool(wait([running], timeout=seconds).done)


def _end(running: Future[str], sessions: Sessions) -> None:
    """End the program by ending its sessions. Where that cannot be said any more, wait until it ends by itself."""
    while not ended(running):
        try:
            sessions.end()
        except psycopg.Error as error:
            log.warning("%s could not be ended and runs to its end: %s", sessions.application, error)
            wait([running])
