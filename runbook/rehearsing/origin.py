"""Where a clone comes from: production, or a dump of it; and that neither leads to staging itself."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from runbook import database
from runbook.errors import CloneFailed
from runbook.rehearsing import guard, marks, needs, source, transfer, ways
from runbook.rehearsing.site import Site
from runbook.rehearsing.source import Facts
from runbook.rehearsing.transfer import Header
from runbook.rehearsing.ways import Way

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origin:
    """Where a clone comes from: production, or a dump of it."""

    site: Site
    way: Way
    conn: psycopg.Connection | None
    facts: Facts | None
    header: Header | None

    @property
    def name(self) -> str:
        """Return the name of the database that is cloned."""
        return self.facts.identity.database if self.facts else self.header.database if self.header else ""

    @property
    def bytes(self) -> int:
        """Return how large production is; 0 where only its dump is known."""
        return self.facts.bytes if self.facts else 0


def like(origin: Origin) -> tuple[database.Row, tuple[database.Row, ...]]:
    """Return what the clone is made like: production; of a dump, the staging database, else the maintenance one."""
    if origin.facts:
        return origin.facts.like, origin.facts.settings
    at = origin.site
    for name in (at.staging, at.gate.info.dbname):
        if rows := database.query(at.gate, "scratch_database", database=name):
            break
    return rows[0], tuple(database.query(at.gate, "database_settings", database=name))


@contextmanager
def found(at: Site) -> Iterator[Origin]:
    """Find out what is cloned and how, and that it is not staging itself. Raises RehearsalRefused, CloneFailed."""
    if ways.wants_dump(at.settings):
        yield _dumped(at)
        return
    with closing(source.connect(at.settings)) as conn:
        _bar(at, conn)
        facts = source.facts(conn)
        way = ways.choose(at.settings, conn, same_server=guard.same_server(conn, at.gate))
        _check_version(facts.identity.major, at)
        ways.check_room(at.gate, facts, way)
        needs.check(conn, at.gate, way)
        yield Origin(at, way, conn, facts, None)


def _dumped(at: Site) -> Origin:
    """Take a dump for production. Where the source is set, it is asked once who it is. Raises RehearsalRefused."""
    way = ways.choose(at.settings, None, same_server=False)
    found = transfer.header(Path(str(at.settings.rehearsal_dump)), at)
    if at.settings.rehearsal_source:
        with closing(source.connect(at.settings)) as conn:
            _bar(at, conn)
    else:
        guard.check_dump(marks.find(at.gate, at.staging), at.staging, found.database)
    _check_version(found.major, at)
    needs.check_dump(at.gate, found.extensions)
    return Origin(at, way, None, None, found)


def _bar(at: Site, conn: psycopg.Connection) -> None:
    """Keep in mind what must never be touched, and see that no name of this rehearsal leads there."""
    at.source = guard.identity(conn)
    for name in (at.staging, at.incoming, at.resting):
        guard.check(at.gate, name, at.source)


def _check_version(major: int, at: Site) -> None:
    here = at.gate.info.server_version // 10000
    if major > here:
        raise CloneFailed(
            f"Production runs on PostgreSQL {major}, staging on {here}: an older server may not take its data.",
            f"Rehearse on PostgreSQL {major}; the rehearsal would prove little otherwise.",
            "Nothing was touched.",
        )
    if major and major < here:
        log.warning("Production runs on PostgreSQL %d, staging on %d: locks and times may differ.", major, here)
