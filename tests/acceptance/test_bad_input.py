"""What an operator gets wrong, and what a real installation lacks: a clear error, and nothing lost."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import psycopg
import pytest

from runbook import database as door
from runbook.errors import WrongDatabase
from runbook.models import Identity
from runbook.planning import plan
from tests.acceptance.engine import unavailable
from tests.acceptance.operator import REQUEST, Desk, Done, answer, at_baseline, desk, terminal
from tests.acceptance.prefects import Prefect
from tests.databases import Database, Templates

pytestmark = pytest.mark.pg("18")
DONE, FAILED, BLOCKED = 0, 1, 3
_numbers = count(1)
PASSWORD = "a password that nobody may see"


@pytest.fixture
def at(transformed: Database, tmp_path: Path) -> Desk:
    return desk(transformed, tmp_path)


def text(result: Done) -> str:
    return " ".join((result.stdout + result.stderr).split())


def refused(result: Done, *words: str, status: int = FAILED) -> None:
    """See that a command ended with this status, with these words, and without a stack of calls."""
    assert result.returncode == status, text(result)
    assert "Traceback" not in text(result)
    for word in words:
        assert word in text(result)


def do(database: Database, statement: str) -> None:
    """Run one statement as the superuser."""
    with closing(database.connect()) as admin:
        admin.execute(statement.encode())


@contextmanager
def role(database: Database, options: str = "") -> Iterator[str]:
    """Make a role that may log in and nothing else."""
    name = f"operator_{os.getpid()}_{next(_numbers)}"
    do(database, f"CREATE ROLE {name} LOGIN {options}")
    try:
        yield name
    finally:
        # What it owned goes back, since the server is shared by all tests.
        for statement in ("REASSIGN OWNED BY {} TO postgres", "DROP OWNED BY {}", "DROP ROLE {}"):
            do(database, statement.format(name))


# --- the way to the database ---


def test_the_way_to_the_database_is_wrong(at: Desk) -> None:
    for env, remedy in (
        ({"PGHOST": "/nowhere"}, "Check PGHOST and PGPORT"),
        ({"PGHOST": "127.0.0.1", "PGPORT": "9"}, "Check PGHOST and PGPORT"),
        ({"PGDATABASE": "nonsense"}, "Check PGDATABASE"),
        ({"PGSERVICE": "nonsense"}, "Check PGSERVICE"),
    ):
        refused(at.rollback("plan", *REQUEST, **env), remedy)
        refused(at.rollback("status", **env), remedy)
        refused(at.rollback("verify", **env), remedy)


def test_a_wrong_password(at: Desk, transformed: Database) -> None:
    folder = transformed.value("SHOW data_directory")
    with (
        role(transformed, f"PASSWORD '{PASSWORD}'") as name,
        hba(transformed, Path(folder), f"local all {name} scram-sha-256\n"),
    ):
        refused(at.rollback("plan", *REQUEST, PGUSER=name), "Give a password", "PGPASSFILE")
        wrong = at.rollback("plan", *REQUEST, PGUSER=name, PGPASSWORD="wrong")
        refused(wrong, "password authentication failed", "Check the password")
        passwords = at.folder / "pgpass"
        passwords.write_text(f"*:*:*:{name}:{PASSWORD}\n")
        passwords.chmod(0o600)
        right = at.rollback("plan", *REQUEST, PGUSER=name, PGPASSFILE=str(passwords))
        refused(right, "Missing right", status=BLOCKED)
        assert PASSWORD not in text(right)


@contextmanager
def hba(database: Database, folder: Path, line: str) -> Iterator[None]:
    """Put a line at the head of the server's pg_hba.conf for a while."""
    file = folder / "pg_hba.conf"
    kept = file.read_text()
    file.write_text(line + kept)
    database.value("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        file.write_text(kept)
        database.value("SELECT pg_reload_conf()")


def test_a_database_that_is_not_digitaltwins(templates: Templates, tmp_path: Path) -> None:
    with templates.copy(messages=None) as other:
        result = desk(other, tmp_path).rollback("plan", *REQUEST)
        refused(result, "is not DigitalTwin's database", "users", "Check PGDATABASE")


def test_a_server_that_is_too_old(transformed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """No server older than 14 can be had here, so its number is a stand-in; all else is real."""
    real = door.identity

    def old(conn: psycopg.Connection) -> Identity:
        return replace(real(conn), server_version=130014)

    monkeypatch.setattr(door, "identity", old)
    with closing(transformed.connect()) as conn, pytest.raises(WrongDatabase, match="PostgreSQL 13; 14 or newer"):
        plan.recognise(conn)


# --- rights ---


def test_missing_rights_are_listed_and_mended_and_the_whole_rollback_runs_without_a_superuser(
    transformed: Database, prefect_api: Prefect, tmp_path: Path
) -> None:
    with role(transformed) as name, role(transformed) as app:
        _give_to(transformed, app)
        env = {**prefect_api.env, "PGUSER": name}
        at = desk(transformed, tmp_path, **env)
        straggler = psycopg.connect(transformed.conninfo, user=app, application_name="realtime-service")
        with closing(straggler):
            shown = json.loads(at.rollback("plan", *REQUEST, "--json").stdout)
            missing = [line for line in shown["blockers"] if line.startswith("Missing right")]
            assert missing and not shown["go_ahead"]
            _grant(transformed, missing)
            allowed = at.rollback("plan", *REQUEST)
            assert allowed.returncode == DONE, text(allowed)
            assert "realtime-service" in allowed.stdout
            with terminal(at, "run", *REQUEST) as screen:
                screen.expect("Waiting for approval")
                answer(screen)
                assert screen.end() == DONE, screen.text
        assert at_baseline(transformed)
        assert at.rollback("verify").returncode == DONE
        assert at.rollback("status").returncode == DONE
        _serves(transformed, app)


def _give_to(database: Database, app: str) -> None:
    """Make everything the application's own, as it is where the application's role ran the migrations."""
    owned = """
        SELECT format('ALTER TABLE public.%I OWNER TO {app}', relname) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm')
        UNION ALL SELECT format('ALTER TYPE public.%I OWNER TO {app}', typname) FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
        UNION ALL SELECT format('ALTER FUNCTION %s OWNER TO {app}', p.oid::regprocedure) FROM pg_proc AS p
        WHERE pronamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
        UNION ALL SELECT format('ALTER DATABASE %I OWNER TO {app}', current_database())"""
    for statement in database.column(owned.format(app=app)):
        do(database, statement)


def _grant(database: Database, missing: list[str]) -> None:
    """Run exactly what the plan says that mends each missing right."""
    for line in missing:
        statement = line.partition("Mend it with: ")[2]
        assert statement.endswith(";"), line
        do(database, statement)


def _serves(database: Database, app: str) -> None:
    """See that the old release's own role can work with what came back, and owns it."""
    with closing(psycopg.connect(database.conninfo, user=app)) as conn:
        conn.execute("SELECT profession FROM digital_twins")
        conn.execute("SELECT handed_over_at FROM conversations")
        conn.execute(
            "INSERT INTO handover_notifications (conversation_id, user_id) "
            "SELECT c.id, t.user_id FROM conversations c JOIN digital_twins t ON t.id = c.twin_id LIMIT 1"
        )
        owners = conn.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class "
            "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')"
        ).fetchall()
        assert owners == [(app,)]


def test_a_superusers_session_that_cannot_be_ended_is_named_before(transformed: Database, tmp_path: Path) -> None:
    with role(transformed) as owner:
        _give_to(transformed, owner)
        at = desk(transformed, tmp_path, PGUSER=owner)
        with closing(transformed.connect()) as conn:
            conn.execute("SET application_name = 'psql of the administrator'")
            shown = json.loads(at.rollback("plan", *REQUEST, "--json").stdout)
            assert any("superuser" in line and "psql of the administrator" in line for line in shown["blockers"]), shown


# --- this machine ---


def test_pg_dump_is_missing_or_too_old(at: Desk) -> None:
    nothing = at.rollback("plan", *REQUEST, ROLLBACK_PG_BIN=str(at.folder))
    refused(nothing, "pg_dump and pg_restore", "found: none", "Install postgresql-client", status=BLOCKED)


@pytest.mark.pg("18")
def test_pg_dump_of_another_version(at: Desk) -> None:
    old = Path("/usr/lib/postgresql/15/bin")
    if not (old / "pg_dump").exists():
        unavailable("Debian's PostgreSQL 15 is not installed (make test-system installs it)")
    result = at.rollback("plan", *REQUEST, ROLLBACK_PG_BIN=str(old))
    refused(result, "18 or newer are needed", f"found: 15 in {old}", status=BLOCKED)


def test_the_folder_for_backups_cannot_be_used(at: Desk) -> None:
    result = at.rollback("plan", *REQUEST, ROLLBACK_BACKUP_DIR="/proc/backups")
    refused(result, "cannot be written to", "ROLLBACK_BACKUP_DIR", status=BLOCKED)
    file = at.folder / "file"
    file.touch()
    result = at.rollback("plan", *REQUEST, ROLLBACK_BACKUP_DIR=str(file / "sub"))
    refused(result, "cannot be written to", status=BLOCKED)


def test_the_disk_is_too_small_for_the_backup(at: Desk) -> None:
    small = at.folder / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=False, capture_output=True
    )
    if mounted.returncode:
        unavailable("a small disk can be mounted by root only")
    try:
        later = at.rollback("plan", *REQUEST, ROLLBACK_BACKUP_DIR=str(small))
        assert later.returncode == DONE  # the snapshot's dump is taken when the users are back
        assert "has 1 MB free; the backup may need" in " ".join(later.stdout.split())
        result = at.rollback("plan", *REQUEST, "--backup", "dump", ROLLBACK_BACKUP_DIR=str(small))
        refused(result, "has 1 MB free; the backup may need", "larger disk", status=BLOCKED)
    finally:
        subprocess.run(["umount", small], check=True)


