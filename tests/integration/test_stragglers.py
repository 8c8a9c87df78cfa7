"""Who is connected when the fence closes: who may finish, who is ended, who slips in."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from runbook import runs, settings
from runbook.barrier import fence, stragglers, watchdog
from runbook.request import RollbackRequest
from runbook.runs import Run
from tasks import fence as step
from tests import runbook_runs, waiting
from tests.databases import Database

pytestmark = pytest.mark.pg("15", "18")

Connect = Callable[..., psycopg.Connection[Any]]
REQUEST = RollbackRequest.model_validate(runbook_runs.REQUEST)
WRITE = "UPDATE users SET full_name = 'written at the fence'"
WRITTEN = "SELECT count(*) FROM users WHERE full_name = 'written at the fence'"


@pytest.fixture
def run(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    with runs.opened(REQUEST, settings.load()) as opened:
        yield opened
        fence.open_up(opened.gate, transformed.dbname)


@pytest.fixture
def connect(transformed: Database) -> Iterator[Connect]:
    """Return a function that connects as an application does; what it returned is closed at the end."""
    with ExitStack() as stack:

        def open_one(name: str, **words: str) -> psycopg.Connection[Any]:
            conninfo = make_conninfo(transformed.conninfo, application_name=name, **words)
            return stack.enter_context(closing(psycopg.connect(conninfo, autocommit=True)))

        yield open_one


def alive(conn: psycopg.Connection[Any]) -> bool:
    with suppress(psycopg.Error):
        conn.execute("SELECT 1")
    return not conn.closed


def close(run: Run, grace: float = 0.0) -> dict[str, str]:
    """Close the fence and return what became of whom."""
    return {s.application: s.fate for s in fence.close(run.gate, run.side, run.pids, grace=grace)}


def test_who_finishes_in_time_has_committed_and_who_does_not_is_undone(run: Run, connect: Connect) -> None:
    names = ("idle", "in time", "too long", "in a query")
    clients = {name: connect(name) for name in names}
    clients["in time"].execute("BEGIN")
    clients["in time"].execute(WRITE)
    clients["too long"].execute("BEGIN")
    clients["too long"].execute("CREATE TABLE never_seen ()")
    clients["in a query"].pgconn.send_query(b"SELECT pg_sleep(60)")
    committing = threading.Timer(0.5, clients["in time"].execute, ["COMMIT"])
    committing.start()
    fates = close(run, grace=1.5)
    committing.join()
    assert fates == dict(zip(names, ("idle", "finished", "interrupted", "interrupted"), strict=True))
    assert stragglers.sessions(run.side, run.pids) == []
    assert run.side.execute(WRITTEN).fetchone() != (0,)
    assert run.side.execute("SELECT to_regclass('never_seen')").fetchone() == (None,)


def test_without_grace_nobody_may_finish(run: Run, connect: Connect) -> None:
    client = connect("realtime-service")
    client.execute("BEGIN")
    client.execute(WRITE)
    assert close(run) == {"realtime-service": "interrupted"}
    assert not alive(client)
    assert run.side.execute(WRITTEN).fetchone() == (0,)


def test_a_grace_is_for_one_transaction_not_for_the_next(run: Run, connect: Connect) -> None:
    client = connect("realtime-service")
    client.execute("BEGIN")

    def never_idle() -> None:
        with suppress(psycopg.Error):
            while True:  # ends one transaction and begins the next in one word to the server
                client.execute("COMMIT; BEGIN; SELECT pg_sleep(0.2)")

    thread = threading.Thread(target=never_idle, daemon=True)
    thread.start()
    assert close(run, grace=20) == {"realtime-service": "finished"}
    thread.join()


def test_who_only_waits_after_an_error_has_nothing_to_finish(run: Run, connect: Connect) -> None:
    client = connect("realtime-service")
    client.execute("BEGIN")
    with pytest.raises(psycopg.errors.DivisionByZero):
        client.execute("SELECT 1 / 0")
    assert close(run, grace=20) == {"realtime-service": "idle"}
    assert not alive(client)


def test_the_journal_says_what_became_of_each(
    transformed: Database, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    monkeypatch.setenv("ROLLBACK_FENCE_GRACE_SECONDS", "1.5")
    client, idle = connect("email-service"), connect("realtime-service")
    client.execute("BEGIN")
    committing = threading.Timer(0.5, client.execute, ["COMMIT"])
    with runbook_runs.begun() as (run, _):
        committing.start()
        step.fence.fn(run)
        assert watchdog.stands(run.gate, transformed.dbname)
        fence.open_for_good(run.gate, transformed.dbname)
    committing.join()
    assert transformed.value("SELECT found->'ended' FROM rollback.step WHERE name = 'fence'") == [
        f"realtime-service (pid {idle.info.backend_pid}, local): was idle, ended",
        f"email-service (pid {client.info.backend_pid}, local): finished its work, then ended",
    ]


def test_who_passed_the_fence_before_it_closed_is_found_and_ended(
    run: Run, transformed: Database, connect: Connect
) -> None:
    came: list[psycopg.Connection[Any]] = []

    def knock() -> None:
        # PostgreSQL's own means to look at a backend that starts: it waits after the fence's check, still unseen.
        came.append(connect("late", options="-c post_auth_delay=2"))

    thread = threading.Thread(target=knock)
    thread.start()
    with transformed.server.connect() as admin:
        coming = "SELECT count(*) FROM pg_locks WHERE objid = (SELECT oid FROM pg_database WHERE datname = %s)"
        coming += " AND classid = 'pg_database'::regclass AND locktype = 'object'"
        waiting.until(lambda: admin.execute(coming, [transformed.dbname]).fetchone() == (1,))
    assert [s.application for s in stragglers.sessions(run.side, run.pids) if s.application == "late"] == []
    assert close(run) == {"late": "idle"}
    thread.join()
    assert [alive(conn) for conn in came] == [False]


def test_a_superuser_who_opens_it_and_comes_in_is_ended_when_it_is_closed_again(
    run: Run, transformed: Database, connect: Connect
) -> None:
    assert close(run) == {}
    with transformed.server.connect() as admin:
        admin.execute(f"ALTER DATABASE {transformed.dbname} ALLOW_CONNECTIONS true")
    intruder = connect("psql")
    run.side.close()
    late = fence.close(run.gate, run.work, [run.work.info.backend_pid])  # as before a copy
    assert "psql" in [s.application for s in late]
    assert not alive(intruder)
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        connect("realtime-service")
    run.work.execute(f"CREATE DATABASE {transformed.dbname}_copy TEMPLATE {transformed.dbname}")
    run.work.execute(f"DROP DATABASE {transformed.dbname}_copy")


@pytest.fixture
def plain_role(transformed: Database) -> Iterator[str]:
    """A role that owns the database, may end other roles' sessions, and is no superuser."""
    name = transformed.dbname
    with transformed.server.connect() as admin:
        admin.execute("CREATE ROLE fence_owner LOGIN")
        admin.execute("CREATE ROLE fence_service LOGIN")
        admin.execute("GRANT pg_signal_backend TO fence_owner")
        admin.execute(f"ALTER DATABASE {name} OWNER TO fence_owner")
        yield "fence_owner"
        admin.execute(f"ALTER DATABASE {name} OWNER TO postgres")
        admin.execute("DROP ROLE fence_owner, fence_service")


def test_a_role_that_is_no_superuser_closes_it_on_sessions_it_may_not_look_at(
    transformed: Database, connect: Connect, plain_role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    monkeypatch.setenv("PGUSER", plain_role)
    monkeypatch.setenv("ROLLBACK_FENCE_ORPHAN_SECONDS", "1")
    conn = connect("email-service", user="fence_service")
    with runs.opened(REQUEST, settings.load()) as run:
        assert [s.address for s in fence.sessions(run.side, run.pids)] == ["hidden"]
        assert close(run, grace=0.3) == {"email-service": "hidden"}
        assert not alive(conn)
        assert alive(run.work)
        watchdog.start(run.gate, run.settings, run.identity.oid)
    with transformed.server.connect() as admin:  # nobody opened it: the watchdog has this role's rights, which suffice
        allowed = "SELECT datallowconn FROM pg_database WHERE datname = %s"
        waiting.until(lambda: admin.execute(allowed, [transformed.dbname]).fetchone() == (True,))
