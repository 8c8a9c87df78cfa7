"""Two databases compared: for every table the number of its rows and a hash over all of them, whatever their order.

Both are read by several sessions that share one snapshot each; the rows stay on the server.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from queue import SimpleQueue

import psycopg
from psycopg import sql as compose

from runbook import database, figures

POLL_SECONDS = 0.5
LARGE_OBJECTS = "large objects"
TABLE, VIEW = "r", "m"
"""Kinds of relations. A materialized view must be there; its rows are no part of a dump, a restore makes them anew."""

SUM = compose.SQL(
    "SELECT pg_catalog.count(*) AS rows, coalesce(pg_catalog.sum("
    "pg_catalog.hashtextextended(ROW({columns})::pg_catalog.text, 0)::pg_catalog.numeric), 0)::pg_catalog.text AS hash "
    "FROM {only} {relation} AS t"
)
"""The sum of the rows' hashes does not depend on their order, and two equal rows do not cancel out."""


@dataclass(frozen=True)
class Relation:
    """A table, a materialized view, or a sequence."""

    schema: str
    name: str
    kind: str
    columns: tuple[str, ...]
    whole: bool = False
    """Whether its partitions are compared with it, as one."""

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Sum:
    """What a relation holds."""

    rows: int
    hash: str


@dataclass(frozen=True)
class Comparison:
    """What a comparison came to."""

    tables: int
    rows: int
    differences: Sequence[str]


Pair = tuple[psycopg.Connection, psycopg.Connection]


def compare(source: str, restored: str, jobs: int, on_compared: Callable[[int, int], None]) -> Comparison:
    """Compare what two databases of this server hold, ``jobs`` relations at a time.

    ``on_compared`` gets how many relations are compared, and of how many. Raises DatabaseUnavailable, StatementFailed.
    """
    with _reading(source, jobs) as left, _reading(restored, jobs) as right:
        wanted, found = relations(left[0]), relations(right[0])
        both = [one for one in wanted if one in found and one.kind != VIEW]
        differences = _lacking(wanted, found)
        sums = _sums(both, list(zip(left, right, strict=True)), on_compared)
    differences += [line for one, (was, now) in sums.items() if (line := _difference(one, was, now))]
    tables = [was for one, (was, _) in sums.items() if isinstance(one, Relation) and one.kind == TABLE]
    return Comparison(len(tables), sum(one.rows for one in tables), differences)


def relations(conn: psycopg.Connection) -> list[Relation]:
    """List what holds values in this database, the largest first."""
    rows = database.query(conn, "proof_relations")
    return [Relation(row["schema"], row["name"], row["kind"], tuple(row["columns"]), row["whole"]) for row in rows]


def _lacking(wanted: Sequence[Relation], found: Sequence[Relation]) -> list[str]:
    """Say what is on one side only, or has other columns."""
    before, after = ({str(one): one.columns for one in side} for side in (wanted, found))
    lines = [f"{name} is missing in the restored database" for name in before.keys() - after.keys()]
    lines += [f"{name} is in the restored database only" for name in after.keys() - before.keys()]
    lines += [f"{name} has other columns" for name in before.keys() & after.keys() if before[name] != after[name]]
    return sorted(lines)


def _difference(one: object, was: Sum, now: Sum) -> str:
    """Say how a relation differs; nothing when it does not."""
    if was == now:
        return ""
    if was.rows == now.rows:
        return f"{one}: {figures.count(was.rows, 'row')}, and other values in them"
    return f"{one}: {figures.count(was.rows, 'row')}, restored {now.rows:,}"


@contextmanager
def _reading(name: str, jobs: int) -> Iterator[list[psycopg.Connection]]:
    """Open so many connections to a database that share one snapshot."""
    with ExitStack() as stack, database.translated():
        conns = [stack.enter_context(closing(database.connect(name))) for _ in range(jobs)]
        for conn in conns:
            database.query(conn, "proof_pins")
            conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        [row] = conns[0].execute("SELECT pg_catalog.pg_export_snapshot()").fetchall()
        for conn in conns[1:]:
            conn.execute(compose.SQL("SET TRANSACTION SNAPSHOT {}").format(compose.Literal(row[0])))
        yield conns


def _sums(
    both: Sequence[Relation], pairs: Sequence[Pair], on_compared: Callable[[int, int], None]
) -> dict[Relation | str, tuple[Sum, Sum]]:
    """Sum each relation up on both sides, in as many threads as there are pairs of connections."""
    free: SimpleQueue[Pair] = SimpleQueue()
    for pair in pairs:
        free.put(pair)

    def work(one: Relation | str) -> tuple[Sum, Sum]:
        left, right = free.get()
        try:
            return _sum(left, one), _sum(right, one)
        finally:
            free.put((left, right))

    with ThreadPoolExecutor(len(pairs)) as pool:
        todo: dict[Future[tuple[Sum, Sum]], Relation | str] = {pool.submit(work, one): one for one in both}
        todo[pool.submit(work, LARGE_OBJECTS)] = LARGE_OBJECTS
        try:
            _follow(todo, on_compared)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            _cancel(todo, pairs)
            raise
    return {one: future.result() for future, one in todo.items()}


def _cancel(todo: Iterable[Future[tuple[Sum, Sum]]], pairs: Sequence[Pair]) -> None:
    """End what is being read, again and again: a thread may just be between the two sides."""
    while wait([future for future in todo if not future.cancelled()], timeout=0.1).not_done:
        for conn in [conn for pair in pairs for conn in pair]:
            conn.cancel()


def _follow(todo: dict[Future[tuple[Sum, Sum]], Relation | str], on_compared: Callable[[int, int], None]) -> None:
    """Tell how far it is until all are done. Raises what one of them raised, at once."""
    left = set(todo)
    while left:
        done, left = wait(left, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
        on_compared(len(todo) - len(left), len(todo))


def _sum(conn: psycopg.Connection, one: Relation | str) -> Sum:
    if isinstance(one, str):
        return Sum(**database.query(conn, "proof_large_objects")[0])
    statement = SUM.format(
        columns=compose.SQL(", ").join(compose.Identifier("t", column) for column in one.columns),
        only=compose.SQL("" if one.whole else "ONLY"),
        relation=compose.Identifier(one.schema, one.name),
    )
    with database.translated():
        [(rows, digest)] = conn.execute(statement).fetchall()
    return Sum(rows, digest)
