"""A runner that is killed: what it left, what is said about it, and that the next run ends well."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from prefect.settings import PREFECT_API_URL

from flows import approving
from runbook import settings
from runbook.schema import catalogue
from runbook.telling import standing
from tests import application, runbook_runs, waiting
from tests.application import Application
from tests.databases import Database
from tests.faults.test_transaction import ON_OBJECT

pytestmark = [pytest.mark.usefixtures("prefect"), pytest.mark.pg("18")]

COMMAND = [sys.executable, "-c", "from flows.cli import main; main()"]
RUN = [
    "run",
    "--incident",
    "INC-1",
    "--reason",
    "Chat answers with errors.",
    "--triggers",
    "data corruption",
    "--oauth",
    "temporary passwords",
]
# Sleeps inside the first run's transaction only.
ASLEEP = "IF (SELECT count(*) FROM rollback.run) = 1 THEN PERFORM pg_sleep(60); END IF;"
SLEEPS = "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND wait_event = 'PgSleep'"
HOOK = """#!/bin/sh
[ "$(pwd -P)" = "$(cd '{tree}' && pwd -P)" ] || exit 0
while [ -e '{flag}' ]; do touch '{flag}.reached'; sleep 0.1; done
"""
SLOW = """#!/bin/sh
case "$*" in *--format=directory*) touch '{flag}'; sleep 3 ;; esac
exec '{real}' "$@"
"""


@pytest.fixture(autouse=True)
def aimed(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    monkeypatch.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@contextmanager
def runner(*more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start ``rollback run`` as an operator does; it is killed at the end of the block."""
    process = subprocess.Popen([*COMMAND, *RUN, *more], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def cli(*words: str) -> str:
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=True, env={**os.environ})
    return done.stdout


def status() -> dict[str, Any]:
    """Return what ``rollback status --json`` would say."""
    return standing.as_json(standing.read(settings.load()))


def waits(database: Database) -> bool:
    """Return whether a run has come to its approval."""
    with suppress(psycopg.Error):
        return bool(database.value("SELECT count(*) FROM rollback.step WHERE name = 'authorise'"))
    return False


def approve(database: Database) -> None:
    """Say yes to the runner in its own process, as soon as it waits."""
    waiting.until(lambda: waits(database))
    newest = "FROM rollback.run ORDER BY started DESC LIMIT 1"
    flow_run, plan = (database.value(f"SELECT {column} {newest}") for column in ("prefect_run", "plan_hash"))
    assert approving.give(UUID(flow_run), runbook_runs.answered(plan), "test").accepted


def runs(database: Database) -> list[str]:
    return database.column("SELECT outcome FROM rollback.run ORDER BY started")


def test_killed_while_it_waits_for_approval(transformed: Database) -> None:
    rows = transformed.checksums()
    with runner() as process:
        waiting.until(lambda: waits(transformed))
        assert json.loads(cli("status", "--json"))["state"] == "A rollback is under way."
        kill(process)
    waiting.until(lambda: status()["runner"] == "")
    stand = status()
    assert stand["state"].startswith("The transformation is in force: 010 applied")
    assert "The last run did not commit" in stand["state"]
    assert (stand["safe"], stand["fenced"]) == (True, False)
    assert transformed.checksums() == rows

    assert runbook_runs.run().is_completed()
    assert runs(transformed) == ["failed", "done"]


@pytest.fixture
def killed(transformed: Database) -> Callable[[], None]:
    """Return a function that leaves the database as a runner does that is killed in its transaction."""

    def die() -> None:
        with transformed.connect() as conn:
            conn.execute(ON_OBJECT.format(object="public.digital_twins", act=ASLEEP))
        with runner() as process, transformed.server.connect() as admin:
            approve(transformed)
            query = SLEEPS.format(transformed.dbname)
            waiting.until(lambda: admin.execute(query).fetchone() == (1,))
            stand = status()
            assert (stand["fenced"], stand["state"]) == (True, "A rollback is at work behind the fence.")
            kill(process)
        # The server notices by itself, long before the statement would end.
        waiting.until(lambda: status()["runner"] == "", 20)

    return die


def test_killed_in_the_transaction_the_next_run_starts_over(transformed: Database, killed: Callable[[], None]) -> None:
    killed()
    stand = status()
    assert (stand["fenced"], stand["safe"]) == (True, False)
    assert "left the fence closed" in stand["state"]

    state = runbook_runs.run()

    assert state.is_completed(), state.message
    assert runs(transformed) == ["failed", "done"]
    assert transformed.column("SELECT name FROM rollback.step WHERE outcome = 'running'") == []


def test_killed_in_the_transaction_the_fence_can_be_opened_by_hand(
    transformed: Database, killed: Callable[[], None]
) -> None:
    with transformed.connect() as conn:
        schema = catalogue.read(conn)
    rows = transformed.checksums()
    killed()
    said = cli("fence", "open")
    assert "No runner is at work" in said
    assert "INC-1 is not finished" in said
    with transformed.connect() as conn:
        assert catalogue.read(conn) == schema
    assert transformed.checksums() == rows
    assert "The last run did not commit" in status()["state"]


@pytest.fixture
def deployed(
    aimed: None, transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Application]:
    with application.running(tmp_path, transformed, monkeypatch) as running:
        yield running


@pytest.mark.parametrize("opened", [False, True])
def test_killed_after_the_commit_the_next_run_goes_on(
    opened: bool, transformed: Database, deployed: Application, tmp_path: Path
) -> None:
    flag = tmp_path / "hold"
    flag.touch()
    hook = deployed.tree / ".git/hooks/post-checkout"
    hook.write_text(HOOK.format(tree=deployed.tree, flag=flag))
    hook.chmod(0o755)
    with runner("--previous-tag", "v1") as process:
        approve(transformed)
        waiting.until(Path(f"{flag}.reached").exists)  # the tree is being switched
        kill(process)
    flag.unlink()
    waiting.until(lambda: status()["runner"] == "")
    assert "left the fence closed" in status()["state"]
    if opened:
        cli("fence", "open")
        assert status()["state"].startswith("The database is rolled back, but the run did not come to its end")
        assert status()["safe"] is False

    state = runbook_runs.run(silent=True, previous_tag="v1")

    assert state.is_completed(), state.message
    assert runs(transformed) == ["done"]
    assert transformed.value("SELECT count(*) FROM rollback.step WHERE name = 'authorise'") == 1
    assert deployed.release() == "v1"
    assert deployed.answers() == {"backend v1 works", "frontend v1 works"}


def test_told_to_end_in_the_backup_it_compensates_first(
    transformed: Database, deployed: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, flag = tmp_path / "bin", tmp_path / "dumping"
    programs.mkdir()
    for name in ("pg_dump", "pg_restore"):
        text = SLOW if name == "pg_dump" else "#!/bin/sh\nexec '{real}' \"$@\"\n"
        (programs / name).write_text(text.format(real=transformed.server.bin(name), flag=flag))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("ROLLBACK_PG_BIN", str(programs))
    rows = application.without_writings(transformed)
    with runner("--previous-tag", "v1", "--backup", "dump") as process:
        approve(transformed)
        waiting.until(flag.exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) != 0

    assert deployed.answers() == {"backend v2 works", "frontend v2 works"}
    assert application.without_writings(transformed) == rows
    assert runs(transformed) == ["failed"]
    assert transformed.value("SELECT outcome FROM rollback.step WHERE name = 'start services again'") == "done"
    assert not list((tmp_path / "backups").iterdir())
