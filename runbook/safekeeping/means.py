"""The means of the backup: a snapshot or a dump. What each takes here and now, which is chosen, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import psycopg

from runbook import database, figures, journal
from runbook.database import Row
from runbook.errors import RollbackError
from runbook.outlook import Means, Way
from runbook.safekeeping import naming, programs, serverdisk
from runbook.safekeeping.serverdisk import Disk
from runbook.schema import collations
from runbook.settings import Settings

RUNS = 5
"""From how many of the newest backups of a kind its time is taken; the median counts."""
CLONE_SECONDS = 0.5
"""A guess: a copy that shares its blocks takes no time in proportion to the data (1.85 GB: 0.06 s)."""
COPY_SPEED = 200_000_000
"""A guess: bytes that a server copies in a second where no block can be shared."""
DUMP_SPEED = 80_000_000
"""A guess: bytes of the database that one job of pg_dump takes in a second (1.85 GB: 23 s by one, 10 s by two)."""
CLONE_ROOM = 64_000_000
"""Bytes that a copy needs at first though it shares its blocks: the catalogue, and what is written at once."""
SPARE = 1.05
"""How much more room than the database's size a copy that shares nothing must find."""
GIGABYTE = 1_000_000_000


@dataclass(frozen=True)
class Place:
    """What is known of where a copy would lie."""

    clone: bool
    room: float | None
    """Bytes that are free; None: nobody knows."""
    words: str


def draw(conn: psycopg.Connection, wanted: str, settings: Settings) -> Means:
    """Choose how the backup is taken (``wanted``: auto, snapshot or dump), and forecast both ways; reads only."""
    rights = {**database.query(conn, "snapshot_rights")[0], "collation": collations.obstacle(conn)}
    size = int(database.query(conn, "size")[0]["bytes"])
    past = database.query(conn, "forecast_backup", runs=RUNS) if journal.exists(conn) else []
    place = _place(rights, serverdisk.look(conn), settings)
    unwritable = f"the database's name {conn.info.dbname!r} holds a control character; rename the database"
    ways = [_snapshot(rights, place, size, past), _dump(size, past, settings)]
    if naming.unwritable(conn.info.dbname):
        ways = [replace(way, obstacle=unwritable) for way in ways]
    return chosen(wanted, ways, place.clone)


def chosen(wanted: str, ways: Sequence[Way], clone: bool) -> Means:
    """Choose: what was asked for, else the quicker of those that can be taken."""
    if forced := next((way for way in ways if way.method == wanted), None):
        return Means(forced.method, "the request asks for it", clone, ways)
    way = min(ways, key=lambda way: (bool(way.obstacle), way.seconds))
    other = next(one for one in ways if one is not way)
    why = other.obstacle or f"{figures.duration(way.seconds)} instead of {figures.duration(other.seconds)}"
    return Means(way.method, why, clone, ways)


def check(means: Means) -> None:
    """Raise RollbackError when the way that was chosen cannot be taken."""
    obstacle = means.way.obstacle
    if obstacle and UNKNOWN not in obstacle:
        raise RollbackError(
            f"The backup cannot be a {means.method}: {obstacle}.", "Mend that, or choose the other way."
        )


def warnings(means: Means) -> list[str]:
    """Say what nobody knows of the way that was asked for."""
    obstacle = means.way.obstacle
    return [f"A {means.method} is asked for although {obstacle}."] if UNKNOWN in obstacle else []


def _place(rights: Row, disk: Disk | None, settings: Settings) -> Place:
    """Say what is known of where a copy would lie, from the disk itself or from the settings."""
    declared = settings.snapshot_room_gb
    shares = disk.copies_on_write if disk else False
    if settings.snapshot_clone != "auto":
        shares = settings.snapshot_clone == "yes"
    room = declared * GIGABYTE if declared is not None else disk.free_bytes if disk else None
    if shares and not rights["clones"]:
        return Place(False, room, "copies every block: sharing them needs PostgreSQL 18 or newer")
    if shares:
        return Place(True, room, f"shares its blocks with the original ({disk.filesystem if disk else 'as declared'})")
    where = f"{disk.filesystem} does not share them" if disk else "nobody said that the server's disk shares them"
    return Place(False, room, f"copies every block: {where}")


UNKNOWN = "the room on the server's disk is not known"


def _snapshot(rights: Row, place: Place, size: int, past: Sequence[Row]) -> Way:
    alike = [row for row in past if row["method"] == "snapshot" and row["clone"] == place.clone]
    guess = CLONE_SECONDS + (0 if place.clone else size / COPY_SPEED)
    took = _measured(alike, 0 if place.clone else size, guess)
    return Way(
        "snapshot", took, len(alike), f"a copy on the same server; it {place.words}", _obstacle(rights, place, size)
    )


def _obstacle(rights: Row, place: Place, size: int) -> str:
    """Say why no copy can be made here; empty: it can."""
    if not rights["may_create"]:
        return f"the role {rights['role']} may not create databases (ALTER ROLE {rights['role']} CREATEDB)"
    if not rights["owns"]:
        return f"the role {rights['role']} does not own the database, so it may not copy it"
    if rights["collation"]:
        return str(rights["collation"])
    needed = CLONE_ROOM if place.clone else size * SPARE
    if place.room is None and not place.clone:
        return f"{UNKNOWN}: set ROLLBACK_SNAPSHOT_ROOM_GB, or ROLLBACK_SNAPSHOT_CLONE=yes where it copies on write"
    if place.room is not None and place.room < needed:
        return f"the server's disk has {figures.size(int(place.room))} free, a copy needs {figures.size(int(needed))}"
    return ""


def _dump(size: int, past: Sequence[Row], settings: Settings) -> Way:
    alike = [row for row in past if row["method"] == "dump"]
    took = _measured(alike, size, 1 + size / (DUMP_SPEED * programs.jobs(settings)))
    return Way(
        "dump", took, len(alike), f"pg_dump with {figures.count(programs.jobs(settings), 'job')} inside the outage"
    )


def _measured(alike: Sequence[Row], size: int, guess: float) -> float:
    """Return the median of what this way took before, in s, scaled to ``size`` where it grows with the data (not 0)."""
    grown = [row["seconds"] * (size / row["bytes"] if size and row["bytes"] else 1) for row in alike]
    return float(median(grown)) if grown else guess
