"""Trouble with services and releases during a whole rollback, on a real Docker engine, with users at work."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_URL

from runbook import settings
from runbook.application import images, release, services
from runbook.barrier import fence
from tests import runbook_runs, waiting
from tests.acceptance import engineapp, engineuser
from tests.acceptance.engineapp import App, Deployed
from tests.databases import Database

pytestmark = [pytest.mark.system, pytest.mark.pg("18"), pytest.mark.usefixtures("prefect"), pytest.mark.timeout(300)]

PROGRAM = "docker compose"
both = pytest.mark.parametrize("program", ["docker-compose-1", PROGRAM])
RUN = "from tests import runbook_runs; runbook_runs.run(previous_tag='v1')"
TWINS = "SELECT to_regclass('public.digital_twins') IS NOT NULL"


@pytest.fixture
def program() -> str:
    return PROGRAM


@pytest.fixture
def app(program: str, deployed: Deployed) -> Iterator[App]:
    with deployed(program) as made:
        yield made


def said(state: State[object]) -> str:
    return str(state.message)


@both
def test_a_service_that_ignores_the_signal_is_killed_and_named(app: App, transformed: Database) -> None:
    app.set(STUBBORN="yes", GRACE="2s")
    app.bring_up()
    with engineuser.using(app) as user:
        waiting.until(lambda: len(user.acknowledged()) >= 3)
        state = runbook_runs.run(previous_tag="v1")
    assert state.is_completed(), state.message
    assert engineapp.journal(transformed)["stop services"]["killed"] == ["backend"]
    assert '"v1"' in app.answers("backend")
    stored = transformed.column("SELECT substr(content, 7) FROM messages WHERE content LIKE 'asked %'")
    assert set(stored) >= {f"{number}." for number in user.acknowledged()}


@both
def test_a_service_that_may_take_longer_than_it_is_waited_for_blocks_the_plan(app: App, transformed: Database) -> None:
    app.set(GRACE="1m30s")
    app.bring_up()
    before = app.containers()
    state = runbook_runs.run(silent=True, previous_tag="v1")
    assert state.name == "Refused"
    assert "backend may take 1m30s to stop (stop_grace_period), and is waited for 20 s" in said(state)
    assert app.containers() == before


def test_a_service_that_does_not_stop_leaves_everything_as_it_was(
    app: App, transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No process outlives SIGKILL here, so the compose program is one that does nothing when it is told to stop.
    deaf = tmp_path / "deaf-compose"
    deaf.write_text('#!/bin/sh\n[ "$1" = stop ] && sleep 600\nexec docker compose "$@"\n')
    deaf.chmod(0o755)
    monkeypatch.setenv("ROLLBACK_COMPOSE", str(deaf))
    monkeypatch.setattr(services, "GRACE", 1.0)
    monkeypatch.setattr(services, "SPARE", 0.0)
    monkeypatch.setenv("ROLLBACK_SERVICE_SECONDS", "4")
    app.set(GRACE="1s")
    app.bring_up()
    before, names = app.containers(), app.live()
    with engineuser.using(app) as user:
        state = runbook_runs.run(previous_tag="v1")
    assert state.is_failed()
    assert "Still running though they were told to stop: backend, frontend" in said(state)
    assert user.errors() == []
    assert (app.containers(), app.live()) == (before, names)
    assert not transformed.value(TWINS)


@both
def test_a_build_that_fails_happens_before_the_outage(app: App, transformed: Database) -> None:
    app.bring_up()
    with app.variant("v1-broken") as folder:
        (folder / "backend" / "Dockerfile").write_text("FROM scratch\nCOPY no-such-file /\n")
    before, names, tree = app.containers(), app.images(), app.git("rev-parse", "HEAD")
    with engineuser.using(app) as user:
        state = runbook_runs.run(previous_tag="v1-broken")
    assert state.is_failed()
    assert "images of v1-broken could not be built" in said(state) and "no-such-file" in said(state)
    assert user.errors() == [] and len(user.acknowledged()) > 10
    assert (app.containers(), app.images(), app.git("rev-parse", "HEAD")) == (before, names, tree)
    assert "stop services" not in engineapp.journal(transformed)
    assert not transformed.value(TWINS)


def test_an_old_release_that_is_not_healthy_can_be_tried_again(
    app: App, transformed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.set(ILL="yes")
    app.bring_up()
    monkeypatch.setenv("ROLLBACK_SERVICE_SECONDS", "11")
    with engineuser.using(app) as user:
        waiting.until(lambda: len(user.acknowledged()) >= 3)
        state = runbook_runs.run(previous_tag="v1")
    assert state.is_failed()
    for words in ("expected 2xx, found 500", "the same command again", 'Or go back: RUNBOOK.md, "The old release'):
        assert words in said(state)
    assert transformed.value(TWINS)  # it committed: the way is forward

    # It was tried twice; the second time it ran, so that only its health was asked.
    assert engineapp.journal(transformed)["open and start"]["checked"] == "skipped: backend runs already"

    app.set(ILL="")
    state = runbook_runs.run(silent=True, previous_tag="v1")
    assert state.is_completed(), state.message
    assert '"v1"' in app.answers("backend")
    assert set(app.containers().values()) == set(app.live().values())


def test_a_query_that_the_old_schema_does_not_answer_stops_before_anything(
    app: App, transformed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.bring_up()
    with app.variant("v1-asks") as folder:
        (folder / engineapp.QUERIES).write_text(
            "SELECT 1;\n\n-- what the old schema never had\nSELECT mood FROM users;\n"
        )
    containers, names, tree = app.containers(), app.live(), app.git("rev-parse", "HEAD")
    state = runbook_runs.run(silent=True, previous_tag="v1-asks")
    assert state.name == "Refused"
    for words in ("checks/queries.sql of v1-asks, line 4", 'column "mood" does not exist', "copy of this schema"):
        assert words in said(state)
    assert (app.containers(), app.live(), app.git("rev-parse", "HEAD")) == (containers, names, tree)
    assert not transformed.value(TWINS)

    # The query is wrong, not the release: it is left out.
    monkeypatch.setenv("ROLLBACK_RELEASE_QUERIES", "")
    state = runbook_runs.run(previous_tag="v1-asks")
    assert state.is_completed(), state.message
    assert '"v1"' in app.answers("backend")


def test_a_query_that_only_all_rows_refuse_stops_before_the_switch(
    app: App, transformed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.bring_up()
    with app.variant("v1-divides") as folder:
        # The trial asks an empty copy.
        users = transformed.value("SELECT count(*) FROM users")
        (folder / engineapp.QUERIES).write_text(f"SELECT 1 / (count(*) - {users}) FROM users;\n")
    names, tree = app.live(), app.git("rev-parse", "HEAD")
    state = runbook_runs.run(previous_tag="v1-divides")
    assert state.is_failed()
    for words in ("checks/queries.sql of v1-divides, line 1", "division by zero", "rollback fence open"):
        assert words in said(state)
    assert (app.containers(), app.live(), app.git("rev-parse", "HEAD")) == ({}, names, tree)
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        transformed.value(TWINS)
    fence.open_from_outside(settings.load())
    assert transformed.value(TWINS)

    # The query is wrong, not the release: it is left out.
    monkeypatch.setenv("ROLLBACK_RELEASE_QUERIES", "")
    state = runbook_runs.run(silent=True, previous_tag="v1-divides")
    assert state.is_completed(), state.message
    assert '"v1"' in app.answers("backend")


def test_a_release_that_says_it_does_not_work_is_not_started(
    app: App, transformed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.bring_up()
    with app.variant("v1-refuses") as folder:
        (folder / "backend" / "check.sh").write_text("#!/bin/sh\necho the mail table is too short\nexit 3\n")
    state = runbook_runs.run(previous_tag="v1-refuses")
    assert state.is_failed()
    for words in ("its check in backend failed", "the mail table is too short", "the fence is open"):
        assert words in said(state)
    assert app.containers() == {} and transformed.value(TWINS)

    monkeypatch.setenv("ROLLBACK_RELEASE_CHECK", "")
    state = runbook_runs.run(silent=True, previous_tag="v1-refuses")
    assert state.is_completed(), state.message
    assert '"v1"' in app.answers("backend")


@pytest.mark.parametrize(
    ("program", "pruned"), [("docker-compose-1", False), (PROGRAM, False), (PROGRAM, True)], ids=str
)
def test_killed_between_commit_and_start_it_goes_on(
    app: App, pruned: bool, transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.bring_up()
    # The engine's program waits where it is asked for the images at the switch, so that the kill comes there.
    slow, here = tmp_path / "slow-docker", tmp_path / "here"
    slow.write_text(f'#!/bin/sh\n[ "$1" = image ] && echo $$ > {here} && exec sleep 600\nexec docker "$@"\n')
    slow.chmod(0o755)
    planned = release.inspect(settings.load(), "v1")
    monkeypatch.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))  # the doomed runner shares this server
    words = [sys.executable, "-c", RUN]
    doomed = subprocess.Popen(words, env={**os.environ, "ROLLBACK_DOCKER": str(slow)}, start_new_session=True)
    try:
        waiting.until(lambda: here.exists() and here.read_text().strip() != "", seconds=120)
    finally:
        os.killpg(doomed.pid, signal.SIGKILL)
        doomed.wait()
    with suppress(ProcessLookupError):  # it may be gone with its runner
        os.kill(int(here.read_text()), signal.SIGKILL)
    assert app.containers() == {}
    if pruned:
        for name in images.prepared(app.folder, planned, engineapp.NAMES).values():
            app.engine.docker("rmi", name)

    state = runbook_runs.run(silent=True, previous_tag="v1")

    assert state.is_completed(), state.message
    how = "built in the outage" if pruned else "built beforehand"
    assert how in engineapp.journal(transformed)["restore release"]["images"]
    assert '"v1"' in app.answers("backend") and "Release v1" in app.answers("frontend")
    assert set(app.containers().values()) == set(app.live().values())
