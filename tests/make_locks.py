"""Write sql/locks.csv, the locks that each statement of the scripts takes: python -m tests.make_locks.

A copy of each script looks at its own locks after every statement, on databases in all the states below. The file is
read and reviewed as data; a test holds it against what each server says.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from pglast import parse_plpgsql, scan

import sql
from tests import servers
from tests.databases import Templates
from tests.lockstates import FILES, STATES

FILE = Path(__file__).parent.parent / "sql" / "locks.csv"
HEADER = ("file", "line", "statement", "lock", "on", "meanwhile")
WIDTH = 100
"""How many characters of a statement are shown."""
RUN = ("execsql", "dynexecute", "perform", "call")
"""What PL/pgSQL calls the statements that run SQL; conditions and loops only read, and are seen at the end."""
READING = re.compile(r"(SELECT|WITH|PERFORM|SET CONSTRAINTS)\b|EXECUTE 'SELECT\b")
MODES = (
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
)
"""PostgreSQL's modes, the weakest first."""
READ, WRITE = MODES.index("ACCESS SHARE"), MODES.index("ROW EXCLUSIVE")
END = 0
"""The line of the look at the end of a script."""

# Each look remembers what is held, by the names of now: tables are renamed on the way. What the script itself made is
# left out, since nobody else can wait for it; what it dropped is not.
LOOK = """
    CREATE TEMP VIEW things AS
        SELECT 'relation' AS kind, oid AS id,
               CASE WHEN relkind IN ('i', 'I') THEN 'index ' ELSE '' END || relname AS name,
               relkind IN ('i', 'I') AS index FROM pg_class
        WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'rollback'))
        UNION ALL
        SELECT 'object', oid, 'type ' || typname, false FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typtype = 'e';
    CREATE TEMP TABLE known AS SELECT * FROM things LIMIT 0;
    CREATE TEMP TABLE held (nr serial, line int, id oid, name text, mode text, index boolean);
    CREATE FUNCTION pg_temp.look(at int) RETURNS boolean LANGUAGE sql AS $look$
        INSERT INTO pg_temp.held (line, id, name, mode, index)
        SELECT at, k.id, coalesce(t.name, k.name), replace(l.mode, 'Lock', ''), k.index
        FROM pg_locks AS l
        JOIN pg_temp.known AS k
            ON k.kind = l.locktype AND k.id = CASE l.locktype WHEN 'relation' THEN l.relation ELSE l.objid END
        LEFT JOIN pg_temp.things AS t ON t.kind = k.kind AND t.id = k.id
        WHERE l.pid = pg_backend_pid() AND l.granted AND (l.locktype = 'relation' OR l.classid = 'pg_type'::regclass);
        INSERT INTO pg_temp.held (line) VALUES (at) RETURNING true;
    $look$;
"""
KNOWN = "TRUNCATE held, known; INSERT INTO known SELECT * FROM things"


class Statement(NamedTuple):
    """A statement inside a script's block."""

    line: int
    """In the file."""
    text: str
    end: int
    """Where a look may follow, as a place in the file's text."""


class Taken(NamedTuple):
    """A lock that a statement took."""

    line: int
    lock: str
    on: str


class Observed(NamedTuple):
    """What was seen of one script, over all states."""

    taken: set[Taken]
    reached: set[int]
    """Lines of statements that ran."""


def statements(name: str) -> list[Statement]:
    """Return the statements of a script that run SQL, in their order. Raises ValueError where two share a line."""
    text = sql.read(name)
    first = text.partition("\nDO $")[0].count("\n") + 1  # the lines before the one with DO
    lines = sorted(first + number for number in _numbers(parse_plpgsql(text)))
    if len(lines) != len(set(lines)):
        raise ValueError(f"sql/{name}: two statements share a line")
    return [_statement(text, line) for line in lines]


def _numbers(tree: Any) -> Iterator[int]:
    """Find the line numbers of statements that run SQL, counted from the block's beginning."""
    if isinstance(tree, list):
        for one in tree:
            yield from _numbers(one)
    if isinstance(tree, dict):
        for key, one in tree.items():
            if key.removeprefix("PLpgSQL_stmt_") in RUN:
                yield one["lineno"]
            yield from _numbers(one)


def _statement(text: str, line: int) -> Statement:
    """Cut a statement out: it goes to its semicolon."""
    start = sum(map(len, text.splitlines(keepends=True)[: line - 1]))
    rest = text[start : text.rindex("END\n$")]
    end = next(token.end for token in scan(rest) if token.name == "ASCII_59")
    return Statement(line, " ".join(re.sub(r"--[^\n]*", "", rest[:end]).split()), start + end + 1)


