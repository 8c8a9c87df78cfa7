"""Texts of a database whose encoding is not UTF-8. The runbook itself speaks UTF-8; the server converts."""

import codecs
import functools
import json
from typing import Any

import psycopg
from psycopg.adapt import Buffer, Dumper, Loader
from psycopg.types.json import set_json_dumps

UTF8, ANY = "UTF8", "SQL_ASCII"
"""PostgreSQL's names: of Unicode, and of "nobody knows"."""

TYPES = ("text", "varchar", "bpchar", "name", 0)
"""Types that are read as text; 0 stands for those that psycopg does not know, such as enums."""


def encoding(conn: psycopg.Connection) -> str:
    """Return the database's encoding by PostgreSQL's name."""
    return conn.info.parameter_status("server_encoding") or UTF8


def fitting(text: str, encoding: str) -> str:
    """Return the text with ? for each character that the encoding does not have: the server would refuse all of it."""
    if encoding in (UTF8, ANY) or text.isascii():
        return text
    codec = _codec(encoding)
    return text.encode(codec, errors="replace").decode(codec)


def _codec(encoding: str) -> str:
    """Return Python's name of an encoding; where it has none, that of ASCII, which every one contains."""
    name = encoding.replace("WIN", "cp").replace("KOI8", "koi8-")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "ascii"


def adapt(conn: psycopg.Connection) -> None:
    """Let a connection to a database in another encoding write what fits, and read what is there."""
    name = encoding(conn)
    if name == UTF8:
        return
    conn.cursor_factory = Cursor
    set_json_dumps(_written(name), conn)
    if name == ANY:
        for kind in TYPES:
            conn.adapters.register_loader(kind, Readable)
    else:
        conn.adapters.register_dumper(str, _dumper(name))


@functools.cache
def _written(encoding: str) -> functools.partial[str]:
    """Return what writes JSON for a database in this encoding; one object each, which psycopg remembers."""
    return functools.partial(_json, encoding)


def _json(encoding: str, value: Any) -> str:
    return fitting(json.dumps(value, ensure_ascii=False), encoding)


class Cursor(psycopg.Cursor[Any]):
    """Sends statements without a character that the database does not have: even one in a comment is refused."""

    def execute(self, query: Any, params: Any = None, **words: Any) -> "Cursor":
        """Execute a statement."""
        if isinstance(query, bytes):
            query = query.decode()
        if isinstance(query, str):
            query = fitting(query, encoding(self.connection)).encode()
        return super().execute(query, params, **words)


class Readable(Loader):
    """Reads texts that nobody knows the encoding of: as UTF-8, with U+FFFD for what is none."""

    def load(self, data: Buffer) -> str:
        """Return what can be read of it."""
        return bytes(data).decode("utf-8", errors="replace")


@functools.cache
def _dumper(encoding: str) -> type[Dumper]:
    """Return what writes strings for a database in this encoding."""

    class Fitting(Dumper):
        def dump(self, obj: Any) -> Buffer:
            if "\x00" in obj:
                raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
            return fitting(obj, encoding).encode()

    return Fitting
