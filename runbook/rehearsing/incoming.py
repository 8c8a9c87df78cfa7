"""The clone before it is masked: a database that only this program connects to, marked from the moment it exists."""

import logging
from contextlib import suppress

from psycopg import sql as compose

from runbook import database
from runbook.errors import CloneFailed, RehearsalRefused, RollbackError, StatementFailed
from runbook.rehearsing import marks
from runbook.rehearsing.marks import Mark
from runbook.rehearsing.site import Site
from runbook.rehearsing.source import Facts
from runbook.safekeeping import scratch, snapshot

UNBORN = compose.SQL(f" ALLOW_CONNECTIONS false CONNECTION LIMIT {marks.UNBORN}")

log = logging.getLogger(__name__)


def make(site: Site, mark: Mark, like: database.Row, settings: tuple[database.Row, ...]) -> None:
    """Make an empty database for the clone. Raises CloneFailed."""
    words = scratch.creation(site.incoming, {**like, "tablespace": None})
    try:
        site.change(site.incoming, words + UNBORN)
    except StatementFailed as error:
        raise CloneFailed(
            f"{site.incoming} was not made: {error.problem}", _REMEDIES.get(error.sqlstate or "", "")
        ) from None
    enter(site, mark)
    scratch.settle(site.gate, site.incoming, settings)


def copy(site: Site, mark: Mark, facts: Facts, *, clone: bool) -> None:
    """Copy the source, on the same server, to where nobody is connected. Raises CloneFailed."""
    strategy = " STRATEGY FILE_COPY" if site.gate.info.server_version >= _STRATEGIES else ""
    words = compose.SQL("CREATE DATABASE {} TEMPLATE {}" + strategy).format(
        compose.Identifier(site.incoming), compose.Identifier(facts.identity.database)
    )
    try:
        if clone:
            site.gate.execute("SET file_copy_method = clone")
        site.change(site.incoming, words + UNBORN)
    except StatementFailed as error:
        remedy = _REMEDIES.get(error.sqlstate or "", "Mend what PostgreSQL says, or clone as a stream.")
        raise CloneFailed(f"The copy {site.incoming} was not made: {error.problem}", remedy) from None
    enter(site, mark)
    scratch.settle(site.gate, site.incoming, facts.settings)


def enter(site: Site, mark: Mark) -> None:
    """Mark a new clone, and let nobody but its owner in."""
    marks.put(site.gate, site.incoming, mark)
    site.change(site.incoming, "REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    site.change(site.incoming, "ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def drop(site: Site, name: str) -> bool:
    """Drop a database with whoever is in it, if it bears a mark; return whether it was there.

    Raises RehearsalRefused for a stranger's.
    """
    found = marks.find(site.gate, name)
    if found is None:
        return False
    if not found.ours:
        raise stranger(name)
    site.change(name, "DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    log.info("dropped the database %s of a rehearsal", name)
    return True


def discard(site: Site) -> None:
    """Drop a half clone while another error is on its way; where that cannot be done, the next rehearsal does it."""
    with suppress(RollbackError):
        drop(site, site.incoming)


def stranger(name: str) -> RehearsalRefused:
    """Say that a database is none of a rehearsal's."""
    return RehearsalRefused(
        f"There is a database {name} that no rehearsal made.",
        "See what it is, then rename or drop it by hand.",
        "It was not touched.",
    )


_STRATEGIES = 150000
_REMEDIES = {
    snapshot.IN_USE: "A copy needs that nobody is connected to production; clone it as a stream or through a file.",
    snapshot.FULL: "Make room on staging's server.",
    "42501": "ALTER ROLE … CREATEDB for staging's role; a copy needs the owner of production.",
}
