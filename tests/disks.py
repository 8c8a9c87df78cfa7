"""Filesystems for tests: XFS images of any size, with shared blocks or without, mounted as root."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from tests.servers import in_ci

SMALLEST = 320
"""MB: mkfs.xfs makes no smaller one."""


def unavailable(reason: str) -> NoReturn:
    """Skip the test; in CI, where everything was installed, fail."""
    if in_ci():
        pytest.fail(f"{reason}: in CI nothing may be skipped", pytrace=False)
    pytest.skip(reason)


@contextmanager
def xfs(megabytes: int = SMALLEST, *, reflink: bool) -> Iterator[Path]:
    """Lend a folder on a filesystem of its own; ``reflink``: files may share blocks. Needs root and mkfs.xfs."""
    if os.geteuid() != 0:
        unavailable("a filesystem can be mounted by root only")
    if shutil.which("mkfs.xfs") is None:
        unavailable("mkfs.xfs is not installed (make test-system installs it)")
    place = Path(tempfile.mkdtemp(prefix="disk-"))
    place.chmod(0o755)  # the server runs as another user
    image, folder = place / "image", place / "mounted"
    folder.mkdir()
    try:
        _run("truncate", "-s", f"{megabytes}M", str(image))
        _run("mkfs.xfs", "-q", "-m", f"reflink={reflink:d}", str(image))
        _run("mount", "-o", "loop", str(image), str(folder))
        folder.chmod(0o755)
        yield folder
    finally:
        subprocess.run(["umount", folder], check=False, capture_output=True)
        shutil.rmtree(place, ignore_errors=True)


def _run(*words: str) -> None:
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        unavailable(f"{words[0]} failed: {done.stderr.strip()}")
