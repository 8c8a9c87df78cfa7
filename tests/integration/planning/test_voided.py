"""What voids a plan's approval before the services stop, and what does not."""

import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import sql
from runbook import database, journal, settings
from runbook.errors import PlanChanged
from runbook.models import Plan
from runbook.planning import recheck
from tests import runbook_runs
from tests.databases import Database
from tests.integration.planning.plans import asked, drawn

COMPOSE = '#!/bin/sh\n[ "$1" = config ] && cat docker-compose.yml\nexit 0\n'
SIGN_UP = """
INSERT INTO users (email, full_name, role, oauth_provider, oauth_id)
SELECT 'new' || n || '@example.org', 'New', 'end_user', 'google', 'new-' || n FROM generate_series(1, {}) AS n
"""


def rechecked(approved: Plan, **changes: Any) -> list[str]:
    with closing(database.connect()) as conn:
        return recheck.recheck(conn, approved, asked(**changes), settings.load(), [conn.info.backend_pid])


def voided(approved: Plan, **changes: Any) -> str:
    with pytest.raises(PlanChanged) as caught:
        rechecked(approved, **changes)
    said = str(caught.value)
    assert all(part in said for part in ("Nothing was touched", *caught.value.changes))
    return "\n".join(caught.value.changes)


def test_the_same_database_holds_and_sign_ups_inside_the_rule_do_too(aimed: Database) -> None:
    approved = drawn()
    assert rechecked(approved) == []
    aimed.value(SIGN_UP.format(100) + " RETURNING 1")
    assert "OAuth only: approved 5, now 105" in rechecked(approved)


def test_sign_ups_beyond_the_rule_void(aimed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLBACK_PLAN_TOLERANCE_ROWS", "101")
    tolerant = drawn()
    monkeypatch.delenv("ROLLBACK_PLAN_TOLERANCE_ROWS")
    approved = drawn()
    aimed.value(SIGN_UP.format(101) + " RETURNING 1")
    assert "OAuth only: approved 5, now 106 (more than 100 either way)" in voided(approved)
    monkeypatch.setenv("ROLLBACK_PLAN_TOLERANCE_ROWS", "101")
    assert "digest of settings: approved" in voided(approved)
    rechecked(tolerant)


def test_one_more_user_to_delete_voids_and_one_less_does_not(aimed: Database) -> None:
    aimed.value("UPDATE benchmark_results SET evaluated_by = NULL RETURNING 1")
    approved = drawn(oauth="delete")
    aimed.value("DELETE FROM users WHERE email = 'oauth-visitor@example.org' RETURNING 1")
    rechecked(approved, oauth="delete")
    aimed.value(SIGN_UP.format(2) + " RETURNING 1")
    assert "more users would be deleted than were approved" in voided(approved, oauth="delete")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"oauth": "keep"}, "choice for OAuth users: approved temporary passwords, now keep"),
        ({"gemini": "remove"}, "choice for gemini: approved keep, now remove"),
        ({"triggers": []}, "verdict: approved justified"),
    ],
)
def test_a_changed_option_voids(aimed: Database, changes: dict[str, Any], said: str) -> None:
    assert said in voided(drawn(), **changes)


def test_a_changed_script_file_voids(aimed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    approved, real = drawn(), sql.read
    changed = lambda name: real(name) + ("-- !" if name.startswith("rollback/011") else "")  # noqa: E731
    monkeypatch.setattr(sql, "read", changed)
    assert voided(approved).startswith("script: approved rollback/011_rollback_handover.sql (run, SHA-256")


def test_something_in_the_way_voids(aimed: Database) -> None:
    approved = drawn()
    with aimed.connect() as conn:
        conn.execute("CREATE TABLE digital_twins (id int)")
    assert voided(approved)


@pytest.fixture
def release_tree(aimed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the runbook manage an application with releases v1 and v2; return a way to run git in its tree."""
    tree, program = tmp_path / "app", tmp_path / "compose"
    program.write_text(COMPOSE)
    program.chmod(0o755)
    tree.mkdir()

    def git(*words: str) -> None:
        who = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *words], cwd=tree, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    (tree / "docker-compose.yml").write_text("services:\n  backend: {build: .}\n  frontend: {build: .}\n")
    git("add", ".")
    for tag in ("v1", "v2", "v3"):
        (tree / "release").write_text(tag)
        git("add", "release")
        git("commit", "-qm", tag)
        git("tag", tag)
    monkeypatch.setenv("ROLLBACK_PROJECT_DIR", str(tree))
    monkeypatch.setenv("ROLLBACK_COMPOSE", str(program))
    monkeypatch.setenv("ROLLBACK_DOCKER", "true")  # an engine without a container
    return git


def test_a_moved_tag_and_another_release_void(release_tree: Callable[..., None]) -> None:
    approved = drawn(previous_tag="v1")
    assert approved.blockers == []
    assert rechecked(approved, previous_tag="v1") == []
    assert "release: approved v1 at" in voided(approved, previous_tag="v2")
    release_tree("tag", "-f", "v1", "v2")
    assert "release: approved v1 at" in voided(approved, previous_tag="v1")


@pytest.mark.usefixtures("prefect")
def test_the_run_declines_before_anything_stops(aimed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    before, real = aimed.checksums(), sql.read
    approved = journal.approved

    def late(*words: Any) -> None:
        approved(*words)  # the file changes between the approval and the stop of the services
        monkeypatch.setattr(sql, "read", lambda name: real(name) + ("-- !" if name.startswith("rollback/") else ""))

    monkeypatch.setattr(journal, "approved", late)
    state = runbook_runs.run()
    assert state.name == "Declined"
    assert "approval is void" in str(state.message)
    assert aimed.checksums() == before
    steps = aimed.column("SELECT name FROM rollback.step ORDER BY id")
    assert "fence" not in steps
    assert "start services again" not in steps
