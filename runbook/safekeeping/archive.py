"""A dump in pg_dump's directory format: is it whole, and is it what was asked for."""

import heapq
import os
import re
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from runbook import shell
from runbook.errors import BackupFailed, ProgramFailed
from runbook.safekeeping import checksums, frames, programs
from runbook.settings import Settings

TABLES = ("users", "conversations")
"""Tables of schema public without whose rows a dump is none of DigitalTwin."""

DATA = re.compile(r"(\d+); \d+ \d+ (TABLE DATA|BLOBS) ")
"""An entry that has a file of its own, or more than one."""


@dataclass(frozen=True)
class Contents:
    """What a dump says about itself."""

    database: str
    entries: int
    bytes: int
    sums: dict[str, str]
    """SHA-256 by file."""


def check(path: Path, settings: Settings, major: int) -> Contents:
    """Read a dump's list of contents, read every file to its end, and take the checksums.

    ``major`` is the server's major version. Raises BackupFailed, ProgramMissing, or OSError.
    """
    restore = programs.binaries(major, settings) / "pg_restore"
    try:
        listed = shell.run(restore, "--list", path, env={"LC_ALL": "C"})
        entries = [line for line in listed.splitlines() if line and not line.startswith(";")]
        data = _data(path, entries)
        with ThreadPoolExecutor(programs.jobs(settings)) as pool:
            sums = _sums(path, pool)
            list(pool.map(lambda part: _read(restore, path, part), _parts(path, data, programs.jobs(settings))))
    except ProgramFailed as error:
        raise _unreadable(path, error.problem) from None
    except frames.CutError as error:
        raise _unreadable(path, f"{error}") from None
    named = re.search(r"^;\s+dbname: (.*)$", listed, re.MULTILINE)
    return Contents(named[1] if named else "", len(entries), size(path), sums)


def size(path: Path) -> int:
    """Return how many bytes a dump's files have, while it is written as well."""
    return sum(one.stat().st_size for one in path.iterdir())


def _unreadable(path: Path, why: str) -> BackupFailed:
    return BackupFailed(f"The dump {path} cannot be read: {why}", "Take the backup again; do not rely on this one.")


def _data(path: Path, entries: list[str]) -> list[str]:
    """Return the entries that have files. Raises BackupFailed when a table of DigitalTwin has none."""
    missing = [table for table in TABLES if not any(f" TABLE DATA public {table} " in line for line in entries)]
    if missing:
        raise BackupFailed(
            f"The dump {path} has {len(entries)} entries, but no rows of {', '.join(missing)}.",
            "See whether the role may read these tables and whether PGDATABASE names the right database.",
        )
    return [line for line in entries if DATA.match(line)]


def _parts(path: Path, data: list[str], jobs: int) -> list[list[str]]:
    """Deal the entries out to ``jobs`` readers, the largest first, each to the one with the least to read."""
    sizes = {one.name.split(".")[0]: one.stat().st_size for one in path.iterdir()}
    weighed = sorted(((sizes.get(line.split(";")[0], 0), line) for line in data), reverse=True)
    heap: list[tuple[int, int, list[str]]] = [(0, number, []) for number in range(jobs)]
    for weight, line in weighed:
        load, number, part = heapq.heappop(heap)
        heapq.heappush(heap, (load + weight, number, [*part, line]))
    return [part for _, _, part in heap if part]


def _read(restore: Path, path: Path, entries: Sequence[str]) -> None:
    """Read the rows of these entries to their end, and keep nothing. Raises ProgramFailed."""
    with tempfile.NamedTemporaryFile("w", suffix=".list") as wanted:
        wanted.write("\n".join(entries) + "\n")
        wanted.flush()
        shell.run(restore, "--use-list", wanted.name, "--file", os.devnull, path, env={"LC_ALL": "C"})


def _sums(path: Path, pool: ThreadPoolExecutor) -> dict[str, str]:
    """Return the checksum of each file, by name. Raises CutError for one that was cut off."""
    files = sorted(path.iterdir())
    return dict(zip([one.name for one in files], pool.map(_sum, files), strict=True))


def _sum(file: Path) -> str:
    if file.suffix in frames.FRAMES:
        frames.walk(file)
    return checksums.checksum(file)
