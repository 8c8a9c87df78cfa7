"""Staging as it was found: the clone goes, with all that a rehearsal made, and the database that rested comes back."""

import logging
import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from runbook import database, journal
from runbook.errors import RehearsalRefused
from runbook.models import Identity
from runbook.rehearsing import guard, incoming, marks, resting
from runbook.rehearsing import site as sites
from runbook.rehearsing.marks import Found
from runbook.rehearsing.site import Site
from runbook.safekeeping import checksums, snapshot
from runbook.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cleaned:
    """What was cleaned up."""

    seconds: float
    dropped: Sequence[str]
    """Databases: clones, finished or not, and the copies that rollbacks made of them."""
    removed: Sequence[str]
    """Dumps and files with ways back."""
    returned: str
    """The staging database that has its name again; empty: none had been put aside."""


def clean_up(settings: Settings) -> Cleaned:
    """Drop the clone and all that belongs to it, and put staging back as it was; again, it finds nothing to do.

    Raises RehearsalRefused, SecondRunner, StatementFailed, DatabaseUnavailable.
    """
    with sites.opened(settings) as at:
        return clean(at)


def clean(at: Site) -> Cleaned:
    """Clean up at a site, by marks and journal, never by a name alone. Raises what ``clean_up`` raises."""
    began, known = time.monotonic(), marks.marked(at.gate, at.staging)
    at.source = at.source or _source(known)
    standing = _looked_at(at)
    dropped, removed = list[str](), _remove(at, [file for one in known if one.mark for file in one.mark.files])
    if standing and standing.stands("standing"):
        copies, files = _belongings(at)
        removed += _remove(at, files)
        dropped += [copy for copy in copies if _drop_copy(at, copy)]
    returned = resting.bring_back(at)
    left = {at.incoming, *(one.name for one in marks.marked(at.gate, at.staging) if not one.stands("resting"))}
    dropped += [name for name in sorted(left) if incoming.drop(at, name)]
    _log(dropped, removed, returned)
    return Cleaned(time.monotonic() - began, dropped, removed, returned)


def _source(known: Sequence[Found]) -> Identity | None:
    """Return what production is, as the marks have it: it need not be reachable to clean up."""
    sources = (guard.marked_source(one.mark.source) for one in known if one.mark)
    return next((source for source in sources if source), None)


def _looked_at(at: Site) -> Found | None:
    """See that nobody works on staging and that every name is ours or free. Raises RehearsalRefused, SecondRunner."""
    for name in (at.incoming, at.resting):
        found = marks.find(at.gate, name)
        if found and not found.ours:
            raise incoming.stranger(name)
    standing, aside = marks.find(at.gate, at.staging), marks.find(at.gate, at.resting)
    if standing and aside and not standing.stands("standing"):
        raise RehearsalRefused(
            f"{at.resting} is the staging database that a rehearsal put aside, and {at.staging} is another one.",
            f"See which is wanted; rename or drop the other by hand. Then COMMENT ON DATABASE {at.resting} IS NULL.",
            "Neither was touched.",
        )
    guard.check_runner(at.gate, at.staging)
    return standing


def _belongings(at: Site) -> tuple[list[str], list[str]]:
    """Return copies and files of the runs in the clone's journal; production's own was dropped before any began."""
    at.change(at.staging, "ALTER DATABASE {name} ALLOW_CONNECTIONS true")  # a killed run may have left its fence closed
    with closing(database.connect()) as conn:
        rows = database.query(conn, "rehearsal_belongings") if journal.exists(conn) else []
    files = [str(row[key]) for row in rows for key in ("path", "way_back") if row[key]]
    return [str(row["copy"]) for row in rows if row["copy"]], files


def _drop_copy(at: Site, copy: str) -> bool:
    """Drop a copy that a rollback made of the clone; return whether it was there."""
    if not copy.startswith(snapshot.prefix(at.staging)) or not marks.find(at.gate, copy):
        return False
    at.change(copy, "DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    return True


def _remove(at: Site, files: Sequence[str]) -> list[str]:
    """Remove files and folders of the rehearsal, with their checksums; what lies elsewhere is left, and said."""
    home, removed = at.settings.backup_dir.absolute(), list[str]()
    for path in map(Path, dict.fromkeys(files)):
        if path.parent != home:
            log.warning("%s is not in ROLLBACK_BACKUP_DIR (%s) of this rehearsal: it is left.", path, home)
            continue
        for one in (path, checksums.sidecar(path)):
            if one.is_dir():
                shutil.rmtree(one)
            elif one.exists():
                one.unlink()
            else:
                continue
            removed.append(str(one))
    return removed


def _log(dropped: Sequence[str], removed: Sequence[str], returned: str) -> None:
    if not (dropped or removed or returned):
        log.info("Nothing to clean up: no rehearsal left anything.")
        return
    back = f"{returned} is what it was before the rehearsal" if returned else "no database had been put aside"
    log.info(
        "Cleaned up: dropped %s; removed %s; %s.", *(", ".join(one) or "nothing" for one in (dropped, removed)), back
    )
