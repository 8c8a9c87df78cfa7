"""Ends of the flow at which nothing was touched."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import application, runbook_runs
from tests.databases import Database
from tests.integration.flow.look import JOURNALS, journal

pytestmark = [
    pytest.mark.pg("18"),
    pytest.mark.usefixtures("prefect"),
    # One of apprise's plugins imports what Python 3.13 no longer has.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]


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
