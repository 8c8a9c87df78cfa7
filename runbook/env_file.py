"""Files of ``NAME=value`` lines that are this user's alone: the ``.env`` of the working directory, and the targets'."""

import os
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from runbook import private_files
from runbook.errors import SettingsInvalid

NAME = ".env"
PREFIX = "rollback_"
WHAT = "The file of settings"


def read(path: Path, what: str, setting: str) -> dict[str, str]:
    """Return the variables of a private file. Raises SettingsInvalid, naming the line that is wrong."""
    return parse(private_files.read(path, what, setting), path)


def parse(text: str, path: Path) -> dict[str, str]:
    """Return the variables of a file's text. Raises SettingsInvalid, naming the line that is wrong."""
    wrong = [str(found.original.line) for found in parse_stream(StringIO(text)) if found.error or _bare(found)]
    if wrong:
        raise SettingsInvalid(
            f"{path} cannot be used: line {', '.join(wrong)} is not NAME=value.", "Correct it.", private_files.UNTOUCHED
        )
    return {name: value or "" for name, value in dotenv_values(stream=StringIO(text)).items()}


def _bare(found: object) -> bool:
    """Tell whether a line names a variable without a value."""
    return getattr(found, "key", None) is not None and getattr(found, "value", None) is None


def found() -> Path | None:
    """Return the ``.env`` whose settings count here: that of the working directory; None where there is none."""
    path = Path(NAME).absolute()
    return path if settings() else None


def settings() -> dict[str, str]:
    """Return the runbook's settings of the ``.env`` in the working directory.

    A file that others may open is refused where it has any of them; without one it is another program's, and left.
    Raises SettingsInvalid.
    """
    path = Path(NAME).absolute()
    if not path.is_file():
        return {}
    text, refusal = _read(path)
    ours = {name: value for name, value in _lenient(text).items() if name.lower().startswith(PREFIX)}
    if ours and refusal:
        raise refusal
    return {name: value for name, value in parse(text, path).items() if name in ours} if ours else {}


def _read(path: Path) -> tuple[str, SettingsInvalid | None]:
    """Read a file once, and say why it must not count. Raises SettingsInvalid where it cannot be read."""
    try:
        with path.open("rb") as file:
            text, stat = file.read().decode(), os.fstat(file.fileno())
    except (OSError, UnicodeDecodeError):
        private_files.read(path, WHAT, NAME)
        raise
    try:
        private_files.check(path, stat, NAME)
    except SettingsInvalid as refused:
        return text, refused
    return text, None


def _lenient(text: str) -> dict[str, str | None]:
    """Return all variables that any line sets; what is no such line is passed over."""
    return {found.key: found.value for found in parse_stream(StringIO(text)) if found.key}
