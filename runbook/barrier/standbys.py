"""Standbys that a commit waits for: where too few of them are there, it would wait for ever, with everybody offline."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

import psycopg

from runbook import database, figures
from runbook.errors import RollbackError

SECONDS = 10
"""How long a commit may take before it is said what it waits for."""

REMEDY = (
    "Bring the standby back, or let commits wait for nobody: ALTER SYSTEM SET synchronous_standby_names = ''; "
    "SELECT pg_reload_conf();"
)

log = logging.getLogger(__name__)


def check(conn: psycopg.Connection) -> None:
    """Raise RollbackError when a commit would wait for standbys that are not there."""
    for row in database.query(conn, "standbys"):
        if row["present"] + row["unknown"] < row["needed"]:
            raise RollbackError(
                f"A COMMIT would not end: it waits for {figures.count(row['needed'], 'standby')} "
                f"(synchronous_standby_names is {row['names']}), and {row['present']} of them "
                f"{'is' if row['present'] == 1 else 'are'} connected.",
                REMEDY,
            )


def warnings(conn: psycopg.Connection) -> list[str]:
    """Say so where this role may not see whether the standbys are there."""
    return [
        f"A COMMIT waits for a standby (synchronous_standby_names is {row['names']}), and this role may not see "
        "whether it is there: GRANT pg_monitor to it, or look at pg_stat_replication as a superuser."
        for row in database.query(conn, "standbys")
        if row["present"] < row["needed"] <= row["present"] + row["unknown"]
    ]


@contextmanager
def watching() -> Iterator[None]:
    """Say what to do where the commit at the block's end does not end."""
    timer = Timer(SECONDS, log.warning, [f"The COMMIT still waits, most likely for a standby that went away. {REMEDY}"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
