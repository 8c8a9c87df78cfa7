"""Whole runs of the flow, from the plan to the report: by each choice, on each state of the database."""

import json
import mailbox
from collections.abc import Callable
from pathlib import Path

import pytest

from runbook.approval import approvals
from runbook.models import Plan
from runbook.planning import planpage
from runbook.request import RollbackRequest
from runbook.schema import naming
from tests import application, rows, runbook_runs
from tests.databases import ALL, AS_SHIPPED, STOPPED, Database
from tests.integration.flow.look import drawn, journal, private, wrong
from tests.integration.test_team import Channel

pytestmark = [
    pytest.mark.pg("18"),
    pytest.mark.usefixtures("prefect"),
    # One of apprise's plugins imports what Python 3.13 no longer has.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]


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
