"""A set of queries in one file: taken apart, held against PostgreSQL's own grammar, and run so that nothing is kept."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from runbook import database
from runbook.errors import ReleaseUnfit, ReleaseUnusable, StatementFailed

PIECE = re.compile(
    r"""--[^\n]*                                     # a comment to the end of its line
      | /\*.*?\*/                                    # a comment between marks
      | [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*'    # a string
      | "(?:[^"]|"")*"                               # a quoted name
      | (\$(?:[A-Za-z_]\w*)?\$).*?\1                 # a string between dollars
      | ;
      | [A-Za-z_]\w*                                 # a word, so that the e of a name opens no string
      | .""",
    re.VERBOSE | re.DOTALL,
)
QUERIES = ("select", "with", "values", "table", "explain", "show")
"""How a query begins. ``EXPLAIN INSERT …`` proves that a row could be written, and writes none."""

SHOWN = 120
"""How many characters of a query a message shows."""


@dataclass(frozen=True)
class Query:
    """One query of the file."""

    line: int
    text: str

    @property
    def shown(self) -> str:
        """The query in one line, cut."""
        words = " ".join(self.text.split())
        return words if len(words) <= SHOWN else words[: SHOWN - 1] + "…"


def split(text: str) -> list[Query]:
    """Take a file apart at the semicolons that end a statement; comments are left out."""
    queries, begin, kept = [], 0, ""
    for piece in PIECE.finditer(text):
        found = piece[0]
        if found == ";":
            queries.append(Query(text.count("\n", 0, begin) + 1, kept.strip()))
            kept = ""
        elif found.startswith(("--", "/*")):
            kept += " "
        else:
            begin = begin if kept.strip() else piece.start()
            kept += found
    queries.append(Query(text.count("\n", 0, begin) + 1, kept.strip()))
    return [query for query in queries if query.text]


def check(conn: psycopg.Connection, name: str, queries: Sequence[Query]) -> None:
    """See that all are queries and that PostgreSQL can parse them; nothing is run.

    Raises ReleaseUnusable naming every one that is not.
    """
    found = [f"line {query.line}: {wrong}" for query in queries if (wrong := _wrong(conn, query))]
    if not queries:
        found = ["it holds no query"]
    if found:
        raise ReleaseUnusable(
            f"{name} cannot be used to check the release: {'; '.join(found)}.",
            "Name a file whose statements are queries, or leave ROLLBACK_RELEASE_QUERIES out.",
        )


def _wrong(conn: psycopg.Connection, query: Query) -> str:
    """Say what is wrong with a query; empty: nothing."""
    if query.text.split(None, 1)[0].lower().lstrip("(") not in QUERIES:
        return f"'{query.shown}' is no query (one begins with {', '.join(QUERIES).upper()})"
    wrong = database.parse_error(conn, query.text)
    return f"{wrong} in '{query.shown}'" if wrong else ""


def run(conn: psycopg.Connection, name: str, queries: Sequence[Query], seconds: int) -> None:
    """Run all in one read-only transaction, of which nothing is kept.

    ``seconds`` is the limit for each. Raises ReleaseUnfit naming the first that PostgreSQL refuses.
    """
    with database.translated(), conn.transaction(force_rollback=True):
        conn.execute("SET TRANSACTION READ ONLY")
        conn.execute("SELECT set_config('statement_timeout', %s, true)", [f"{seconds}s"])
        for query in queries:
            try:
                with database.translated():
                    conn.execute(query.text.encode(), prepare=False)
            except StatementFailed as error:
                raise ReleaseUnfit(f"{name}, line {query.line}: {error.problem} in '{query.shown}'") from None
