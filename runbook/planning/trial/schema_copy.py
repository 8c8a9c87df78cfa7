"""The schema copy: a scratch database that has this database's schema and none of its rows."""

import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from runbook import database, figures, shell
from runbook.errors import LockNotAvailable, ProgramFailed, RollbackError
from runbook.models import Identity
from runbook.safekeeping import programs, scratch, serverdisk
from runbook.schema import catalogue
from runbook.schema.catalogue import Fact
from runbook.settings import Settings

APPLICATION = "rollback-trial"
"""What the sessions of pg_dump and pg_restore call themselves in pg_stat_activity."""
VITAL = ("table", "column", "enum", "type", "view", "domain", "function")
"""Kinds of which nothing may be missing: without one of them the transaction would fail for that reason alone."""
EXTENSION = (
    "Let a superuser make a template database with this extension and nothing else (CREATE DATABASE …; \\c …; "
    "CREATE EXTENSION …; ALTER DATABASE … IS_TEMPLATE true), and name it in ROLLBACK_TRIAL_TEMPLATE."
)
FOLDER = "rollback-trial-"
"""How the private folder of a trial begins; its process's number follows."""
ROOM = 200_000_000
"""Bytes that the server's disk must have free: an empty database of 8 MB, the schema, and some segments of its log."""
CANCELLED = "canceling statement due to"
"""What pg_dump says where it did not get its locks in time; PostgreSQL calls that a statement timeout there."""
SHOWN = 3
"""How many objects a sentence names."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SchemaCopy:
    """A copy that was made."""

    database: str
    left_out: Sequence[str]
    """What could not be copied, by kind and name; the transaction was tried without it."""


class Clock:
    """The time that the whole trial may take."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.began = time.monotonic()

    @property
    def spent(self) -> float:
        """How long it took so far, in s."""
        return time.monotonic() - self.began

    def left(self) -> float:
        """Return how long it may still take, in s. Raises RollbackError when the time is over."""
        if self.spent >= self.seconds:
            raise RollbackError(
                f"it was not done within {self.seconds:g} s.", "Give it longer by ROLLBACK_TRIAL_SECONDS, or try later."
            )
        return self.seconds - self.spent


@contextmanager
def opened(
    maintenance: psycopg.Connection, source: Identity, facts: Sequence[Fact], settings: Settings, clock: Clock
) -> Iterator[SchemaCopy]:
    """Make the copy and lend it; it is dropped whatever happens.

    ``maintenance`` is in autocommit mode and connected to another database; ``facts`` are those of the source. The
    source is locked as pg_dump locks it: ACCESS SHARE, waiting no longer than lock_timeout. Raises RollbackError when
    the copy lacks what the transaction works on.
    """
    prefix, template = f"rollback_trial_{maintenance.info.backend_pid}_of_", settings.trial_template
    with scratch.opened(maintenance, source.database, prefix=prefix, rows=False, template=template) as name:
        said = _fill(name, source, settings, clock)
        with closing(database.connect(name)) as conn:
            left_out = _lacking(facts, catalogue.read(conn))
        _check_vital(left_out, said)
        yield SchemaCopy(name, [f"{fact.kind} {fact.object}" for fact in left_out])


def _fill(name: str, source: Identity, settings: Settings, clock: Clock) -> str:
    """Dump the schema of the source and restore it; return what pg_restore complained of."""
    folder = programs.binaries(source.major, settings)
    _sweep()
    with tempfile.TemporaryDirectory(prefix=f"{FOLDER}{os.getpid()}-") as private:
        file = Path(private) / "schema.dump"
        with _read(clock):
            shell.run(*_dump(folder, file, settings), env=database.environment(), seconds=clock.left())
        try:
            shell.run(*_restore(folder, file, name), env=_unsynced(), seconds=clock.left())
        except ProgramFailed as error:
            clock.left()
            log.info("The schema copy is not complete: %s", error.problem)
            return error.stderr
    return ""


