"""The history of rehearsals on a real server: made when missing, read by others, and by production inside a limit."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from runbook import database as door
from runbook import settings
from runbook.errors import DatabaseUnavailable, SecondRunner, SettingsInvalid, StatementFailed
from runbook.rehearsing import history, reading
from runbook.settings import Settings
from tests import runbook_runs, servers
from tests.databases import Database
from tests.servers import Server

pytestmark = pytest.mark.pg("18")
SCRIPTS = "5c" * 32


@pytest.fixture
def loaded(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Staging's settings; the history's name lets it be dropped with the test's database."""
    runbook_runs.aim(monkeypatch, database, tmp_path, target="staging")
    monkeypatch.setenv("ROLLBACK_REHEARSAL_HISTORY", f"dbname={database.dbname}_history")
    return settings.load()


@pytest.fixture
def other(server: Server) -> Iterator[Server]:
    running = servers.start(server.version)
    yield running
    running.stop()


def write(loaded: Settings, day: int, outcome: str = "done", steps: Sequence[tuple[str, float]] = ()) -> UUID:
    """Write a rehearsal down as the flow does, with steps, and let it have begun on a day."""
    number = uuid4()
    with closing(history.opened(loaded)) as conn:
        words: dict[str, Any] = {"label": f"REHEARSAL-{day}", "target": loaded.target, "prefect_run": None}
        door.query(conn, "history_begin", id=number, scripts=SCRIPTS, **words)
        for name, seconds in steps:
            door.query(conn, "history_step", run=number, name=name, seconds=seconds, outcome="done")
        if outcome != "running":
            door.query(conn, "history_end", id=number, outcome=outcome, reason="")
        began = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=day)
        conn.execute("UPDATE rehearsal.run SET began = %s WHERE id = %s", [began, number])
    return number


def slow(loaded: Settings, number: UUID) -> list[tuple[str, float, int]]:
    with closing(history.opened(loaded)) as conn:
        return [(row["name"], row["usual"], row["runs"]) for row in history.slower(conn, loaded, number)]


def test_its_database_is_made_when_missing_and_found_again(loaded: Settings, database: Database) -> None:
    with pytest.raises(DatabaseUnavailable):
        history.read_only(loaded)
    write(loaded, 1)
    write(loaded, 2, "failed")
    with closing(history.read_only(loaded)) as conn:
        assert [row["label"] for row in history.runs(conn, "staging")] == ["REHEARSAL-2", "REHEARSAL-1"]
        assert history.runs(conn, "elsewhere") == []


def test_a_rehearsal_that_was_killed_is_found_by_the_next_and_no_other_is_touched(loaded: Settings) -> None:
    elsewhere = loaded.model_copy(update={"target": "another staging"})
    write(loaded, 1)
    write(loaded, 2, "running")
    write(elsewhere, 3, "running")
    with closing(history.opened(loaded)) as conn, closing(history.opened(loaded)) as second:
        assert [row["label"] for row in history.lock(conn, "staging")] == ["REHEARSAL-2"]
        with pytest.raises(SecondRunner, match="is at work"):
            history.lock(second, "staging")
        found = history.runs(conn, "staging")
        assert [(row["outcome"], row["total"] is None) for row in found] == [("killed", True), ("done", False)]
        assert [row["outcome"] for row in history.runs(conn, "another staging")] == ["running"]


def test_a_step_is_slower_by_factor_and_floor_against_the_median_of_at_least_three(loaded: Settings) -> None:
    usual: list[tuple[str, float]] = [("clone production", 20.0), ("012", 0.02), ("back up", 10.0)]
    new = [("clone production", 41.0), ("012", 0.5), ("back up", 19.0)]
    write(loaded, 1, steps=usual)
    write(loaded, 2, steps=usual)
    assert slow(loaded, write(loaded, 3, steps=new)) == []  # two say nothing
    write(loaded, 4, "failed", steps=[("clone production", 900.0)])  # does not count
    number = write(loaded, 5, steps=new)
    assert slow(loaded, number) == [("clone production", 20.0, 3)]
    assert slow(loaded.model_copy(update={"rehearsal_slower": 3.0}), number) == []
    strict = loaded.model_copy(update={"rehearsal_slower_seconds": 0.1})
    assert [name for name, _, _ in slow(strict, number)] == ["clone production", "012"]


def test_production_reads_the_history_of_another_server(
    loaded: Settings, database: Database, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Database(other, "rehearsals_of_staging").conninfo
    monkeypatch.setenv("ROLLBACK_REHEARSAL_HISTORY", there)
    write(settings.load(), 1)
    monkeypatch.setenv("ROLLBACK_TARGET", "production")
    [row] = reading.newest(settings.load(), SCRIPTS)
    assert (row["label"], row["target"], row["same"]) == ("REHEARSAL-1", "staging", True)
    assert not reading.newest(settings.load(), "0" * 64)[0]["same"]
    with database.server.connect() as admin:
        assert not admin.execute("SELECT FROM pg_database WHERE datname LIKE 'rehearsals%'").fetchall()


def test_an_older_one_of_these_scripts_comes_before_a_newer_of_others(loaded: Settings) -> None:
    write(loaded, 1)
    with closing(history.opened(loaded)) as conn:
        conn.execute("UPDATE rehearsal.run SET scripts = 'x', ended = ended - interval '9 days'")
    write(loaded, 2)
    assert reading.newest(loaded, "x")[0]["label"] == "REHEARSAL-1"
    assert reading.newest(loaded, "y")[0]["label"] == "REHEARSAL-2"


def test_a_history_that_does_not_answer_keeps_nobody_waiting(
    loaded: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "WAIT_SECONDS", 1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"host=127.0.0.1 port={silent.getsockname()[1]} dbname=history"
        with pytest.raises(DatabaseUnavailable, match="did not answer within 1 s"):
            reading.newest(loaded.model_copy(update={"rehearsal_history": address}), SCRIPTS)
    write(loaded, 1)
    with Database(database.server, f"{database.dbname}_history").connect(autocommit=False) as blocker:
        blocker.execute("LOCK TABLE rehearsal.run IN ACCESS EXCLUSIVE MODE")
        with pytest.raises((DatabaseUnavailable, StatementFailed)):
            reading.newest(loaded, SCRIPTS)
    assert reading.newest(loaded, SCRIPTS)


def test_what_is_no_history_is_said_to_be_none(loaded: Settings, database: Database) -> None:
    with pytest.raises(StatementFailed, match=r"rehearsal\.run"):
        reading.newest(loaded.model_copy(update={"rehearsal_history": database.conninfo}), SCRIPTS)


@pytest.mark.parametrize(
    ("said", "problem"),
    [("host=h password=hunter2", "holds a password"), ("nonsense hunter2", "no connection string")],
)
def test_no_password_is_taken_or_repeated(loaded: Settings, said: str, problem: str) -> None:
    with pytest.raises(SettingsInvalid, match=problem) as caught:
        history.opened(loaded.model_copy(update={"rehearsal_history": said}))
    assert "hunter2" not in str(caught.value)
