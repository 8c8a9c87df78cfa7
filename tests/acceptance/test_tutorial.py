"""TUTORIAL.md's own commands lead from two databases to a staging that is rolled back, step by step."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from runbook.approval import approvers
from runbook.settings import Settings
from tests.acceptance import prefects, site
from tests.acceptance.operator import ROOT, SCRIPTS, Desk, Done, answer, at_baseline, desk, terminal
from tests.acceptance.prefects import Prefect
from tests.databases import Database, Templates
from tests.waiting import until

pytestmark = [pytest.mark.pg("18"), pytest.mark.timeout(900)]
STAGING = "digitaltwin_staging"
HISTORY = "rollback_rehearsals"


def section(title: str) -> list[str]:
    """Return the commands of a step of the tutorial."""
    text = (ROOT / "TUTORIAL.md").read_text(encoding="utf-8")
    [found] = re.findall(rf"^## \d+\. {title}\n(.*?)(?=^## |\Z)", text, flags=re.M | re.S)
    blocks: list[str] = re.findall(r"```bash\n(.*?)```", found, flags=re.S)
    assert blocks, title
    return blocks


@dataclass(frozen=True)
class Learner:
    """Who follows the tutorial: a terminal as step 2 prepares it, and the server that step 6 starts."""

    desk: Desk
    prefect: Prefect
    production: Database

    @property
    def staging(self) -> Database:
        return Database(self.production.server, STAGING)

    def types(self, title: str) -> Done:
        """Give the first commands of a step. Raises AssertionError when one fails."""
        script = section(title)[0].replace("make deploy", f"{sys.executable} -m deployments.deploy")
        done = self.desk.program("bash", "-euo", "pipefail", "-c", script)
        assert done.returncode == 0, script + done.stdout + done.stderr
        return done


@pytest.fixture
def learner(templates: Templates, tmp_path: Path) -> Iterator[Learner]:
    with (
        templates.copy(forward=("010", "011", "012", "013")) as production,
        prefects.server(tmp_path / "server") as server,
    ):
        at = desk(production, tmp_path, **server.env)
        place = {"host": production.server.host, "port": production.server.port, "user": production.server.user}
        places = {
            "digitaltwin-production": {**place, "dbname": production.dbname},
            "digitaltwin-staging": {**place, "dbname": STAGING},
        }
        env = {name: value for name, value in at.env.items() if not name.startswith("PG") and name != "ROLLBACK_TARGET"}
        path = f"{SCRIPTS}:{production.server.folder}:{env['PATH']}"
        env |= {"PGSERVICEFILE": str(site.service_file(tmp_path, places)), "PATH": path}
        (tmp_path / "approvers.toml").unlink()
        try:
            yield Learner(replace(at, env=env), server, production)
        finally:
            with production.server.connect() as admin:
                for (name,) in admin.execute(
                    "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [STAGING]
                ):
                    admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def test_from_two_databases_to_a_staging_that_is_rolled_back(learner: Learner) -> None:
    assert section("See it") == ["make demo\n"]  # a test of its own plays the demo
    assert all(line.startswith("export ") for line in section("Prepare the terminal")[0].splitlines())
    learner.types("Give staging a copy of production")
    assert learner.staging.checksums() == learner.production.checksums()
    assert "█" in learner.types("Name an approver").stdout
    assert "Can go ahead" in learner.types("Draw a plan").stdout

    assert section("Start a server") == ["prefect server start\n"]
    assert "rollback/staging" in learner.types("Register the deployments").stdout
    assert "Nothing had to be changed." in learner.types("Register the deployments").stdout
    install, start = section("Start a worker")
    installed = install.replace("~/.config/rollback", str(learner.desk.folder)).replace(
        " deployments/", f" {ROOT}/deployments/"
    )
    assert learner.desk.program("bash", "-c", installed).returncode == 0
    env = {**learner.desk.env, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    with prefects.program(learner.desk.folder / "worker", start.split(), env):
        _roll_back(learner)
    assert at_baseline(learner.staging) and not at_baseline(learner.production)

    shown = learner.types("Look at what it did").stdout
    assert "TEST-1" in shown and "digital_twins" in shown

    before = learner.staging.checksums()
    learner.types("Let staging rehearse")
    assert learner.staging.checksums() == before, "staging is as it was"
    history = Database(learner.production.server, HISTORY)
    assert history.column("SELECT outcome FROM rehearsal.run") == ["done"]

    assert f"{STAGING}_before_rollback" in learner.types("Begin anew").stdout
    assert not learner.production.value(f"SELECT count(*) FROM pg_database WHERE datname = '{STAGING}'")


def _roll_back(learner: Learner) -> None:
    """Propose as the tutorial does, and answer with the code that the approver's app shows."""
    learner.types("Roll staging back")
    run = learner.prefect.waiting()["id"]
    learner.prefect.form(run)
    file = learner.desk.env["ROLLBACK_APPROVERS_FILE"]
    [one] = approvers.everybody(Settings(approvers_file=Path(file)))
    assert one.target == "staging"
    assert section("Roll staging back")[1] == "rollback approve\n"
    with terminal(learner.desk, "approve") as opened:
        answer(opened, name=one.name, secret=one.secret.get_secret_value())
        assert opened.end() == 0, opened.text
    until(lambda: learner.prefect.read(f"/flow_runs/{run}")["state"]["type"] == "COMPLETED")
