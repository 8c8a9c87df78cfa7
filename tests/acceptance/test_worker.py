"""The deployments of prefect.yaml on a real server, run by a real worker, asked for over the REST API."""

import importlib
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow

from deployments import admission
from tests.acceptance import prefects
from tests.acceptance.operator import ROOT, SCRIPTS, Desk, at_baseline, desk
from tests.acceptance.prefects import Prefect
from tests.acceptance.site import WORKER, through_services
from tests.databases import Database, Templates
from tests.waiting import until

pytestmark = pytest.mark.pg("18")
REQUEST = {
    "incident": "INC-7",
    "reason": "Chat answers with errors.",
    "triggers": ["critical functionality broken: chat"],
    "oauth": "temporary passwords",
    "requested_by": "Grace Hopper",
}
STEPS = ["assess", "authorise", "prepare release", "stop services", "fence", "back up", "settle OAuth users"]
STEPS += [
    "012 rollback oauth",
    "011 rollback handover",
    "010 rollback knowledge base",
    "verify the schema",
    "restore release",
    "open and start",
    "verify",
    "notify",
    "portable dump",
]


def registered() -> list[dict[str, Any]]:
    """Return the deployments as prefect.yaml has them."""
    found: list[dict[str, Any]] = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    return found


@pytest.mark.parametrize("entry", registered(), ids=lambda entry: entry["name"])
def test_a_deployment_fits_its_flow(entry: dict[str, Any]) -> None:
    module, _, name = entry["entrypoint"].rpartition(":")
    flow = getattr(importlib.import_module(module), name)
    assert isinstance(flow, Flow)
    assert set(entry.get("parameters", {})) <= set(flow.parameters.properties)
    assert entry["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    assert entry["work_pool"]["job_variables"] == {"env": {"ROLLBACK_TARGET": entry["name"]}}
    assert entry["entrypoint"] in admission.FLOWS
    assert entry["work_pool"]["work_queue_name"] == entry["name"], "workers of two machines take each their own"


@dataclass(frozen=True)
class Site:
    """A server with the deployments registered, a worker, and the database that production means there."""

    prefect: Prefect
    database: Database
    desk: Desk

    def create(self, **request: str) -> Any:
        """Ask for a run of rollback/production, over the API alone."""
        deployment = self.prefect.read("/deployments/name/rollback/production")["id"]
        body = {"parameters": {"request": {**REQUEST, **request}}}
        return self.prefect.call("POST", f"/deployments/{deployment}/create_flow_run", **body)

    def state(self, run: str) -> str:
        return str(self.prefect.read(f"/flow_runs/{run}")["state"]["name"])

    def found(self, what: str, run: str) -> list[dict[str, Any]]:
        """Return what belongs to a run: its task_runs or artifacts."""
        chosen = {"flow_runs": {"id": {"any_": [run]}}}
        rows: list[dict[str, Any]] = self.prefect.call("POST", f"/{what}/filter", **chosen).json()
        return rows


@pytest.fixture(scope="module")
def site(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with templates.copy(forward=("010", "011", "012", "013")) as database, prefects.server(folder / "server") as server:
        at = desk(database, folder, **server.env)
        env = through_services(at.env, folder, "production")
        _prefect(env, "work-pool", "create", "--type", "process", "rollback")
        _prefect(env, "deploy", "--all")
        with prefects.program(folder / "worker", WORKER, {**env, "PREFECT_WORKER_QUERY_SECONDS": "1"}):
            yield Site(server, database, at)


def _prefect(env: dict[str, str], *words: str) -> None:
    """Run the prefect program in the root of the project; it must not ask anything."""
    result = subprocess.run(
        [str(SCRIPTS / "prefect"), *words],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_bad_parameter_is_refused_before_a_run_exists(site: Site) -> None:
    for wrong in ({"oauth": "forget them"}, {"incident": "a b"}, {"reason": "x"}, {"surprise": "yes"}):
        answer = site.create(**wrong)
        assert answer.status_code in (409, 422), (wrong, answer.text)
    # The scheduled runs of the other deployments are there already.
    assert site.prefect.call("POST", "/flow_runs/count", flows={"name": {"any_": ["rollback"]}}).json() == 0


def test_production_is_rolled_back_over_the_api(site: Site) -> None:
    # One at a time: of two that are asked for at once, one does not even wait for its turn.
    both = {site.create(incident=incident).json()["id"] for incident in ("INC-7", "INC-8")}
    waiting = site.prefect.waiting()
    run = waiting["id"]
    [other] = both - {run}
    until(lambda: site.state(other) == "Cancelled")
    assert waiting["name"] in ("INC-7 on production", "INC-8 on production")
    assert not at_baseline(site.database)
    # A place in the deployment's limit that the run still knew of would get it cancelled minutes after its pause.
    began = [one for one in site.prefect.read(f"/flow_run_states/?flow_run_id={run}") if one["type"] == "RUNNING"][-1]
    assert began["state_details"]["deployment_concurrency_lease_id"] is None
    form = _form(site, waiting)
    assert form["properties"]["decision"]["enum"] == ["approve", "decline"]
    assert form["properties"]["role"]["enum"] == ["Team Lead", "CTO", "On-call Engineer"]
    assert all(field.get("description") for field in form["properties"].values())

    # A run that waits holds no place at Prefect; the lock in the database refuses the next one all the same.
    third = site.create(incident="INC-9").json()["id"]
    until(lambda: site.state(third) == "Refused")
    assert site.state(run) == "Paused"
    # The approvers are told beside the run; what came of it stands in the run's log.
    until(lambda: any("the team is not told" in line for line in _lines(site, run)))

    assert site.prefect.resume(run).json()["status"] == "ACCEPT"
    until(lambda: site.state(run) in ("Completed", "Failed", "Crashed"))
    assert site.state(run) == "Completed"
    assert at_baseline(site.database)
    names = [task["name"] for task in sorted(site.found("task_runs", run), key=lambda task: task["start_time"])]
    assert names == STEPS
    shown = {artifact["key"]: artifact["type"] for artifact in site.found("artifacts", run)}
    assert shown.items() >= {"plan": "markdown", "progress": "progress", "verification": "table"}.items()
    assert shown.items() >= {"rows": "table", "report": "markdown"}.items()
    tags = {"rollback-runbook", "rollback", "production", waiting["name"].split()[0]}
    assert set(site.prefect.read(f"/flow_runs/{run}")["tags"]) == tags
    log = _log(site, run)
    assert any("back up: done in" in line for line in log), log


def _form(site: Site, run: dict[str, Any]) -> dict[str, Any]:
    keys = run["state"]["state_details"]["run_input_keyset"]
    assert "Can go ahead" in str(site.prefect.read(f"/flow_runs/{run['id']}/input/{keys['description']}"))
    schema: dict[str, Any] = site.prefect.read(f"/flow_runs/{run['id']}/input/{keys['schema']}")
    return schema


def _log(site: Site, run: str) -> list[str]:
    """Return the run's log, which comes a moment later than the run's end."""
    with suppress(TimeoutError):
        until(lambda: any("notify: done" in line for line in _lines(site, run)), 20)
    return _lines(site, run)


def _lines(site: Site, run: str) -> list[str]:
    chosen = {"flow_run_id": {"any_": [run]}}
    rows = site.prefect.call("POST", "/logs/filter", logs=chosen, limit=200).json()
    return [str(row["message"]) for row in rows]


def test_the_files_lie_where_the_worker_was_told(site: Site) -> None:
    folder: Path = site.desk.folder
    assert list((folder / "backups").glob("*.dump")) and list((folder / "reports").glob("*.md"))
