"""The plan on real databases: verdict, forecast, alternatives, and what voids its approval."""

import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import sql
from flows.rollback import rollback
from runbook import database, journal, settings
from runbook.errors import Blocked, PlanChanged, Refused
from runbook.models import Plan
from runbook.planning import plan, planpage, recheck
from runbook.request import RollbackRequest
from tests import runbook_runs
from tests.databases import Database

COMPOSE = '#!/bin/sh\n[ "$1" = config ] && cat docker-compose.yml\nexit 0\n'
SIGN_UP = """
INSERT INTO users (email, full_name, role, oauth_provider, oauth_id)
SELECT 'new' || n || '@example.org', 'New', 'end_user', 'google', 'new-' || n FROM generate_series(1, {}) AS n
"""


@pytest.fixture
def aimed(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    return transformed


def asked(**changes: Any) -> RollbackRequest:
    return RollbackRequest.model_validate({**runbook_runs.REQUEST, **changes})


def drawn(**changes: Any) -> Plan:
    with closing(database.connect()) as conn:
        return plan.draw(conn, asked(**changes), settings.load(), own=[conn.info.backend_pid])


def rechecked(approved: Plan, **changes: Any) -> list[str]:
    with closing(database.connect()) as conn:
        return recheck.recheck(conn, approved, asked(**changes), settings.load(), [conn.info.backend_pid])


def voided(approved: Plan, **changes: Any) -> str:
    with pytest.raises(PlanChanged) as caught:
        rechecked(approved, **changes)
    said = str(caught.value)
    assert all(part in said for part in ("Nothing was touched", *caught.value.changes))
    return "\n".join(caught.value.changes)


def test_the_verdict_comes_before_everything_else(aimed: Database) -> None:
    refused = drawn(triggers=[], against=["UI only"], previous_tag=None)
    assert planpage.verdict(refused).startswith("Not justified: The procedure says do NOT rollback: UI issues")
    with pytest.raises(Refused, match="Not justified") as caught:
        plan.check(refused)
    assert not isinstance(caught.value, Blocked)
    plan.check(drawn())
    plan.check(drawn(against=["UI only"]))  # doubtful: the approver must say why


def test_the_counts(aimed: Database) -> None:
    keeping, deleting = drawn(), drawn(oauth="delete")
    users = aimed.value("SELECT count(*) FROM users")
    without = aimed.value("SELECT count(*) FROM users WHERE password_hash IS NULL")
    assert keeping.kept["users"] == users
    assert deleting.kept["users"] == users - without
    assert keeping.kept["knowledge_bases"] == aimed.value("SELECT count(*) FROM knowledge_bases")
    assert keeping.blocking == {}
    assert deleting.blocking == {"benchmark_results.benchmark_results_evaluated_by_fkey": 1}
    assert "forbids deleting" in planpage.plan_markdown(deleting, asked(), deleting.drawn_at)
    assert keeping.sizes["a backup, at most"] > 0
    assert len([name for name in keeping.sizes if name.startswith("table ")]) == 5


def test_a_guess_is_called_one_until_a_run_was_measured(aimed: Database) -> None:
    guess = drawn().forecast
    assert guess is not None
    assert guess.basis.startswith("a guess")
    with aimed.connect() as conn:
        conn.execute(sql.read("journal/schema.sql").encode())
        conn.execute(
            """INSERT INTO rollback.run (id, incident, target, request, plan, plan_hash, started)
               SELECT uuid_generate_v4(), 'INC-0', 'test', '{}',
                      jsonb_build_object('database_bytes', pg_database_size(current_database()) / 2), '', now()"""
        )
        conn.execute(
            """INSERT INTO rollback.step (run_id, name, started, ended, outcome, found)
               SELECT run.id, s.name, run.started, run.started + s.took::interval, s.outcome, '{"method": "dump"}'
                 FROM rollback.run,
                      (VALUES ('back up', '7 s', 'done'), ('fence', '3 s', 'done'), ('012', '9 s', 'failed'))
                          AS s (name, took, outcome)"""
        )
    measured = drawn().forecast
    assert measured is not None
    steps = {step.name: step for step in measured.steps}
    dump = next(way for way in drawn().backup.ways if way.method == "dump")
    assert 13 < dump.seconds < 15.5  # twice as large, a little more by the journal itself
    assert dump.runs == 1
    assert (steps["fence"].seconds, steps["fence"].runs) == (3, 1)
    assert steps["012"].runs == 0  # a failed step is no measure
    assert "measured in the last run here" in measured.basis


def test_a_real_run_is_measured(aimed: Database, prefect: None) -> None:
    state = runbook_runs.run()
    assert state.is_completed(), state.message
    expected = drawn().forecast
    assert expected is not None
    assert {step.name for step in expected.steps if step.runs} >= {"back up", "fence", "012", "011", "010", "verify"}


def test_each_way_out_has_its_price(aimed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    back, restore, forward = drawn(fix_forward_minutes=45).alternatives
    assert (back.rows_lost, restore.rows_lost, forward.rows_lost) == (0, None, 0)
    assert "set ROLLBACK_TRANSFORMED_AT" in restore.remark
    assert (forward.minutes, drawn().alternatives[2].minutes) == (45, None)
    for since, rows in (("2000-01-01T00:00Z", "> 100"), ("2100-01-01T00:00Z", "= 0")):
        monkeypatch.setenv("ROLLBACK_TRANSFORMED_AT", since)
        lost = drawn().alternatives[1].rows_lost
        assert aimed.value(f"SELECT {lost} {rows}"), (since, lost)
    aimed.value("INSERT INTO end_users (name, created_at) VALUES ('late', '2200-01-01') RETURNING 1")
    assert drawn().alternatives[1].rows_lost == 1
    deleting = drawn(oauth="delete")
    assert deleting.alternatives[0].rows_lost == deleting.users["OAuth only"] + sum(deleting.cascade.values())


def test_the_plan_writes_nothing(aimed: Database) -> None:
    before = aimed.checksums()
    drawn(oauth="delete")
    assert aimed.checksums() == before
    assert aimed.value("SELECT to_regnamespace('rollback') IS NULL")


def test_the_same_database_holds_and_sign_ups_inside_the_rule_do_too(aimed: Database) -> None:
    approved = drawn()
    assert rechecked(approved) == []
    aimed.value(SIGN_UP.format(100) + " RETURNING 1")
    assert "OAuth only: approved 5, now 105" in rechecked(approved)


def test_sign_ups_beyond_the_rule_void(aimed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    approved = drawn()
    aimed.value(SIGN_UP.format(101) + " RETURNING 1")
    assert "OAuth only: approved 5, now 106 (more than 100 either way)" in voided(approved)
    monkeypatch.setenv("ROLLBACK_PLAN_TOLERANCE_ROWS", "101")
    rechecked(approved)


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
    for tag in ("v1", "v2"):
        git("commit", "--allow-empty", "-qm", tag)
        git("tag", tag)
    monkeypatch.setenv("ROLLBACK_PROJECT_DIR", str(tree))
    monkeypatch.setenv("ROLLBACK_COMPOSE", str(program))
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


@pytest.mark.usefixtures("prefect")
def test_a_run_without_a_trigger_is_refused_and_touches_nothing(aimed: Database) -> None:
    before = aimed.checksums()
    state = runbook_runs.run(triggers=[], degradation_percent=24.9)
    assert state.name == "Refused"
    assert "performance degradation <25% (24.9 %)" in str(state.message)
    assert aimed.checksums() == before
    assert aimed.value("SELECT to_regnamespace('rollback') IS NULL")


@pytest.mark.usefixtures("prefect")
def test_a_doubtful_run_waits_until_the_approver_says_why(aimed: Database) -> None:
    why = "Nobody can chat, and the hotfix failed twice."
    with runbook_runs.answering({"comment": ""}, {"comment": why}):
        state = rollback(asked(against=["UI only"]), return_state=True)
    assert state.is_completed(), state.message
    assert aimed.column("SELECT comment FROM rollback.approval") == [why]
