"""What is kept of the data: a dump, its proof, a copy on the same server."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class Backup:
    """A backup that was taken and checked: a folder, with the list of its files' checksums beside it."""

    path: str
    bytes: int
    sha256: str
    """Of that list."""
    entries: int
    """How many entries pg_restore lists in it."""
    seconds: float
    jobs: int = 1
    compression: str = "gzip"
    database: str = ""
    """The name of the database that was dumped, and that a restore makes: the target's, or its copy's."""
    programs: str = ""
    """The folder of the pg_dump that took it, and of the pg_restore that fits it."""


@dataclass(frozen=True)
class Proof:
    """A backup that was restored into a database of its own and compared with where it came from."""

    tables: int
    rows: int
    seconds: float
    """All of it, the restore included."""
    restore_seconds: float
    differences: Sequence[str] = ()


@dataclass(frozen=True)
class Copy:
    """A snapshot that is there."""

    database: str
    run: UUID
    """The run that took it."""
    incident: str
    taken: datetime
    way_back: str
    """Path of the file for psql with which one goes back to it."""
    bytes: int
    """Its size; blocks that it shares with the original are counted too."""
    committed: bool
    """Whether its run changed the database after it."""
    proved: datetime | None
    """When its portable dump was proved by restoring it; None: not yet."""
