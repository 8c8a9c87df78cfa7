"""How a dump is compressed: the best method that both programs of a folder know."""

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path

from runbook import shell
from runbook.errors import ProgramFailed

C_LOCALE = {"LC_ALL": "C"}
ACCEPTED = "parallel backup only supported by the directory format"
"""What pg_dump complains of next, once it has taken the method."""


@dataclass(frozen=True)
class Method:
    """A method of compression, as the archive's head numbers it."""

    name: str
    number: int


METHODS = (Method("zstd", 3), Method("lz4", 2))
"""The best first; gzip is left where neither is known."""
GZIP = "gzip"


@functools.cache
def best(folder: Path) -> str:
    """Return the name of the best method that pg_dump and pg_restore of this folder both know."""
    return next((method.name for method in METHODS if _writes(folder, method) and _reads(folder, method)), GZIP)


def option(name: str) -> str:
    """Return pg_dump's option for a method at its fastest level; a mere number is gzip's level in every version."""
    return "--compress=1" if name == GZIP else f"--compress={name}:1"


def _writes(folder: Path, method: Method) -> bool:
    """Return whether pg_dump knows the method: it looks at that before jobs that do not fit, and before it connects."""
    try:
        shell.run(folder / "pg_dump", "--format=plain", "--jobs=2", option(method.name), env=C_LOCALE)
    except ProgramFailed as error:
        return ACCEPTED in error.stderr
    return False


def _reads(folder: Path, method: Method) -> bool:
    """Return whether pg_restore knows the method: it warns at the head of an archive whose rows it could not read."""
    with tempfile.NamedTemporaryFile(suffix=".dump") as empty:
        empty.write(empty_archive(method.number))
        empty.flush()
        heard: list[str] = []
        try:
            shell.run(folder / "pg_restore", "--list", empty.name, env=C_LOCALE, on_line=heard.append)
        except ProgramFailed:
            return False
        return not heard


def empty_archive(compressed: int | None = None) -> bytes:
    """Return an archive without entries, in the custom format.

    With the number of a method it is of version 1.15, which came with the methods (PostgreSQL 16); else of 1.14, which
    every pg_restore from 12 on reads.
    """
    minor, how = (14, _integer(0)) if compressed is None else (15, bytes([compressed]))
    made = b"".join(_integer(number) for number in (0, 0, 0, 1, 0, 100, 0))
    texts = b"".join(_integer(len(text)) + text for text in (b"none", b"14", b"14"))  # database, server, pg_dump
    # Integers of 4 bytes, offsets of 8.
    return b"PGDMP" + bytes([1, minor, 0, 4, 8, 1]) + how + made + texts + _integer(0)


def _integer(number: int) -> bytes:
    return b"\0" + number.to_bytes(4, "little")
