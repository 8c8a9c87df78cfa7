"""A transformed database that is backed up."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runbook.models import Identity
from runbook.safekeeping import backup
from runbook.safekeeping.kept import Backup
from runbook.settings import Settings
from tests.databases import Database

Connection = psycopg.Connection[Any]
ONE = pytest.mark.pg("16")
"""What does not depend on the server's version is tried on one."""
RANDOM = "CREATE TABLE random AS SELECT g, sha512(g::text::bytea) FROM generate_series(1, 100000) g"
LONG = "CREATE TABLE long AS SELECT g, sha512(g::text::bytea) FROM generate_series(1, 400000) g"
"""What takes pg_dump a second or so."""


@dataclass(frozen=True)
class Place:
    """A transformed database, with libpq's environment set to it."""

    conn: Connection
    identity: Identity
    settings: Settings

    def take(self, **calls: Any) -> Backup:
        silent = {"on_progress": lambda _: None, "on_started": lambda: None}
        return backup.take(self.settings, self.identity, monitor=self.conn, **(silent | calls))

    def left(self) -> list[Path]:
        return sorted(self.settings.backup_dir.glob("*"))


@contextmanager
def place(transformed: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Lend a place, and set libpq's environment to its database."""
    for name, value in transformed.env.items():
        monkeypatch.setenv(name, value)
    with transformed.connect() as conn:
        identity = Identity(1, transformed.dbname, conn.info.server_version)
        yield Place(conn, identity, Settings(backup_dir=folder / "backups"))


def sessions(conn: Connection) -> int:
    """Return how many sessions dump now."""
    row = conn.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rollback-backup'").fetchone()
    return int(row[0]) if row else 0
