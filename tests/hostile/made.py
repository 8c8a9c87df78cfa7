"""Databases for cases: copies of the templates, under other names or in other encodings where a case wants that."""

from collections.abc import Iterator
from contextlib import contextmanager

import sql
from runbook import sample
from tests.databases import Database, Templates
from tests.hostile.case import Case
from tests.hostile.references import MESSAGES


@contextmanager
def lent(templates: Templates, case: Case) -> Iterator[Database]:
    """Lend the database of a case."""
    if case.encoding:
        with _encoded(templates, case) as database:
            yield database
        return
    with templates.copy(forward=tuple(case.forward), messages=MESSAGES) as database:
        if not case.dbname:
            yield database
            return
        _rename(database, database.dbname, case.dbname)
        try:
            yield Database(database.server, case.dbname)
        finally:
            _tidy(database, case.dbname)
            _rename(database, case.dbname, database.dbname)


def _rename(database: Database, name: str, new: str) -> None:
    with database.server.connect() as admin:
        admin.execute(f"ALTER DATABASE {_quoted(name)} RENAME TO {_quoted(new)}")


def _tidy(database: Database, name: str) -> None:
    """Drop the copies that a rollback made of a database."""
    with database.server.connect() as admin:
        query = "SELECT datname FROM pg_database WHERE starts_with(datname, left(%s, 15)) AND datname <> %s"
        for (copy,) in admin.execute(query, [name, name]).fetchall():
            admin.execute(f"DROP DATABASE {_quoted(copy)} WITH (FORCE)")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def _encoded(templates: Templates, case: Case) -> Iterator[Database]:
    """Make a database in another encoding from nothing, without rows: the seed has letters from all of Europe."""
    name = f"encoded_{case.encoding.lower()}"
    with templates.server.connect() as admin:
        admin.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{case.encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
        )
    database = Database(templates.server, name)
    forward = [sample.FORWARD[number] for number in case.forward]
    try:
        for file in ("demo/extensions.sql", "demo/baseline.sql", *forward):
            with database.connect() as conn, conn.transaction():
                conn.execute("SET LOCAL client_encoding = 'LATIN1'")
                conn.execute(sql.read(file).encode("latin-1", "replace"))
        yield database
    finally:
        _tidy(database, name)
        with templates.server.connect() as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
