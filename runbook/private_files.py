"""Files that are this user's alone: read only where nobody else may write or read them, and written whole."""

import os
import stat
from pathlib import Path

from runbook.errors import SettingsInvalid

MODE = 0o600
FOLDER_MODE = 0o700
OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""Mode bits that let anybody else in."""
UNTOUCHED = "Nothing was touched."


def read(path: Path, what: str, setting: str) -> str:
    """Return the text of a private file; ``what`` it holds and the ``setting`` that names it are for the errors.

    Raises SettingsInvalid, naming the command that makes the file private.
    """
    try:
        with path.open("rb") as file:
            check(path, os.fstat(file.fileno()), setting)
            return file.read().decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsInvalid(
            f"{what} cannot be read from {path}: {why}.", "Correct the file, or its mode and owner.", UNTOUCHED
        ) from None


def check(path: Path, found: os.stat_result, setting: str) -> None:
    """Raise SettingsInvalid unless ``found`` describes a regular file of this user's that nobody else may open."""
    if not stat.S_ISREG(found.st_mode):
        raise SettingsInvalid(f"{path} is not a file.", f"Set {setting}.", UNTOUCHED)
    if found.st_uid != os.getuid():
        raise SettingsInvalid(
            f"{path} belongs to another user (uid {found.st_uid}).", f"chown {os.getuid()} '{path}'", UNTOUCHED
        )
    if found.st_mode & OTHERS:
        raise SettingsInvalid(
            f"{path} can be read or written by others (mode {stat.S_IMODE(found.st_mode):04o}), and it holds secrets.",
            f"chmod 600 '{path}'; if somebody may have read it, replace the secrets in it",
            UNTOUCHED,
        )


def write(path: Path, text: str) -> None:
    """Replace a file whole, with mode 0600 and lines as they are, and see it on the disk. Raises OSError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
