"""Poolers: the runbook refuses to work through one, and says what the fence does to those of others."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runbook import database, runs, settings
from runbook.barrier import fence, poolers
from runbook.errors import ThroughPooler
from runbook.planning import plan, planpage
from runbook.request import RollbackRequest
from tests import pgbouncer, runbook_runs, servers
from tests.databases import Database
from tests.pgbouncer import Mode, Pooler

pytestmark = [pytest.mark.system, pytest.mark.pg("18")]

REQUEST = RollbackRequest.model_validate(runbook_runs.REQUEST)


@pytest.fixture(params=["transaction", "session"])
def pooler(request: pytest.FixtureRequest, transformed: Database) -> Iterator[Pooler]:
    mode: Mode = request.param
    if not pgbouncer.program():
        if servers.in_ci():
            pytest.fail("PgBouncer is not installed: in CI nothing may be skipped", pytrace=False)
        pytest.skip("PgBouncer is not installed (make test-system)")
    with pgbouncer.running(transformed.server, mode) as running:
        yield running


@pytest.fixture(autouse=True)
def aimed(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)


@pytest.fixture
def connect(pooler: Pooler, transformed: Database) -> Iterator[Callable[[], psycopg.Connection[Any]]]:
    """Return a function that connects through the pooler; what it returned is closed at the end."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(pooler.connect(transformed.dbname, application_name="backend")))


@pytest.fixture
def through(pooler: Pooler, monkeypatch: pytest.MonkeyPatch) -> None:
    """Aim the runbook at the pooler."""
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", str(pooler.port))


LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"


@pytest.mark.usefixtures("through")
def test_a_run_through_a_pooler_is_refused_at_once(transformed: Database) -> None:
    refused = pytest.raises(
        ThroughPooler, match=r"leads through a pooler: .* answers(.|\n)*the PostgreSQL server itself"
    )
    with refused, runs.opened(REQUEST, settings.load()):
        pytest.fail("a run began through a pooler")
    assert transformed.value(LOCKS) == 0
    assert not transformed.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'rollback'")
    assert transformed.value("SELECT datallowconn FROM pg_database WHERE datname = current_database()")


@pytest.mark.usefixtures("through")
def test_a_plan_through_a_pooler_says_that_it_blocks() -> None:
    with closing(database.connect()) as conn:
        drawn = plan.draw(conn, REQUEST, settings.load(), own=[])
    assert [line for line in drawn.blockers if "leads through a pooler" in line]


def test_a_lock_that_is_not_ours_any_more_is_noticed() -> None:
    with runs.opened(REQUEST, settings.load()) as run:
        poolers.check(run.work, locked=True)
        run.work.execute("SELECT pg_advisory_unlock_all()")
        poolers.check(run.work)
        with pytest.raises(ThroughPooler, match="the runner's lock"):
            poolers.check(run.work, locked=True)


def test_the_pool_of_an_application_is_pointed_out(
    pooler: Pooler, connect: Callable[[], psycopg.Connection[Any]]
) -> None:
    for _ in range(poolers.MANY):
        connect().execute("BEGIN")  # in transaction mode, too, each has a server connection then
    with closing(database.connect()) as conn:
        drawn = plan.draw(conn, REQUEST, settings.load(), own=[conn.info.backend_pid])
    page = planpage.plan_markdown(drawn, REQUEST, drawn.drawn_at)
    assert "Likely a pooler, or a pool inside the application: 10 sessions from the server's own machine." in page
    assert "leads through a pooler" not in page  # the runbook's own connection does not


def ask(conn: psycopg.Connection[Any], answers: list[object]) -> threading.Thread:
    """Ask something as a client whom the pooler may let wait; the answer, or the error, comes into the list."""

    def wait() -> None:
        try:
            answers.append(conn.execute("SELECT 1").fetchone())
        except psycopg.Error as error:
            answers.append(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_who_is_paused_before_waits_and_goes_on_after(
    pooler: Pooler, connect: Callable[[], psycopg.Connection[Any]], transformed: Database
) -> None:
    answers: list[object] = []
    connect().close()  # it takes clients in only when it has met the server once
    pooler.tell(f"PAUSE {transformed.dbname}")
    with runs.opened(REQUEST, settings.load()) as run:
        fence.close(run.gate, run.side, run.pids)
        client = ask(connect(), answers)
        client.join(1)
        assert (answers, client.is_alive()) == ([], True)
        fence.open_for_good(run.gate, transformed.dbname)
    pooler.tell(f"RESUME {transformed.dbname}")
    client.join(10)
    assert answers == [(1,)]


def test_who_is_not_paused_gets_errors_until_the_pooler_tries_again(
    pooler: Pooler, connect: Callable[[], psycopg.Connection[Any]], transformed: Database
) -> None:
    connect().execute("SELECT 1")
    with runs.opened(REQUEST, settings.load()) as run:
        fence.close(run.gate, run.side, run.pids)
        first: list[object] = []
        waiting = ask(connect(), first)
        waiting.join(1)
        with pytest.raises(psycopg.Error, match="server_login_retry"):
            connect().execute("SELECT 1")
        fence.open_for_good(run.gate, transformed.dbname)
    with pytest.raises(psycopg.Error, match="server_login_retry"):
        connect().execute("SELECT 1")  # though the fence is open
    pooler.tell("SET server_login_retry = 1")
    waiting.join(10)
    assert first == [(1,)]
    assert connect().execute("SELECT 1").fetchone() == (1,)
