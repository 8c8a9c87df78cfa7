"""The clone of production on staging's server: made under a name of its own, before anything else is touched."""

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from runbook import database, figures
from runbook.models import Identity
from runbook.rehearsing import cleaning, incoming, transfer
from runbook.rehearsing import origin as origins
from runbook.rehearsing import site as sites
from runbook.rehearsing.clonedata import Clone
from runbook.rehearsing.marks import Mark
from runbook.rehearsing.origin import Origin
from runbook.rehearsing.site import Site
from runbook.rehearsing.transfer import Tell
from runbook.safekeeping import naming, serverdisk
from runbook.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timing:
    """What the parts took, in s, and how large the dump was, in bytes."""

    dump_seconds: float = 0.0
    restore_seconds: float = 0.0
    dump_bytes: int = 0


Progress = Callable[[str, int, int], None]
"""Hears which step is at work (dump, restore), how many bytes are there, and how many production has (0: not known)."""


def make(settings: Settings, on_progress: Progress = lambda _step, _bytes, _of: None) -> Clone:
    """Clone production beside the staging database, which stays as it is; what killed rehearsals left goes first.

    ``on_progress`` is called about every second; what it raises ends the clone. Raises RehearsalRefused, CloneFailed,
    SettingsInvalid, SecondRunner, BackupFailed, DatabaseUnavailable; half a clone is dropped.
    """
    began = time.monotonic()
    with sites.opened(settings) as at, origins.found(at) as origin:
        cleaning.clean(at)
        mark = _mark(origin)
        log.info("cloning %s to %s by %s: %s", origin.name, at.incoming, origin.way.kind, origin.way.why)
        try:
            timing = _fill(origin, mark, lambda step, there: on_progress(step, there, origin.bytes))
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


def _mark(origin: Origin) -> Mark:
    at, run = origin.site, uuid4().hex[:12]
    known = at.source or Identity(0, origin.name, 0)
    files = (str(_folder(at, run)),) if origin.way.kind == "file" else ()
    what = {"system_identifier": known.system_identifier, "database": known.database, "oid": known.oid}
    return Mark("raw", at.staging, run, what, files)


def _folder(at: Site, run: str) -> Path:
    return at.settings.backup_dir.absolute() / f"rehearsal_{naming.part(at.staging)}_{run}.dump"


def _fill(origin: Origin, mark: Mark, tell: Tell) -> Timing:
    """Make the clone by the way that was chosen."""
    at, began = origin.site, time.monotonic()
    if origin.way.kind == "template" and origin.facts and origin.conn:
        disk = serverdisk.look(origin.conn)
        origin.conn.close()  # nobody may be connected, this program included
        incoming.copy(at, mark, origin.facts, clone=_shares(at, disk))
        return Timing(restore_seconds=time.monotonic() - began)
    incoming.make(at, mark, *origins.like(origin))
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


def _shares(at: Site, disk: serverdisk.Disk | None) -> bool:
    """Return whether a copy can share its blocks here."""
    able = database.query(at.gate, "snapshot_rights")[0]["clones"]
    wanted = at.settings.snapshot_clone
    return bool(able and (wanted == "yes" or (wanted == "auto" and disk and disk.copies_on_write)))


def _size(path: Path) -> int:
    """Return how many bytes a dump has, a file or a folder."""
    return sum(one.stat().st_size for one in (path.iterdir() if path.is_dir() else [path]))
