"""The checksums of a dump that is a folder: a list beside it, as ``sha256sum --check`` reads it."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from runbook.errors import BackupFailed

PRIVATE = 0o600


def sidecar(path: Path) -> Path:
    """Return where the checksums of the dump ``path`` are kept."""
    return path.with_name(f"{path.name}.sha256")


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(path: Path, sums: Mapping[str, str], facts: Mapping[str, str] = MappingProxyType({})) -> str:
    """Write the checksums of the files in the dump ``path`` beside it, on the disk; return the list's own checksum.

    ``facts`` say of the dump what it is: each becomes a comment line above them, which sha256sum passes over.
    """
    lines = [f"# {key}: {value}\n" for key, value in facts.items()]
    lines += [f"{digest}  {path.name}/{name}\n" for name, digest in sorted(sums.items())]
    text = "".join(lines).encode()
    descriptor = os.open(sidecar(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, so that the mode is set first
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(text).hexdigest()


def verify(path: Path) -> str:
    """Compare a dump with the list that was written beside it, and return the list's own checksum.

    Every file of the list must be there unchanged, and no other. Raises BackupFailed.
    """
    try:
        noted, found = _noted(path), {one.name: checksum(one) for one in path.iterdir()}
        digest = checksum(sidecar(path))
    except (OSError, ValueError) as error:
        raise BackupFailed(f"The backup {path} or its checksums cannot be read: {error}.") from None
    wrong = [f"{name} is missing" for name in noted.keys() - found.keys()]
    wrong += [f"{name} is not in the list" for name in found.keys() - noted.keys()]
    wrong += [f"{name} has changed" for name in noted.keys() & found.keys() if noted[name] != found[name]]
    if wrong:
        raise BackupFailed(
            f"The backup {path} is not what it was when it was taken: {'; '.join(sorted(wrong))}.",
            "Do not restore from it; look for another copy.",
        )
    return digest


def _noted(path: Path) -> dict[str, str]:
    """Read the list: checksum by file. Raises OSError, ValueError."""
    listed = sidecar(path).read_text(encoding="utf-8").splitlines()
    lines = [line.split("  ", 1) for line in listed if not line.startswith("#")]
    return {name.removeprefix(f"{path.name}/"): digest for digest, name in lines}
