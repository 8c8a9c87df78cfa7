"""What becomes of a snapshot: dumped and proved when users are back, gone back to, tidied away, never lost."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows import snapshots as story
from runbook import database as door
from runbook import figures, settings
from runbook.barrier import fence
from runbook.safekeeping import snapshots
from runbook.safekeeping.kept import Copy
from tests import application, runbook_runs
from tests.application import Application
from tests.databases import Database

pytestmark = [pytest.mark.usefixtures("prefect"), pytest.mark.pg("18")]
STRIKE = """
    CREATE SCHEMA faults;
    CREATE FUNCTION faults.strike() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF current_database() ~ '^rollback_trial_' THEN RETURN NEW; END IF; RAISE 'struck'; END $$;
    CREATE TRIGGER strike BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION faults.strike();
"""


@pytest.fixture
def aimed(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    return transformed


@pytest.fixture
def deployed(aimed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    with application.running(tmp_path, aimed, monkeypatch) as running:
        yield running


def copies() -> list[Copy]:
    with door.connect() as conn:
        return snapshots.read(conn)


def warned() -> list[str]:
    with door.connect() as conn:
        return snapshots.warnings(conn, settings.load())


def report(folder: Path) -> str:
    [path] = (folder / "reports").glob("report-*.md")
    return path.read_text(encoding="utf-8")


def test_one_goes_back_with_the_command_of_the_report(aimed: Database, deployed: Application, tmp_path: Path) -> None:
    state = runbook_runs.run(previous_tag="v1")
    assert state.is_completed(), state.message
    [copy] = copies()
    assert copy.committed and copy.proved
    said = report(tmp_path)
    assert f"proved by restoring it, {figures.moment(copy.proved)}" in said
    [command] = [line for line in said.splitlines() if line.startswith("psql ") and "go_back_to" in line]

    deployed.compose("stop")
    assert aimed.value("SELECT to_regclass('digital_twins') IS NOT NULL")
    environment = aimed.env | {"PATH": f"{aimed.server.folder}:/usr/bin:/bin"}
    done = subprocess.run(["sh", "-ec", command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert aimed.value("SELECT to_regclass('knowledge_bases') IS NOT NULL")
    assert copies() == []
    subprocess.run(["git", "checkout", "--quiet", "v2"], cwd=deployed.tree, check=True)
    deployed.compose("up", "-d")
    again = runbook_runs.run(incident="INC-2", previous_tag="v1")  # and from here it can be rolled back once more
    assert again.is_completed(), again.message


def test_a_snapshot_goes_when_its_time_is_over_and_not_before(aimed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert runbook_runs.run().is_completed()
    [copy] = copies()
    assert warned() == []
    until = snapshots.kept_until(copy, settings.load())
    assert until is not None
    assert 71 < (until - datetime.now(UTC)).total_seconds() / 3600 < 72
    assert "all may stay" in str(story.tidy(return_state=True).message)
    assert copies() == [copy]
    monkeypatch.setenv("ROLLBACK_SNAPSHOT_HOURS", "0")
    assert warned() == [f"Snapshot {copy.database}: it may go: rollback snapshots tidy drops it."]
    assert story.tidy(return_state=True).message == f"Dropped {copy.database}."
    assert copies() == []
    assert not aimed.value(f"SELECT count(*) FROM pg_database WHERE datname = '{copy.database}'")


def test_a_snapshot_whose_dump_cannot_be_taken_stays_and_everybody_hears_of_it(
    aimed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("pg_dump", "pg_restore"):
        program = programs / name
        real = aimed.server.bin(name)
        # The real programs, but pg_dump cannot dump: only its version can be asked.
        refuse = (
            'case "$*" in *--version*) ;; *--file*) echo "no room" >&2; exit 1;; esac\n' if name == "pg_dump" else ""
        )
        program.write_text(f"#!/bin/sh\n{refuse}exec '{real}' \"$@\"\n")
        program.chmod(0o755)
    monkeypatch.setenv("ROLLBACK_PG_BIN", str(programs))
    monkeypatch.setenv("ROLLBACK_SNAPSHOT_HOURS", "0")
    state = runbook_runs.run()

    assert state.name == "Failed"
    for words in (
        "portable dump of the snapshot is missing",
        "State: The database is rolled back and verified",
        "tidy",
    ):
        assert words in str(state.message)
    assert aimed.column("SELECT outcome FROM rollback.run") == ["done"]  # the rollback itself is
    assert "NOT THERE YET" in report(tmp_path)
    [copy] = copies()
    assert copy.proved is None
    assert story.tidy(return_state=True).is_failed()  # never dropped without a dump, whatever its time
    assert copies() == [copy]

    monkeypatch.setenv("ROLLBACK_PG_BIN", str(aimed.server.folder))
    assert story.tidy(return_state=True).message == f"The dump of {copy.database} is proved."
    assert story.tidy(return_state=True).message == f"Dropped {copy.database}."


def test_a_snapshot_before_a_change_that_was_undone_is_dropped(aimed: Database) -> None:
    with aimed.connect() as conn:
        conn.execute(STRIKE)
    assert runbook_runs.run().name == "Failed"
    assert copies() == []
    dropped = aimed.value("SELECT found->'dropped' FROM rollback.step WHERE name = 'start services again'")
    assert dropped == [aimed.value("SELECT found->>'copy' FROM rollback.step WHERE name = 'back up'")]


def test_a_database_that_only_looks_like_a_snapshot_is_named_and_left(aimed: Database) -> None:
    stranger = f"{aimed.dbname}_before_rollback_20200101_000000"
    with aimed.server.connect() as admin:
        admin.execute(f"CREATE DATABASE {stranger}")
    assert [line for line in warned() if stranger in line and "no journal knows it" in line]
    assert story.tidy(return_state=True).is_completed()
    assert aimed.value(f"SELECT count(*) FROM pg_database WHERE datname = '{stranger}'") == 1


def test_while_a_rollback_is_at_work_nothing_is_tidied(aimed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert runbook_runs.run().is_completed()
    monkeypatch.setenv("ROLLBACK_SNAPSHOT_HOURS", "0")
    found = copies()
    with runbook_runs.begun(incident="INC-2") as (run, _):
        said = story.tidy(return_state=True)
        assert said.is_completed() and "Another runner works on database" in str(said.message)
        fence.close(run.gate, run.side, run.pids)
        said = story.tidy(return_state=True)
        assert said.is_completed() and "a fence is closed around it" in str(said.message)
        fence.open_for_good(run.gate, aimed.dbname)
    assert copies() == found
