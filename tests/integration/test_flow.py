"""Whole runs of the flow: from the plan to the report, by each choice, and ends at which nothing was touched."""
# ruff: noqa: F811 - fixtures come by import

import json
import mailbox
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox

from runbook.approval import approvals
from runbook.demo import world
from runbook.models import Plan
from runbook.planning import planpage
from runbook.request import RollbackRequest
from runbook.schema import catalogue, endstate, naming
from runbook.schema.endstate import Conditions
from tests import application, rows, runbook_runs
from tests.databases import ALL, AS_SHIPPED, STOPPED, Database
from tests.integration.test_team import Channel, channel, url  # noqa: F401

pytestmark = [
    pytest.mark.usefixtures("prefect"),
    # One of apprise's plugins imports what Python 3.13 no longer has.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]
on_18 = pytest.mark.pg("18")
JOURNALS = "SELECT count(*) FROM pg_namespace WHERE nspname = 'rollback'"


@pytest.fixture
def aim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Database], Database]:
    """Return a function that points the run at a database."""

    def at(database: Database) -> Database:
        runbook_runs.aim(monkeypatch, database, tmp_path)
        return database

    return at


@pytest.fixture
def mails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[mailbox.Maildir]:
    """Run a mail server that keeps what it gets, and point the run at it."""
    port = world.free_port()
    controller = Controller(Mailbox(tmp_path / "mails"), hostname="127.0.0.1", port=port)
    controller.start()
    monkeypatch.setenv("ROLLBACK_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("ROLLBACK_SMTP_PORT", str(port))
    monkeypatch.setenv("ROLLBACK_MAIL_FROM", "DigitalTwin <noreply@dt.example>")
    yield mailbox.Maildir(tmp_path / "mails")
    controller.stop()


def journal(database: Database) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return outcome and findings of each step of the last run."""
    with database.connect() as conn:
        steps = conn.execute("SELECT name, outcome, found FROM rollback.step ORDER BY id").fetchall()
    return {name: (outcome, found) for name, outcome, found in steps}


def drawn(database: Database) -> dict[str, Any]:
    """Return the plan of the last run."""
    plan: dict[str, Any] = database.value("SELECT plan FROM rollback.run ORDER BY started DESC LIMIT 1")
    return plan


def wrong(database: Database, **conditions: str) -> list[str]:
    """Return what is not the declared end state."""
    with database.connect() as conn:
        server = conn.info.server_version // 10000
        return endstate.compare(
            endstate.declared(Conditions(server, **{"bot_label": "assistant", **conditions})), catalogue.read(conn)
        )


def private(folder: Path) -> list[Path]:
    """Return the files of a folder, which nobody else may read."""
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = sorted(folder.iterdir())
    assert all(stat.S_IMODE(file.stat().st_mode) == (0o700 if file.is_dir() else 0o600) for file in files)
    return files


@pytest.fixture
def team(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> Channel:
    """Point the run at the team's channel."""
    monkeypatch.setenv("ROLLBACK_TEAM_URLS", url(channel))
    return channel


@pytest.mark.pg("15", "16", "18")
def test_temporary_passwords(
    new_database: Callable[..., Database],
    aim: Callable[[Database], Database],
    mails: mailbox.Maildir,
    team: Channel,
    tmp_path: Path,
) -> None:
    transformed = aim(new_database(forward=ALL))
    before, sums = rows.read(transformed), transformed.checksums()
    without = transformed.value("SELECT count(*) FROM users WHERE password_hash IS NULL")

    state = runbook_runs.run()

    assert state.is_completed(), state.message
    assert wrong(transformed, gemini="kept") == []
    changes = rows.compare(before, rows.read(transformed))
    assert (changes.gone, changes.new) == ({}, {})
    assert changes.changed == {"users.password_hash": without}  # no updated_at among them
    assert {outcome for outcome, _ in journal(transformed).values()} <= {"done", "skipped"}
    assert transformed.value("SELECT outcome FROM rollback.run") == "done"
    check_files(tmp_path)
    check_restorable(tmp_path, new_database(messages=None), sums)
    active = transformed.column("SELECT email FROM users WHERE is_active ORDER BY 1")
    assert sorted(mail["X-RcptTo"] for mail in mails) == active
    assert ["INC-1" in message["title"] for message in team.heard] == [True, True]  # it waits, it is done


def check_files(folder: Path) -> None:
    names = [file.name for file in private(folder / "reports")]
    assert [name.split("-")[0] for name in names] == ["post", "post", "report", "report", "report"]
    assert {Path(name).suffix for name in names} == {".md", ".ics", ".json", ".svg"}
    evidence = json.loads(next((folder / "reports").glob("report-*.json")).read_text(encoding="utf-8"))
    assert "INC-1" in json.dumps(evidence)


def check_restorable(folder: Path, empty: Database, sums: dict[str, tuple[int, str]]) -> None:
    """The one dump brings every row back in another database."""
    [dump] = (folder / "backups").glob("*.dump")
    private(dump)
    done = empty.program("pg_restore", "--no-owner", "--exit-on-error", "-d", empty.dbname, str(dump))
    assert done.returncode == 0, done.stderr
    assert empty.checksums() == sums


@on_18
def test_delete_waits_until_nothing_forbids_it_and_takes_what_was_announced(
    transformed: Database, aim: Callable[[Database], Database]
) -> None:
    aim(transformed)
    sums = transformed.checksums()
    refused = runbook_runs.run(oauth="delete")
    assert refused.name == "Refused"
    assert "benchmark_results_evaluated_by_fkey" in str(refused.message)
    assert transformed.checksums() == sums

    with transformed.connect() as conn:
        conn.execute(
            "UPDATE benchmark_results SET evaluated_by = (SELECT id FROM users WHERE role = 'super_admin'"
            " AND password_hash IS NOT NULL LIMIT 1)"
            " WHERE evaluated_by IN (SELECT id FROM users WHERE password_hash IS NULL)"
        )
    before = rows.read(transformed)
    state = runbook_runs.run(oauth="delete")

    assert state.is_completed(), state.message
    assert wrong(transformed, gemini="kept") == []
    changes, plan = rows.compare(before, rows.read(transformed)), drawn(transformed)
    deleted = {**plan["cascade"], "users": plan["users"]["OAuth only"]}
    assert changes.gone == {naming.translate(table): count for table, count in deleted.items() if count}
    assert changes.new == {}
    assert not [name for name in changes.changed if name.endswith("updated_at")]


@on_18
def test_keep_skips_012_and_says_what_that_means(
    transformed: Database, aim: Callable[[Database], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    aim(transformed)
    before = rows.read(transformed)
    shown: list[str] = []

    def look(flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
        shown.append(planpage.plan_markdown(plan, request, plan.drawn_at))

    monkeypatch.setattr(approvals, "listeners", [look])
    state = runbook_runs.run(oauth="keep")

    assert state.is_completed(), state.message
    assert wrong(transformed, gemini="kept", oauth="kept") == []
    changes = rows.compare(before, rows.read(transformed))
    assert (changes.gone, changes.new, changes.changed) == ({}, {}, {})
    steps = journal(transformed)
    assert steps["settle OAuth users"][0] == steps["012"][0] == "skipped"
    assert steps["011"][0] == steps["010"][0] == "done"
    assert len(shown) == 1
    assert "owners keep role kb_owner, which the old release refuses" in shown[0]
    assert transformed.value("SELECT count(*) FROM users WHERE role::text = 'kb_owner'") > 0


@on_18
def test_gemini_removed(transformed: Database, aim: Callable[[Database], Database]) -> None:
    aim(transformed)
    users_of_it = transformed.value("SELECT count(*) FROM knowledge_bases WHERE llm_provider::text = 'gemini'")
    before = rows.read(transformed)

    state = runbook_runs.run(gemini="remove")

    assert state.is_completed(), state.message
    assert wrong(transformed) == []
    changes = rows.compare(before, rows.read(transformed))
    assert users_of_it > 0
    assert changes.changed["digital_twins.llm_provider"] == users_of_it
    assert set(changes.changed) == {"digital_twins.llm_provider", "users.password_hash"}


@on_18
def test_the_bots_label_twin(
    new_database: Callable[..., Database], aim: Callable[[Database], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = aim(new_database(bot_label="twin", forward=("010", "011", "012", "013")))
    monkeypatch.setenv("ROLLBACK_BOT_LABEL", "twin")
    before = rows.read(database)

    state = runbook_runs.run()

    assert state.is_completed(), state.message
    assert wrong(database, gemini="kept", bot_label="twin") == []
    changes = rows.compare(before, rows.read(database))
    assert (changes.gone, changes.new) == ({}, {})
    assert set(changes.changed) == {"messages.sender", "users.password_hash"}


@on_18
@pytest.mark.parametrize("half", [STOPPED, AS_SHIPPED])
def test_from_a_half_applied_011(
    half: str, new_database: Callable[..., Database], aim: Callable[[Database], Database]
) -> None:
    database = aim(new_database(forward=("010", half, "012")))
    before = rows.read(database)

    state = runbook_runs.run()

    assert state.is_completed(), state.message
    assert wrong(database) == []
    assert drawn(database)["migrations"]["011"] == "partial"
    assert set(rows.compare(before, rows.read(database)).changed) == {"users.password_hash"}


@on_18
def test_services_end_on_the_previous_release(
    transformed: Database, aim: Callable[[Database], Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aim(transformed)
    with application.running(tmp_path, transformed, monkeypatch) as app:
        state = runbook_runs.run(previous_tag="v1")
        assert state.is_completed(), state.message
        assert app.answers() == {"backend v1 works", "frontend v1 works"}
        assert app.release() == "v1"
        assert not list(tmp_path.glob("app.rollback*"))  # what was prepared beside the tree is gone


@on_18
def test_nothing_to_do_on_a_baseline(
    database: Database, aim: Callable[[Database], Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aim(database)
    sums = database.checksums()
    with application.running(tmp_path, database, monkeypatch, works=False) as app:
        before = app.pids()
        state = runbook_runs.run(previous_tag="v1")
        assert app.pids() == before
        assert app.release() == "v2"
    assert state.is_completed()
    assert state.message == f"Nothing to roll back: {database.dbname} is at its baseline."
    assert database.value(JOURNALS) == 0
    assert application.without_writings(database) == sums


@on_18
@pytest.mark.parametrize("silent", [False, True])
def test_without_a_yes_nothing_is_changed(
    silent: bool,
    transformed: Database,
    aim: Callable[[Database], Database],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aim(transformed)
    sums = transformed.checksums()
    if silent:
        monkeypatch.setenv("ROLLBACK_DECISION_MINUTES", "1")
        state = runbook_runs.run(silent=True, identified_at=datetime.now(UTC) - timedelta(seconds=55))
        said = "No decision in time"
    else:
        state = runbook_runs.run({"decision": "decline", "comment": "A hotfix is on its way."})
        said = "Ada Lovelace (CTO) declined: A hotfix is on its way."
    assert (state.name, state.is_cancelled()) == ("Declined", True)
    assert said in str(state.message)
    assert transformed.checksums() == sums
    assert transformed.value("SELECT outcome FROM rollback.run") == "declined"
    assert set(journal(transformed)) == {"assess", "authorise", "notify"}
    assert not (tmp_path / "backups").exists() or not list((tmp_path / "backups").iterdir())


@on_18
def test_all_that_stands_in_the_way_is_said_at_once(
    transformed: Database, aim: Callable[[Database], Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aim(transformed)
    (tmp_path / "file").touch()
    monkeypatch.setenv("ROLLBACK_PROJECT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("ROLLBACK_PG_BIN", str(tmp_path / "no programs"))
    monkeypatch.setenv("ROLLBACK_BACKUP_DIR", str(tmp_path / "file"))
    monkeypatch.setenv("ROLLBACK_TEAM_URLS", "nothing")
    with transformed.connect() as conn:
        conn.execute("CREATE VIEW pictures AS SELECT id, avatar_url FROM users")
    sums = transformed.checksums()

    state = runbook_runs.run(oauth="delete", previous_tag="v1")

    assert (state.name, state.is_cancelled()) == ("Refused", True)
    for word in ("nowhere", "no programs", "file", "ROLLBACK_TEAM_URLS", "view pictures", "evaluated_by"):
        assert word in str(state.message), word
    assert transformed.value(JOURNALS) == 0
    assert transformed.checksums() == sums
