"""The worker's store: what must be remembered where neither Prefect nor the database's owner can write.

It is one SQLite file of mode 0600 beside the approvers' file, or in ROLLBACK_STATE_DIR. All targets and databases of an
installation share it, so it outlives each of them.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from runbook import private_files
from runbook.errors import SettingsInvalid
from runbook.settings import Settings

NAME = "state.sqlite3"
BUSY_SECONDS = 10.0
"""How long a transaction waits for another process's."""
SETTING = "ROLLBACK_STATE_DIR"
TABLES: tuple[str, ...] = (
    """CREATE TABLE IF NOT EXISTS used_code (
        secret   TEXT NOT NULL,
        step     INTEGER NOT NULL,
        accepted INTEGER NOT NULL,
        used     REAL NOT NULL,
        PRIMARY KEY (secret, step)
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS wrong_answer (
        source TEXT NOT NULL,
        came   REAL NOT NULL,
        told   INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS doubt (
        source TEXT PRIMARY KEY,
        until  REAL NOT NULL
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS used_code_import (
        database TEXT PRIMARY KEY,
        imported REAL NOT NULL
    ) STRICT""",
    "CREATE TABLE IF NOT EXISTS proposal (run TEXT PRIMARY KEY, target TEXT NOT NULL, database TEXT NOT NULL, "
    "incident TEXT NOT NULL, triggers TEXT NOT NULL, identified REAL NOT NULL, proposed REAL NOT NULL, "
    "requested_by TEXT NOT NULL, outcome TEXT NOT NULL DEFAULT 'waiting')",
)
"""DDL, each with IF NOT EXISTS; times are seconds since 1970, UTC."""


def place(settings: Settings) -> Path:
    """Return where the store lies."""
    folder = settings.state_dir or settings.approvers_file.expanduser().parent
    return folder.expanduser().absolute() / NAME


@contextmanager
def transaction(settings: Settings) -> Iterator[sqlite3.Connection]:
    """Lend the store for one transaction that is alone in it: committed when the block ends well, else undone.

    Makes the store when there is none. Raises SettingsInvalid when it cannot be used.
    """
    path = place(settings)
    try:
        _make(path)
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as conn:
            conn.row_factory = sqlite3.Row
            conn.execute("PRAGMA synchronous = FULL")
            conn.execute("BEGIN IMMEDIATE")
            with conn:
                for table in TABLES:
                    conn.execute(table)
                yield conn
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsInvalid(
            f"The worker's store {path} cannot be used: {why}.",
            f"Correct it, or set {SETTING} to a folder of this user's.",
            private_files.UNTOUCHED,
        ) from None


def check(settings: Settings) -> None:
    """Raise SettingsInvalid when the store cannot be used. Makes it when there is none."""
    with transaction(settings):
        pass


def _make(path: Path) -> None:
    """Make the file if it is missing, and see that it is private."""
    path.parent.mkdir(mode=private_files.FOLDER_MODE, parents=True, exist_ok=True)
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, private_files.MODE)
    try:
        private_files.check(path, os.fstat(number), SETTING)
    finally:
        os.close(number)
