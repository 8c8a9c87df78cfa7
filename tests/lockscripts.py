"""Copies of the scripts that look at their own locks after every statement."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pglast import parse_plpgsql, scan

import sql

RUN = ("execsql", "dynexecute", "perform", "call")
"""What PL/pgSQL calls the statements that run SQL; conditions and loops only read, and are seen at the end."""
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
