"""The proof of a backup: restored into a scratch database, and compared with where it came from, row by row."""

import logging
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from runbook import figures, shell
from runbook.approval import attended
from runbook.approval.attended import Sessions
from runbook.errors import BackupFailed, DatabaseUnavailable, ProgramFailed, StatementFailed
from runbook.safekeeping import checksums, comparison, compression, programs, scratch
from runbook.safekeeping.kept import Backup, Proof
from runbook.settings import Settings

APPLICATION = "rollback-proof"
"""What the proof's sessions call themselves in pg_stat_activity."""
PROGRESS_SECONDS = 1.0
SHOWN = 20
"""How many differences an error names."""
ACTING = re.compile(r"\d+; \d+ \d+ (COMMENT - )?(EVENT TRIGGER|PUBLICATION|SUBSCRIPTION)\b")
"""Entries that hold no rows: a trigger at login may write some, a subscription holds its database."""
REMEDIES = {
    "permission denied to create database": "ALTER ROLE … CREATEDB for this role, or prove the backup as another one.",
    "permission denied to create extension": "Prove the backup as a role that may create this extension: a superuser.",
    "row-level security": "Prove the backup as a superuser or a role with BYPASSRLS: rows are hidden from this one.",
    "must be superuser": "Prove the backup as a superuser: it holds what only a superuser may make.",
    "permission denied": "Give the role this right, or prove the backup as a superuser.",
    "no space left": "Make room on the server for a second copy of the data, then prove the backup again.",
    "could not extend file": "Make room on the server for a second copy of the data, then prove the backup again.",
}
"""What to do, by what PostgreSQL says."""

log = logging.getLogger(__name__)


def prove(
    settings: Settings,
    maintenance: psycopg.Connection,
    backup: Backup,
    source: str,
    *,
    on_restoring: Callable[[float], None] = lambda _: None,
    on_compared: Callable[[int, int], None] = lambda _done, _of: None,
) -> Proof:
    """Restore a backup into a scratch database and compare every table with the database ``source``.

    ``maintenance`` is in autocommit mode and connected to neither of the two; nobody may write to ``source``.
    ``on_restoring`` gets how long the restore takes, in s, about every second; ``on_compared`` how many tables and
    sequences are compared, and of how many. What they raise ends the proof. Raises BackupFailed, ProgramMissing or
    DatabaseUnavailable; the scratch database is gone in any case.
    """
    began, jobs = time.monotonic(), programs.jobs(settings)
    restore = programs.binaries(maintenance.info.server_version // 10000, settings) / "pg_restore"
    checksums.verify(Path(backup.path))
    with _explained(backup, source), scratch.opened(maintenance, source) as name:
        with _wanted(restore, backup) as chosen:
            words = [str(restore), *_words(name, jobs), f"--use-list={chosen}", backup.path]
            attended.run(words, Sessions(name, APPLICATION, maintenance), lambda running: _tell(running, on_restoring))
        restored = time.monotonic() - began
        found = comparison.compare(source, name, jobs, on_compared)
    if found.differences:
        raise _differs(backup, source, found.differences)
    proof = Proof(found.tables, found.rows, time.monotonic() - began, restored)
    log.info("backup %s proved: %d tables, %d rows, %.1f s", backup.path, proof.tables, proof.rows, proof.seconds)
    return proof


def _words(name: str, jobs: int) -> list[str]:
    """Return pg_restore's arguments. Rows are proved, not who owns or reads them, nor where they lie."""
    conninfo = make_conninfo("", dbname=name, application_name=APPLICATION, connect_timeout=10)
    return [
        *("--format=directory", f"--jobs={jobs}", "--exit-on-error", "--no-password", f"--dbname={conninfo}"),
        *("--no-owner", "--no-privileges", "--no-tablespaces", "--no-security-labels"),
    ]


@contextmanager
def _wanted(restore: Path, backup: Backup) -> Iterator[str]:
    """Write the list of what is restored to a file: all but what would act in the scratch database, or hold it."""
    listed = shell.run(restore, "--list", backup.path, env=compression.C_LOCALE)
    with tempfile.NamedTemporaryFile("w", suffix=".list") as chosen:
        chosen.write("\n".join(line for line in listed.splitlines() if not ACTING.match(line)) + "\n")
        chosen.flush()
        yield chosen.name


def _tell(running: Future[str], on_restoring: Callable[[float], None]) -> None:
    began = time.monotonic()
    while not attended.ended(running, PROGRESS_SECONDS):
        on_restoring(time.monotonic() - began)


@contextmanager
def _explained(backup: Backup, source: str) -> Iterator[None]:
    """Say of every failure what state it leaves, and what to do. Raises BackupFailed, DatabaseUnavailable."""
    state = f"The backup {backup.path} and the database {source} are as they were; nothing is lost."
    try:
        yield
    except (ProgramFailed, StatementFailed) as error:
        said = error.stderr or error.problem if isinstance(error, ProgramFailed) else error.problem
        remedy = next((do for sign, do in REMEDIES.items() if sign in said.lower()), "Take the backup again.")
        raise BackupFailed(f"The backup {backup.path} could not be proved: {error.problem}", remedy, state) from None
    except (BackupFailed, DatabaseUnavailable) as error:
        error.state = error.state or state
        raise


def _differs(backup: Backup, source: str, differences: Sequence[str]) -> BackupFailed:
    shown = "".join(f"\n  - {line}" for line in differences[:SHOWN])
    more = f"\n  - and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
    return BackupFailed(
        f"The backup {backup.path} does not hold what {source} holds: "
        f"{figures.count(len(differences), 'difference')}.{shown}{more}",
        f"Do not rely on this backup, and keep {source}: take the backup again and prove that one.",
        f"The database {source} is as it was; nothing is lost.",
    )
