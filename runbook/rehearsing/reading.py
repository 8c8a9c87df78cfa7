"""The history as production reads it: inside a time limit, since an incident does not wait for it."""

from collections.abc import Callable
from contextlib import closing
from queue import Empty, SimpleQueue
from threading import Thread

from runbook import database
from runbook.database import Row
from runbook.errors import DatabaseUnavailable, RollbackError
from runbook.rehearsing import history
from runbook.settings import Settings

WAIT_SECONDS = 4
"""How long a plan waits for the history at most."""


def newest(settings: Settings, scripts: str) -> list[Row]:
    """Return the newest rehearsal that was done, one of these ``scripts`` first; no row: there is none.

    Raises SettingsInvalid, StatementFailed, or DatabaseUnavailable, also when it takes more than WAIT_SECONDS.
    """
    return _within(WAIT_SECONDS, lambda: _newest(settings, scripts))


def _newest(settings: Settings, scripts: str) -> list[Row]:
    with closing(history.read_only(settings)) as conn, database.transaction(conn):
        conn.execute("SET TRANSACTION READ ONLY")
        conn.execute(f"SET LOCAL statement_timeout = '{WAIT_SECONDS}s'".encode())  # nobody waits for it any more
        return database.query(conn, "history_newest", scripts=scripts)


def _within(seconds: float, read: Callable[[], list[Row]]) -> list[Row]:
    """Return what ``read`` returns or raise what it raises, on a thread of its own that is left behind when it is late.

    libpq's own time limit begins anew with each address of a host, and does not count the search for its name.
    """
    came: SimpleQueue[list[Row] | RollbackError] = SimpleQueue()
    Thread(target=_read, args=(read, came), name="history of rehearsals", daemon=True).start()
    try:
        found = came.get(timeout=seconds)
    except Empty:
        raise DatabaseUnavailable(
            f"The history of rehearsals did not answer within {seconds:g} s.", "See that its server can be reached."
        ) from None
    if isinstance(found, RollbackError):
        raise found
    return found


def _read(read: Callable[[], list[Row]], came: "SimpleQueue[list[Row] | RollbackError]") -> None:
    try:
        came.put(read())
    except RollbackError as error:
        came.put(error)
