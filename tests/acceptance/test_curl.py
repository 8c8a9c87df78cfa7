"""README.md's own commands, with curl alone, take a rollback from an alert to its report."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import curl, site
from tests.acceptance.operator import at_baseline, code, desk
from tests.acceptance.site import Site
from tests.databases import Database

pytestmark = pytest.mark.pg("18")
PROGRAMS = ("curl", "cut", "grep", "sed", "sleep")
BASH = str(shutil.which("bash"))


@pytest.fixture
def place(transformed: Database, tmp_path: Path) -> Iterator[Site]:
    with site.opened(desk(transformed, tmp_path).env, tmp_path) as opened:
        yield opened


def said(place: Site, command: str, **env: str) -> str:
    """Run a command of README.md where there is nothing but curl and what every shell has; return what it printed."""
    alone = place.desk.folder / "alone"
    if not alone.exists():
        alone.mkdir()
        for program in PROGRAMS:
            (alone / program).symlink_to(str(shutil.which(program)))
    done = place.desk.program(BASH, "-euo", "pipefail", "-c", curl.commands()[command], PATH=str(alone), **env)
    assert done.returncode == 0, curl.commands()[command] + done.stdout + done.stderr
    return done.stdout.strip()


def test_a_rollback_from_the_alert_to_the_report(place: Site, transformed: Database) -> None:
    wrong = json.loads(
        said(place, "see what a wrong request is answered", DEPLOYMENT=place.deployment("rollback/production"))
    )
    assert "forget them" in wrong["detail"] and place.runs() == []

    run = said(place, "propose")
    assert said(place, "propose") == run
    assert [one["id"] for one in place.runs()] == [run], "the same alert twice is one run"

    assert said(place, "follow", RUN=run) == "PAUSED"
    plan = said(place, "read the plan", RUN=run)
    assert plan.startswith("# ") and "Can go ahead" in plan.splitlines()[0], plan[:500]
    assert '\\"' not in plan, plan
    assert not at_baseline(transformed)

    place.prefect.form(run)  # it is there a moment after the pause
    answered = json.loads(said(place, "answer", RUN=run, DECISION="approve", CODE=code()))
    assert answered["status"] == "ACCEPT"
    assert place.ended(run) == "Completed"
    assert said(place, "follow", RUN=run) == "COMPLETED"
    assert at_baseline(transformed)

    report = said(place, "read the report", RUN=run)
    assert report.startswith("# Rolled back: "), report[:500]
    assert "Ada Lovelace (CTO) chose 'approve'" in report and "INC-2041" in report
    assert [one["id"] for one in place.runs()] == [run]
