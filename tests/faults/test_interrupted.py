"""A runner that is killed: what it left, what is said about it, and that the next run ends well."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL

from runbook.schema import catalogue
from runbook.schema.catalogue import Fact
from tests import application, runbook_runs, waiting
from tests.application import Application
from tests.databases import Database
from tests.faults.operating import approve, cli, kill, runner, status, waits
from tests.faults.test_transaction import ON_OBJECT

pytestmark = [pytest.mark.usefixtures("prefect"), pytest.mark.pg("18")]

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
    schema, rows = facts(transformed), transformed.checksums()
    killed()
    said = cli("fence", "open")
    assert "No runner is at work" in said
    assert "INC-1 is not finished" in said
    assert facts(transformed) == schema
    assert transformed.checksums() == rows
    assert "The last run did not commit" in status()["state"]


def facts(database: Database) -> list[Fact]:
    """Return the schema, without what the test itself put there to hold the run up."""
    with database.connect() as conn:
        return [fact for fact in catalogue.read(conn) if "faults" not in fact.object + fact.definition]


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
