"""A lock that somebody holds: tried again for as long as it makes sense, and only because of a lock."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from runbook import runs
from runbook.errors import LockNotAvailable, StatementFailed
from tasks.run_script import run_script
from tasks.settle_users import settle_users
from tests import runbook_runs, waiting
from tests.databases import Database
from tests.faults.test_transaction import ON_USERS

pytestmark = [
    pytest.mark.usefixtures("prefect"),
    pytest.mark.pg("18"),
    # The tasks are called by themselves here: what they log has no flow run to go to.
    pytest.mark.filterwarnings("ignore:Logger 'prefect.task_runs' attempted:UserWarning"),
]

TRIES = "SELECT outcome, found->>'error' AS error FROM rollback.step WHERE name = %s ORDER BY id"

TOLERANCE = 5
"""For a machine at work, in s; without our timeout the scripts' own, 10 s, would hold."""


@pytest.fixture(autouse=True)
def aimed(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    monkeypatch.setenv("ROLLBACK_LOCK_TIMEOUT_MS", "100")


@pytest.fixture
def holder(transformed: Database) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who read users in a transaction that is still open."""
    with psycopg.connect(make_conninfo(transformed.conninfo, application_name="realtime-service")) as conn:
        conn.execute("LOCK TABLE users IN ROW EXCLUSIVE MODE")
        yield conn


@pytest.fixture
def idler(transformed: Database) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who read conversations in a transaction that is still open."""
    with psycopg.connect(transformed.conninfo) as conn:
        conn.execute("SELECT count(*) FROM conversations")
        yield conn


def tries(database: Database, step: str) -> list[tuple[str, str]]:
    with database.connect() as conn:
        return conn.execute(TRIES, [step]).fetchall()


def test_who_holds_the_lock_is_named_in_error_and_journal(
    transformed: Database, holder: psycopg.Connection[Any]
) -> None:
    rows = transformed.checksums()
    once_more = settle_users.with_options(retries=1, retry_delay_seconds=0.1)
    with runbook_runs.begun() as (run, plan), pytest.raises(LockNotAvailable) as caught, runs.transaction(run):
        once_more(run, plan)
    who = rf"realtime-service \(pid {holder.info.backend_pid}, query \d+ s old, on users\)"
    assert caught.match(who)
    found = tries(transformed, "settle OAuth users")
    assert [outcome for outcome, _ in found] == ["failed", "failed"]
    assert f"realtime-service (pid {holder.info.backend_pid}, query" in found[0][1]
    assert transformed.checksums() == rows


def test_the_step_succeeds_when_the_holder_goes_away_in_time(
    transformed: Database, holder: psycopg.Connection[Any]
) -> None:
    def go_away() -> None:
        waiting.until(lambda: ("failed",) in [row[:1] for row in tries(transformed, "settle OAuth users")])
        holder.rollback()

    with runbook_runs.begun() as (run, plan), runs.transaction(run):
        thread = threading.Thread(target=go_away)
        thread.start()
        settle_users(run, plan)
        run_script(run, plan.scripts[0])
        thread.join()
    outcomes = [outcome for outcome, _ in tries(transformed, "settle OAuth users")]
    assert outcomes[-1] == "done"
    assert set(outcomes[:-1]) == {"failed"}
    assert transformed.value("SELECT count(*) FROM users WHERE password_hash IS NULL") == 0
    assert [outcome for outcome, _ in tries(transformed, "012")] == ["done"]


class Reader(threading.Thread):
    """A user's query on conversations, begun when we wait for them; then the one we wait for goes away."""

    def __init__(self, database: Database, idler: psycopg.Connection[Any], ours: int) -> None:
        super().__init__()
        self.database, self.idler, self.ours = database, idler, ours
        self.queued = False
        self.seconds: float | None = None

    def run(self) -> None:
        blocked = f"SELECT cardinality(pg_blocking_pids({self.ours})) > 0"
        queued = f"SELECT count(*) FROM pg_stat_activity WHERE {self.ours} = ANY (pg_blocking_pids(pid))"
        waiting.until(lambda: bool(self.database.value(blocked)))
        query = threading.Thread(target=self.query)
        query.start()
        while query.is_alive():
            self.queued = self.queued or bool(self.database.value(queued))
        query.join()
        self.idler.rollback()

    def query(self) -> None:
        with psycopg.connect(self.database.conninfo) as conn:
            began = time.monotonic()
            conn.execute("SELECT count(*) FROM conversations")
            self.seconds = time.monotonic() - began


def test_no_query_queues_behind_our_request_for_longer_than_the_timeout(
    transformed: Database, idler: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLBACK_LOCK_TIMEOUT_MS", "2000")
    with runbook_runs.begun() as (run, plan), runs.transaction(run):
        reader = Reader(transformed, idler, run.worker)
        reader.start()
        run_script(run, plan.scripts[1])
        reader.join()
    assert reader.queued
    assert reader.seconds is not None
    assert reader.seconds < 2 + TOLERANCE
    outcomes = [outcome for outcome, _ in tries(transformed, "011")]
    assert outcomes[-1] == "done"
    assert set(outcomes[:-1]) == {"failed"}  # it was served because we gave way: the idler was still there


def test_another_error_is_not_tried_again(transformed: Database) -> None:
    with transformed.connect() as conn:
        conn.execute(ON_USERS)
    with runbook_runs.begun() as (run, plan), pytest.raises(StatementFailed, match="struck"), runs.transaction(run):
        settle_users(run, plan)
    assert [outcome for outcome, _ in tries(transformed, "settle OAuth users")] == ["failed"]
