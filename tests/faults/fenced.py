"""A runner behind its closed fence, in a process of its own, and whether the fence is open."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

RUNNER = """
import sys
from runbook import runs, settings
from runbook.barrier import fence, watchdog
from runbook.request import RollbackRequest
from tests import runbook_runs
with runs.opened(RollbackRequest.model_validate(runbook_runs.REQUEST), settings.load()) as run:
    watchdog.start(run.gate, run.settings, run.identity.oid)
    fence.close(run.gate, run.side, run.pids)
    print("closed", flush=True)
    sys.stdin.read()
"""


@contextmanager
def runner(prefix: Sequence[str] = (), **env: str) -> Iterator[subprocess.Popen[str]]:
    """Start a runner, by a program that goes before it; it is killed at the end of the block."""
    process = subprocess.Popen(
        [*prefix, sys.executable, "-c", RUNNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | env,
    )
    assert process.stdin and process.stdout
    try:
        assert process.stdout.readline() == "closed\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def opened(admin: psycopg.Connection[Any], name: str) -> bool:
    """Tell whether a database lets anybody in."""
    return admin.execute("SELECT datallowconn FROM pg_database WHERE datname = %s", [name]).fetchone() == (True,)
