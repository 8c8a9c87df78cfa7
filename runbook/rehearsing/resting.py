"""The staging database while it rests: put aside by renaming, and brought back by renaming; nothing is copied."""

import logging
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace

from runbook import database
from runbook.errors import CloneFailed, DatabaseFenced, RehearsalRefused, StatementFailed
from runbook.rehearsing import guard, marks
from runbook.rehearsing import site as sites
from runbook.rehearsing.clonedata import Clone
from runbook.rehearsing.marks import Found, Mark
from runbook.rehearsing.site import Site
from runbook.safekeeping import snapshot
from runbook.settings import Settings

ATTEMPTS = 3
"""How often a rename is tried where somebody connects again; PostgreSQL itself waits 5 s for them each time."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rested:
    """What stands in staging's place now."""

    seconds: float
    resting: str
    """The name of the database that was put aside; empty: there had been none."""


def take_name(settings: Settings, clone: Clone) -> Rested:
    """Give the masked clone staging's name; the database that has it is put aside, in the same transaction.

    Who is connected to staging is ended. Again, it finds that it is done. Raises RehearsalRefused, CloneFailed,
    SecondRunner, StatementFailed, DatabaseUnavailable; staging is then as it was.
    """
    began = time.monotonic()
    with sites.opened(settings) as at:
        standing, made = marks.find(at.gate, at.staging), marks.find(at.gate, at.incoming)
        if standing and standing.mark and standing.stands("standing") and standing.mark.run == clone.run:
            log.info("%s is the clone of this rehearsal already.", at.staging)
            return Rested(time.monotonic() - began, at.resting if marks.find(at.gate, at.resting) else "")
        if not (made and made.mark and made.stands("masked") and made.mark.run == clone.run):
            raise CloneFailed(f"{at.incoming} is not the masked clone of this rehearsal.", "Clone production again.")
        mark = made.mark
        at.source = guard.marked_source(mark.source)
        _check(at, standing)
        _dress(at, standing)
        _renamed(at, lambda: _exchange(at, standing, mark))
    log.info("%s is the clone now%s.", at.staging, f"; what it was rests as {at.resting}" if standing else "")
    return Rested(time.monotonic() - began, at.resting if standing else "")


def bring_back(at: Site) -> str:
    """Take staging's name from the clone and give it back to the database that rests; return it, empty: none rests."""
    standing, aside = marks.find(at.gate, at.staging), marks.find(at.gate, at.resting)
    cloned = standing if standing and standing.stands("standing") else None
    if cloned and marks.find(at.gate, at.incoming):
        at.change(at.incoming, "DROP DATABASE {name} WITH (FORCE)")  # looked at before: it is ours
    if standing and standing.mark and standing.stands("resting"):
        log.info("%s was given its name back by hand.", at.staging)
        marks.write(at.gate, at.staging, standing.mark.comment)
    if cloned or aside:
        _renamed(at, lambda: _return(at, cloned, aside))
    return at.staging if aside else ""


def _check(at: Site, standing: Found | None) -> None:
    """See that the staging database may be put aside. Raises RehearsalRefused, SecondRunner."""
    if marks.find(at.gate, at.resting) or (standing and standing.ours):
        raise RehearsalRefused(
            f"{at.staging} or {at.resting} belongs to another rehearsal.", "Clean up first, then clone again."
        )
    guard.check(at.gate, at.staging, at.source)
    guard.check_runner(at.gate, at.staging)


def _dress(at: Site, standing: Found | None) -> None:
    """Give the clone what the staging database has beside its rows: owner, grants, settings, connection limit."""
    at.change(at.incoming, "GRANT CONNECT, TEMPORARY ON DATABASE {name} TO PUBLIC")
    at.change(at.incoming, "ALTER DATABASE {name} CONNECTION LIMIT -1")
    if standing is None:
        return
    try:
        with closing(database.connect()) as conn:
            rows = database.query(conn, "database_properties", database=at.incoming)
    except DatabaseFenced:
        log.warning("%s takes no connections: the clone gets none of its grants and settings.", at.staging)
        return
    for statement in (str(row["statement"]) for row in rows):
        if "IS_TEMPLATE" in statement or statement.startswith("COMMENT"):
            continue  # a template cannot be dropped, and the comment is the mark's
        try:
            with database.translated():
                at.gate.execute(statement.encode())
        except StatementFailed as error:
            log.warning("The clone lacks '%s': %s", statement, error.problem)


def _exchange(at: Site, standing: Found | None, mark: Mark) -> None:
    if standing:
        at.change(at.staging, "ALTER DATABASE {name} RENAME TO {to}", to=at.resting)
        marks.put(at.gate, at.resting, replace(mark, state="resting", files=(), comment=standing.comment))
    at.change(at.incoming, "ALTER DATABASE {name} RENAME TO {to}", to=at.staging)
    marks.put(at.gate, at.staging, replace(mark, state="standing"))


def _return(at: Site, cloned: Found | None, aside: Found | None) -> None:
    if cloned and cloned.mark:
        at.change(at.staging, "ALTER DATABASE {name} RENAME TO {to}", to=at.incoming)
        marks.put(at.gate, at.incoming, replace(cloned.mark, state="masked"))
    if aside and aside.mark:
        at.change(at.resting, "ALTER DATABASE {name} RENAME TO {to}", to=at.staging)
        marks.write(at.gate, at.staging, aside.mark.comment)


def _renamed(at: Site, rename: Callable[[], None]) -> None:
    """Rename in one transaction, with nobody connected: once PostgreSQL has its lock, nobody new comes in.

    Raises CloneFailed while somebody stays, StatementFailed.
    """
    for attempt in range(1, ATTEMPTS + 1):
        _end_sessions(at)
        try:
            with database.transaction(at.gate):
                rename()
        except StatementFailed as error:
            if error.sqlstate != snapshot.IN_USE:
                raise
            if attempt == ATTEMPTS:
                raise _crowded(at, error) from None
            log.info("Somebody is connected to staging again; trying once more.")
        else:
            return


def _end_sessions(at: Site) -> None:
    """End who is connected to staging or the clone; whom this role may not end is found by the rename."""
    for name in (at.staging, at.incoming, at.resting):
        guard.check(at.gate, name, at.source)
        try:
            database.query(at.gate, "rehearsal_end_sessions", database=name)
        except StatementFailed as error:
            log.warning("Not every session on %s could be ended: %s", name, error.problem)


def _crowded(at: Site, error: StatementFailed) -> CloneFailed:
    return CloneFailed(
        f"{at.staging} could not be renamed, for somebody stays connected: {error.problem}",
        "End them, or GRANT pg_signal_backend to this role (a superuser is ended by a superuser only). Then run again.",
        f"No database was renamed; {at.staging} is what it was.",
    )
