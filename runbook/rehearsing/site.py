"""The site of a rehearsal: staging's server, the names it works with, and the lock that keeps out a second one."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql as compose

from runbook import database
from runbook.barrier import fence, poolers
from runbook.errors import RehearsalRefused, RollbackError, SecondRunner
from runbook.models import Identity
from runbook.rehearsing import guard
from runbook.settings import Settings

INCOMING, RESTING = "_incoming", "_resting"
LONGEST = 63
"""How many bytes a name has in PostgreSQL."""


@dataclass(eq=False)
class Site:
    """Where a rehearsal works."""

    settings: Settings
    gate: psycopg.Connection
    """Autocommit, to staging's maintenance database."""
    staging: str
    """The name of the staging database."""
    source: Identity | None = None
    """What must never be touched, once it is known."""

    @property
    def incoming(self) -> str:
        """Return the name of the clone until it is masked."""
        return self.staging + INCOMING

    @property
    def resting(self) -> str:
        """Return the name of the staging database while the clone stands in its place."""
        return self.staging + RESTING

    def change(self, name: str, statement: LiteralString | compose.Composed, **words: str) -> None:
        """Run a statement that changes the database ``name`` (and names others: ``words``), unless it is production.

        Raises RehearsalRefused, StatementFailed.
        """
        guard.check(self.gate, name, self.source)
        if isinstance(statement, str):
            names = {key: compose.Identifier(value) for key, value in {"name": name, **words}.items()}
            statement = compose.SQL(statement).format(**names)
        with database.translated():
            self.gate.execute(statement)


@contextmanager
def opened(settings: Settings) -> Iterator[Site]:
    """Connect to staging's server and hold the rehearsal's lock there.

    Raises RehearsalRefused, SecondRunner, ThroughPooler, DatabaseUnavailable.
    """
    guard.check_target(settings)
    name = fence.target()
    with closing(database.connect(settings.maintenance_database)) as gate:
        poolers.check(gate)
        _check_name(name, gate.info.dbname)
        site = Site(settings, gate, name)
        if not database.query(gate, "scratch_lock", database=site.incoming)[0]["locked"]:
            raise SecondRunner(f"Another rehearsal works on {name}.", "Wait until it ends.", guard.NOTHING)
        try:
            yield site
        finally:
            # At once: the server ends a session a moment after it was closed, and the next step wants the lock.
            with suppress(RollbackError):
                database.query(gate, "scratch_unlock", database=site.incoming)


def _check_name(name: str, maintenance: str) -> None:
    if len(f"{name}{INCOMING}".encode()) > LONGEST:
        raise RehearsalRefused(f"The name {name} is too long to add {INCOMING} to it.", "Give staging a shorter name.")
    if name in (maintenance, "postgres", "template0", "template1"):
        raise RehearsalRefused(
            f"The database {name} is PostgreSQL's own, or the maintenance database.",
            "Let PGSERVICE or PGDATABASE name the staging database.",
            guard.NOTHING,
        )
