"""The console script on a real database, from plan to psql."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.operator import REQUEST, Desk, answer, at_baseline, desk, terminal
from tests.acceptance.prefects import Prefect
from tests.databases import Database

pytestmark = pytest.mark.pg("18")

DONE, FAILED, MISUSED, BLOCKED, DECLINED = 0, 1, 2, 3, 4


@pytest.fixture
def at(transformed: Database, prefect_api: Prefect, tmp_path: Path) -> Desk:
    return desk(transformed, tmp_path, **prefect_api.env)


def assert_procedure(database: Database) -> None:
    """Run step 5 of the procedure, word for word, by the psql that came with the server."""
    tables = database.psql("-c", r"\dt").stdout
    assert re.search(r"\| digital_twins +\|", tables)
    assert re.search(r"\| handover_notifications +\|", tables)
    assert "knowledge_bases" not in tables
    for enum, labels in {
        "conversation_status": "active, handed_over, closed",
        "message_sender": "user, assistant, professional",
        "user_role": "super_admin, professional, end_user",
    }.items():
        said = database.psql("-t", "-c", f"\n  SELECT unnest(enum_range(NULL::{enum}));\n").stdout
        assert ", ".join(said.split()) == labels
    assert "oauth" not in database.psql("-c", r"\d users").stdout


def said(result: subprocess.CompletedProcess[str]) -> str:
    return result.stdout + result.stderr


def test_a_whole_rollback_answered_at_its_own_prompt(at: Desk, transformed: Database) -> None:
    before = at.rollback("verify")
    assert before.returncode == FAILED and "DIFFERS" in before.stdout
    assert json.loads(at.rollback("status", "--json").stdout)["migrations"]["010"] == "applied"

    with terminal(at, "run", *REQUEST) as screen:
        screen.expect("Prefect server: http")
        screen.expect("Can go ahead")
        screen.expect("Waiting for approval")
        standing = json.loads(at.rollback("status", "--json").stdout)
        assert "waits" in standing["next"] and not standing["safe"]
        answer(screen)
        assert screen.end() == DONE, screen.text
    assert re.search(r"✓ 010 +[\d.]+ m?s", screen.text)
    assert "user, assistant, professional" in screen.text
    assert str(at.folder / "backups") in screen.text.replace("\n", "")

    assert_procedure(transformed)
    after = at.rollback("verify")
    assert after.returncode == DONE and "DIFFERS" not in after.stdout
    assert all(check["passed"] for check in json.loads(at.rollback("verify", "--json").stdout))
    standing = json.loads(at.rollback("status", "--json").stdout)
    assert standing["last"]["outcome"] == "done" and standing["safe"]
    assert "rolled back" in at.rollback("status").stdout
    again = at.rollback("run", *REQUEST)
    assert again.returncode == DONE and "Nothing to roll back" in again.stdout


def test_a_rollback_is_approved_by_a_second_process(at: Desk, transformed: Database, prefect_api: Prefect) -> None:
    running = at.start("run", *REQUEST)
    run = prefect_api.waiting()["id"]
    with terminal(at, "approve", run) as screen:
        screen.expect("Can go ahead")
        answer(screen, comment="seen")
        assert screen.end() == DONE
    out, _ = running.communicate(timeout=120)
    assert running.returncode == DONE, out
    assert f"rollback approve {run}" in out
    assert at_baseline(transformed)
    assert transformed.value("SELECT name || ': ' || comment FROM rollback.approval") == "Ada Lovelace: seen"
    assert at.rollback("approve").returncode == FAILED


def test_a_rollback_is_approved_over_the_api_after_a_wrong_answer(
    at: Desk, transformed: Database, prefect_api: Prefect
) -> None:
    running = at.start("run", *REQUEST)
    run = prefect_api.waiting()["id"]
    refused = prefect_api.resume(run, role="Intern")
    assert refused.json()["status"] == "REJECT" or refused.is_client_error, refused.text
    assert not at_baseline(transformed)
    prefect_api.waiting()
    answered = prefect_api.resume(run)
    assert answered.json().get("status") == "ACCEPT", answered.text
    out, _ = running.communicate(timeout=120)
    assert running.returncode == DONE, out
    assert at_baseline(transformed)


def test_a_declined_rollback_touches_nothing(at: Desk, transformed: Database, prefect_api: Prefect) -> None:
    before = transformed.checksums()
    running = at.start("run", *REQUEST)
    prefect_api.resume(prefect_api.waiting()["id"], decision="decline", comment="a hotfix is ready")
    out, _ = running.communicate(timeout=120)
    assert running.returncode == DECLINED, out
    assert "a hotfix is ready" in out and "Nothing was changed" in out
    assert transformed.checksums() == before
    assert json.loads(at.rollback("status", "--json").stdout)["last"]["outcome"] == "declined"


# What no plan can see: PostgreSQL itself refuses a statement of 012.
STRIKE = """
CREATE SCHEMA faults;
CREATE FUNCTION faults.strike() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN IF current_database() !~ '^rollback_trial_' THEN RAISE 'struck'; END IF; END $$;
CREATE EVENT TRIGGER strike ON ddl_command_start WHEN TAG IN ('ALTER TYPE') EXECUTE FUNCTION faults.strike();
"""


def test_a_failed_rollback_says_in_what_state_things_are(at: Desk, transformed: Database, prefect_api: Prefect) -> None:
    with transformed.connect() as conn:
        conn.execute(STRIKE)
    before = transformed.checksums()
    running = at.start("run", *REQUEST)
    prefect_api.resume(prefect_api.waiting()["id"])
    out, _ = running.communicate(timeout=120)
    assert running.returncode == FAILED, out
    assert "The database is as it was before" in out and "Next" in out
    assert transformed.checksums() == before
    status = at.rollback("status")
    assert "did not commit" in status.stdout and "failed" in status.stdout


def test_the_plan_is_readable_and_complete(at: Desk) -> None:
    for width in ("80", "120"):
        shown = at.rollback("plan", *REQUEST, COLUMNS=width)
        assert shown.returncode == DONE, said(shown)
        for words in ("Can go ahead", "INC-1", "Commit: the point of no return", "temporary passwords", "migration"):
            assert words in shown.stdout
    plan = json.loads(at.rollback("plan", *REQUEST, "--json").stdout)
    assert plan["go_ahead"] and len(plan["hash"]) == 64


def test_a_blocked_plan_lists_its_reasons_and_no_run_touches_anything(at: Desk, transformed: Database) -> None:
    words = [*REQUEST[:-1], "delete"]
    missing = {"ROLLBACK_BACKUP_DIR": "/proc/no/such", "ROLLBACK_PG_BIN": "/nowhere"}
    shown = at.rollback("plan", *words, **missing)
    assert shown.returncode == BLOCKED
    for reason in ("ROLLBACK_BACKUP_DIR", "ROLLBACK_PG_BIN", "benchmark_results"):
        assert reason in shown.stdout
    plan = json.loads(at.rollback("plan", *words, "--json", **missing).stdout)
    assert not plan["go_ahead"] and len(plan["blockers"]) == 3
    ran = at.rollback("run", *words, **missing)
    assert ran.returncode == DECLINED and "ROLLBACK_PG_BIN" in said(ran), said(ran)
    assert transformed.value("SELECT to_regnamespace('rollback')") is None


def test_without_a_server_a_temporary_one_is_started(transformed: Database, tmp_path: Path) -> None:
    alone = desk(transformed, tmp_path, PREFECT_API_URL="http://127.0.0.1:9/api")
    with terminal(alone, "run", *REQUEST) as screen:
        screen.expect("127.0.0.1:9/api does not answer; a temporary one is started")
        answer(screen)
        assert screen.end() == DONE, screen.text
    assert_procedure(transformed)


def test_the_fence_is_opened(at: Desk, transformed: Database) -> None:
    name = transformed.dbname
    with transformed.server.connect() as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    status = at.rollback("status")
    assert status.returncode == DONE and "rollback fence open" in status.stdout
    opened = at.rollback("fence", "open")
    assert opened.returncode == DONE and "The fence is open" in opened.stdout, said(opened)
    assert transformed.value("SELECT 1") == 1


@pytest.mark.parametrize(
    ("words", "clear"),
    [
        (["run", *REQUEST, "--nope"], "--nope"),
        (["run", "--incident", "a b", *REQUEST[2:]], "--incident"),
        (["run", *REQUEST[:-1], "forget them"], "--oauth"),
        (["run", *REQUEST, "--identified-at", "yesterday"], "--identified-at"),
        (["run", *REQUEST, "--identified-at", "2026-01-01T00:00"], "2026-11-22T03:00Z"),
        (["run", *REQUEST[:4]], "--oauth"),
        (["approve", "nonsense"], "UUID"),
        (["forget"], "forget"),
    ],
)
def test_what_cannot_be_understood_is_refused_before_a_run_exists(
    at: Desk, prefect_api: Prefect, words: list[str], clear: str
) -> None:
    before = _count(prefect_api)
    result = at.rollback(*words)
    assert result.returncode == MISUSED
    assert clear in said(result)
    assert "pydantic" not in said(result) and "Traceback" not in said(result)
    assert _count(prefect_api) == before


def _count(prefect_api: Prefect) -> Any:
    return prefect_api.call("POST", "/flow_runs/count", flow_runs={}).json()


def test_the_plan_needs_no_words(transformed: Database, tmp_path: Path) -> None:
    done = desk(transformed, tmp_path).rollback("plan", "--json")
    assert (done.returncode, json.loads(done.stdout)["oauth"]) == (DONE, "temporary passwords")
