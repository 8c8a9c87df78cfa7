"""A commit that would wait for a standby which is not there: seen before anything stops, and never a riddle."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from runbook.barrier import standbys
from tests import runbook_runs
from tests.databases import ALL, Database
from tests.integration.flow.look import wrong

pytestmark = [
    pytest.mark.pg("18"),
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]


@pytest.fixture
def target(new_database: Callable[..., Database], aim: Callable[[Database], Database]) -> Iterator[Database]:
    made = aim(new_database(forward=ALL))
    yield made
    wait_for(made, "")


def wait_for(made: Database, names: str) -> None:
    """Let commits wait for these standbys, none of which exists; the tests' own do not wait."""
    with made.server.connect() as admin:
        admin.execute("SET synchronous_commit = off")
        admin.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        admin.execute("SELECT pg_reload_conf()")
    time.sleep(0.3)


def test_the_plan_says_so(target: Database) -> None:
    wait_for(target, "FIRST 2 (a, b)")
    state = runbook_runs.run(silent=True)
    assert state.is_failed() or state.is_cancelled()
    assert "COMMIT" in str(state.message), state
    assert target.value("SELECT to_regclass('public.knowledge_bases') IS NOT NULL")


def test_gone_before_the_commit_everything_is_undone(target: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(conn: psycopg.Connection[Any], check: Any = standbys.check) -> None:
        if conn.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS and conn.execute(CHANGED).fetchone():
            wait_for(target, "ghost")
        check(conn)

    monkeypatch.setattr(standbys, "check", gone)
    state = runbook_runs.run()
    assert state.is_failed()
    assert "A COMMIT would not end" in str(state.message)
    assert target.value("SELECT to_regclass('public.knowledge_bases') IS NOT NULL")
    assert target.value("SELECT datallowconn FROM pg_database WHERE datname = current_database()")


CHANGED = "SELECT 1 WHERE to_regclass('public.digital_twins') IS NOT NULL"


def test_gone_during_the_commit_ctrl_c_ends_it(target: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    check = standbys.check

    def gone(conn: psycopg.Connection[Any]) -> None:
        check(conn)
        if conn.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS and conn.execute(CHANGED).fetchone():
            wait_for(target, "ghost")
            threading.Timer(2, os.kill, [os.getpid(), signal.SIGINT]).start()

    monkeypatch.setattr(standbys, "check", gone)
    began = time.monotonic()
    state = runbook_runs.run()
    assert state.is_failed()
    assert "the transaction did commit" in str(state.message)
    assert "Run the same command for the same incident again" in str(state.message)
    assert time.monotonic() - began < 40  # at once, as far as a busy machine goes: nothing is tried again and again
    monkeypatch.setattr(standbys, "check", check)
    wait_for(target, "")
    assert runbook_runs.run().is_completed()  # it goes on where it stopped
    assert wrong(target, gemini="kept") == []