def test_the_applications_tree(at: Desk) -> None:
    tree = at.folder / "app"
    tree.mkdir()
    program = at.folder / "compose"
    program.write_text('#!/bin/sh\n[ "$1" = config ] && exec cat docker-compose.yml\nexit 0\n')
    program.chmod(0o755)

    def git(*words: str) -> None:
        who = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *words], cwd=tree, check=True, capture_output=True)

    def planned(tag: str) -> Done:
        env = {"ROLLBACK_PROJECT_DIR": str(tree), "ROLLBACK_COMPOSE": str(program)}
        return at.rollback("plan", *REQUEST, *(["--previous-tag", tag] if tag else []), **env)

    refused(planned("v1"), "git", status=BLOCKED)
    git("init", "-q", ".")
    (tree / "readme").write_text("1")
    git("add", ".")
    git("commit", "-qm", "1")
    git("tag", "v1")
    refused(planned("v1"), "docker-compose.yml", status=BLOCKED)
    (tree / "docker-compose.yml").write_text("services: {backend: {build: .}, frontend: {build: .}}\n")
    git("add", ".")
    git("commit", "-qm", "2")
    git("tag", "v2")
    refused(planned("v9"), "v9", "v2", status=BLOCKED)
    refused(planned(""), "No previous release is named", "previous_tag", status=BLOCKED)
    (tree / "readme").write_text("2")
    refused(planned("v2"), "readme", status=BLOCKED)
    git("checkout", "-q", "readme")
    assert planned("v2").returncode == DONE, text(planned("v2"))
    shutil.rmtree(tree)
    refused(planned("v2"), str(tree), status=BLOCKED)


