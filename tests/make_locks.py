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

from tests import servers
from tests.databases import Templates
from tests.lockscripts import KNOWN, LOOK, instrumented, statements
from tests.lockstates import FILES, STATES

FILE = Path(__file__).parent.parent / "sql" / "locks.csv"
HEADER = ("file", "line", "statement", "lock", "on", "meanwhile")
WIDTH = 100
"""How many characters of a statement are shown."""
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
