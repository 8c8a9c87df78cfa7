"""Staging's own mark: a comment on the database that a person made once, by ``rollback rehearse --mark NAME``.

A rehearsal replaces its target by a clone, rolls that back and answers itself. It does so only where the target carries
this mark, for this very server and database: settings that were swapped would otherwise do all that to production.
"""

import getpass
import json
import socket
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import psycopg

from runbook import database
from runbook.barrier import fence
from runbook.errors import RehearsalRefused, RollbackError
from runbook.models import Identity
from runbook.rehearsing import guard, marks, source
from runbook.rehearsing.marks import Found
from runbook.rehearsing.site import RESTING
from runbook.settings import Settings

WORD = "rollback staging"


@dataclass(frozen=True)
class StagingMark:
    """Which database somebody said is staging. A dump or copy that took the comment along is another one."""

    system_identifier: int
    oid: int
    by: str
    made: str
    comment: str | None
    """The database's comment before."""


def read(comment: str | None) -> StagingMark | None:
    """Read a mark; None for any other comment."""
    try:
        return StagingMark(**json.loads(comment or "")[WORD])
    except (ValueError, TypeError, KeyError):
        return None


def bearer(gate: psycopg.Connection, name: str) -> Found | None:
    """Return the staging database that carries its mark: the one of this name, or one that a rehearsal put aside."""
    server = guard.identity(gate).system_identifier
    for found in (marks.find(gate, name), marks.find(gate, name + RESTING)):
        if found is None:
            continue
        aside = found.mark if found.stands("resting") else None
        mark = read(aside.comment if aside else found.comment)
        if mark and (mark.system_identifier, mark.oid) == (server, found.oid):
            return found
    return None


def check(settings: Settings) -> None:
    """Raise RehearsalRefused unless the target is marked as staging and is not the source; nothing is written."""
    guard.check_target(settings)
    name = fence.target()
    with closing(database.connect(settings.maintenance_database)) as gate:
        found = _source(settings)
        if found:
            _check_source(gate, name, *found)
        if bearer(gate, name) is None:
            raise _unmarked(gate, name)


def _source(settings: Settings) -> tuple[Identity, bool] | None:
    """Return which database the source is, and whether it is marked; None: it cannot be asked, and cloning says why."""
    if not settings.rehearsal_source:
        return None
    try:
        with closing(source.connect(settings)) as conn:
            return guard.identity(conn), bearer(conn, conn.info.dbname) is not None
    except RollbackError:
        return None


def _check_source(gate: psycopg.Connection, name: str, identity: Identity, marked: bool) -> None:
    """Raise RehearsalRefused where the target is the source, or the source is staging."""
    guard.check(gate, name, identity)
    if marked:
        raise RehearsalRefused(
            f"The source of the rehearsal, {identity.database}, is marked as staging: source and target are swapped.",
            "Let ROLLBACK_REHEARSAL_SOURCE name production, and PGSERVICE (or PGHOST, PGDATABASE) staging.",
            guard.NOTHING,
        )


def _unmarked(gate: psycopg.Connection, name: str) -> RehearsalRefused:
    return RehearsalRefused(
        f"The database {name} on {_host(gate)} is not marked as staging: nothing shows that a "
        "rehearsal may replace it and answer itself there.",
        f"If it is staging, say so once, as its owner: rollback rehearse --mark {name}",
        guard.NOTHING,
    )


def _host(gate: psycopg.Connection) -> str:
    return gate.info.host or "this machine"


def make(settings: Settings, name: str) -> str:
    """Mark the target as staging, and return a sentence about it. Raises RehearsalRefused, StatementFailed.

    ``name`` is typed by a person: it must be the database that the settings lead to, and never the source.
    """
    guard.check_target(settings)
    if name != fence.target():
        raise RehearsalRefused(
            f"PGSERVICE (or PGDATABASE) leads to {fence.target()}, not to {name}.",
            "Correct one of them.",
            guard.NOTHING,
        )
    with closing(database.connect(settings.maintenance_database)) as gate:
        if settings.rehearsal_source:
            with closing(source.connect(settings)) as conn:
                guard.check(gate, name, guard.identity(conn))
        if bearer(gate, name):
            return f"{name} is marked as staging already."
        write(gate, name)
        return f"{name} on {_host(gate)} is marked as staging: rehearsals replace it, and answer themselves there."


def write(gate: psycopg.Connection, name: str) -> None:
    """Write the mark of a database that no rehearsal made. Raises RehearsalRefused, StatementFailed."""
    found = marks.find(gate, name)
    if found is None or found.ours:
        what = "is a rehearsal's" if found else "does not exist"
        raise RehearsalRefused(f"The database {name} {what}.", "Mark the staging database itself.", guard.NOTHING)
    known = read(found.comment)
    mark = StagingMark(
        guard.identity(gate).system_identifier,
        found.oid,
        f"{getpass.getuser()}@{socket.gethostname()}",
        datetime.now(UTC).isoformat(timespec="seconds"),
        known.comment if known else found.comment,
    )
    marks.write(gate, name, json.dumps({WORD: asdict(mark)}))
