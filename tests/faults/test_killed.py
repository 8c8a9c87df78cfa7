"""A runner that was killed before the commit: the next run puts back what it left, then starts over."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL

from tests import runbook_runs, waiting
from tests.databases import Database

pytestmark = [pytest.mark.usefixtures("prefect"), pytest.mark.pg("18")]

# An event trigger waits, so that the kill comes inside the transaction.
ASLEEP = "FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = %s"
WAIT = """
CREATE SCHEMA faults;
CREATE FUNCTION faults.wait() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN IF current_database() !~ '^rollback_trial_' THEN PERFORM pg_sleep(600); END IF; END $$;
CREATE EVENT TRIGGER wait ON ddl_command_start WHEN TAG IN ('ALTER TYPE') EXECUTE FUNCTION faults.wait();
"""
RUN = "from tests import runbook_runs; runbook_runs.run()"


def test_a_run_killed_in_the_transaction_is_taken_over(
    transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    monkeypatch.setenv("ROLLBACK_FENCE_ORPHAN_SECONDS", "5")
    monkeypatch.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))  # the doomed runner shares this server
    with transformed.connect() as conn:
        conn.execute(WAIT)
    rows = transformed.checksums()
    doomed = subprocess.Popen([sys.executable, "-c", RUN], env=os.environ, start_new_session=True)
    try:
        with transformed.server.connect() as admin:
            waiting.until(
                lambda: bool(admin.execute(f"SELECT 1 {ASLEEP}", [transformed.dbname]).fetchone()),
                seconds=120,
            )
    finally:
        os.killpg(doomed.pid, signal.SIGKILL)
        doomed.wait()
    with transformed.server.connect() as admin:
        # PostgreSQL notices a client that is gone at its next word to it; the sleeping backend is ended here.
        admin.execute(f"SELECT pg_terminate_backend(pid) {ASLEEP}", [transformed.dbname])
        allowed = "SELECT datallowconn FROM pg_database WHERE datname = %s"
        assert admin.execute(allowed, [transformed.dbname]).fetchone() == (False,)
        waiting.until(lambda: admin.execute(allowed, [transformed.dbname]).fetchone() == (True,))  # by the server
    with transformed.connect() as conn:
        conn.execute("DROP EVENT TRIGGER wait")
    assert transformed.checksums() == rows
    with transformed.server.connect() as admin:
        admin.execute(f"ALTER DATABASE {transformed.dbname} ALLOW_CONNECTIONS false")

    runbook_runs.spent()
    state = runbook_runs.run()

    assert state.name == "Completed", state.message
    with transformed.connect() as conn:
        ends = conn.execute("SELECT outcome, state FROM rollback.run ORDER BY started").fetchall()
    assert ends[0] == ("failed", "Killed before the commit; nothing changed.")
    assert ends[1][0] == "done"
