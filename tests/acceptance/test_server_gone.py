"""A Prefect server that is killed for good after the approval: the rollback ends as it would have."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.acceptance import prefects
from tests.acceptance.operator import REQUEST, at_baseline, desk
from tests.acceptance.prefects import Prefect
from tests.databases import Database
from tests.waiting import until

pytestmark = pytest.mark.pg("18")

OWN = "SELECT extract(epoch FROM max(ended) - min(started)) FROM rollback.step WHERE name <> 'authorise'"
APPROVED = "SELECT count(*) FROM rollback.step WHERE name = 'authorise' AND outcome = 'done'"
SPARE = 75
"""How many s more than its own work a run may take, on a busy machine; Prefect alone would take ten minutes."""


def killed(server: Prefect) -> None:
    """Kill the server and whatever belongs to it."""
    for process in psutil.process_iter(["cmdline"]):
        if str(server.port) in (process.info["cmdline"] or []):
            for child in [*process.children(recursive=True), process]:
                os.kill(child.pid, signal.SIGKILL)


def test_the_run_ends_within_seconds_of_its_own_work(transformed: Database, tmp_path: Path) -> None:
    with prefects.server(tmp_path / "server") as server:
        at = desk(transformed, tmp_path, **server.env)
        runner = at.start("run", *REQUEST)
        run = server.waiting()
        server.resume(run["id"])
        until(lambda: transformed.value("SELECT to_regclass('rollback.step') IS NOT NULL"))
        until(lambda: asked(transformed))
        killed(server)
        began = time.monotonic()
        out, _ = runner.communicate(timeout=240)
        took = time.monotonic() - began
    assert runner.returncode == 0, out
    assert "Traceback" not in out
    assert "rolled back and verified" in out
    assert at_baseline(transformed)
    own = float(transformed.value(OWN.replace("<> 'authorise'", "NOT IN ('assess', 'authorise')")))
    assert took < own + SPARE, out


def asked(database: Database) -> bool:
    """Tell whether the approval counted; behind the fence nobody can ask, and then it did."""
    try:
        return bool(database.value(APPROVED))
    except Exception:
        return True
