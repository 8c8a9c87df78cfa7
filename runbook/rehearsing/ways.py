"""The ways to clone production: which one is taken here, and why."""

import shutil
from dataclasses import dataclass
from typing import Literal

import psycopg

from runbook import database, figures
from runbook.errors import CloneFailed, RollbackError
from runbook.rehearsing.source import Facts
from runbook.safekeeping import backup, serverdisk
from runbook.settings import Settings

Kind = Literal["dump", "file", "stream", "template"]
ROOM = 1.5
"""How much of production's size staging's server needs: the clone, and the log that is written with it."""


@dataclass(frozen=True)
class Way:
    """How production is cloned."""

    kind: Kind
    why: str


def choose(settings: Settings, source: psycopg.Connection | None, *, same_server: bool) -> Way:
    """Choose the way. Raises CloneFailed where the one that is set cannot be taken here."""
    if settings.rehearsal_way == "auto":
        return _auto(settings, source)
    if settings.rehearsal_way == "dump" and not settings.rehearsal_dump:
        raise _impossible("dump", "no dump is named", "Set ROLLBACK_REHEARSAL_DUMP.")
    if settings.rehearsal_way == "template" and source:
        _check_template(source, same_server=same_server)
    return Way(settings.rehearsal_way, "ROLLBACK_REHEARSAL_WAY asks for it")


def wants_dump(settings: Settings) -> bool:
    """Return whether a dump stands for production, which is then not read."""
    return settings.rehearsal_way == "dump" or (settings.rehearsal_way == "auto" and bool(settings.rehearsal_dump))


def _auto(settings: Settings, source: psycopg.Connection | None) -> Way:
    if source is None:
        return Way("dump", "a dump is given; production is not read")
    needed = backup.estimate(source)
    try:
        backup.check_folder(settings, needed)
    except RollbackError as error:
        return Way("stream", f"no file: {error.problem}")
    free = shutil.disk_usage(settings.backup_dir.absolute()).free
    return Way("file", f"several jobs; {figures.size(free)} free, {figures.size(needed)} needed at most")


def _check_template(source: psycopg.Connection, *, same_server: bool) -> None:
    """See that production can be copied by its own server. Raises CloneFailed."""
    if not same_server:
        raise _impossible("template", "production is on another server", "Clone it through a file or as a stream.")
    others = database.query(source, "sessions", own=[source.info.backend_pid])
    if others:
        who = ", ".join(sorted({f"{row['application']} ({row['user']})" for row in others})[:5])
        raise _impossible(
            "template",
            f"{figures.count(len(others), 'session')} on production: {who}; a copy needs that nobody is connected",
            "Clone it through a file or as a stream: those do not disturb production's users.",
        )


def check_room(gate: psycopg.Connection, facts: Facts, way: Way) -> None:
    """See that a copy of production finds room on staging's disk, where it can be looked at. Raises CloneFailed."""
    disk = serverdisk.look(gate)
    if disk and way.kind != "template" and disk.free_bytes < ROOM * facts.bytes:
        raise CloneFailed(
            f"Staging's disk has {figures.size(disk.free_bytes)} free; a clone of {figures.size(facts.bytes)} may need "
            f"{figures.size(int(ROOM * facts.bytes))}.",
            "Make room on staging's server.",
            "Nothing was touched.",
        )


def _impossible(way: str, why: str, remedy: str) -> CloneFailed:
    return CloneFailed(f"Production cannot be cloned by {way}: {why}.", remedy, "Nothing was touched.")
