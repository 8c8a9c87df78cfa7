"""The server's disk, where the server runs on this machine: how much room there is, and whether it copies on write."""

import fcntl
import logging
import os
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

import psycopg

from runbook import database

XFS_GEOMETRY = 0x80705864
"""_IOR('X', 100, struct xfs_fsop_geom_v1) of Linux' fs/xfs/libxfs/xfs_fs.h: 112 bytes, read only."""
XFS_GEOMETRY_BYTES = 112
XFS_FLAGS_AT = 92
"""Where ``flags`` lies in it."""
XFS_REFLINK = 1 << 20
"""XFS_FSOP_GEOM_FLAGS_REFLINK: blocks may be shared."""
SHARING = ("btrfs", "bcachefs")
"""Filesystems that always copy on write."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Disk:
    """What holds the server's files."""

    free_bytes: int
    copies_on_write: bool
    filesystem: str
    """Its type, such as xfs."""


def look(conn: psycopg.Connection) -> Disk | None:
    """Look at the disk under the database; None where the server is elsewhere, or this user may not look.

    That the folder is this server's is proved by the system identifier in its control file.
    """
    rows = database.query(conn, "data_folders")
    folders = [Path(row["folder"]) for row in rows if row["folder"]]
    if len(folders) < len(rows) or not _is(folders[0], int(rows[0]["system_identifier"])):
        return None
    try:
        return _of(folders)
    except OSError as error:
        log.info("The server's disk cannot be looked at: %s", error)
        return None


def _is(folder: Path, system_identifier: int) -> bool:
    """Tell whether ``folder`` is the data folder of the server with this system identifier."""
    try:
        with (folder / "global" / "pg_control").open("rb") as file:
            return int.from_bytes(file.read(8), "little") == system_identifier
    except OSError:
        return False


def _of(folders: list[Path]) -> Disk:
    """Describe the disks of a data folder and its tablespaces: the fullest one, and sharing only where all do."""
    types = [_type(folder.resolve()) for folder in folders]
    sharing = all(_shares(folder, kind) for folder, kind in zip(folders, types, strict=True))
    return Disk(min(shutil.disk_usage(folder).free for folder in folders), sharing, ", ".join(dict.fromkeys(types)))


def _shares(folder: Path, kind: str) -> bool:
    """Tell whether a filesystem copies on write."""
    return kind in SHARING or (kind == "xfs" and _reflink(folder))


def _type(folder: Path) -> str:
    """Return the type of the filesystem that ``folder`` lies on: of the longest mount point above it."""
    mounts: dict[Path, str] = {}
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        place, _, kind = line.partition(" - ")
        mounts[Path(place.split()[4].replace("\\040", " "))] = kind.split()[0]  # the last of equals lies on top
    return mounts[max((p for p in mounts if folder.is_relative_to(p)), key=lambda p: len(p.parts))]


def _reflink(folder: Path) -> bool:
    """Ask XFS whether it was made with reflink=1."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        answer = fcntl.ioctl(descriptor, XFS_GEOMETRY, bytes(XFS_GEOMETRY_BYTES))
    finally:
        os.close(descriptor)
    return bool(struct.unpack_from("=I", answer, XFS_FLAGS_AT)[0] & XFS_REFLINK)
