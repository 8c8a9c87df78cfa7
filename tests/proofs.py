"""A transformed database whose backups are proved, and what a test does to such a backup."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runbook import database
from runbook.errors import BackupFailed
from runbook.models import Identity
from runbook.safekeeping import backup, checksums, proof
from runbook.safekeeping.kept import Backup, Proof
from runbook.settings import Settings
from tests.databases import Database

ONE = pytest.mark.pg("18")
GZIP = pytest.mark.pg("15", "18")
"""Servers whose programs compress by gzip, which Python can do as well."""


@dataclass(frozen=True)
class Place:
    """A transformed database, and the connection from which it is proved."""

    database: Database
    conn: psycopg.Connection[Any]
    maintenance: psycopg.Connection[Any]
    settings: Settings

    def take(self) -> Backup:
        identity = Identity(1, self.database.dbname, self.conn.info.server_version)
        return backup.take(
            self.settings, identity, monitor=self.conn, on_progress=lambda _: None, on_started=lambda: None
        )

    def prove(self, taken: Backup, **calls: Any) -> Proof:
        return proof.prove(self.settings, self.maintenance, taken, self.database.dbname, **calls)

    def scratches(self) -> list[str]:
        rows = self.maintenance.execute("SELECT datname FROM pg_database WHERE datname LIKE 'rollback_proof%'")
        return [row[0] for row in rows]

    def file(self, taken: Backup, table: str) -> Path:
        """Return the file with a table's rows."""
        listed = self.database.program("pg_restore", "--list", taken.path).stdout.splitlines()
        [line] = [line for line in listed if f" TABLE DATA public {table} " in line]
        return Path(taken.path) / f"{line.partition(';')[0]}.dat.gz"


@contextmanager
def place(transformed: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Lend a place; in the end no scratch database may be left."""
    for name, value in transformed.env.items():
        monkeypatch.setenv(name, value)
    settings = Settings(backup_dir=folder / "backups", pg_bin=transformed.server.folder)
    with transformed.connect() as conn, database.connect("postgres") as maintenance:
        at = Place(transformed, conn, maintenance, settings)
        yield at
        assert at.scratches() == [], "a scratch database is left"


def seal(taken: Backup) -> None:
    """Write the checksums anew, as of a dump that was wrong from the start."""
    path = Path(taken.path)
    checksums.sidecar(path).unlink()
    checksums.write(path, {file.name: checksums.checksum(file) for file in path.iterdir()})


def rewritten(file: Path, old: bytes, new: bytes) -> None:
    """Change the rows in a file of a dump."""
    text = gzip.decompress(file.read_bytes())
    assert text.count(old) >= 1
    file.write_bytes(gzip.compress(text.replace(old, new, 1)))


def refused(place: Place, taken: Backup, *words: str) -> None:
    """See that the proof fails, naming each of these."""
    with pytest.raises(BackupFailed) as caught:
        place.prove(taken)
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)
    assert caught.value.state and caught.value.remedy