def test_the_incident_was_identified_in_the_future(at: Desk) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    refused(at.rollback("plan", *REQUEST, "--identified-at", later), "in the future", "UTC")


def test_settings_that_cannot_be_used_are_all_named(at: Desk) -> None:
    result = at.rollback("plan", *REQUEST, ROLLBACK_LOCK_TIMEOUT_MS="soon", ROLLBACK_BOT_LABEL="robot")
    refused(result, "ROLLBACK_LOCK_TIMEOUT_MS", "ROLLBACK_BOT_LABEL")


# --- others ---


def test_a_second_runner_is_refused(transformed: Database, prefect_api: Prefect, tmp_path: Path) -> None:
    at = desk(transformed, tmp_path, **prefect_api.env)
    first = at.start("run", *REQUEST)
    run = prefect_api.waiting()["id"]
    second = at.rollback("run", "--incident", "INC-2", *REQUEST[2:])
    refused(second, "Another runner works on database", "touched nothing")
    prefect_api.resume(run, decision="decline")
    first.communicate(timeout=60)


def test_a_prepared_transaction_is_in_the_way(transformed: Database, at: Desk) -> None:
    if transformed.value("SHOW max_prepared_transactions") == "0":
        _restart_with(transformed)
    with closing(transformed.connect(autocommit=False)) as conn:
        conn.execute("UPDATE public.users SET full_name = full_name")
        conn.execute("PREPARE TRANSACTION 'forgotten'")
    try:
        refused(at.rollback("plan", *REQUEST), "Prepared transaction forgotten", "ROLLBACK PREPARED", status=BLOCKED)
    finally:
        do(transformed, "ROLLBACK PREPARED 'forgotten'")


def _restart_with(database: Database) -> None:
    """Let the server prepare transactions, which it must be started anew for."""
    do(database, "ALTER SYSTEM SET max_prepared_transactions = 5")
    folder = str(database.value("SHOW data_directory"))
    words = [database.server.bin("pg_ctl"), "-D", folder, "-m", "fast", "-w", "-l", f"{folder}/log", "restart"]
    as_owner = ["runuser", "-u", Path(folder).owner(), "--"] if os.geteuid() == 0 else []
    subprocess.run([*as_owner, *words], check=True, capture_output=True, cwd="/")


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
