"""The watchdog: the server itself opens the fence when no runner lives any more, and never before."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runbook import runs, settings
from runbook.barrier import fence, watchdog
from runbook.errors import SecondRunner
from runbook.request import RollbackRequest
from runbook.telling import standing
from tests import runbook_runs, servers, waiting
from tests.databases import ALL, Database, Templates
from tests.faults.fenced import opened, runner

pytestmark = pytest.mark.pg("15", "18")

REQUEST = RollbackRequest.model_validate(runbook_runs.REQUEST)
SECONDS = 2


@pytest.fixture(autouse=True)
def aimed(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    monkeypatch.setenv("ROLLBACK_FENCE_ORPHAN_SECONDS", str(SECONDS))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@pytest.fixture
def admin(transformed: Database) -> Iterator[psycopg.Connection[Any]]:
    with transformed.server.connect() as conn:
        yield conn


def test_a_killed_runners_fence_is_opened_by_nobody_but_the_server(
    transformed: Database, admin: psycopg.Connection[Any]
) -> None:
    with runner() as process:
        time.sleep(2 * SECONDS)
        assert not opened(admin, transformed.dbname)  # as long as the runner lives
        process.send_signal(signal.SIGKILL)
        process.wait()
        died = time.monotonic()
        waiting.until(lambda: standing.read(settings.load()).runner == "", SECONDS)
        stand = standing.read(settings.load())
        assert stand.fenced
        assert "The server opens it by itself" in stand.state
        waiting.until(lambda: opened(admin, transformed.dbname))
        assert time.monotonic() - died > SECONDS - 1  # it looks twice a second
    with transformed.connect() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
    waiting.until(lambda: not watchdog.stands(admin, transformed.dbname))


def test_a_runner_that_was_stopped_and_goes_on_finds_its_fence_closed(
    transformed: Database, admin: psycopg.Connection[Any]
) -> None:
    with runner() as process:
        process.send_signal(signal.SIGSTOP)
        time.sleep(2 * SECONDS)
        assert not opened(admin, transformed.dbname)
        process.send_signal(signal.SIGCONT)


def test_limits_of_the_role_do_not_end_it(transformed: Database, admin: psycopg.Connection[Any]) -> None:
    limits = ["statement_timeout = 300", "default_transaction_read_only = on", "client_connection_check_interval = 100"]
    limits += ["idle_session_timeout = 500", "lock_timeout = 300", "client_min_messages = debug1"]
    limits += ["transaction_timeout = 300"] if transformed.server.version == "18" else []
    with runs.opened(REQUEST, settings.load()) as run:
        for limit in limits:
            admin.execute(f"ALTER ROLE postgres SET {limit}")
        try:
            watchdog.start(run.gate, run.settings, run.identity.oid)
            fence.close(run.gate, run.side, run.pids)
        finally:
            admin.execute("ALTER ROLE postgres RESET ALL")
        time.sleep(1.5)
        assert watchdog.stands(admin, transformed.dbname)
    waiting.until(lambda: opened(admin, transformed.dbname))  # this run ended and left its fence closed


def test_it_outlives_a_moments_opening_and_holds_nothing(transformed: Database, admin: psycopg.Connection[Any]) -> None:
    with runs.opened(REQUEST, settings.load()) as run:
        pid = watchdog.start(run.gate, run.settings, run.identity.oid)
        fence.close(run.gate, run.side, run.pids)
        fence.open_up(run.gate, transformed.dbname)
        time.sleep(1.5)  # longer than its round: it saw the fence open
        fence.close(run.gate, run.side, run.pids)
        assert watchdog.stands(admin, transformed.dbname)
        began = "SELECT xact_start, clock_timestamp() FROM pg_stat_activity WHERE pid = %s"
        start, now = admin.execute(began, [pid]).fetchone() or (None, None)
        assert start is None or (now - start).total_seconds() < 1  # its transactions are as short as its rounds
    waiting.until(lambda: opened(admin, transformed.dbname))


def test_who_opens_the_fence_for_good_ends_it(transformed: Database, admin: psycopg.Connection[Any]) -> None:
    with runs.opened(REQUEST, settings.load()) as run:
        for _ in range(2):  # another run's may stand beside
            watchdog.start(run.gate, run.settings, run.identity.oid)
        fence.close(run.gate, run.side, run.pids)
        fence.open_for_good(run.gate, transformed.dbname)
        waiting.until(lambda: not watchdog.stands(admin, transformed.dbname), 5)
        assert opened(admin, transformed.dbname)


def test_two_of_them_open_it_once_for_the_next_run_to_close(
    transformed: Database, admin: psycopg.Connection[Any]
) -> None:
    with runner(), runner_refused():
        watchdog.start(admin, settings.load(), oid(admin, transformed))
    waiting.until(lambda: opened(admin, transformed.dbname))
    with runs.opened(REQUEST, settings.load()) as run:
        watchdog.start(run.gate, run.settings, run.identity.oid)
        fence.close(run.gate, run.side, run.pids)
        time.sleep(2 * SECONDS)
        assert not opened(admin, transformed.dbname)
        fence.open_for_good(run.gate, transformed.dbname)


@contextmanager
def runner_refused() -> Iterator[None]:
    with pytest.raises(SecondRunner):
        fence.abandoned(settings.load())
    yield


def oid(admin: psycopg.Connection[Any], database: Database) -> int:
    row = admin.execute("SELECT oid FROM pg_database WHERE datname = %s", [database.dbname]).fetchone()
    assert row
    return int(row[0])


def test_it_follows_a_renamed_database(transformed: Database, admin: psycopg.Connection[Any]) -> None:
    name = transformed.dbname
    with runner() as process:
        process.kill()
        process.wait()
        waiting.until(lambda: standing.read(settings.load()).runner == "")
        admin.execute(f"ALTER DATABASE {name} RENAME TO {name}_aside")
        try:
            allowed = "SELECT datallowconn FROM pg_database WHERE datname = %s"
            waiting.until(lambda: admin.execute(allowed, [f"{name}_aside"]).fetchone() == (True,))
        finally:
            admin.execute(f"ALTER DATABASE {name}_aside RENAME TO {name}")


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database on a server of this test's own, which may be restarted."""
    own = servers.start(request.getfixturevalue("server").version)
    try:
        with Templates(own).copy(forward=ALL, messages=20) as copy:
            runbook_runs.aim(monkeypatch, copy, tmp_path)
            yield copy
    finally:
        own.stop()


def test_after_a_restart_of_the_server_status_says_that_nothing_opens_it(elsewhere: Database) -> None:
    with runner():
        elsewhere.server.restart()
    stand = standing.read(settings.load())
    assert (stand.fenced, stand.runner) == (True, "")
    assert "does not open by itself" in stand.state
    assert "rollback fence open" in stand.next
    fence.open_from_outside(settings.load())
    assert elsewhere.value("SELECT 1") == 1
