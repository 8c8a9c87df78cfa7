"""Processes of this machine, as tests look for those that they started."""

from contextlib import suppress
from pathlib import Path


def working_in(folder: Path) -> list[int]:
    """Return the processes whose working directory is a folder or lies below it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it is gone, or another user's
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append(int(process.name))
    return found
