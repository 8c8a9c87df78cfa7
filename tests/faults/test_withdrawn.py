"""Somebody ends a run at Prefect while it works: before the commit it goes back at once, after it it goes on."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled, Completed, Suspended

from tests import application, runbook_runs, waiting
from tests.application import Application
from tests.databases import Database
from tests.faults.operating import approve, runner, status
from tests.faults.test_interrupted import HOOK, SLOW
from tests.faults.test_transaction import ON_OBJECT

pytestmark = [pytest.mark.usefixtures("prefect"), pytest.mark.pg("18")]

ASLEEP = "PERFORM pg_sleep(120);"
SLEEPS = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event = 'PgSleep'"
NEWEST = "SELECT prefect_run FROM rollback.run ORDER BY started DESC LIMIT 1"
REOPENED = "SELECT outcome FROM rollback.step WHERE name = 'start services again'"
SECONDS = 60
"""How long a run may take to go back, services included, on a busy machine."""


@pytest.fixture
def deployed(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    monkeypatch.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with application.running(tmp_path, transformed, monkeypatch) as running:
        yield running


def force(run: UUID, state: State) -> None:
    with get_client(sync_client=True) as api:
        api.set_flow_run_state(run, state, force=True)


def shown(run: UUID) -> StateType | None:
    with get_client(sync_client=True) as api:
        return api.read_flow_run(run).state_type


def assert_went_back(database: Database, app: Application, process: "subprocess.Popen[bytes]", run: UUID) -> None:
    assert process.wait(SECONDS) == 1
    assert app.answers() == {"backend v2 works", "frontend v2 works"}
    assert database.column("SELECT outcome FROM rollback.run") == ["cancelled"]
    assert database.value(REOPENED) == "done"
    assert shown(run) == StateType.CANCELLED
    stand = status()
    assert (stand["runner"], stand["fenced"], stand["safe"]) == ("", False, True)
    assert "did not commit" in stand["state"]


@pytest.mark.parametrize("state", [Completed(message="Rolled back."), Suspended()], ids=lambda state: state.name)
@pytest.mark.attack(
    "api",
    "ends a run in its backup",
    "it goes back: the fence opens, the services start, the team is told",
)
def test_in_the_backup_it_goes_back_at_once(
    state: State, transformed: Database, deployed: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, flag = tmp_path / "bin", tmp_path / "dumping"
    programs.mkdir()
    for name in ("pg_dump", "pg_restore"):
        text = SLOW.replace("sleep 3", "sleep 30") if name == "pg_dump" else "#!/bin/sh\nexec '{real}' \"$@\"\n"
        (programs / name).write_text(text.format(real=transformed.server.bin(name), flag=flag))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("ROLLBACK_PG_BIN", str(programs))
    rows = application.without_writings(transformed)
    with runner("--previous-tag", "v1", "--backup", "dump") as process:
        approve(transformed)
        run = UUID(transformed.value(NEWEST))
        waiting.until(flag.exists)
        force(run, state)
        assert_went_back(transformed, deployed, process, run)
    assert application.without_writings(transformed) == rows


@pytest.mark.attack(
    "api",
    "ends a run in its transaction",
    "the transaction is rolled back, and the services start",
)
def test_in_the_transaction_it_goes_back_at_once(transformed: Database, deployed: Application) -> None:
    with transformed.connect() as conn:
        conn.execute(ON_OBJECT.format(object="public.digital_twins", act=ASLEEP))
    with runner("--previous-tag", "v1") as process, transformed.server.connect() as admin:
        approve(transformed)
        run = UUID(transformed.value(NEWEST))
        waiting.until(lambda: admin.execute(SLEEPS, [transformed.dbname]).fetchone() == (1,))
        force(run, Cancelled())
        assert_went_back(transformed, deployed, process, run)
    assert transformed.value("SELECT to_regclass('public.digital_twins') IS NULL")


@pytest.mark.attack(
    "api",
    "ends a run after its commit, so that users stay offline",
    "it goes on to its end and says that it was told to end",
)
def test_after_the_commit_it_goes_on_to_its_end(transformed: Database, deployed: Application, tmp_path: Path) -> None:
    flag = tmp_path / "hold"
    flag.touch()
    hook = deployed.tree / ".git/hooks/post-checkout"
    hook.write_text(HOOK.format(tree=deployed.tree, flag=flag))
    hook.chmod(0o755)
    with runner("--previous-tag", "v1") as process:
        approve(transformed)
        run = UUID(transformed.value(NEWEST))
        waiting.until(Path(f"{flag}.reached").exists)  # the tree is being switched
        force(run, Cancelled())
        process.send_signal(signal.SIGTERM)  # as a worker does when a run is cancelled
        flag.unlink()
        assert process.wait(SECONDS) == 0
    assert deployed.answers() == {"backend v1 works", "frontend v1 works"}
    assert transformed.column("SELECT outcome FROM rollback.run") == ["done"]
    told = transformed.value("SELECT found ->> 'skipped' FROM rollback.step WHERE name = 'told to end'")
    assert "too late, the transaction had committed: The run was cancelled through Prefect's API" in told
    assert shown(run) == StateType.COMPLETED
