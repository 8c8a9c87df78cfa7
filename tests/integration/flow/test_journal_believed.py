"""The journal is believed only where seals and catalogue agree: rows that somebody wrote, took away or changed."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import State

import sql
from flows import approving
from flows.rollback import rollback
from runbook import journal, settings
from runbook.approval import approvals
from runbook.errors import RollbackError
from runbook.models import Plan
from runbook.request import RollbackRequest
from runbook.safekeeping import snapshots
from runbook.schema import verification
from runbook.telling import standing
from tests import application, runbook_runs
from tests.databases import Database
from tests.integration.test_team import Channel

pytestmark = [
    pytest.mark.pg("18"),
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

DECLINE = {"decision": "decline", "comment": "This is not what we were told."}
FORGED = """
INSERT INTO rollback.run (id, incident, target, request, plan, plan_hash, started, outcome)
VALUES ('00000000-0000-4000-8000-000000000001', 'INC-1', 'test', %(request)s, %(plan)s, repeat('a', 64), now(),
        'failed');
INSERT INTO rollback.approval (run_id, decision, name, role)
VALUES ('00000000-0000-4000-8000-000000000001', 'approve', 'Ada Lovelace', 'CTO');
INSERT INTO rollback.step (run_id, name, started, ended, outcome, found)
VALUES ('00000000-0000-4000-8000-000000000001', 'authorise', now(), now(), 'done', '{"name": "Ada Lovelace"}'),
       ('00000000-0000-4000-8000-000000000001', 'verify the schema', now(), now(), 'done', '{}');
"""
"""What the database's owner can write without the worker's key: a run that was approved, and committed."""


@pytest.fixture(autouse=True)
def _aimed(request: pytest.FixtureRequest, transformed: Database, tmp_path: Path) -> None:
    runbook_runs.aim(request.getfixturevalue("monkeypatch"), transformed, tmp_path)


def forge(database: Database) -> None:
    wanted = RollbackRequest.model_validate(runbook_runs.REQUEST).model_dump_json()
    with database.connect() as conn:
        conn.execute(sql.read("journal/schema.sql").encode())
        for one in FORGED.strip().split(";\n"):
            conn.execute(one.encode(), {"request": wanted, "plan": "{}"} if "%(" in one else None)


@contextmanager
def shown(answer: dict[str, Any]) -> Iterator[list[str]]:
    """Answer a run that waits, and keep what stood above its form."""
    seen: list[str] = []

    def look(flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
        Thread(target=give, args=(UUID(flow_run), plan), daemon=True).start()

    def give(flow_run: UUID, plan: Plan) -> None:
        seen.append(approving.shown_plan(approving.paused(flow_run)))
        approving.give(flow_run, runbook_runs.answered(plan.hash[:12], **answer))

    with approvals.heard(look):
        yield seen


def asked(**request: Any) -> State[Any]:
    return rollback(RollbackRequest.model_validate({**runbook_runs.REQUEST, **request}), return_state=True)


def status() -> str:
    return standing.read(settings.load()).state


def release(database: Database) -> bool:
    """Tell whether the schema is the one before the transformation."""
    return bool(database.value("SELECT to_regclass('public.digital_twins') IS NOT NULL"))


@pytest.fixture
def unfinished(transformed: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return what makes a run that was approved and committed, and then failed; it returns the run's id."""

    def fail(*_: object) -> Any:
        raise RollbackError("The services cannot be asked.", "Ask them again.")

    def make(**request: Any) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(verification, "of_services", fail)
            assert runbook_runs.run(**request).name == "Failed"
        assert release(transformed)
        return str(transformed.value("SELECT id FROM rollback.run"))

    return make


