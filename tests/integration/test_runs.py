"""One runner on one database: its lock, its fence, its guard, and a journal that tells the truth."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from runbook import connections, journal, runs, settings
from runbook import database as door
from runbook.barrier import fence
from runbook.errors import DatabaseFenced, SecondRunner, StatementFailed, WrongDatabase
from runbook.request import RollbackRequest
from runbook.schema import changes
from tests import runbook_runs, waiting
from tests.databases import Database

pytestmark = pytest.mark.pg("18")
REQUEST = RollbackRequest.model_validate(runbook_runs.REQUEST)


@pytest.fixture(autouse=True)
def aimed(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)


def connect(database: Database, name: str = "realtime-service") -> psycopg.Connection[Any]:
    return psycopg.connect(make_conninfo(database.conninfo, application_name=name), autocommit=True)


def alive(conn: psycopg.Connection[Any]) -> bool:
    with suppress(psycopg.Error):
        conn.execute("SELECT 1")
    return not conn.closed


@pytest.mark.parametrize("fenced", [False, True])
def test_a_second_runner_is_refused_and_told_who_the_first_is(transformed: Database, fenced: bool) -> None:
    rows = transformed.checksums()
    with runs.opened(REQUEST, settings.load()) as first:
        if fenced:
            fence.close(first.gate, first.side, first.pids)
        who = pytest.raises(SecondRunner, match=rf"pid {first.work.info.backend_pid} .*\n.*touched nothing")
        with who, runs.opened(REQUEST, settings.load()):
            pytest.fail("a second runner was let in")
        assert alive(first.work)
        assert alive(first.side)
        fence.open_up(first.gate, first.identity.database)
    assert transformed.checksums() == rows
    assert not transformed.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'rollback'")
    with runs.opened(REQUEST, settings.load()):  # the lock went with its connection
        pass


def test_a_closed_fence_ends_strangers_and_keeps_out_everybody(transformed: Database) -> None:
    stranger, own = connect(transformed), connect(transformed, "psql")
    stranger.execute("BEGIN")
    stranger.execute("LOCK TABLE messages")
    with runs.opened(REQUEST, settings.load()) as run:
        ended = fence.close(run.gate, run.side, run.pids)
        assert {(s.application, s.pid) for s in ended} == {
            ("realtime-service", stranger.info.backend_pid),
            ("psql", own.info.backend_pid),
        }
        assert not alive(stranger)
        assert not alive(own)
        assert transformed.server.user == "postgres"  # a superuser
        with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
            connect(transformed)
        assert alive(run.work)
        assert alive(run.side)
        fence.open_up(run.gate, run.identity.database)
        with connect(transformed) as conn:
            assert alive(conn)


@contextmanager
def newcomers(database: Database, name: str) -> Iterator[list[psycopg.Connection[Any]]]:
    """Connect at every moment when that is possible, as a service does that lost its connection."""
    came: list[psycopg.Connection[Any]] = []
    over = threading.Event()

    def knock() -> None:
        while not over.wait(0.002):
            if not came or not alive(came[-1]):
                with suppress(psycopg.Error):
                    came.append(connect(database, name))

    thread = threading.Thread(target=knock, daemon=True)
    thread.start()
    try:
        yield came
    finally:
        over.set()
        thread.join()
        for conn in came:
            conn.close()


@pytest.mark.usefixtures("prefect")
def test_the_backup_is_taken_and_who_came_in_with_it_is_ended(transformed: Database, tmp_path: Path) -> None:
    with newcomers(transformed, "email-service"):
        state = runbook_runs.run(backup="dump")
    assert state.is_completed(), state.message
    assert list((tmp_path / "backups").glob("*.dump"))
    for step in ("fence", "back up"):
        found = transformed.value(f"SELECT found->'ended' FROM rollback.step WHERE name = '{step}'")
        assert any(words.startswith("email-service (pid ") for words in found), (step, found)


def test_another_database_under_the_same_name_stops_a_step(transformed: Database, database: Database) -> None:
    name, aside = transformed.dbname, f"{transformed.dbname}_aside"
    with runbook_runs.begun() as (run, _), transformed.server.connect() as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ANY (%s)", [run.pids])
        waiting.until(lambda: not alive(run.work) and not alive(run.side))
        admin.execute(f"ALTER DATABASE {name} RENAME TO {aside}")
        admin.execute(f"ALTER DATABASE {database.dbname} RENAME TO {name}")
        try:
            connections.revive(run)
            with pytest.raises(WrongDatabase), journal.step(run, "fence"):
                pytest.fail("the step began on another database")
        finally:
            run.side.close()
            run.work.close()
            admin.execute(f"ALTER DATABASE {name} RENAME TO {database.dbname}")
            admin.execute(f"ALTER DATABASE {aside} RENAME TO {name}")
    assert transformed.column("SELECT name FROM rollback.step") == []


def test_a_database_step_stands_in_the_journal_only_with_its_work(transformed: Database) -> None:
    outcome = "SELECT outcome FROM rollback.step WHERE name = 'settle OAuth users'"
    waiting = "SELECT count(*) FROM users WHERE password_hash IS NULL"
    before = transformed.value(waiting)
    with runbook_runs.begun() as (run, plan):
        with pytest.raises(StatementFailed), runs.transaction(run):
            with changes.step(run, "settle OAuth users") as found:
                changes.settle_users(run, plan, found)
            assert transformed.value(outcome) == "running"
            with changes.step(run, "012"):
                run.work.execute("SELECT 1 / 0")
        assert (transformed.value(outcome), transformed.value(waiting)) == ("running", before)
        journal.undone(run)
        assert transformed.value(outcome) == "failed"
        with runs.transaction(run), changes.step(run, "settle OAuth users") as found:
            changes.settle_users(run, plan, found)
        assert transformed.column(f"{outcome} ORDER BY id") == ["failed", "done"]
        assert transformed.value(waiting) == 0


def test_the_fence_of_a_dead_runner_is_opened_by_the_next(transformed: Database) -> None:
    with transformed.server.connect() as admin:
        admin.execute(f"ALTER DATABASE {transformed.dbname} ALLOW_CONNECTIONS false")
    with pytest.raises(DatabaseFenced):
        door.connect()
    with runs.opened(REQUEST, settings.load()) as run:
        with connect(transformed) as conn:
            assert alive(conn)
        assert not run.committed
