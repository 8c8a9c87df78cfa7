"""The rehearsal, whole: production on one server, staging with its application on another, and nothing faked."""

import os
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State

from flows.rehearsal import NOTHING, rehearsal
from runbook import database, journal, settings
from runbook.models import Step
from runbook.planning import rehearsed
from runbook.rehearsing import history, trend
from runbook.rehearsing.request import RehearsalRequest
from runbook.telling import sink
from tests import waiting
from tests.databases import Templates
from tests.integration.rehearsal.site import Site

pytestmark = [
    pytest.mark.pg("18"),
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]


def rehearse(**request: Any) -> State[Any]:
    return rehearsal(RehearsalRequest.model_validate({"previous_tag": "v1", **request}), return_state=True)


def test_the_rollback_is_rehearsed_and_staging_is_as_it_was(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    test = tmp_path / "test.sh"
    test.write_text("#!/bin/sh\ncat RELEASE && psql -Atc 'SELECT count(*) FROM digital_twins' >tested\n")
    test.chmod(0o755)
    monkeypatch.setenv("ROLLBACK_REHEARSAL_TEST", str(test))
    monkeypatch.setenv("PATH", f"{site.staging.server.folder}:{os.environ['PATH']}")
    with sink.mail(tmp_path / "production-mail") as port:  # what staging's settings say
        monkeypatch.setenv("ROLLBACK_SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("ROLLBACK_SMTP_PORT", str(port))
        monkeypatch.setenv("ROLLBACK_TEAM_URLS", f"mailto://127.0.0.1:{port}/?from=a@example.org&to=team@example.org")
        state = rehearse()
    assert state.is_completed(), state.message
    assert site.as_found()
    assert not list((tmp_path / "production-mail").glob("new/*"))
    [row] = site.rows()
    assert row["outcome"] == "done" and row["bytes"] > 1_000_000 and row["rows"] > 200, row
    assert 0 < row["transaction"] < row["outage"] < row["total"] and row["longest_lock"] > 0
    names = [name for name, _, _ in row["steps"]]
    assert names[:4] == ["clone production", "mask contacts", "assess", "authorise"]
    assert names[-2:] == ["test the application", "clean up"] and "back up" in names
    [folder] = (tmp_path / "reports").iterdir()
    messages = [path.read_text() for path in (folder / "messages" / "new").iterdir()]
    assert any("team@rehearsal.invalid" in text for text in messages)
    users = [text for text in messages if "team@rehearsal.invalid" not in text]
    assert len(users) > 10 and not [
        text for text in users if "@example." in text.partition("Subject")[0].partition("To:")[2]
    ]
    [report] = folder.glob("report-*.md")
    assert "A rehearsal answers itself" in report.read_text()
    assert "ROLLBACK_APPROVERS" not in os.environ


def script(folder: Path, text: str) -> str:
    file = folder / "test.sh"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


FAILURES: dict[str, tuple[dict[str, str], dict[str, Any], str]] = {
    "clone": ({"ROLLBACK_REHEARSAL_WAY": "dump"}, {}, "no dump is named"),
    "plan": ({}, {"previous_tag": "v0"}, "There is no tag v0"),
    "test": ({"ROLLBACK_REHEARSAL_TEST": "sh -c 'echo no twins here >&2; exit 3'"}, {}, "no twins here"),
    "outage": (
        {"ROLLBACK_HEALTH_URLS": '{"backend": "http://127.0.0.1:9/"}', "ROLLBACK_SERVICE_SECONDS": "10"},
        {},
        "Not healthy after 10 s",
    ),
}


@pytest.mark.parametrize("step", FAILURES)
def test_a_failure_leaves_staging_as_it_was_is_recorded_and_told(
    step: str, site: Site, monkeypatch: pytest.MonkeyPatch, team: list[dict[str, Any]], channel: str
) -> None:
    env, request, words = FAILURES[step]
    monkeypatch.setenv("ROLLBACK_TEAM_URLS", channel)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    state = rehearse(**request)
    assert state.is_failed() and words in str(state.message), state.message
    assert site.as_found()
    [row] = site.rows()
    assert row["outcome"] == "failed" and words in row["reason"] and row["total"] > 0
    assert [said["title"] for said in team] == [f"The rehearsal {row['label']} on staging FAILED"]
    assert words in team[0]["message"]


def test_a_step_that_is_slower_than_usual_is_told_and_a_kept_clone_goes_with_the_next_rehearsal(
    site: Site, monkeypatch: pytest.MonkeyPatch, team: list[dict[str, Any]], channel: str, tmp_path: Path
) -> None:
    monkeypatch.setenv("ROLLBACK_TEAM_URLS", channel)
    state = rehearse(keep=True)
    assert state.is_completed(), state.message
    assert site.app.answers() == {"backend v1 works", "frontend v1 works"} and site.app.release() == "v1"
    assert site.staging.value("SELECT to_regclass('public.digital_twins') IS NOT NULL")
    with closing(history.opened(settings.load())) as conn:
        conn.execute(
            "INSERT INTO rehearsal.run (id, label, target, scripts, outcome, ended)"
            " SELECT gen_random_uuid(), 'earlier', 'staging', 'x', 'done', clock_timestamp() FROM generate_series(1, 3)"
        )
        conn.execute(
            "INSERT INTO rehearsal.step SELECT id, 1, 'test the application', 0.5, 'done' FROM rehearsal.run"
            " WHERE label = 'earlier'"
        )
        conn.execute("DELETE FROM rehearsal.step USING rehearsal.run r WHERE r.id = run_id AND label <> 'earlier'")
    monkeypatch.setenv("ROLLBACK_REHEARSAL_SLOWER_SECONDS", "1.5")
    monkeypatch.setenv("ROLLBACK_REHEARSAL_TEST", script(tmp_path, "sleep 3"))
    assert rehearse().is_completed()
    assert site.as_found()
    assert [said["title"].partition(" on ")[2] for said in team] == ["staging was slower than usual"]
    [line] = [line for line in team[0]["message"].splitlines() if "usually" in line]
    assert line.startswith("test the application: ") and line.endswith("usually 500 ms (median of 3)")
    monkeypatch.setenv("ROLLBACK_REHEARSAL_SLOWER_SECONDS", "60")
    with closing(history.opened(settings.load())) as conn:
        newest = history.runs(conn, "staging")[0]
        assert history.slower(conn, settings.load(), newest["id"]) == []  # it is slower, but not by so much


def test_after_a_rehearsal_that_was_killed_the_next_one_cleans_up(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ROLLBACK_REHEARSAL_TEST", script(tmp_path, f"touch '{tmp_path}/reached'; sleep 30"))
    words = [sys.executable, "-c", "from flows.cli import main; main()", "rehearse", "--previous-tag", "v1"]
    with (tmp_path / "killed.log").open("w") as log:
        running = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
    try:
        waiting.until(lambda: (tmp_path / "reached").exists() or running.poll() is not None, 120)
    finally:
        running.kill()
        running.wait()
    assert (tmp_path / "reached").exists(), (tmp_path / "killed.log").read_text()
    assert site.app.release() == "v1"
    monkeypatch.setenv("ROLLBACK_REHEARSAL_TEST", "true")
    state = rehearse()
    assert state.is_completed(), state.message
    assert site.as_found()
    assert [row["outcome"] for row in site.rows()] == ["done", "killed"]


def test_a_production_that_needs_no_rollback_does_not_count_as_rehearsed(
    site: Site, templates: Templates, monkeypatch: pytest.MonkeyPatch
) -> None:
    with templates.copy(forward=()) as rolled_back:
        monkeypatch.setenv("ROLLBACK_REHEARSAL_SOURCE", rolled_back.conninfo)
        state = rehearse()
    assert state.is_completed() and state.name == NOTHING
    assert "needs no rollback" in str(state.message)
    assert site.as_found()
    assert [row["outcome"] for row in site.rows()] == ["nothing"]


def test_a_target_that_is_called_production_is_refused_before_anything_is_touched(
    site: Site, monkeypatch: pytest.MonkeyPatch, team: list[dict[str, Any]], channel: str
) -> None:
    monkeypatch.setenv("ROLLBACK_TEAM_URLS", channel)
    monkeypatch.setenv("ROLLBACK_TARGET", "Production")
    state = rehearse()
    assert state.is_failed() and "a rehearsal runs on staging only" in str(state.message)
    assert [said["title"].endswith("on Production FAILED") for said in team] == [True]
    with site.staging.server.connect() as admin:
        assert admin.execute("SELECT FROM pg_database WHERE datname = 'rollback_rehearsals'").fetchone() is None
    monkeypatch.setenv("ROLLBACK_TARGET", "staging")
    assert site.as_found()


def test_a_rehearsal_that_tested_nothing_of_the_application_says_so_everywhere(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("ROLLBACK_REHEARSAL_TEST")]:
        monkeypatch.delenv(name)
    shown: list[Step] = []
    monkeypatch.setattr(journal, "listeners", [shown.append])
    monkeypatch.delenv("ROLLBACK_PROJECT_DIR")
    state = rehearse(previous_tag=None)
    assert state.is_completed(), state.message
    said = (
        "not tested of the application: its services (ROLLBACK_PROJECT_DIR is not set: none are managed here); "
        "what it does (ROLLBACK_REHEARSAL_TEST is not set)"
    )
    assert said in str(state.message)
    [row] = site.rows()
    assert row["outcome"] == "done" and row["reason"] == said
    assert ("test the application", "skipped") in [(name, outcome) for name, _, outcome in row["steps"]]
    assert said in trend.sentence(row, "staging") and trend.table([row])[0]["test the application"] == "skipped"
    [step] = [one for one in shown if one.name == "test the application"]
    assert step.outcome == "skipped" and "nothing was tested" in str(step.found["skipped"])
    with closing(history.opened(settings.load())) as conn:
        found = rehearsed.judge(database.query(conn, "history_newest", scripts=row["scripts"]), 30, datetime.now(UTC))
    assert said in found.remark
