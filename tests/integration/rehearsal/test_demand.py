"""Production wants these very scripts rehearsed of late; without that, an approver must say why it goes without."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from flows.plan import plan as forecast
from runbook import database as door
from runbook import settings
from runbook.planning import plan, planpage
from runbook.rehearsing import history
from runbook.request import RollbackRequest
from tests import runbook_runs
from tests.databases import Database
from tests.runbook_runs import REQUEST

pytestmark = [pytest.mark.usefixtures("prefect"), pytest.mark.pg("18")]
WORD = {"without_rehearsal": "Staging is down since Monday, and users cannot wait."}
NAMED: dict[str, Any] = {"requested_by": "Grace Hopper"}
"""Production wants to know who asks."""


@pytest.fixture
def production(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A production whose rehearsals are kept in a database beside it."""
    runbook_runs.aim(monkeypatch, transformed, tmp_path, target="production")
    monkeypatch.setenv("ROLLBACK_REHEARSAL_HISTORY", f"dbname={transformed.dbname}_history")
    with closing(history.opened(settings.load())):  # made when missing; dropped with the test's database
        yield transformed


def rehearsed(days: float, scripts: str | None = None, outcome: str = "done") -> None:
    """Let a rehearsal have been, so many days ago."""
    with closing(history.opened(settings.load())) as conn:
        words = {"label": "REHEARSAL-1", "target": "staging", "prefect_run": None}
        number = uuid4()
        door.query(conn, "history_begin", id=number, scripts=scripts or history.scripts(), **words)  # type: ignore[arg-type]
        door.query(conn, "history_end", id=number, outcome=outcome, reason="")
        conn.execute(
            "UPDATE rehearsal.run SET outage = 7.25, ended = ended - %s WHERE id = %s", [timedelta(days=days), number]
        )


def shown(**request: str) -> str:
    """Return the page of a plan for production."""
    wanted = RollbackRequest.model_validate({**REQUEST, **request})
    with closing(door.connect()) as conn:
        drawn = plan.draw(conn, wanted, settings.load(), own=[conn.info.backend_pid])
    return planpage.plan_markdown(drawn, wanted, drawn.drawn_at)


def test_the_plan_says_which_rehearsal_is_the_newest(production: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No rehearsal was ever done. The approver must say why" in shown()
    rehearsed(1, outcome="failed")
    assert "No rehearsal was ever done." in shown()
    rehearsed(1, scripts="other ones")
    assert "These very scripts were never rehearsed; the newest of other ones was REHEARSAL-1 on staging" in shown()
    rehearsed(40)
    assert "is too old: REHEARSAL-1 on staging, 40 days ago; one is wanted within 30 days" in shown()
    monkeypatch.setenv("ROLLBACK_REHEARSAL_DAYS", "41")
    assert "Rehearsal: REHEARSAL-1, 40 days ago, of these very scripts: users offline for 7.2 s." in shown()
    assert "never rehearsed" in shown(oauth="keep") and "never rehearsed" in shown(gemini="remove")
    monkeypatch.setenv("ROLLBACK_REHEARSAL_DAYS", "0")
    assert "ehears" not in shown()


def test_a_history_that_cannot_be_read_is_said_so(production: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLBACK_REHEARSAL_HISTORY", "host=127.0.0.1 port=9 dbname=nowhere")
    assert "Whether this was rehearsed is not known: No connection to the database" in shown()
    monkeypatch.delenv("ROLLBACK_REHEARSAL_HISTORY")
    assert "is not known: ROLLBACK_REHEARSAL_HISTORY is not set." in shown()
    state = forecast(return_state=True)
    assert state.is_completed(), state.message


def test_without_a_fresh_rehearsal_an_approval_needs_the_word_for_it(production: Database, tmp_path: Path) -> None:
    with runbook_runs.answering({}, {"without_rehearsal": "ok"}, WORD) as verdicts:
        state = runbook_runs.run(silent=True, **NAMED)
    assert state.is_completed(), state.message
    assert [verdict.accepted for verdict in verdicts] == [False, False, True]
    assert "say in without_rehearsal why it goes without" in verdicts[0].said
    assert production.value("SELECT without_rehearsal FROM rollback.approval") == WORD["without_rehearsal"]
    tries = production.column("SELECT without_rehearsal FROM rollback.approval_try ORDER BY id")
    assert tries == ["", "ok", WORD["without_rehearsal"]]
    [evidence] = (tmp_path / "reports").glob("report-*.json")
    assert json.loads(evidence.read_text())["approval"]["without_rehearsal"] == WORD["without_rehearsal"]
    assert json.loads(evidence.read_text())["plan"]["rehearsal"]["lacking"].startswith("No rehearsal was ever done.")
    report = evidence.with_suffix(".md").read_text()
    assert f'Without a fresh rehearsal because: "{WORD["without_rehearsal"]}"' in report


def test_a_fresh_rehearsal_needs_no_word_and_a_decline_never_does(production: Database) -> None:
    assert runbook_runs.run({"decision": "decline"}, **NAMED).name == "Declined"
    rehearsed(2)
    state = runbook_runs.run(incident="INC-2", **NAMED)
    assert state.is_completed(), state.message
    assert production.column("SELECT without_rehearsal FROM rollback.approval ORDER BY id") == ["", ""]
