"""A dump in pg_dump's custom format: is it whole, and is it what was asked for."""

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from runbook import programs, shell
from runbook.errors import BackupFailed, ProgramFailed
from runbook.settings import Settings

TABLES = ("users", "conversations")
"""Tables of schema public without whose rows a dump is none of DigitalTwin."""

PRIVATE = 0o600


@dataclass(frozen=True)
class Contents:
    """What a dump says about itself."""

    database: str
    entries: int
    sha256: str


def check(path: Path, settings: Settings, major: int) -> Contents:
    """Read a dump's list of contents, prove that it reaches to its end, and take its checksum.

    ``major`` is the server's major version. Raises BackupFailed, or ProgramMissing.
    """
    restore = programs.binaries(major, settings) / "pg_restore"
    try:
        listed = shell.run(restore, "--list", path, env={"LC_ALL": "C"})
        entries = [line for line in listed.splitlines() if line and not line.startswith(";")]
        data = _data(path, entries)
        _read_last(restore, path, data[-1])
    except ProgramFailed as error:
        raise BackupFailed(
            f"The dump {path} cannot be read: {error.problem}", "Take the backup again; do not rely on this file."
        ) from None
    named = re.search(r"^;\s+dbname: (.*)$", listed, re.MULTILINE)
    return Contents(named[1] if named else "", len(entries), checksum(path))


def _data(path: Path, entries: list[str]) -> list[str]:
    """Return the entries that hold rows. Raises BackupFailed when a table of DigitalTwin has none."""
    data = [line for line in entries if " TABLE DATA " in line]
    missing = [table for table in TABLES if not any(f" TABLE DATA public {table} " in line for line in data)]
    if missing:
        raise BackupFailed(
            f"The dump {path} has {len(entries)} entries, but no rows of {', '.join(missing)}.",
            "See whether the role may read these tables and whether PGDATABASE names the right database.",
        )
    return data


def _read_last(restore: Path, path: Path, entry: str) -> None:
    """Read the rows that were written last. Raises ProgramFailed when the file ends before them.

    The list of contents stands at the file's head, so that it alone does not show that the end is missing.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".list") as wanted:
        wanted.write(f"{entry}\n")
        wanted.flush()
        shell.run(restore, "--use-list", wanted.name, "--file", os.devnull, path)


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sidecar(path: Path) -> Path:
    """Return where the checksum of the dump ``path`` is kept."""
    return path.with_name(f"{path.name}.sha256")


def write_checksum(path: Path, sha256: str) -> None:
    """Write the checksum of the dump ``path`` beside it, as ``sha256sum --check`` reads it."""
    descriptor = os.open(sidecar(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, so that the mode is set first
        file.write(f"{sha256}  {path.name}\n")
        file.flush()
        os.fsync(file.fileno())


def verify_checksum(path: Path) -> str:
    """Compare a dump with the checksum that was written beside it, and return it. Raises BackupFailed."""
    try:
        noted, found = sidecar(path).read_text(encoding="utf-8").split()[0], checksum(path)
    except (OSError, IndexError) as error:
        raise BackupFailed(f"The backup {path} or its checksum cannot be read: {error}.") from None
    if noted != found:
        raise BackupFailed(
            f"The backup {path} is not what it was when it was taken: SHA-256 {found} instead of {noted}.",
            "Do not restore from it; look for another copy.",
        )
    return found