@pytest.mark.attack(
    "owner",
    "writes a run into the journal that was approved and committed",
    "rows without the worker's seal are not believed; the catalogue must agree",
)
def test_a_forged_commit_neither_skips_the_approval_nor_starts_a_release(
    transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge(transformed)
    rows = transformed.checksums()
    with application.running(tmp_path, transformed, monkeypatch) as deployed:
        assert status().startswith("The transformation is in force")
        assert "Not believed" in status()
        with shown(DECLINE) as seen:
            assert asked(previous_tag="v1").name == "Declined"
        assert deployed.answers() == {"backend v2 works", "frontend v2 works"}
    assert "The journal is not believed" in seen[0]
    assert "no seal of this worker's" in seen[0]
    assert not release(transformed)
    assert set(rows) == set(transformed.checksums())
    said = "".join(path.read_text() for path in (tmp_path / "reports").iterdir() if path.suffix in (".md", ".json"))
    assert "Declined" in said
    assert "chose 'approve'" not in said


@pytest.mark.parametrize("answer", [DECLINE, {}], ids=["declined", "approved"])
@pytest.mark.attack(
    "owner",
    "takes the seals away, or puts others there",
    "going on needs a new approval",
)
def test_what_no_seal_proves_needs_an_approval_to_be_gone_on_with(
    answer: dict[str, Any], transformed: Database, unfinished: Callable[..., str], tmp_path: Path, team: Channel
) -> None:
    """As after an upgrade: the journal of the version before has no seals at all."""
    run = unfinished()
    with transformed.connect() as conn:
        for table, columns in (("run", "mac end_mac"), ("step", "mac"), ("approval", "mac plan_hash")):
            for column in columns.split():
                conn.execute(f"ALTER TABLE rollback.{table} DROP COLUMN {column}")
    assert "Not believed" in status()
    with shown(answer) as seen:
        state = asked()
    assert state.name == ("Declined" if answer else "Completed"), state.message
    assert f"Run {run} for INC-1 may have committed, and it is not proved who approved it" in seen[0]
    assert "nothing in the database is changed any more" in seen[0]
    outcomes = transformed.column("SELECT outcome FROM rollback.run ORDER BY started")
    assert outcomes == (["failed", "declined"] if answer else ["failed", "done"])
    assert any("waits for approval" in one["title"] for one in team.heard)
    if not answer:
        assert "Not believed" in transformed.value(f"SELECT state FROM rollback.run WHERE id = '{run}'")
        assert "at its baseline" in status() or "is rolled back" in status()


@pytest.mark.attack(
    "api",
    "goes on after the commit with another choice for users or backup",
    "the recorded request counts; each difference is named",
)
def test_going_on_uses_the_recorded_request_and_names_each_difference(
    transformed: Database, unfinished: Callable[..., str], tmp_path: Path
) -> None:
    run = unfinished(reason="Chat answers with errors since ten.", requested_by="Grace Hopper")
    other = asked(oauth="delete", gemini="remove")
    assert other.name == "Refused"
    assert "oauth: approved 'temporary passwords', asked for now 'delete'" in str(other.message)
    assert "gemini: approved 'keep', asked for now 'remove'" in str(other.message)

    assert asked(reason="Something else.", requested_by="Mallory").is_completed()

    assert transformed.column("SELECT id::text FROM rollback.run") == [run]
    newest = max((tmp_path / "reports").glob("report-*.json"), key=lambda path: path.stat().st_mtime_ns)
    told = json.loads(newest.read_text())
    assert (told["request"]["reason"], told["request"]["requested_by"]) == (
        "Chat answers with errors since ten.",
        "Grace Hopper",
    )
    assert told["plan"]["hash"] == transformed.value("SELECT plan_hash FROM rollback.run")
    assert told["approval"]["name"] == "Ada Lovelace"


@pytest.mark.attack(
    "api",
    "goes on after the commit with another release",
    "another release needs an approval of its own",
)
def test_another_release_than_the_approved_needs_an_approval_of_its_own(
    transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unfinished: Callable[..., str]
) -> None:
    with application.running(tmp_path, transformed, monkeypatch) as deployed:
        deployed.git("tag", "v1.1", "v1")
        unfinished(previous_tag="v1")
        with shown(DECLINE) as seen:
            assert asked(previous_tag="v1.1").name == "Declined"
        assert "approved v1 at" in seen[0]
        with shown({}) as seen:
            state = asked(previous_tag="v1.1")
        assert state.is_completed(), state.message
        assert deployed.answers() == {"backend v1 works", "frontend v1 works"}
    assert transformed.value("SELECT request ->> 'previous_tag' FROM rollback.run") == "v1.1"
    assert transformed.value("SELECT count(*) FROM rollback.approval WHERE decision = 'approve'") == 2


@pytest.mark.attack(
    "owner",
    "changes who approved and how a run ended",
    "status and report say that the row is not believed, and nothing of it",
)
def test_what_somebody_changed_in_a_finished_run_is_said_nowhere(transformed: Database, tmp_path: Path) -> None:
    assert runbook_runs.run().is_completed()
    with transformed.connect() as conn:
        conn.execute("UPDATE rollback.run SET state = 'Approved by Theo Lead.'")
        conn.execute("UPDATE rollback.step SET found = '{\"name\": \"Theo Lead\"}' WHERE name = 'authorise'")
        conn.execute("INSERT INTO rollback.approval (run_id, decision, name, role) "
                     "SELECT id, 'approve', 'Theo Lead', 'Team Lead' FROM rollback.run")  # fmt: skip
    stand = standing.read(settings.load())
    assert "Theo Lead" not in str(standing.as_json(stand))
    assert "Not believed" in stand.state


@pytest.mark.attack(
    "owner",
    "takes the commit's row away, so that the newer release starts on the older schema",
    "the catalogue is asked as well",
)
def test_a_commit_whose_row_was_taken_away_starts_no_release_that_does_not_fit(
    transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unfinished: Callable[..., str]
) -> None:
    """As if the run had been killed before its commit: the services would start on the release they had."""
    with application.running(tmp_path, transformed, monkeypatch) as deployed:
        run = unfinished(previous_tag="v1")
        deployed.compose("stop", "backend", "frontend")
        with transformed.connect() as conn:
            conn.execute("DELETE FROM rollback.step WHERE name = 'verify the schema'")
            conn.execute("UPDATE rollback.run SET outcome = 'running', state = '', end_mac = ''")
        with shown(DECLINE) as seen:
            assert asked(previous_tag="v1").name == "Declined"
        assert f"Run {run} for INC-1 may have committed" in seen[0]
        assert deployed.pids() == {}
        with shown({}):
            assert asked(previous_tag="v1").is_completed()
        assert deployed.answers() == {"backend v1 works", "frontend v1 works"}


@pytest.mark.attack(
    "owner",
    "opens a run again that was done, so that its approval counts once more",
    "the worker's store knows that it was done: going on needs a new approval",
)
def test_a_done_run_that_is_opened_again_needs_an_approval(transformed: Database) -> None:
    assert runbook_runs.run().is_completed()
    with transformed.connect() as conn:
        conn.execute("UPDATE rollback.run SET outcome = 'running', state = '', end_mac = '', ended = NULL")
    with shown(DECLINE) as seen:
        assert asked().name == "Declined"
    assert "it was done: somebody opened it again" in seen[0]


@pytest.mark.attack(
    "owner",
    "copies sealed rows of another run, and times like infinity",
    "a seal is of one row of one run in one database",
)
def test_a_good_row_of_another_run_and_an_odd_time_prove_nothing(
    transformed: Database, unfinished: Callable[..., str]
) -> None:
    unfinished()
    other = "00000000-0000-4000-8000-00000000000"
    columns = "incident, target, request, plan, plan_hash, outcome, state, mac, end_mac"
    with transformed.connect() as conn:
        conn.execute("UPDATE rollback.run SET outcome = 'done', state = 'All is well.'")  # its end is not sealed so
        for number, (incident, started) in enumerate((("INC-1", "now()"), ("INC-2", "'infinity'"))):
            conn.execute(
                f"INSERT INTO rollback.run (id, started, {columns}) SELECT '{other}{number}', {started}, "
                f"'{incident}', {columns.partition(', ')[2]} FROM rollback.run LIMIT 1".encode()
            )
            for table, copied in (
                ("step", "name, started, ended, outcome, found, mac"),
                ("approval", "came, decision, name, role, comment, without_rehearsal, plan_hash, mac"),
            ):
                conn.execute(
                    f"INSERT INTO rollback.{table} (run_id, {copied}) SELECT '{other}{number}', {copied} "
                    f"FROM rollback.{table} WHERE run_id NOT IN ('{other}0', '{other}1')".encode()
                )
    assert f"INC-1 ({other}0)" in status()
    assert f"({other}1)" not in status()
    assert "All is well" not in str(standing.as_json(standing.read(settings.load())))
    with transformed.connect() as conn:
        assert not [row for row in journal.runs(conn, settings.load()) if row["committed"]]


@pytest.mark.attack(
    "owner",
    "calls a database like a snapshot, so that it is dropped",
    "only what a sealed row names is dropped",
)
def test_a_database_that_no_run_copied_is_no_snapshot(transformed: Database) -> None:
    """A snapshot is dropped one day: a row of the journal must not name just any database."""
    with transformed.connect() as conn:
        forge(transformed)
        conn.execute(
            "INSERT INTO rollback.step (run_id, name, started, ended, outcome, found) "
            "SELECT id, 'back up', now(), now(), 'done', jsonb_build_object('copy', 'postgres') FROM rollback.run"
        )
        assert snapshots.read(conn) == []
