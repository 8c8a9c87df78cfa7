"""The file system that everything is measured on: an XFS image of our own with copy-on-write, or a plain folder."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from runbook import shell
from runbook.errors import ProgramFailed


@dataclass(frozen=True)
class Place:
    """A folder, and what its file system can do."""

    folder: Path
    kind: str
    """What the table says of it."""
    clones: bool
    """Whether a file can be copied by sharing its blocks (copy-on-write)."""


@contextmanager
def lent(folder: Path | None, gigabytes: int) -> Iterator[Place]:
    """Lend a place and leave nothing behind.

    Without a ``folder`` it is a fresh XFS image of this size at most, where this user may mount one; else a temporary
    folder.
    """
    with ExitStack() as stack:
        outer = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-", dir=folder)))
        outer.chmod(0o755)  # the server runs as another user where we are root
        if folder is None and os.geteuid() == 0 and shutil.which("mkfs.xfs"):
            inner, kind = stack.enter_context(_image(outer, gigabytes)), "XFS with reflink, loop device with direct I/O"
        else:
            inner, kind = outer, shell.run("stat", "--file-system", "--format=%T", outer).strip()
        yield Place(inner, kind, clones=_clones(inner))


@contextmanager
def _image(folder: Path, gigabytes: int) -> Iterator[Path]:
    image, inner = folder / "image", folder / "disk"
    inner.mkdir(mode=0o755)
    shell.run("truncate", f"--size={gigabytes}G", image)
    shell.run("mkfs.xfs", "-q", "-m", "reflink=1", image)
    # Direct: or this machine would cache each block twice, and a flush would not reach the disk.
    device = shell.run("losetup", "--direct-io=on", "--find", "--show", image).strip()
    try:
        shell.run("mount", "-o", "discard", device, inner)
        try:
            yield inner
        finally:
            shell.run("umount", inner)
    finally:
        shell.run("losetup", "--detach", device)


def _clones(folder: Path) -> bool:
    """Try to copy a file by sharing its blocks."""
    source, copied = folder / "probe", folder / "probe-copy"
    source.write_bytes(b"x" * 8192)
    try:
        shell.run("cp", "--reflink=always", source, copied)
    except ProgramFailed:
        return False
    else:
        return True
    finally:
        source.unlink()
        copied.unlink(missing_ok=True)


def copy(source: Path, target: Path) -> None:
    """Copy a folder with owners and modes, sharing blocks where the file system can."""
    shell.run("cp", "--archive", "--reflink=auto", source, target)