def _sweep() -> None:
    """Remove what trials left that were killed: their process is gone."""
    for left in Path(tempfile.gettempdir()).glob(f"{FOLDER}*-*"):
        pid = left.name.removeprefix(FOLDER).partition("-")[0]
        if pid.isdigit() and left.stat().st_uid == os.getuid() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(left, ignore_errors=True)


def check_room(source: psycopg.Connection) -> None:
    """Raise RollbackError where the server's disk is nearly full: one that is full stops everybody."""
    disk = serverdisk.look(source)
    if disk and disk.free_bytes < ROOM:
        raise RollbackError(
            f"the server's disk has {figures.size(disk.free_bytes)} free, and a scratch database with its log wants "
            f"{figures.size(ROOM)}.",
            "Make room, then plan again.",
        )


@contextmanager
def _read(clock: Clock) -> Iterator[None]:
    """Say why the schema cannot be read. Raises LockNotAvailable, RollbackError."""
    try:
        yield
    except ProgramFailed as error:
        clock.left()
        if CANCELLED in error.stderr:
            raise LockNotAvailable("a table was held exclusively.", "Wait for them, then plan again.") from None
        raise RollbackError(f"the schema could not be read: {error.problem}.") from None


def _dump(folder: Path, file: Path, settings: Settings) -> list[str | Path]:
    conninfo = make_conninfo("", application_name=APPLICATION, connect_timeout=10)
    return [
        *(folder / "pg_dump", "--schema-only", "--format=custom", "--compress=0"),
        # A subscription holds its database, and does nothing in the transaction.
        *("--no-subscriptions", f"--lock-wait-timeout={settings.lock_timeout_ms}"),
        *("--no-password", f"--file={file}", f"--dbname={conninfo}"),
    ]


def _restore(folder: Path, file: Path, name: str) -> list[str | Path]:
    conninfo = make_conninfo("", dbname=name, application_name=APPLICATION, connect_timeout=10)
    return [folder / "pg_restore", "--no-password", f"--dbname={conninfo}", file]


def _unsynced() -> dict[str, str]:
    """Return the environment of pg_restore; what is lost in a crash of the server was to be dropped anyway."""
    pinned = database.environment()
    return {**pinned, "PGOPTIONS": f"{pinned['PGOPTIONS']} -c synchronous_commit=off"}


def _lacking(wanted: Sequence[Fact], there: Sequence[Fact]) -> list[Fact]:
    """Return the facts that the copy does not have, or not in the same words."""
    have = {fact.key: fact.definition for fact in there}
    return [fact for fact in wanted if have.get(fact.key) != fact.definition]


def _check_vital(left_out: Sequence[Fact], said: str) -> None:
    """Raise RollbackError when the copy lacks what the transaction cannot do without."""
    missing = [f"{fact.kind} {fact.object}" for fact in left_out if fact.kind in VITAL]
    if missing:
        why = _cause(said)
        raise RollbackError(
            f"the copy lacks {named(missing)}: {why or 'pg_restore did not say why'}.",
            EXTENSION if "extension" in why else "Let this role make what is named (a superuser may), then plan again.",
        )


def _cause(said: str) -> str:
    """Return the first error that pg_restore met, one about an extension before all others; owners are no matter."""
    errors = [line.partition("ERROR:")[2].strip() for line in said.splitlines() if "ERROR:" in line]
    errors = [line for line in errors if "SET ROLE" not in line and "must be member of role" not in line]
    return next((line for line in errors if "extension" in line), errors[0] if errors else "")


def named(objects: Sequence[str]) -> str:
    """Name some objects, and how many more there are."""
    more = f" and {len(objects) - SHOWN} more" if len(objects) > SHOWN else ""
    return ", ".join(objects[:SHOWN]) + more


def digest(facts: Sequence[Fact]) -> str:
    """Return SHA-256 over a schema's facts, by which it is known again."""
    lines = sorted("\x00".join((fact.kind, fact.object, fact.definition)) for fact in facts)
    return hashlib.sha256("\x01".join(lines).encode()).hexdigest()
