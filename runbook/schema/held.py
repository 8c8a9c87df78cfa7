"""Locks that the transaction held: which, on what, for how long, measured in the run itself."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.types.json import Jsonb

from runbook import database, figures
from runbook.errors import LockNotAvailable, RollbackError
from runbook.models import Step

if TYPE_CHECKING:
    from runbook.runs import Run

log = logging.getLogger(__name__)

STEP = "verify the schema"
"""The last step of the transaction: its row in the journal has the locks."""


@dataclass
class Seen:
    """A lock of this transaction that keeps others from working."""

    table: str
    mode: str
    """In PostgreSQL's words, such as ACCESS EXCLUSIVE."""
    since: datetime
    """When the step began in which it was first seen: it cannot be held for longer."""
    waiting: set[str] = field(default_factory=set)
    """Sessions that were seen to wait behind it."""


@dataclass
class Watch:
    """What is remembered of the locks while the transaction runs."""

    known: frozenset[int] = frozenset()
    """Tables that were there before: nobody can wait for what the transaction itself made."""
    seen: dict[tuple[int, str], Seen] = field(default_factory=dict)
    """By the table's oid, since tables are renamed, and mode."""


@dataclass(frozen=True)
class Held:
    """A lock that was held until the transaction was committed."""

    table: str
    mode: str
    seconds: float
    """From the beginning of the step that took it to the end of the commit, so rather too long than too short."""
    waiting: Sequence[str] = ()
    """Sessions that were seen to wait behind it when a step ended."""


def watch(run: "Run") -> None:
    """Begin to watch the locks of a transaction that has just begun."""
    run.locks = Watch(frozenset(int(row["id"]) for row in database.query(run.work, "locks_known")))


def look(run: "Run", since: datetime) -> None:
    """Remember the locks held now; those that are new were taken after ``since``, when the step began."""
    for row in database.query(run.work, "locks_held"):
        if int(row["id"]) in run.locks.known:
            key = (int(row["id"]), str(row["mode"]))
            seen = run.locks.seen.setdefault(key, Seen(row["table"], row["mode"], since))
            seen.table = row["table"]
            seen.waiting.update(row["waiting"])


def released(run: "Run") -> None:
    """Write down how long each lock was held, now that the commit has returned.

    What cannot be written is missing in the report, and no reason to call a rollback that committed a failed one.
    """
    now = datetime.now(UTC)
    held = [
        Held(one.table, one.mode, (now - one.since).total_seconds(), sorted(one.waiting))
        for one in run.locks.seen.values()
    ]
    log.info("Locks released: %s.", longest(held) or "none that kept anybody from working")
    try:
        database.query(run.side, "journal_locks", run=run.id, locks=Jsonb([asdict(one) for one in held]))
    except RollbackError as error:
        log.warning("How long locks were held could not be written down: %s", error.problem)


@contextmanager
def naming_holders(conn: psycopg.Connection, own: Sequence[int], *, reading: bool = False) -> Iterator[None]:
    """Add to an error about a lock who holds it, as ``conn`` sees it afterwards: application, pid, age of the query.

    ``own`` are the runbook's own backend pids; ``reading``: the lock was only to read. Raises LockNotAvailable.
    """
    try:
        yield
    except LockNotAvailable as error:
        rows = database.query(conn, "lock_holders", own=list(own), reading=reading)
        who = "; ".join(
            f"{row['application']} (pid {row['pid']}, query {row['query_seconds']:.0f} s old, on {row['tables']})"
            for row in rows
        )
        raise LockNotAvailable(f"{error.problem} Held by: {who or 'nobody any more'}.", error.remedy) from None


def of(steps: Iterable[Step]) -> list[Held]:
    """Return the locks that a run held, the longest first; none where they were not measured."""
    rows = next((step.found["locks"] for step in steps if step.name == STEP and "locks" in step.found), [])
    held = [Held(**row) for row in _mappings(rows)]
    return sorted(held, key=lambda one: (-one.seconds, one.mode, one.table))


def _mappings(rows: object) -> list[Mapping[str, Any]]:
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def longest(held: Iterable[Held]) -> str:
    """Say in a few words which lock was held longest."""
    one = max(held, key=lambda one: one.seconds, default=None)
    return f"{one.mode} on {one.table}, {span(one.seconds)}" if one else ""


def span(seconds: float) -> str:
    """Write how long a lock was held: below ten seconds in ms."""
    return f"{seconds * 1000:,.0f} ms" if seconds < 10 else figures.duration(seconds)  # noqa: PLR2004 - where ms tire
