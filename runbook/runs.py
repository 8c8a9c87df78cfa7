"""A run: one runner, one database, its connections, one lock."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import psycopg

from runbook import connections, database, journal
from runbook.barrier import fence, poolers, standbys
from runbook.errors import DatabaseFenced, DatabaseUnavailable, SecondRunner
from runbook.models import Claim, Identity, Step
from runbook.request import RollbackRequest
from runbook.schema import held
from runbook.schema import transaction as statements
from runbook.settings import Settings

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Run:
    """What a step needs: the request, the settings, and the connections that live as long as the run.

    It is a handle, not data: ``revive`` replaces lost connections in it.
    """

    id: UUID
    request: RollbackRequest
    settings: Settings
    work: psycopg.Connection
    """Holds the runner's lock; the five database steps are one transaction on it."""
    beside: psycopg.Connection
    """Autocommit: the journal, and looking around while ``work`` waits; closed while the run is ``alone``."""
    gate: psycopg.Connection
    """Autocommit, to the maintenance database: from there the fence is closed and opened."""
    identity: Identity
    committed: bool
    """Whether an earlier run for this incident passed the point of no return and was not finished."""
    worker: int
    """Backend process id of ``work``, also when the connection is lost."""
    dead: Sequence[database.Row] = ()
    """Runs that were killed before their commit and left services stopped, or a journal open."""
    claim: Claim | None = None
    """The earlier run that this one goes on with, as the journal has it."""
    unapproved: bool = False
    """Whether going on after the commit needs an approval of its own."""
    doubts: list[str] = field(default_factory=list)
    """What of the journal is not believed, and why: the approver reads it."""
    proposals: list[str] = field(default_factory=list)
    """Earlier proposals for this database, a line each: the approver reads them."""
    plan_hash: str = ""
    """Hash of the plan that waits for its approval, or has it."""
    changing: bool = False
    """Whether the transaction was begun: only then can it be in doubt whether it committed."""
    locks: held.Watch = field(default_factory=held.Watch)
    """The locks that the transaction holds."""
    unwritten: list[Step] = field(default_factory=list)
    """Steps that could not be written down yet: before the journal began, or inside the transaction while alone."""

    @property
    def side(self) -> psycopg.Connection:
        """The connection for everything but the transaction: ``work`` itself while there is no other."""
        return self.work if self.alone else self.beside

    @property
    def alone(self) -> bool:
        """Whether ``work`` is the only connection to the database."""
        return self.beside.closed

    @property
    def pids(self) -> list[int]:
        """Backend process ids of the run's own connections."""
        return [self.worker] if self.alone else [self.worker, self.beside.info.backend_pid]


@contextmanager
def opened(request: RollbackRequest, settings: Settings) -> Iterator[Run]:
    """Connect and take the runner's lock; ``resumption.find`` finds out where an earlier run stopped.

    Opens a fence that a killed runner left closed. Raises DatabaseUnavailable, SecondRunner, ThroughPooler.
    """
    with closing(_connected(settings)) as work:
        poolers.check(work)
        _lock(work)
        poolers.check(work, locked=True)
        side, gate = database.connect(), database.connect(settings.maintenance_database)
        for conn in (work, side, gate):
            connections.watch(conn)
        identity = database.identity(work)
        run = Run(uuid4(), request, settings, work, side, gate, identity, False, work.info.backend_pid)
        run.dead = journal.interrupted(side)
        try:
            yield run
        finally:
            for conn in (run.work, run.beside, run.gate):
                conn.close()


@contextmanager
def again(run_id: UUID, settings: Settings) -> Iterator[Run]:
    """Open a run that has ended once more, to do what it left for later. Raises DatabaseUnavailable, SecondRunner."""
    with closing(database.connect()) as conn:
        journal.check(conn)
        given = next(row["request"] for row in journal.runs(conn) if row["id"] == run_id)
    with opened(RollbackRequest.model_validate(given), settings) as run:
        run.id = run_id
        journal.prepare(run.side)
        yield run


def _connected(settings: Settings) -> psycopg.Connection:
    """Connect; where a dead runner left its fence closed, open it first."""
    try:
        return database.connect()
    except DatabaseUnavailable as error:
        if not isinstance(error, DatabaseFenced):
            error.state = "Nothing was touched."
            raise
        name = fence.abandoned(settings)
        log.warning("A runner that is gone left the fence around %s closed; opening it.", name)
        fence.open_from_outside(settings)
        return database.connect()


def _lock(conn: psycopg.Connection) -> None:
    """Take the runner's lock, or say who has it."""
    if database.query(conn, "lock_runner")[0]["locked"]:
        return
    who = database.runner(database.query(conn, "runner", database=conn.info.dbname)) or "unknown"
    raise SecondRunner(
        f"Another runner works on database {conn.info.dbname} ({who}).",
        "Follow that one (rollback status), or wait until it ended.",
        "This run touched nothing.",
    )


@contextmanager
def transaction(run: Run) -> Iterator[None]:
    """Hold the one transaction of the rollback: it commits when the block ends well, and is undone otherwise.

    Raises RollbackError where the commit would wait for ever.
    """
    run.changing = True
    with ExitStack() as commit, database.transaction(run.work):
        statements.set_options(run.work, run.settings, run.request.gemini)
        held.watch(run)
        yield
        standbys.check(run.work)
        commit.enter_context(standbys.watching())
    held.released(run)
