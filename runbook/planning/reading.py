"""Reading of data for the plan: it changes nothing, and it ends in time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg

from runbook import database
from runbook.errors import DatabaseUnavailable, RollbackError, StatementFailed

T = TypeVar("T")


@contextmanager
def bounded(conn: psycopg.Connection, seconds: float) -> Iterator[None]:
    """Let no statement of the block write, or run for longer than ``seconds``.

    Rows that a policy hides raise, so that nothing is counted short. Raises the errors of ``database.translated``.
    """
    with database.translated(), conn.transaction(force_rollback=True):
        conn.execute("SELECT set_config('statement_timeout', %s, true)", [f"{max(1, seconds * 1000):.0f}"])
        conn.execute("SELECT set_config('row_security', 'off', true), set_config('transaction_read_only', 'on', true)")
        yield


def attempt(conn: psycopg.Connection, seconds: float, act: Callable[[], T]) -> tuple[T | None, str]:
    """Do ``act`` inside bounds; return what it gave, or None and why it could not be done.

    Raises DatabaseUnavailable when the connection is gone.
    """
    try:
        with bounded(conn, seconds):
            return act(), ""
    except DatabaseUnavailable:
        raise
    except RollbackError as error:
        if isinstance(error, StatementFailed) and error.sqlstate == "57014":
            return None, f"it took longer than {seconds:.3g} s (ROLLBACK_LOOK_SECONDS)"
        return None, error.problem
