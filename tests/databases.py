"""Databases for tests: each a fast copy of a template that is made once for each server."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import psycopg

import sql
from runbook import sample
from tests.servers import Server

ALL = ("010", "011", "012", "013")
# Forward 011 as it was shipped, which fails half way: run to its end by plain psql, or stopped at the error.
AS_SHIPPED = "011-as-shipped"
STOPPED = "011-stopped"

_numbers = count(1)


@dataclass(frozen=True)
class Database:
    """One database that a test may do anything with."""

    server: Server
    dbname: str

    @property
    def env(self) -> dict[str, str]:
        """libpq's variables that lead here."""
        return self.server.env(self.dbname)

    @property
    def conninfo(self) -> str:
        """A connection string that leads here."""
        server = self.server
        return psycopg.conninfo.make_conninfo(host=server.host, port=server.port, user=server.user, dbname=self.dbname)

    def connect(self, *, autocommit: bool = True) -> psycopg.Connection[Any]:
        """Open a connection; the caller closes it."""
        return self.server.connect(self.dbname, autocommit=autocommit)

    def psql(self, *arguments: str, options: str = "") -> subprocess.CompletedProcess[str]:
        """Run the server's own psql, as an operator would; ``options`` is PGOPTIONS. Does not raise."""
        return self.program("psql", "-X", *arguments, options=options)

    def program(self, name: str, *arguments: str, options: str = "") -> subprocess.CompletedProcess[str]:
        """Run one of the server's own programs, such as pg_dump. Does not raise."""
        env = os.environ | self.env | {"PGOPTIONS": options}
        command = [self.server.bin(name), *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)

    def run_file(self, name: str, *arguments: str, options: str = "") -> subprocess.CompletedProcess[str]:
        """Run a file below sql/ by psql."""
        return self.psql(*arguments, "-f", str(sql.path(name)), options=options)

    def value(self, query: str) -> Any:
        """Return the first column of the first row."""
        with self.connect() as conn:
            row = conn.execute(query).fetchone()
            return row[0] if row else None

    def checksums(self, *, first: str = "SELECT") -> dict[str, tuple[int, str]]:
        """Return for each table of schema public how many rows it has and a hash over all of them, at one moment.

        ``first`` is a statement whose changes count and are taken back again.
        """
        names = self.column("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        sums = "SELECT count(*), coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') FROM public.{} t"
        with self.connect() as conn, conn.transaction(force_rollback=True):
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            conn.execute(first.encode())
            return {name: conn.execute(sums.format(name)).fetchone() for name in names}  # type: ignore[misc]

    def column(self, query: str) -> list[Any]:
        """Return the first column of all rows."""
        with self.connect() as conn:
            return [row[0] for row in conn.execute(query)]


@dataclass(frozen=True)
class Templates:
    """The databases of one server that are copied for tests, made when first asked for."""

    server: Server
    made: set[str] = field(default_factory=set)

    @contextmanager
    def copy(
        self, *, bot_label: str = "assistant", messages: int | None = 200, forward: tuple[str, ...] = ()
    ) -> Iterator[Database]:
        """Lend a fresh database in a state: seeded baseline, then ``forward`` in its order and the new release's rows.

        ``messages=0`` leaves it without any rows, also after ``forward``; ``messages=None`` without a schema.
        """
        template = self._template(bot_label, messages, forward)
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self._create(name, template)
        try:
            yield Database(self.server, name)
        finally:
            self._drop(name)

    def _template(self, bot_label: str, messages: int | None, forward: tuple[str, ...]) -> str:
        name = "_".join(("template", bot_label, str(messages), *forward))
        if name not in self.made:
            self._make(name, bot_label, messages, forward)
            self.made.add(name)
        return name

    def _make(self, name: str, bot_label: str, messages: int | None, forward: tuple[str, ...]) -> None:
        if forward:
            self._create(name, self._template(bot_label, messages, ()))
            migrate(Database(self.server, name), forward)
        else:
            self._create(name)
        with self.server.connect(name) as conn:
            if not forward and messages is not None:
                sample.load_baseline(conn, bot_label)
            if messages:
                sample.seed_transformed(conn) if forward else sample.seed(conn, messages)

    def _create(self, name: str, template: str | None = None) -> None:
        with self.server.connect() as admin:
            sample.create(admin, name, template)

    def _drop(self, name: str) -> None:
        """Drop a database, with the copies that a rollback made of it."""
        with self.server.connect() as admin:
            found = admin.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s || '_')", [name])
            for one in (name, *(row[0] for row in found.fetchall())):
                admin.execute(f'DROP DATABASE IF EXISTS "{one}" WITH (FORCE)')


def migrate(database: Database, forward: tuple[str, ...]) -> None:
    """Apply forward migrations, and 011 as it was shipped by real psql, the way it was run."""
    for number in forward:
        if number in (AS_SHIPPED, STOPPED):
            stop = "1" if number == STOPPED else "0"
            database.run_file("demo/forward/011_as_shipped.sql", "-v", f"ON_ERROR_STOP={stop}")
        else:
            with database.connect() as conn:
                sample.apply_forward(conn, [number])
