"""How long locks were held is measured in the run itself, and written down when the commit has returned."""

import json
import re
import threading
import time
from pathlib import Path

import pytest

from runbook import database as door
from runbook import journal, runs
from runbook.schema import changes, held
from tests import runbook_runs, waiting
from tests.databases import Database
from tests.states import SCRIPTS

pytestmark = pytest.mark.pg("18")
ASLEEP = 0.5
"""For how long the transaction does nothing, its locks held, in s."""
WAITING = """
    SELECT count(*) FROM pg_stat_activity WHERE application_name = 'realtime-service' AND wait_event_type = 'Lock'"""


@pytest.fixture(autouse=True)
def aimed(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)


def test_each_lock_is_held_from_its_step_to_the_commit(transformed: Database) -> None:
    with runbook_runs.begun() as (run, plan):
        with runs.transaction(run):
            with changes.step(run, "settle OAuth users") as found:
                changes.settle_users(run, plan, found)
            for script in plan.scripts:
                with changes.step(run, script.migration) as found:
                    changes.run_script(run, script, found)
            time.sleep(ASLEEP)
            with changes.step(run, held.STEP):
                pass
        locks = {(one.table, one.mode): one.seconds for one in held.of(journal.steps(run.side, run.id))}
    users = locks["users", "SHARE ROW EXCLUSIVE"]
    assert users > locks["users", "ACCESS EXCLUSIVE"] > locks["conversations", "ACCESS EXCLUSIVE"] > ASLEEP
    assert locks["digital_twins", "ACCESS EXCLUSIVE"] > ASLEEP  # by the name that it has now
    assert {table for table, _ in locks} >= {"knowledge_base", "llm_usage", "web_sources"}
    assert not {"knowledge_bases", "handover_notifications"} & {table for table, _ in locks}  # renamed; made here
    assert "messages" not in {table for table, mode in locks if mode == "ACCESS EXCLUSIVE"}


def test_who_waits_behind_a_lock_is_named(transformed: Database) -> None:
    def read() -> None:
        with transformed.connect() as conn:
            conn.execute("SET application_name = 'realtime-service'")
            conn.execute("SELECT count(*) FROM conversations")

    with runbook_runs.begun() as (run, _):
        with runs.transaction(run):
            with changes.step(run, "011"):
                door.script(run.work, f"rollback/{SCRIPTS[1]}.sql")
            reader = threading.Thread(target=read)
            reader.start()
            waiting.until(lambda: transformed.value(WAITING) == 1)
            with changes.step(run, held.STEP):
                pass
        reader.join()
        locks = {one.table: one for one in held.of(journal.steps(run.side, run.id)) if one.waiting}
    assert list(locks) == ["conversations"]
    assert locks["conversations"].waiting[0].startswith("realtime-service (pid ")


def test_a_transaction_that_is_undone_leaves_no_locks(transformed: Database) -> None:
    with runbook_runs.begun() as (run, _):
        with pytest.raises(ZeroDivisionError), runs.transaction(run), changes.step(run, "011"):
            raise ZeroDivisionError
        journal.undone(run)
        assert held.of(journal.steps(run.side, run.id)) == []


@pytest.mark.usefixtures("prefect")
def test_the_report_of_a_run_has_its_locks(transformed: Database, tmp_path: Path) -> None:
    assert runbook_runs.run().is_completed()
    reports = tmp_path / "reports"
    (written,), (data,) = reports.glob("report-*.md"), reports.glob("report-*.json")
    section = written.read_text(encoding="utf-8").partition("## Locks")[2].partition("\n## ")[0]
    assert re.search(r"\| users \| SHARE ROW EXCLUSIVE \| [\d,]+ ms \| nobody \|", section)
    assert re.search(r"\| conversations(, \w+)* \| ACCESS EXCLUSIVE \| [\d,]+ ms \| nobody \|", section)
    seconds = [one["seconds"] for one in json.loads(data.read_text(encoding="utf-8"))["locks"]]
    assert seconds == sorted(seconds, reverse=True)
    assert seconds[0] > 0


def test_a_commit_stays_one_when_its_locks_cannot_be_written_down(transformed: Database) -> None:
    end = "SELECT pg_terminate_backend(%s)"
    with runbook_runs.begun() as (run, _), runs.transaction(run), changes.step(run, held.STEP):
        run.work.execute("LOCK TABLE messages IN SHARE MODE")
        with transformed.connect() as conn:
            conn.execute(end, [run.beside.info.backend_pid])
    row = "SELECT outcome || ' ' || (found ? 'locks') FROM rollback.step WHERE name = 'verify the schema'"
    assert transformed.value(row) == "done false"
