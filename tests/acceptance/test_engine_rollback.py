"""The whole rollback against a real Docker engine, with each compose program, and users at work all the time."""

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests import runbook_runs, waiting
from tests.acceptance import engineapp, engineuser
from tests.acceptance.engineapp import App, Deployed
from tests.databases import Database

pytestmark = [pytest.mark.system, pytest.mark.pg("18"), pytest.mark.usefixtures("prefect"), pytest.mark.timeout(300)]


@pytest.fixture(params=engineapp.PROGRAMS)
def app(request: pytest.FixtureRequest, deployed: Deployed) -> Iterator[App]:
    with deployed(request.param) as made:
        made.bring_up()
        yield made


def test_users_get_errors_only_between_stop_and_start(
    app: App, transformed: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    live, newer = app.live(), app.containers()
    assert '"v2"' in app.answers("backend")

    with engineuser.using(app) as user:
        waiting.until(lambda: len(user.acknowledged()) >= 5)
        state = runbook_runs.run(previous_tag="v1")
        came = len(user.acknowledged())
        waiting.until(lambda: len(user.acknowledged()) >= came + 5)
    assert state.is_completed(), state.message

    # The old release runs, from the images that were built beforehand, under the very names of before.
    assert '"v1"' in app.answers("backend") and "Release v1" in app.answers("frontend")
    found = engineapp.journal(transformed)
    assert found["restore release"]["images"] == "built beforehand"
    assert "2 queries" in found["restore release"]["checked"] and "check.sh" in found["open and start"]["checked"]
    images = app.images()
    assert set(app.live()) == set(live) and set(app.live().values()).isdisjoint(live.values())
    assert set(app.containers().values()) == set(app.live().values())
    # What ran before is found under a name of its own.
    kept = {image for name, image in images.items() if "-before-rollback-" in name}
    assert kept == set(newer.values())
    # Nothing waits for the next one who starts the services by hand.
    before = app.containers()
    app.compose("up", "-d")
    assert app.containers() == before

    # From the users' side: v2 until the outage, v1 after it, nothing lost, and no error besides.
    for service in engineapp.NAMES:
        assert user.met(service) == ["v2", "nobody", "v1"]
    stored = transformed.column("SELECT substr(content, 7) FROM messages WHERE content LIKE 'asked %'")
    assert set(stored) >= {f"{number}." for number in user.acknowledged()}
    assert transformed.value("SELECT count(*) FROM messages WHERE content = 'written by backend v1'") > 0

    report = json.loads(next((tmp_path / "reports").glob("report-*.json")).read_text())["outage"]
    said = [datetime.fromisoformat(report[key]).timestamp() for key in ("began", "ended")]
    wrong, (began, ended) = user.errors(), user.outage()
    # What the report calls the outage holds every error; and nobody was served while the database was worked on.
    assert said[0] <= wrong[0].ended and wrong[-1].began <= said[1]
    assert began <= at(transformed, "fence", "started") and at(transformed, "restore release", "ended") <= ended
    words = f"users had no answer for {ended - began:.2f} s; the report says {said[1] - said[0]:.2f} s"
    with capsys.disabled():
        sys.stdout.write(f"\n{app.program}: {words}; {took(transformed)}\n")


def at(database: Database, step: str, moment: str) -> float:
    """Return when a step started or ended, in seconds since 1970."""
    return float(database.value(f"SELECT extract(epoch FROM max({moment})) FROM rollback.step WHERE name = '{step}'"))


def took(database: Database) -> str:
    """Say how long each step of the outage took."""
    rows = database.column(
        "SELECT format('%s %s s', name, round(extract(epoch FROM ended - started)::numeric, 2))"
        " FROM rollback.step WHERE id >= (SELECT max(id) FROM rollback.step WHERE name = 'stop services') ORDER BY id"
    )
    return ", ".join(rows)
