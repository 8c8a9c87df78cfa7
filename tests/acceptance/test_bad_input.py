"""What an operator gets wrong, and who else is at work: a clear error, and nothing lost."""

import os
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.operator import REQUEST, Desk, desk
from tests.acceptance.prefects import Prefect
from tests.acceptance.wrong import BLOCKED, DONE, REFUSED, do, refused, text
from tests.databases import Database

pytestmark = pytest.mark.pg("18")


def test_the_incident_was_identified_in_the_future(at: Desk) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    refused(at.rollback("plan", *REQUEST, "--identified-at", later), "in the future", "UTC")


def test_settings_that_cannot_be_used_are_all_named(at: Desk) -> None:
    result = at.rollback("plan", *REQUEST, ROLLBACK_LOCK_TIMEOUT_MS="soon", ROLLBACK_BOT_LABEL="robot")
    refused(result, "ROLLBACK_LOCK_TIMEOUT_MS", "ROLLBACK_BOT_LABEL")


def test_a_mail_server_that_is_not_there_is_a_warning(at: Desk) -> None:
    result = at.rollback("plan", *REQUEST, ROLLBACK_SMTP_HOST="127.0.0.1", ROLLBACK_SMTP_PORT="9")
    assert result.returncode == DONE, text(result)
    assert "127.0.0.1:9" in text(result).partition("Warnings")[2]


def test_a_message_template_that_is_broken(at: Desk) -> None:
    templates = at.folder / "templates"
    templates.mkdir()
    (templates / "team_done.txt.j2").write_text("{{ nonsense.of.this }} {% if %}")
    result = at.rollback("plan", *REQUEST, ROLLBACK_TEMPLATE_DIR=str(templates))
    refused(result, "team_done.txt.j2", status=BLOCKED)


def test_a_second_runner_is_refused(transformed: Database, prefect_api: Prefect, tmp_path: Path) -> None:
    at = desk(transformed, tmp_path, **prefect_api.env)
    first = at.start("run", *REQUEST)
    run = prefect_api.waiting()["id"]
    second = at.rollback("run", "--incident", "INC-2", *REQUEST[2:])
    refused(second, "Another runner works on database", "touched nothing", status=REFUSED)
    assert [one["state"]["name"] for one in prefect_api.runs("CANCELLED") if one["name"].startswith("INC-2 ")] == [
        "Refused"
    ]
    prefect_api.resume(run, decision="decline")
    first.communicate(timeout=60)


def test_a_prepared_transaction_is_in_the_way(transformed: Database, at: Desk) -> None:
    if transformed.value("SHOW max_prepared_transactions") == "0":
        _restart_with(transformed)
    with closing(transformed.connect(autocommit=False)) as conn:
        conn.execute("UPDATE public.users SET full_name = full_name")
        conn.execute("PREPARE TRANSACTION 'forgotten'")
    try:
        words = ("Prepared transaction 'forgotten'", "ROLLBACK PREPARED 'forgotten'")
        refused(at.rollback("plan", *REQUEST), *words, status=BLOCKED)
    finally:
        do(transformed, "ROLLBACK PREPARED 'forgotten'")


def _restart_with(database: Database) -> None:
    """Let the server prepare transactions, which it must be started anew for."""
    do(database, "ALTER SYSTEM SET max_prepared_transactions = 5")
    folder = str(database.value("SHOW data_directory"))
    words = [database.server.bin("pg_ctl"), "-D", folder, "-m", "fast", "-w", "-l", f"{folder}/log", "restart"]
    as_owner = ["runuser", "-u", Path(folder).owner(), "--"] if os.geteuid() == 0 else []
    subprocess.run([*as_owner, *words], check=True, capture_output=True, cwd="/")
