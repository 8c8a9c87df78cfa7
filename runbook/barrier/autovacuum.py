"""Autovacuum behind the fence. ALLOW_CONNECTIONS false does not keep it out, and its worker holds a lock on its table.

PostgreSQL cancels a worker that somebody waits for, once they waited for deadlock_timeout; not one that works against
wraparound. The transaction therefore waits for longer than that (sql/queries/transaction_settings.sql); who may end
workers does so when the fence closes, and again where a lock was not granted.
"""

import logging
from dataclasses import dataclass

import psycopg

from runbook import database
from runbook.barrier.stragglers import Fate, Straggler

KIND = "autovacuum worker"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Worker:
    """A worker of autovacuum in this database."""

    pid: int
    table: str
    wraparound: bool
    """It keeps the server from running out of transaction numbers: PostgreSQL cancels it for nobody."""
    may_end: bool
    """Whether this role may end it: superusers, and from PostgreSQL 18 on pg_signal_autovacuum_worker."""


def workers(conn: psycopg.Connection) -> list[Worker]:
    """Return the workers that are in this database now."""
    return [Worker(**row) for row in database.query(conn, "autovacuum")]


def end(conn: psycopg.Connection) -> list[Straggler]:
    """End the workers as far as this role may, and return all of them with what became of each."""
    found = workers(conn)
    database.query(conn, "terminate", pids=[worker.pid for worker in found if worker.may_end])
    stragglers = [_straggler(worker) for worker in found]
    for straggler in stragglers:
        log.warning("Autovacuum: %s", straggler)
    return stragglers


def _straggler(worker: Worker) -> Straggler:
    name = f"autovacuum of {worker.table}" + (" (to prevent wraparound)" if worker.wraparound else "")
    fate: Fate = "autovacuum" if worker.may_end else "left"
    return Straggler(worker.pid, name, "", "the server itself", "active", 0.0, KIND, fate=fate)


def blockers(conn: psycopg.Connection) -> list[str]:
    """Name the workers that neither this role nor PostgreSQL would end."""
    return [
        f"Autovacuum (pid {worker.pid}) works on {worker.table} to prevent wraparound: PostgreSQL does not end it "
        "where the rollback needs it, and this role may not. Wait until it is done (pg_stat_progress_vacuum), or "
        "run this as a superuser (PostgreSQL 18: GRANT pg_signal_autovacuum_worker)."
        for worker in workers(conn)
        if worker.wraparound and not worker.may_end
    ]