def instrumented(name: str, found: Sequence[Statement]) -> str:
    """Return a script that looks at its locks after each statement, and at its end.

    ASSERT leaves FOUND and ROW_COUNT as they are.
    """
    text = sql.read(name)
    text = text.replace("END\n$", f"ASSERT pg_temp.look({END});\nEND\n$")
    for one in reversed(found):
        text = f"{text[: one.end]} ASSERT pg_temp.look({one.line});{text[one.end :]}"
    return text


def observe(templates: Templates) -> dict[str, Observed]:
    """Run the scripts on databases in all states, each in a transaction of its own; return what was seen of each."""
    seen = {name: Observed(set(), set()) for name in FILES}
    for state in STATES:
        with templates.copy(forward=state.forward) as database, database.connect() as conn:
            conn.execute(f"{LOOK}; {state.before}".encode())
            for option, value in state.options.items():
                conn.execute("SELECT set_config(%s, %s, false)", [f"rollback.{option}", value])
            for name in (state.settle, *FILES[2:]):
                _observe(conn, name, seen[name])
    return seen


def _observe(conn: psycopg.Connection[Any], name: str, seen: Observed) -> None:
    """Run one script, and add the locks that each statement took anew."""
    conn.execute(KNOWN)
    conn.execute(instrumented(name, statements(name)).encode())
    strongest: dict[int, int] = {}
    for line, look in _looks(conn):
        seen.reached.add(line)
        for oid, (rank, on, index) in look.items():
            if rank > strongest.get(oid, -1) and not (index and rank <= WRITE):  # that the table's lock says already
                seen.taken.add(Taken(line, MODES[rank], on))
            strongest[oid] = max(rank, strongest.get(oid, -1))


def _looks(conn: psycopg.Connection[Any]) -> Iterator[tuple[int, dict[int, tuple[int, str, bool]]]]:
    """Return each look's line and, by object, the strongest mode held then, its name, and whether it is an index."""
    look: dict[int, tuple[int, str, bool]] = {}
    for line, oid, on, mode, index in conn.execute(
        "SELECT line, id, name, mode, index FROM held ORDER BY nr"
    ).fetchall():
        if mode is None:  # the end of a look
            yield line, look
            look = {}
        else:
            look[oid] = max(look.get(oid, (-1, "", False)), (MODES.index(_words(mode)), on, index))


def _words(mode: str) -> str:
    """Write a mode as LOCK TABLE does."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mode).upper()


def lines(templates: Templates) -> list[list[str]]:
    """Return the lines of the file. Raises ValueError where a statement that changes something ran in no state."""
    return [line for name, seen in observe(templates).items() for line in _lines(name, seen)]


def _lines(name: str, seen: Observed) -> Iterator[list[str]]:
    """Return the lines of one script: its statements, then all that it only reads."""
    for one in statements(name):
        found = sorted({taken.lock for taken in seen.taken if taken.line == one.line} - {MODES[READ]})
        for lock in found:
            on = sorted(taken.on for taken in seen.taken if taken[:2] == (one.line, lock))
            yield [name, str(one.line), _cut(one.text), lock, ", ".join(on), _meanwhile(lock, on)]
        if not found and not READING.match(one.text):
            if one.line not in seen.reached:
                raise ValueError(f"sql/{name}, line {one.line}, ran in no state: {one.text}")
            yield [name, str(one.line), _cut(one.text), "none new", "", ""]
    on = sorted({one.on for one in seen.taken} - {one.on for one in seen.taken if one.lock != MODES[READ]})
    yield [name, "", "what else it reads", MODES[READ], ", ".join(on) or "the catalogue", "read and write"]


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


def _meanwhile(lock: str, on: Sequence[str]) -> str:
    """Say what others can still do with the rows; the lock on a type stands in the way of no row."""
    if MODES.index(lock) < MODES.index("SHARE") or all(one.startswith("type ") for one in on):
        return "read and write"
    return "nothing" if lock == MODES[-1] else "read"


def main() -> None:
    """Write the file, as the newest version of the tests says; it must be installed."""
    server = servers.start(servers.VERSIONS[-1])
    try:
        found = lines(Templates(server))
    finally:
        server.stop()
    with FILE.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([HEADER, *found])


if __name__ == "__main__":
    main()
