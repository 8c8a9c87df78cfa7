"""A rehearsal answers itself only where a person marked the target as staging, never where it may be production."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State

from flows.rehearsal import rehearsal
from runbook import settings
from runbook.errors import RehearsalRefused
from runbook.rehearsing import clone, history, marks, masking, resting, sandbox, stagingmark
from runbook.rehearsing.request import RehearsalRequest
from tests.databases import Database
from tests.rehearsal import MARKED, STAGING, Stage

pytestmark = [
    pytest.mark.pg("18"),
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]


@pytest.fixture
def aimed(stage: Stage, channel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The settings of a staging that has everything but its mark."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROLLBACK_TARGET", "staging")
    monkeypatch.setenv("ROLLBACK_REHEARSAL_SOURCE", stage.production.conninfo)
    monkeypatch.setenv("ROLLBACK_PG_BIN", str(stage.staging.server.folder))
    monkeypatch.setenv("ROLLBACK_TEAM_URLS", channel)
    with stage.staging.server.connect() as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {history.DATABASE}")
    return stage


def rehearse() -> State[Any]:
    return rehearsal(RehearsalRequest(), return_state=True)


def aim(monkeypatch: pytest.MonkeyPatch, target: Database, source: Database) -> None:
    for name, value in target.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ROLLBACK_REHEARSAL_SOURCE", source.conninfo)


def refused(stage: Stage, team: list[dict[str, Any]], *words: str) -> None:
    """Rehearse, and see it refused with nothing changed anywhere, and the team told why."""
    everywhere = (stage.production, stage.staging)

    def state() -> list[Any]:
        found: list[Any] = []
        for one in everywhere:
            with one.server.connect() as admin:
                rows = admin.execute("SELECT datname, oid, shobj_description(oid, 'pg_database') FROM pg_database")
                found += [sorted(rows.fetchall(), key=str), one.checksums()]
        return found

    before = state()
    ended = rehearse()
    assert ended.is_failed()
    error = ended.result(raise_on_failure=False)
    assert isinstance(error, RehearsalRefused), error
    assert [word for word in words if word not in str(error)] == [], str(error)
    assert error.remedy and "touched" in error.state
    assert state() == before
    assert any("FAILED" in str(one) and words[0] in str(one) for one in team), team


@pytest.mark.attack(
    "files",
    "points a rehearsal, which answers itself, at a database that is not staging",
    "it wants staging's own mark",
)
def test_an_unmarked_target_is_refused_before_anything_is_touched(aimed: Stage, team: list[dict[str, Any]]) -> None:
    refused(aimed, team, "not marked as staging", f"rollback rehearse --mark {STAGING}")
    with aimed.staging.server.connect() as admin:
        there = admin.execute("SELECT FROM pg_database WHERE datname = %s", [history.DATABASE]).fetchone()
    assert there is None, "not even the history was made"


@pytest.mark.attack(
    "files",
    "swaps source and target of a rehearsal",
    "a source that is marked as staging is refused",
)
def test_swapped_settings_are_refused(
    aimed: Stage, team: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stagingmark.make(settings.load(), STAGING)
    aim(monkeypatch, aimed.production, aimed.staging)
    refused(aimed, team, "source and target are swapped")


@pytest.mark.attack(
    "files",
    "rehearses on the very database that is cloned",
    "source and target are compared by server and database number",
)
def test_a_marked_target_that_is_its_own_source_is_refused(
    aimed: Stage, team: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stagingmark.make(settings.load(), STAGING)
    aim(monkeypatch, aimed.staging, aimed.staging)
    refused(aimed, team, "is production itself")


@pytest.mark.attack(
    "owner",
    "copies staging's mark to production",
    "server and database number are in it",
)
def test_a_mark_that_was_copied_is_none(
    aimed: Stage, team: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a dump that took the comment along, or a comment that somebody pasted."""
    stagingmark.make(settings.load(), STAGING)
    comment = aimed.databases()[STAGING]
    other = Database(aimed.production.server, aimed.production.dbname)
    with other.server.connect() as gate:
        marks.write(gate, other.dbname, comment)
        aim(monkeypatch, aimed.production, aimed.staging)
        monkeypatch.delenv("ROLLBACK_REHEARSAL_SOURCE")
        refused(aimed, team, "not marked as staging")
        marks.write(gate, other.dbname, None)


@pytest.mark.parametrize(
    ("env", "name", "words"),
    [
        ({"ROLLBACK_TARGET": "Production"}, STAGING, "called production"),
        ({}, "digitaltwin", f"leads to {STAGING}, not to digitaltwin"),
    ],
)
def test_what_is_not_staging_cannot_be_marked(
    aimed: Stage, env: dict[str, str], name: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in env.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(RehearsalRefused, match=words):
        stagingmark.make(settings.load(), name)
    assert aimed.databases() == {STAGING: MARKED}


def test_the_source_cannot_be_marked(aimed: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    aim(monkeypatch, aimed.production, aimed.production)
    with pytest.raises(RehearsalRefused, match="is production itself"):
        stagingmark.make(settings.load(), aimed.production.dbname)


def test_the_mark_keeps_the_comment_and_survives_the_change_of_places(aimed: Stage) -> None:
    loaded = settings.load()
    assert "is marked as staging:" in stagingmark.make(loaded, STAGING)
    assert "already" in stagingmark.make(loaded, STAGING)
    comment = aimed.databases()[STAGING]
    assert json.loads(comment or "")[stagingmark.WORD]["comment"] == MARKED
    made = clone.make(loaded)
    masking.mask(loaded, made)
    resting.take_name(loaded, made)
    stagingmark.check(loaded)
    with pytest.raises(RehearsalRefused, match="a rehearsal's"), aimed.staging.server.connect() as gate:
        stagingmark.write(gate, STAGING)
    with sandbox.entered(loaded, made, aimed.folder / "sandbox") as inside:
        assert inside.clone.database == STAGING
    with aimed.staging.server.connect() as gate:
        found = marks.find(gate, f"{STAGING}_resting")
        assert found and found.mark and found.mark.comment == comment
        marks.write(gate, f"{STAGING}_resting", None)
    before = dict(os.environ)
    with pytest.raises(RehearsalRefused, match="beside a marked staging"), sandbox.entered(loaded, made, aimed.folder):
        pytest.fail("no approver is made here")
    assert dict(os.environ) == before
