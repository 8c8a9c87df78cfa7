"""A runner as an operator starts it, in a process of its own, and what it says meanwhile to who asks."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import psycopg

from flows import approving
from runbook import settings
from runbook.telling import standing
from tests import runbook_runs, waiting
from tests.databases import Database

COMMAND = [sys.executable, "-c", "from flows.cli import main; main()"]
RUN = [
    "run",
    "--incident",
    "INC-1",
    "--reason",
    "Chat answers with errors.",
    "--triggers",
    "data corruption",
    "--oauth",
    "temporary passwords",
]


@contextmanager
def runner(*more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start ``rollback run`` as an operator does; it is killed at the end of the block."""
    process = subprocess.Popen([*COMMAND, *RUN, *more], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def cli(*words: str) -> str:
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=True, env={**os.environ})
    return done.stdout


def status() -> dict[str, Any]:
    """Return what ``rollback status --json`` would say."""
    return standing.as_json(standing.read(settings.load()))


def waits(database: Database) -> bool:
    """Return whether a run has come to its approval."""
    with suppress(psycopg.Error):
        return bool(database.value("SELECT count(*) FROM rollback.step WHERE name = 'authorise'"))
    return False


def approve(database: Database) -> None:
    """Say yes to the runner in its own process, as soon as it waits."""
    waiting.until(lambda: waits(database))
    newest = "FROM rollback.run ORDER BY started DESC LIMIT 1"
    flow_run, plan = (database.value(f"SELECT {column} {newest}") for column in ("prefect_run", "plan_hash"))
    assert approving.give(UUID(flow_run), runbook_runs.answered(plan)).accepted
