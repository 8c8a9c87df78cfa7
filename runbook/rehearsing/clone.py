"""The clone of production on staging's server: made under a name of its own, before anything else is touched."""

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg

from runbook import database, figures
from runbook.errors import CloneFailed
from runbook.models import Identity
from runbook.rehearsing import cleaning, guard, incoming, source, transfer, ways
from runbook.rehearsing import site as sites
from runbook.rehearsing.clonedata import Clone
from runbook.rehearsing.marks import Mark
from runbook.rehearsing.site import Site
from runbook.rehearsing.source import Facts
from runbook.rehearsing.transfer import Header, Tell
from runbook.rehearsing.ways import Way
from runbook.safekeeping import serverdisk
from runbook.settings import Settings

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


@dataclass(frozen=True)
class Timing:
    """What the parts took, in s, and how large the dump was, in bytes."""

    dump_seconds: float = 0.0
    restore_seconds: float = 0.0
    dump_bytes: int = 0


def make(settings: Settings, on_progress: Tell = lambda _step, _bytes: None) -> Clone:
    """Clone production beside the staging database, which stays as it is; what killed rehearsals left goes first.

    ``on_progress`` gets the step (dump, restore) and how many bytes are there, about every second; what it raises ends
    the clone. Raises RehearsalRefused, CloneFailed, SettingsInvalid, SecondRunner, BackupFailed, DatabaseUnavailable;
    half a clone is dropped.
    """
    began = time.monotonic()
    with sites.opened(settings) as at, _origin(at) as origin:
        cleaning.clean(at)
        mark = _mark(origin)
        log.info("cloning %s to %s by %s: %s", origin.name, at.incoming, origin.way.kind, origin.way.why)
        try:
            timing = _fill(origin, mark, on_progress)
        except BaseException:
            incoming.discard(at)
            raise
        made = Clone(
            *(mark.run, at.staging, at.incoming, origin.name, origin.way.kind, origin.way.why),
            *(time.monotonic() - began, timing.dump_seconds, timing.restore_seconds, timing.dump_bytes),
            transfer.size(at, at.incoming),
        )
    log.info("cloned %s: %s in %s", made.source, figures.size(made.bytes), figures.duration(made.seconds))
    return made


@contextmanager
def _origin(at: Site) -> Iterator[Origin]:
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
        yield Origin(at, way, conn, facts, None)


def _dumped(at: Site) -> Origin:
    """Take a dump for production. Where the source is set, it is asked once who it is. Raises RehearsalRefused."""
    way = ways.choose(at.settings, None, same_server=False)
    found = transfer.header(Path(str(at.settings.rehearsal_dump)), at)
    if at.settings.rehearsal_source:
        with closing(source.connect(at.settings)) as conn:
            _bar(at, conn)
    else:
        guard.check_dump(at.staging, found.database)
    _check_version(found.major, at)
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


def _mark(origin: Origin) -> Mark:
    at, run = origin.site, uuid4().hex[:12]
    known = at.source or Identity(0, origin.name, 0)
    files = (str(_folder(at, run)),) if origin.way.kind == "file" else ()
    what = {"system_identifier": known.system_identifier, "database": known.database, "oid": known.oid}
    return Mark("raw", at.staging, run, what, files)


def _folder(at: Site, run: str) -> Path:
    return at.settings.backup_dir.absolute() / f"rehearsal_{at.staging}_{run}.dump"


def _fill(origin: Origin, mark: Mark, tell: Tell) -> Timing:
    """Make the clone by the way that was chosen."""
    at, began = origin.site, time.monotonic()
    if origin.way.kind == "template" and origin.facts and origin.conn:
        disk = serverdisk.look(origin.conn)
        origin.conn.close()  # nobody may be connected, this program included
        incoming.copy(at, mark, origin.facts, clone=_shares(at, disk))
        return Timing(restore_seconds=time.monotonic() - began)
    incoming.make(at, mark, *_like(origin))
    if origin.way.kind == "file" and origin.conn:
        return _through_file(origin, mark, tell)
    if origin.way.kind == "stream":
        transfer.stream(at, origin.name, tell)
        return Timing(restore_seconds=time.monotonic() - began)
    path = Path(str(at.settings.rehearsal_dump))
    transfer.restore(at, path, origin.header.kind if origin.header else "", tell)
    return Timing(restore_seconds=time.monotonic() - began, dump_bytes=_size(path))


def _through_file(origin: Origin, mark: Mark, tell: Tell) -> Timing:
    """Dump into a private folder, restore, and remove it."""
    at, began, path = origin.site, time.monotonic(), Path(mark.files[0])
    assert origin.conn
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.mkdir(mode=0o700)
    try:
        written = transfer.take(at, origin.conn, origin.name, path, tell)
        dumped = time.monotonic()
        transfer.restore(at, path, "DIRECTORY", tell)
    finally:
        shutil.rmtree(path, ignore_errors=True)
    return Timing(dumped - began, time.monotonic() - dumped, written)


def _like(origin: Origin) -> tuple[database.Row, tuple[database.Row, ...]]:
    """Return what the clone is made like: production; of a dump, the staging database, else the maintenance one."""
    if origin.facts:
        return origin.facts.like, origin.facts.settings
    at = origin.site
    for name in (at.staging, at.gate.info.dbname):
        if like := database.query(at.gate, "scratch_database", database=name):
            break
    return like[0], tuple(database.query(at.gate, "database_settings", database=name))


def _shares(at: Site, disk: serverdisk.Disk | None) -> bool:
    """Return whether a copy can share its blocks here."""
    able = database.query(at.gate, "snapshot_rights")[0]["clones"]
    wanted = at.settings.snapshot_clone
    return bool(able and (wanted == "yes" or (wanted == "auto" and disk and disk.copies_on_write)))


def _size(path: Path) -> int:
    """Return how many bytes a dump has, a file or a folder."""
    return sum(one.stat().st_size for one in (path.iterdir() if path.is_dir() else [path]))
