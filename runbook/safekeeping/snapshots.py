"""The snapshots that are there: which runs took them, what is proved of them, and how long they stay."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from psycopg import sql as compose

from runbook import database, figures, journal
from runbook.errors import StatementFailed
from runbook.runs import Run
from runbook.safekeeping import backup, proof, snapshot
from runbook.safekeeping.kept import Backup, Copy, Proof
from runbook.settings import Settings

log = logging.getLogger(__name__)


def kept_until(copy: Copy, settings: Settings) -> datetime | None:
    """Return until when a copy stays at least; None: until there is a portable dump."""
    return copy.proved + timedelta(hours=settings.snapshot_hours) if copy.proved else None


def due(copy: Copy, settings: Settings) -> bool:
    """Return whether a copy may go: its time is over, or nothing was changed after it."""
    until = kept_until(copy, settings)
    return not copy.committed or (until is not None and until <= datetime.now(UTC))


def read(conn: psycopg.Connection) -> list[Copy]:
    """List the snapshots of the database that ``conn`` is connected to, the newest first.

    A database that is not named like one is none, whatever the journal says: snapshots are dropped one day.
    """
    found = [Copy(**row) for row in database.query(conn, "snapshots")] if journal.exists(conn) else []
    return [copy for copy in found if copy.database.startswith(snapshot.prefix(conn.info.dbname))]


def waiting(settings: Settings) -> list[UUID]:
    """Return the runs whose snapshot has something due: its portable dump, or its end."""
    with closing(database.connect()) as conn:
        return [copy.run for copy in read(conn) if due(copy, settings) or not copy.proved]


def unknown(conn: psycopg.Connection) -> list[str]:
    """List databases that are named like a snapshot of this one though no run's journal knows them."""
    prefix = snapshot.prefix(conn.info.dbname)
    known = [copy.database for copy in read(conn)]
    return [str(row["database"]) for row in database.query(conn, "snapshots_unknown", prefix=prefix, known=known)]


def of(run: Run) -> Copy | None:
    """Return the newest snapshot that this run took, if it is there."""
    return next((copy for copy in read(run.side) if copy.run == run.id), None)


def discard(run: Run) -> list[str]:
    """Drop the snapshots of a run that changed nothing; return their names."""
    names = [copy.database for copy in read(run.side) if copy.run == run.id and not copy.committed]
    for name in names:
        snapshot.drop(run.gate, name)
    return names


def secure(
    run: Run, copy: Copy, on_dump: Callable[[int], None], on_proof: Callable[[int, int], None]
) -> tuple[Backup, Proof]:
    """Take the portable dump of a snapshot, and prove it by restoring it. Raises BackupFailed, ProgramMissing."""
    _dress(run, copy.database)
    with _open(run.gate, copy.database):
        taken = backup.take(
            run.settings,
            run.identity,
            database=copy.database,
            monitor=run.gate,
            incident=copy.incident,
            on_started=lambda: None,
            on_progress=on_dump,
        )
        return taken, proof.prove(run.settings, run.gate, taken, copy.database, on_compared=on_proof)


def _dress(run: Run, copy: str) -> None:
    """Give a copy what CREATE DATABASE did not copy (owner, grants, settings): its dump then holds that as well."""
    for row in database.query(run.side, "database_properties", database=copy):
        if "IS_TEMPLATE" in row["statement"]:
            continue  # a template cannot be dropped
        try:
            with database.translated():
                run.gate.execute(str(row["statement"]).encode())
        except StatementFailed as error:
            log.warning("The dump of %s will lack '%s': %s", copy, row["statement"], error.problem)


@contextmanager
def _open(gate: psycopg.Connection, copy: str) -> Iterator[None]:
    """Let this program connect to a copy, to which nobody can connect otherwise."""
    statement = compose.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with database.translated():
        gate.execute(statement.format(compose.Identifier(copy), True))
        try:
            yield
        finally:
            gate.execute(statement.format(compose.Identifier(copy), False))


def warnings(conn: psycopg.Connection, settings: Settings) -> list[str]:
    """Say which copies hold room: those that may go, those without a proved dump, and those that nobody knows."""
    copies = read(conn)
    found = [f"Snapshot {one.database}: {fate(one, settings)}." for one in copies if due(one, settings)]
    found += [
        f"Snapshot {one.database} has no proved portable dump yet: rollback snapshots tidy takes it."
        for one in copies
        if one.committed and not one.proved
    ]
    return found + [
        f"Database {name} is named like a snapshot and no journal knows it: look, then drop it by hand."
        for name in unknown(conn)
    ]


def facts(copy: Copy, settings: Settings) -> list[tuple[str, str]]:
    """Say of a copy what it is, what becomes of it, and how one goes back to it."""
    return [
        ("Incident", copy.incident),
        ("Taken", figures.moment(copy.taken)),
        ("Size", f"{figures.size(copy.bytes)}, shared blocks counted"),
        ("Portable dump", f"proved {figures.moment(copy.proved)}" if copy.proved else "not proved yet"),
        ("What becomes of it", fate(copy, settings)),
        ("Way back", copy.way_back),
    ]


def fate(copy: Copy, settings: Settings) -> str:
    """Say what becomes of a copy."""
    if due(copy, settings):
        return "it may go: rollback snapshots tidy drops it"
    until = kept_until(copy, settings)
    return f"it stays until {figures.moment(until)}" if until else "it stays: its portable dump is not proved yet"
