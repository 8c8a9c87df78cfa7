"""Databases of a wanted size: seeded and transformed by sql/demo, then filled. Each is made once and copied after."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks import cluster
from runbook import database, sample

ALL = ("010", "011", "012", "013")
FILL = Path(__file__).parent / "fill.sql"
ENTRIES_SHARE = 0.05
"""How much of the wanted bytes become entries with embeddings: few, for they are what a dump is slowest at."""
ENTRY_BYTES = 8700
MAIL_BYTES = 1780
MESSAGE_BYTES = 420


@dataclass(frozen=True)
class Size:
    """How large a database is wanted."""

    gigabytes: float
    messages: int

    @property
    def name(self) -> str:
        """How the table calls it."""
        return f"{self.gigabytes:g} GB"


@dataclass(frozen=True)
class Database:
    """A server's data folder with a database of some size, stopped, to be copied for each measurement."""

    data: Path
    size: Size
    bytes: int


def make(data: Path, size: Size) -> Database:
    """Make a server's data folder with a transformed database of this size, and stop the server."""
    with cluster.running(data, cluster.FILLING):
        with closing(database.connect("postgres")) as admin:
            sample.create(admin, cluster.DATABASE)
        with closing(database.connect()) as conn:
            sample.load_baseline(conn)
            sample.seed(conn)
            sample.apply_forward(conn, ALL)
            sample.seed_transformed(conn)
            _fill(conn, size)
            conn.execute("VACUUM (ANALYZE)")
            conn.execute("CHECKPOINT")
            return Database(data, size, int(database.query(conn, "size")[0]["bytes"]))


def _fill(conn: psycopg.Connection, size: Size) -> None:
    wanted = size.gigabytes * 1e9
    entries = wanted * ENTRIES_SHARE / ENTRY_BYTES
    mails = (wanted * (1 - ENTRIES_SHARE) - size.messages * MESSAGE_BYTES) / MAIL_BYTES
    rows = {"messages": size.messages, "entries": entries, "mails": mails}
    with conn.transaction():
        for name, number in rows.items():
            conn.execute("SELECT set_config(%s, %s, true)", [f"benchmark.{name}", str(max(1, int(number)))])
        conn.execute(FILL.read_bytes())
